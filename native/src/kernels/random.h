// Counter-based random numbers of row programs: threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw: "Parallel
// Random Numbers: As Easy as 1, 2, 3", SC 2011). An element's number depends on (seed, step), the stream and the
// element's index alone, so neither blocks nor threads nor the instruction set change it.
#pragma once

struct RandomPair {
  Uints first, second;
};

template <int by> NONET_INLINE Uints rotateLeft(Uints x) { return (x << by) | (x >> (32 - by)); }

template <int r0, int r1, int r2, int r3> NONET_INLINE void threefryRounds(Uints& a, Uints& b) {
  a += b;
  b = rotateLeft<r0>(b) ^ a;
  a += b;
  b = rotateLeft<r1>(b) ^ a;
  a += b;
  b = rotateLeft<r2>(b) ^ a;
  a += b;
  b = rotateLeft<r3>(b) ^ a;
}

NONET_INLINE RandomPair threefry2x32(uint32_t key0, uint32_t key1, Uints a, Uints b) {
  const Uints k0 = splat(key0), k1 = splat(key1), k2 = splat(0x1bd11bdau ^ key0 ^ key1);
  a += k0;
  b += k1;
  threefryRounds<13, 15, 26, 6>(a, b);
  a += k1;
  b += k2 + 1u;
  threefryRounds<17, 29, 16, 24>(a, b);
  a += k2;
  b += k0 + 2u;
  threefryRounds<13, 15, 26, 6>(a, b);
  a += k0;
  b += k1 + 3u;
  threefryRounds<17, 29, 16, 24>(a, b);
  a += k1;
  b += k2 + 4u;
  threefryRounds<13, 15, 26, 6>(a, b);
  a += k2;
  b += k0 + 5u;
  return {a, b};
}

// The upper 24 bits as a float: exact.
NONET_INLINE Floats upperBits(Uints x) { return __builtin_convertvector((Ints)(x >> 8), Floats); }

// cos(2 pi u) for u in [0, 1); absolute error below 1e-7. Exact reduction to an eighth of a turn, then Taylor polynomials.
NONET_INLINE Floats cosTurns(Floats u) {
  const Floats quarters = (u * splat(4.0f) + splat(kRoundingMagic)) - splat(kRoundingMagic);
  const Ints quadrant = __builtin_convertvector(quarters, Ints);
  const Floats x = (u - quarters * splat(0.25f)) * splat(6.28318530718f);
  const Floats x2 = x * x;
  Floats c = splat(2.48015873e-5f) * x2 + splat(-1.38888889e-3f);
  c = c * x2 + splat(4.16666667e-2f);
  c = c * x2 + splat(-0.5f);
  c = c * x2 + splat(1.0f);
  Floats s = splat(2.75573192e-6f) * x2 + splat(-1.98412698e-4f);
  s = s * x2 + splat(8.33333333e-3f);
  s = s * x2 + splat(-1.66666667e-1f);
  s = s * x2 * x + x;
  const Floats value = select((quadrant & 1) == 0, c, s);
  // cos, -sin, -cos, sin
  return select(((quadrant + 1) & 2) == 0, value, -value);
}

NONET_INLINE Floats uniformOf(RandomPair words) { return upperBits(words.first) * splat(5.9604644775390625e-8f); }

// Box-Muller; the logarithm's argument lies in (0, 1].
NONET_INLINE Floats normalOf(RandomPair words) {
  const Floats u = (upperBits(words.first) + splat(1.0f)) * splat(5.9604644775390625e-8f);
  return sqrt_(splat(-2.0f) * log_(u)) * cosTurns(upperBits(words.second) * splat(5.9604644775390625e-8f));
}

// One row: elements `index`, `index` + 1, ... of a stream.
template <class F> NONET_INLINE void randomRow(float* d, long count, uint32_t key0, uint32_t key1, uint32_t index,
                                               uint32_t stream, F f) {
  Uints counter = (Uints)laneIndices() + splat(index);
  for (; count > 0; count -= kFloats, d += kFloats, counter += (uint32_t)kFloats) {
    const Floats v = f(threefry2x32(key0, key1, counter, splat(stream)));
    if (count >= kFloats) store(d, v);
    else storePartial(d, v, (int)count);
  }
}
