// Elementary functions of vectors. Float versions have stated errors, measured by native/test against double precision
// over the whole range; double versions are loops over libm.
//
// All of them: NaN in, NaN out. Results under 2^-126 may come out as zero when the thread flushes denormals.
#pragma once

// Largest errors in units in the last place; results that are denormal left out.
constexpr double kExpUlp = 1.1, kLogUlp = 1.1, kLog1pUlp = 2, kTanhUlp = 2, kSigmoidUlp = 3;

// p * 2^n, overflowing to infinity and underflowing to zero. |n| <= 252.
NONET_INLINE Floats scaleByPowerOfTwo(Floats p, Floats n) {
#if defined(NONET_ISA_AVX512)
  return (Floats)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
  // 2^n may not be a float where p * 2^n is one, so the scale goes in two halves.
  const Ints whole = __builtin_convertvector(n, Ints);
  const Ints half = whole >> 1;
  const Floats first = (Floats)((half + 127) << 23);
  const Floats second = (Floats)((whole - half + 127) << 23);
  return p * first * second;
#endif
}

// 2^23 * 1.5: adding and subtracting it rounds |x| < 2^22 to the nearest integer.
constexpr float kRoundingMagic = 12582912.0f;

// e^x, within kExpUlp. exp(-inf) = 0, exp(inf) = inf, exp(0) = 1.
NONET_INLINE Floats exp_(Floats x) {
  x = max_(splat(-104.0f), x);  // in this order of operands NaN passes through
  x = min_(splat(89.0f), x);
  const Floats n = fma_(x, splat(1.44269504f), splat(kRoundingMagic)) - splat(kRoundingMagic);
  Floats r = fma_(n, splat(-0.693359375f), x);
  r = fma_(n, splat(2.12194440e-4f), r);
  Floats p = splat(1.9875691500e-4f);
  p = fma_(p, r, splat(1.3981999507e-3f));
  p = fma_(p, r, splat(8.3334519073e-3f));
  p = fma_(p, r, splat(4.1665795894e-2f));
  p = fma_(p, r, splat(1.6666665459e-1f));
  p = fma_(p, r, splat(5.0000001201e-1f));
  p = fma_(p * r, r, r) + splat(1.0f);
  return scaleByPowerOfTwo(p, n);
}

// Natural logarithm, within kLogUlp. log(0) = -inf, log(x < 0) = NaN, log(inf) = inf.
NONET_INLINE Floats log_(Floats x) {
  const float tiny = 1.17549435e-38f;
  const Ints small = x < splat(tiny);  // denormals are scaled into the normal range; zero and below are mended at the end
  const Floats scaled = select(small, x * splat(8388608.0f), x);
  // scaled = m * 2^e with m in [sqrt(1/2), sqrt(2))
  const Ints bits = (Ints)scaled - splat(int32_t(0x3f3504f3));
  Floats e = __builtin_convertvector(bits >> 23, Floats);
  e = select(small, e - splat(23.0f), e);
  const Floats m = (Floats)((bits & splat(int32_t(0x007fffff))) + splat(int32_t(0x3f3504f3)));
  const Floats f = m - splat(1.0f);
  const Floats f2 = f * f;
  Floats p = splat(7.0376836292e-2f);
  p = fma_(p, f, splat(-1.1514610310e-1f));
  p = fma_(p, f, splat(1.1676998740e-1f));
  p = fma_(p, f, splat(-1.2420140846e-1f));
  p = fma_(p, f, splat(1.4249322787e-1f));
  p = fma_(p, f, splat(-1.6668057665e-1f));
  p = fma_(p, f, splat(2.0000714765e-1f));
  p = fma_(p, f, splat(-2.4999993993e-1f));
  p = fma_(p, f, splat(3.3333331174e-1f));
  p = p * f * f2;
  p = fma_(e, splat(-2.12194440e-4f), p);
  p = fma_(f2, splat(-0.5f), p);
  Floats y = fma_(e, splat(0.693359375f), f + p);
  const float inf = __builtin_inff();
  y = select(x == splat(inf), x, y);
  y = select(x == splat(0.0f), splat(-inf), y);
  return select((x < splat(0.0f)) | (x != x), splat(__builtin_nanf("")), y);
}

// log(1 + x), within kLog1pUlp. log1p(-1) = -inf, log1p(x < -1) = NaN, log1p(inf) = inf.
NONET_INLINE Floats log1p_(Floats x) {
  const Floats u = splat(1.0f) + x;
  // What rounding took from u, to first order in the logarithm.
  const Floats lost = select(x > splat(1.0f), splat(1.0f) - (u - x), x - (u - splat(1.0f))) / u;
  const Ints ordinary = (u > splat(0.0f)) & (u < splat(__builtin_inff()));
  return log_(u) + select(ordinary, lost, splat(0.0f));
}

// tanh, within kTanhUlp. Odd to the bit, tanh(+-inf) = +-1.
NONET_INLINE Floats tanh_(Floats x) {
  const Floats a = abs_(x);
  const Floats z = x * x;
  Floats p = splat(-5.70498872745e-3f);
  p = fma_(p, z, splat(2.06390887954e-2f));
  p = fma_(p, z, splat(-5.37397155531e-2f));
  p = fma_(p, z, splat(1.33314422036e-1f));
  p = fma_(p, z, splat(-3.33332819422e-1f));
  const Floats near = fma_(p * z, x, x);
  const Floats e = exp_(a + a);
  const Floats far = splat(1.0f) - splat(2.0f) / (e + splat(1.0f));
  const Floats sign = (Floats)((Ints)x & splat(int32_t(0x80000000)));
  const Floats signedFar = (Floats)((Ints)far | (Ints)sign);
  return select(a < splat(0.625f), near, signedFar);
}

// 1 / (1 + e^-x), within kSigmoidUlp. sigmoid(-inf) = 0, sigmoid(inf) = 1.
NONET_INLINE Floats sigmoid_(Floats x) { return splat(1.0f) / (splat(1.0f) + exp_(-x)); }

// Sine and cosine go through libm lane by lane: they serve position tables, not inner loops.
NONET_INLINE Floats sin_(Floats x) {
  for (int i = 0; i < kFloats; i++) x[i] = ::sinf(x[i]);
  return x;
}
NONET_INLINE Floats cos_(Floats x) {
  for (int i = 0; i < kFloats; i++) x[i] = ::cosf(x[i]);
  return x;
}

NONET_INLINE Doubles exp_(Doubles x) {
  for (int i = 0; i < kDoubles; i++) x[i] = ::exp(x[i]);
  return x;
}
NONET_INLINE Doubles log_(Doubles x) {
  for (int i = 0; i < kDoubles; i++) x[i] = ::log(x[i]);
  return x;
}
NONET_INLINE Doubles log1p_(Doubles x) {
  for (int i = 0; i < kDoubles; i++) x[i] = ::log1p(x[i]);
  return x;
}
NONET_INLINE Doubles tanh_(Doubles x) {
  for (int i = 0; i < kDoubles; i++) x[i] = ::tanh(x[i]);
  return x;
}
NONET_INLINE Doubles sigmoid_(Doubles x) { return splat(1.0) / (splat(1.0) + exp_(-x)); }
NONET_INLINE Doubles sin_(Doubles x) {
  for (int i = 0; i < kDoubles; i++) x[i] = ::sin(x[i]);
  return x;
}
NONET_INLINE Doubles cos_(Doubles x) {
  for (int i = 0; i < kDoubles; i++) x[i] = ::cos(x[i]);
  return x;
}
