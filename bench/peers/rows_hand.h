// Vectors for rows_hand.c: as wide as the processor has them, and the few functions that its loops need.
#include <math.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define WIDTH 16
#elif defined(__AVX__)
#define WIDTH 8
#else
#define WIDTH 4
#endif

typedef float V __attribute__((vector_size(4 * WIDTH)));
typedef int32_t I __attribute__((vector_size(4 * WIDTH)));

#define INLINE static inline __attribute__((always_inline))

// Columns come in groups of four vectors, so that four sums run side by side.
#define GROUP (4 * WIDTH)

INLINE V load(const float* p) { return *(const V*)p; }
INLINE void store(float* p, V v) { *(V*)p = v; }
INLINE V splat(float x) { return x - (V){}; }
INLINE V pick(I mask, V a, V b) { return (V)((mask & (I)a) | (~mask & (I)b)); }

INLINE V max_v(V a, V b) {
#if defined(__AVX512F__)
  return (V)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX__)
  return (V)_mm256_max_ps((__m256)a, (__m256)b);
#else
  return pick(a > b, a, b);
#endif
}

INLINE V sqrt_v(V a) {
#if defined(__AVX512F__)
  return (V)_mm512_sqrt_ps((__m512)a);
#elif defined(__AVX__)
  return (V)_mm256_sqrt_ps((__m256)a);
#else
  for (int i = 0; i < WIDTH; i++) a[i] = sqrtf(a[i]);
  return a;
#endif
}

// e^x by a polynomial of the remainder after powers of two (Cephes), x held within -87 and 88.
INLINE V exp_v(V x) {
  x = max_v(x, splat(-87.0f));
  x = -max_v(-x, splat(-88.0f));
  const V magic = splat(12582912.0f);  // adding it rounds to an integer
  const V shifted = x * 1.44269504f + magic;
  const V n = shifted - magic;
  V r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  V p = splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  return (V)((I)p + ((I)shifted << 23));
}

INLINE float sum_of(V v) {
  float total = 0;
  for (int i = 0; i < WIDTH; i++) total += v[i];
  return total;
}

INLINE float largest_of(V v) {
  float largest = v[0];
  for (int i = 1; i < WIDTH; i++) largest = v[i] > largest ? v[i] : largest;
  return largest;
}
