// Vectors of one register, written once for every instruction set with the GCC/Clang vector extensions.
//
// Included inside `namespace nonet::<isa>` (see isa_body.h), so it includes nothing itself. `NONET_ISA_*` picks the
// width: 16 floats with AVX-512, 8 with AVX2+FMA, 4 with NEON and in the baseline. Plain `a * b + c` is never fused (the whole addon
// is built with -ffp-contract=off); `fma_` is the only way to a fused multiply-add, so that a fused kernel and the
// chain of primitives it stands for round alike. The baseline has no fused form: there `fma_` rounds twice.
#pragma once

#define NONET_INLINE static inline __attribute__((always_inline))

#if defined(NONET_ISA_AVX512)
constexpr int kFloats = 16;
#elif defined(NONET_ISA_AVX2)
constexpr int kFloats = 8;
#else
constexpr int kFloats = 4;
#endif
constexpr int kDoubles = kFloats / 2;

#if defined(NONET_ISA_AVX512) || defined(NONET_ISA_AVX2) || defined(NONET_ISA_NEON)
constexpr bool kFusedMultiplyAdd = true;
#else
constexpr bool kFusedMultiplyAdd = false;
#endif

typedef float Floats __attribute__((vector_size(kFloats * 4)));
typedef int32_t Ints __attribute__((vector_size(kFloats * 4)));
typedef uint32_t Uints __attribute__((vector_size(kFloats * 4)));
typedef double Doubles __attribute__((vector_size(kFloats * 4)));
typedef int64_t Longs __attribute__((vector_size(kFloats * 4)));
typedef float HalfFloats __attribute__((vector_size(kFloats * 2)));

typedef float LooseFloats __attribute__((vector_size(kFloats * 4), aligned(4), may_alias));
typedef int32_t LooseInts __attribute__((vector_size(kFloats * 4), aligned(4), may_alias));
typedef uint32_t LooseUints __attribute__((vector_size(kFloats * 4), aligned(4), may_alias));
typedef double LooseDoubles __attribute__((vector_size(kFloats * 4), aligned(8), may_alias));
typedef float LooseHalfFloats __attribute__((vector_size(kFloats * 2), aligned(4), may_alias));

// Loads and stores take any address that is aligned to one element.
NONET_INLINE Floats load(const float* p) { return *(const LooseFloats*)p; }
NONET_INLINE Ints load(const int32_t* p) { return *(const LooseInts*)p; }
NONET_INLINE Uints load(const uint32_t* p) { return *(const LooseUints*)p; }
NONET_INLINE Doubles load(const double* p) { return *(const LooseDoubles*)p; }
NONET_INLINE void store(float* p, Floats v) { *(LooseFloats*)p = v; }
NONET_INLINE void store(int32_t* p, Ints v) { *(LooseInts*)p = v; }
NONET_INLINE void store(uint32_t* p, Uints v) { *(LooseUints*)p = v; }
NONET_INLINE void store(double* p, Doubles v) { *(LooseDoubles*)p = v; }

// kDoubles floats widened to doubles, and back (round to nearest even).
NONET_INLINE Doubles loadWidened(const float* p) {
  return __builtin_convertvector((HalfFloats)*(const LooseHalfFloats*)p, Doubles);
}
NONET_INLINE void storeNarrowed(float* p, Doubles v) {
  *(LooseHalfFloats*)p = __builtin_convertvector(v, HalfFloats);
}

// `x - 0` is x for every x, -0 and NaN included, and compiles to a bare broadcast (`0 + x` does not).
NONET_INLINE Floats splat(float x) { return x - Floats{}; }
NONET_INLINE Doubles splat(double x) { return x - Doubles{}; }
NONET_INLINE Ints splat(int32_t x) { return x - Ints{}; }
NONET_INLINE Uints splat(uint32_t x) { return x - Uints{}; }

