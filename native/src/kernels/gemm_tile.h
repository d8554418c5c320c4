// Register tiles: C[M, NV vectors] = A[M, k] * B[k, NV vectors], every accumulator a register, products in order of k.
// GEMM and attention are both built from these.
#pragma once

#if defined(NONET_ISA_AVX512)
constexpr int kTileRows = 14;  // 14 x 2 accumulators + 2 of B + 1 broadcast of 32 registers
#elif defined(NONET_ISA_NEON)
constexpr int kTileRows = 12;  // 12 x 2 + 2 + 1 of 32
#else
constexpr int kTileRows = 6;  // 6 x 2 + 2 + 1 of 16
#endif
constexpr int kTileVectors = 2;
constexpr int kPanel = kTileVectors * kFloats;  // columns of a packed panel of B
constexpr int kChunk = 8;                       // so that every offset of A inside a chunk fits a short displacement

struct Tile {
  long k;
  const float* a;
  long aStride;  // row layout: floats between chunks; column layout: floats between successive k
  const float* b;
  long bStride;  // floats between successive k
  float* c;
  long cStride;         // floats between rows
  bool add;             // c += sum instead of c = sum
  const float* ahead0;  // addresses walked by prefetches while the tile computes (row layout), or null
  const float* ahead1;
};
typedef void (*TileKernel)(const Tile&);

template <int M, int NV>
NONET_INLINE void clearTile(Floats (&acc)[M][NV]) {
#pragma GCC unroll 16
  for (int i = 0; i < M; i++)
#pragma GCC unroll 4
    for (int v = 0; v < NV; v++) acc[i][v] = Floats{};
}

template <int M, int NV>
NONET_INLINE void prefetchTile(const Tile& t) {
#pragma GCC unroll 16
  for (int i = 0; i < M; i++)
#pragma GCC unroll 4
    for (int j = 0; j < NV * kFloats; j += 16) __builtin_prefetch(t.c + i * t.cStride + j, 1);
}

// One k: row i of A is at a[i * rowStep].
template <int M, int NV>
NONET_INLINE void tileStep(Floats (&acc)[M][NV], const float* a, long rowStep, const float* b) {
  Floats bv[NV];
#pragma GCC unroll 4
  for (int v = 0; v < NV; v++) bv[v] = load(b + v * kFloats);
#pragma GCC unroll 16
  for (int i = 0; i < M; i++) {
    const Floats av = splat(a[i * rowStep]);
#pragma GCC unroll 4
    for (int v = 0; v < NV; v++) acc[i][v] = fma_(av, bv[v], acc[i][v]);
  }
}

template <int M, int NV>
NONET_INLINE void storeTile(const Floats (&acc)[M][NV], const Tile& t) {
  if (t.add) {
#pragma GCC unroll 16
    for (int i = 0; i < M; i++)
#pragma GCC unroll 4
      for (int v = 0; v < NV; v++) {
        float* c = t.c + i * t.cStride + v * kFloats;
        store(c, load(c) + acc[i][v]);
      }
  } else {
#pragma GCC unroll 16
    for (int i = 0; i < M; i++)
#pragma GCC unroll 4
      for (int v = 0; v < NV; v++) store(t.c + i * t.cStride + v * kFloats, acc[i][v]);
  }
}

// A in chunks of CHUNK values of k: element (i, k) at a[(k / CHUNK) * aStride + i * CHUNK + k % CHUNK].
template <int M, int NV, int CHUNK>
__attribute__((noinline)) static void rowTile(const Tile& t) {
  Floats acc[M][NV];
  clearTile(acc);
  prefetchTile<M, NV>(t);
  const float* a = t.a;
  const float* b = t.b;
  const long bStride = t.bStride;
  const float* ahead = t.ahead0;
  const float* aheadNext = t.ahead1;
  long k = t.k;
  for (; k >= 8; k -= 8) {
    // Two rows to come are fetched by turns, one line each per chunk.
    __builtin_prefetch(ahead, 0, 3);
    const float* turn = ahead + 16;
    ahead = aheadNext;
    aheadNext = turn;
#pragma GCC unroll 4
    for (int q = 0; q < 8; q++) {
      tileStep(acc, a + q, CHUNK, b);
      b += bStride;
    }
    if (CHUNK == 8) a += t.aStride;
    else a += 8;
  }
  for (; k > 0; k--) {
    tileStep(acc, a, CHUNK, b);
    a++;
    b += bStride;
  }
  storeTile(acc, t);
}

// A by columns: element (i, k) at a[k * aStride + i].
template <int M, int NV>
__attribute__((noinline)) static void columnTile(const Tile& t) {
  Floats acc[M][NV];
  clearTile(acc);
  prefetchTile<M, NV>(t);
  const float* a = t.a;
  const float* b = t.b;
  const long aStride = t.aStride, bStride = t.bStride;
#pragma GCC unroll 4
  for (long k = t.k; k > 0; k--) {
    tileStep(acc, a, 1, b);
    a += aStride;
    b += bStride;
  }
  storeTile(acc, t);
}

// Kernels by number of rows; entry 0 is unused.
struct TileKernels {
  TileKernel of[kTileRows + 1];
};
template <int NV, int CHUNK, int M = kTileRows>
struct FillRowTiles {
  static constexpr void into(TileKernels& t) {
    t.of[M] = rowTile<M, NV, CHUNK>;
    if constexpr (M > 1) FillRowTiles<NV, CHUNK, M - 1>::into(t);
  }
};
template <int NV, int M = kTileRows>
struct FillColumnTiles {
  static constexpr void into(TileKernels& t) {
    t.of[M] = columnTile<M, NV>;
    if constexpr (M > 1) FillColumnTiles<NV, M - 1>::into(t);
  }
};
template <int NV, int CHUNK>
constexpr TileKernels rowTileKernels() {
  TileKernels t{};
  FillRowTiles<NV, CHUNK>::into(t);
  return t;
}
template <int NV>
constexpr TileKernels columnTileKernels() {
  TileKernels t{};
  FillColumnTiles<NV>::into(t);
  return t;
}
static constexpr TileKernels kChunkedTiles = rowTileKernels<kTileVectors, kChunk>();
static constexpr TileKernels kColumnTiles = columnTileKernels<kTileVectors>();
