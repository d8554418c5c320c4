// What kernel shares are stated against: the peak of arithmetic, and of reading.
#pragma once

NONET_INLINE double secondsNow() {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

constexpr int kProbeChains = 12;  // latency 4 on two ports needs 8; the rest is slack

// One multiply-add on each of 12 independent registers, `steps` times over. The empty assembly keeps every value in a
// register and alive, so nothing is folded away.
__attribute__((noinline)) static void probeStretch(long steps) {
  Floats x[kProbeChains];
#pragma GCC unroll 12
  for (int i = 0; i < kProbeChains; i++) x[i] = splat((float)i);
  const Floats a = splat(0.9999f), b = splat(1e-7f);
  for (long s = 0; s < steps; s++) {
#pragma GCC unroll 12
    for (int i = 0; i < kProbeChains; i++) {
      x[i] = fma_(x[i], a, b);
#if defined(__x86_64__)
      __asm__ volatile("" : "+x"(x[i]));
#elif defined(__aarch64__)
      __asm__ volatile("" : "+w"(x[i]));
#endif
    }
  }
}

static double fmaProbe(double seconds) {
  const long steps = 4000;
  double best = 0;
  const double end = secondsNow() + seconds;
  double start = secondsNow();
  do {
    probeStretch(steps);
    const double now = secondsNow();
    const double rate = (double)steps * kProbeChains * 2.0 * kFloats / (now - start) / 1e9;
    best = rate > best ? rate : best;
    start = now;
  } while (start < end);
  return best;
}

// Reads `floats` floats (a multiple of 32) and returns something of all of them, so that no load is left out. Eight
// sums: one alone would wait for its own additions.
static float readProbe(const float* p, long floats) {
  constexpr int chains = 8;
  Ints sums[chains] = {};
  long i = 0;
  for (; i + chains * kFloats <= floats; i += chains * kFloats) {
#pragma GCC unroll 8
    for (int c = 0; c < chains; c++) sums[c] ^= (Ints)load(p + i + c * kFloats);
  }
  for (; i < floats; i += kFloats) sums[0] ^= (Ints)load(p + i);
  for (int c = 1; c < chains; c++) sums[0] ^= sums[c];
  return ((Floats)sums[0])[0];
}
