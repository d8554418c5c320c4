// The intrinsics that bodies of bf16 tiles use, in plain C++ after Intel's manual: what a processor without the units
// can run of them. So the bodies themselves are tested everywhere, registers, strides and all.
#pragma once

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

namespace simulated {

inline float flushed(float x) { return fabsf(x) < 1.17549435e-38f ? copysignf(0, x) : x; }
inline float bf16At(const void* from, long index) {
  uint16_t half;
  memcpy(&half, (const uint8_t*)from + 2 * index, 2);
  const uint32_t bits = (uint32_t)half << 16;
  float f;
  memcpy(&f, &bits, 4);
  return flushed(f);
}
inline float floatAt(const void* from, long index) {
  float f;
  memcpy(&f, (const uint8_t*)from + 4 * index, 4);
  return f;
}

// Tile registers with the configuration that was loaded; use without one is an error, as it is on a processor.
struct TileState {
  bool configured = false;
  uint16_t rowBytes[8] = {};
  uint8_t rows[8] = {};
  uint8_t data[8][16][64] = {};
};
inline TileState& tiles() {
  static thread_local TileState state;
  return state;
}

}  // namespace simulated

inline void _tile_loadconfig(const void* config) {
  simulated::TileState& t = simulated::tiles();
  const uint8_t* bytes = (const uint8_t*)config;
  if (bytes[0] != 1) abort();
  for (int i = 1; i < 16; i++)
    if (bytes[i] != 0) abort();  // the start row and what is reserved
  memcpy(t.rowBytes, bytes + 16, sizeof t.rowBytes);
  memcpy(t.rows, bytes + 48, sizeof t.rows);
  for (int i = 0; i < 8; i++)
    if (t.rows[i] > 16 || t.rowBytes[i] > 64) abort();
  memset(t.data, 0, sizeof t.data);
  t.configured = true;
}
inline void _tile_release() { simulated::tiles() = {}; }
inline void _tile_zero(int tile) {
  if (!simulated::tiles().configured) abort();
  memset(simulated::tiles().data[tile], 0, sizeof simulated::tiles().data[tile]);
}
inline void _tile_loadd(int tile, const void* base, long stride) {
  simulated::TileState& t = simulated::tiles();
  if (!t.configured) abort();
  for (int r = 0; r < t.rows[tile]; r++) memcpy(t.data[tile][r], (const uint8_t*)base + r * stride, t.rowBytes[tile]);
}
inline void _tile_stored(int tile, void* base, long stride) {
  simulated::TileState& t = simulated::tiles();
  if (!t.configured) abort();
  for (int r = 0; r < t.rows[tile]; r++) memcpy((uint8_t*)base + r * stride, t.data[tile][r], t.rowBytes[tile]);
}
inline void _tile_dpbf16ps(int c, int a, int b) {
  using namespace simulated;
  TileState& t = tiles();
  if (!t.configured || t.rows[c] != t.rows[a] || t.rowBytes[a] / 4 != t.rows[b] || t.rowBytes[c] != t.rowBytes[b]) abort();
  for (int m = 0; m < t.rows[c]; m++) {
    float sums[32] = {};
    for (int k = 0; k < t.rowBytes[a] / 4; k++)
      for (int n = 0; n < t.rowBytes[c] / 4; n++)
        for (int half = 0; half < 2; half++)
          sums[2 * n + half] = flushed(fmaf(bf16At(t.data[a][m], 2 * k + half), bf16At(t.data[b][k], 2 * n + half), sums[2 * n + half]));
    for (int n = 0; n < t.rowBytes[c] / 4; n++) {
      const float result = flushed(flushed(floatAt(t.data[c][m], n)) + flushed(sums[2 * n] + sums[2 * n + 1]));
      memcpy(t.data[c][m] + 4 * n, &result, 4);
    }
  }
}

typedef float __m512 __attribute__((vector_size(64)));
typedef long long __m512i __attribute__((vector_size(64)));
typedef short __m512bh __attribute__((vector_size(64)));

inline __m512 _mm512_setzero_ps() { return __m512{}; }
inline __m512i _mm512_loadu_si512(const void* from) {
  __m512i v;
  memcpy(&v, from, 64);
  return v;
}
inline void _mm512_storeu_ps(void* to, __m512 v) { memcpy(to, &v, 64); }
inline __m512i _mm512_set1_epi32(int x) {
  __m512i v;
  for (int i = 0; i < 16; i++) memcpy((uint8_t*)&v + 4 * i, &x, 4);
  return v;
}
inline __m512 _mm512_dpbf16_ps(__m512 sum, __m512bh a, __m512bh b) {
  for (int i = 0; i < 16; i++)
    for (int half = 1; half >= 0; half--)
      sum[i] = simulated::flushed(fmaf(simulated::bf16At(&a, 2 * i + half), simulated::bf16At(&b, 2 * i + half), simulated::flushed(sum[i])));
  return sum;
}