#if defined(NONET_ISA_AVX512)
NONET_INLINE Floats fma_(Floats a, Floats b, Floats c) { return (Floats)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
NONET_INLINE Doubles fma_(Doubles a, Doubles b, Doubles c) {
  return (Doubles)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
}
NONET_INLINE Floats max_(Floats a, Floats b) { return (Floats)_mm512_max_ps((__m512)a, (__m512)b); }
NONET_INLINE Floats min_(Floats a, Floats b) { return (Floats)_mm512_min_ps((__m512)a, (__m512)b); }
NONET_INLINE Floats sqrt_(Floats a) { return (Floats)_mm512_sqrt_ps((__m512)a); }
NONET_INLINE Doubles sqrt_(Doubles a) { return (Doubles)_mm512_sqrt_pd((__m512d)a); }
#elif defined(NONET_ISA_AVX2)
NONET_INLINE Floats fma_(Floats a, Floats b, Floats c) { return (Floats)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
NONET_INLINE Doubles fma_(Doubles a, Doubles b, Doubles c) {
  return (Doubles)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
NONET_INLINE Floats max_(Floats a, Floats b) { return (Floats)_mm256_max_ps((__m256)a, (__m256)b); }
NONET_INLINE Floats min_(Floats a, Floats b) { return (Floats)_mm256_min_ps((__m256)a, (__m256)b); }
NONET_INLINE Floats sqrt_(Floats a) { return (Floats)_mm256_sqrt_ps((__m256)a); }
NONET_INLINE Doubles sqrt_(Doubles a) { return (Doubles)_mm256_sqrt_pd((__m256d)a); }
#elif defined(NONET_ISA_NEON)
NONET_INLINE Floats fma_(Floats a, Floats b, Floats c) {
  return (Floats)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
NONET_INLINE Doubles fma_(Doubles a, Doubles b, Doubles c) {
  return (Doubles)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
// Not vmaxq and vminq: with a NaN on either side those give a NaN.
NONET_INLINE Floats max_(Floats a, Floats b) { return a > b ? a : b; }
NONET_INLINE Floats min_(Floats a, Floats b) { return a < b ? a : b; }
NONET_INLINE Floats sqrt_(Floats a) { return (Floats)vsqrtq_f32((float32x4_t)a); }
NONET_INLINE Doubles sqrt_(Doubles a) { return (Doubles)vsqrtq_f64((float64x2_t)a); }
#else
NONET_INLINE Floats fma_(Floats a, Floats b, Floats c) { return a * b + c; }
NONET_INLINE Doubles fma_(Doubles a, Doubles b, Doubles c) { return a * b + c; }
#if defined(__SSE2__)
NONET_INLINE Floats max_(Floats a, Floats b) { return (Floats)_mm_max_ps((__m128)a, (__m128)b); }
NONET_INLINE Floats min_(Floats a, Floats b) { return (Floats)_mm_min_ps((__m128)a, (__m128)b); }
#else
NONET_INLINE Floats max_(Floats a, Floats b) { return a > b ? a : b; }
NONET_INLINE Floats min_(Floats a, Floats b) { return a < b ? a : b; }
#endif
NONET_INLINE Floats sqrt_(Floats a) {
  for (int i = 0; i < kFloats; i++) a[i] = __builtin_sqrtf(a[i]);
  return a;
}
NONET_INLINE Doubles sqrt_(Doubles a) {
  for (int i = 0; i < kDoubles; i++) a[i] = __builtin_sqrt(a[i]);
  return a;
}
#endif

// max_ and min_ are `a > b ? a : b` and `a < b ? a : b`: with a NaN on either side the second operand comes out.
NONET_INLINE Doubles max_(Doubles a, Doubles b) { return a > b ? a : b; }
NONET_INLINE Doubles min_(Doubles a, Doubles b) { return a < b ? a : b; }

// The scalar forms of the same operations, for row remainders and per-row values; they round as the vectors do.
NONET_INLINE float fma_(float a, float b, float c) { return kFusedMultiplyAdd ? __builtin_fmaf(a, b, c) : a * b + c; }
NONET_INLINE double fma_(double a, double b, double c) { return kFusedMultiplyAdd ? __builtin_fma(a, b, c) : a * b + c; }

// mask ? a : b per lane; a mask is what a comparison of vectors gives (all bits set or none).
NONET_INLINE Floats select(Ints mask, Floats a, Floats b) { return mask ? a : b; }
NONET_INLINE Doubles select(Longs mask, Doubles a, Doubles b) { return mask ? a : b; }

NONET_INLINE Floats abs_(Floats a) { return (Floats)((Ints)a & splat(int32_t(0x7fffffff))); }

// 0, 1, 2, ... per lane.
NONET_INLINE Ints laneIndices() {
  Ints v{};
#pragma GCC unroll 16
  for (int i = 0; i < kFloats; i++) v[i] = i;
  return v;
}

// The first `count` lanes from memory, zeros behind them; memory past them is not touched. 0 <= count <= lanes.
NONET_INLINE Floats loadPartial(const float* p, int count) {
#if defined(NONET_ISA_AVX512)
  return (Floats)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
#elif defined(NONET_ISA_AVX2)
  return (Floats)_mm256_maskload_ps(p, (__m256i)(laneIndices() < splat(int32_t(count))));
#else
  Floats v{};
  for (int i = 0; i < kFloats; i++) v[i] = i < count ? p[i] : 0.0f;
  return v;
#endif
}
NONET_INLINE void storePartial(float* p, Floats v, int count) {
#if defined(NONET_ISA_AVX512)
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), (__m512)v);
#elif defined(NONET_ISA_AVX2)
  _mm256_maskstore_ps(p, (__m256i)(laneIndices() < splat(int32_t(count))), (__m256)v);
#else
  for (int i = 0; i < kFloats; i++)
    if (i < count) p[i] = v[i];
#endif
}

// Lane i of the result is lane (i + by) mod width.
NONET_INLINE Floats rotateLanes(Floats v, int by) {
#if defined(__clang__)
  Floats r;
  for (int i = 0; i < kFloats; i++) r[i] = v[(i + by) % kFloats];
  return r;
#else
  return __builtin_shuffle(v, (laneIndices() + by) & (kFloats - 1));
#endif
}

NONET_INLINE bool anyGreater(Floats a, Floats b) {
#if defined(NONET_ISA_AVX512)
  return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GT_OQ) != 0;
#elif defined(NONET_ISA_AVX2)
  return _mm256_movemask_ps(_mm256_cmp_ps((__m256)a, (__m256)b, _CMP_GT_OQ)) != 0;
#elif defined(__SSE2__)
  return _mm_movemask_ps(_mm_cmpgt_ps((__m128)a, (__m128)b)) != 0;
#elif defined(NONET_ISA_NEON)
  return vmaxvq_u32((uint32x4_t)(a > b)) != 0;
#else
  const Ints greater = a > b;
  int32_t any = 0;
  for (int i = 0; i < kFloats; i++) any |= greater[i];
  return any != 0;
#endif
}

// Sum over lanes by halving (lane i + lane i + width/2, ...): one fixed order.
NONET_INLINE float sumLanes(Floats v) {
#pragma GCC unroll 4
  for (int half = kFloats / 2; half > 0; half /= 2) v += rotateLanes(v, half);
  return v[0];
}
NONET_INLINE double sumLanes(Doubles v) {
  alignas(64) double t[kDoubles];
  store(t, v);
#pragma GCC unroll 4
  for (int half = kDoubles / 2; half > 0; half /= 2)
#pragma GCC unroll 8
    for (int i = 0; i < half; i++) t[i] += t[i + half];
  return t[0];
}
// Largest lane; NaN lanes may or may not be passed over.
NONET_INLINE float maxLanes(Floats v) {
#pragma GCC unroll 4
  for (int half = kFloats / 2; half > 0; half /= 2) v = max_(v, rotateLanes(v, half));
  return v[0];
}
