// A few rows times a large B, as in decoding: B is the traffic, so it is streamed once for all rows, straight from
// where it lies. Sums go in the same order as in the tiles.
#pragma once

constexpr int kFewRows = kTileRows > 12 ? 16 : 8;  // rows that share one pass over B
constexpr long kFewRowsLimit = 16;                 // up to here two passes beat packing B
constexpr long kRowBuffer = 4096;    // floats of block sums kept in L1

// sums[M][stride] (+)= A[M, k..k+DEPTH] * B[k..k+DEPTH, columns], products in order of k.
template <int M, int DEPTH>
NONET_INLINE void addRowsOfB(const float* a, long lda, const float* b, long ldb, long columns, float* sums, long stride) {
  long j = 0;
  for (; j + kFloats <= columns; j += kFloats) {
    Floats bv[DEPTH];
#pragma GCC unroll 8
    for (int q = 0; q < DEPTH; q++) {
      bv[q] = load(b + q * ldb + j);
      // The rows that come next: each is a stream of its own, too many for the processor to foresee.
      if (M > 8 && DEPTH > 1) __builtin_prefetch(b + (DEPTH + q) * ldb + j);
    }
#pragma GCC unroll 16
    for (int i = 0; i < M; i++) {
      Floats s = load(sums + i * stride + j);
#pragma GCC unroll 8
      for (int q = 0; q < DEPTH; q++) s = fma_(splat(a[i * lda + q]), bv[q], s);
      store(sums + i * stride + j, s);
    }
  }
  for (; j < columns; j++)
    for (int i = 0; i < M; i++)
      for (int q = 0; q < DEPTH; q++)
        sums[i * stride + j] = fma_(a[i * lda + q], b[q * ldb + j], sums[i * stride + j]);
}

// Rows of A are contiguous in k; B is [k, n], not packed. C[M, columns] is written or added to.
template <int M>
static void fewRowsStreamed(const float* a, long lda, const float* b, long ldb, long k, long columns, float* c,
                            long ldc, bool accumulate) {
  alignas(64) float sums[kRowBuffer];
  const long strip = kRowBuffer / M / kFloats * kFloats;
  const long kc = kBlock(k);
  for (long j0 = 0; j0 < columns; j0 += strip) {
    const long width = minLong(columns - j0, strip);
    for (long k0 = 0; k0 < k; k0 += kc) {
      const long end = minLong(k0 + kc, k);
      memset(sums, 0, sizeof(float) * (size_t)(M * strip));
      long q = k0;
      for (; q + 8 <= end; q += 8) addRowsOfB<M, 8>(a + q, lda, b + q * ldb + j0, ldb, width, sums, strip);
      for (; q < end; q++) addRowsOfB<M, 1>(a + q, lda, b + q * ldb + j0, ldb, width, sums, strip);
      const bool add = accumulate || k0 > 0;
      for (long i = 0; i < M; i++) {
        float* to = c + i * ldc + j0;
        for (long j = 0; j < width; j++) to[j] = add ? to[j] + sums[i * strip + j] : sums[i * strip + j];
      }
    }
  }
}

// A single row: all sums of a strip of columns stay in registers while rows of B pass by, so that B is all that moves. What
// a row of B has to be fetched from is asked for some rows ahead: it is a page of its own, which no processor foresees.
constexpr int kStripVectors = kTileRows > 6 ? 16 : 8;
constexpr long kStripColumns = kStripVectors * kFloats;
constexpr long kRowsAhead = 16;

static void oneRowStrip(const float* a, const float* b, long ldb, long k, float* c, bool add) {
  Floats acc[1][kStripVectors];
  clearTile(acc);
  for (long q = 0; q < k; q++, b += ldb) {
    const Floats av = splat(a[q]);
    const float* ahead = b + kRowsAhead * ldb;
#pragma GCC unroll 16
    for (int v = 0; v < kStripVectors; v++) {
      if (v * kFloats % 16 == 0) __builtin_prefetch(ahead + v * kFloats);
      acc[0][v] = fma_(av, load(b + v * kFloats), acc[0][v]);
    }
  }
#pragma GCC unroll 16
  for (int v = 0; v < kStripVectors; v++) {
    float* to = c + v * kFloats;
    store(to, add ? load(to) + acc[0][v] : acc[0][v]);
  }
}

static void oneRowStreamed(const float* a, const float* b, long ldb, long k, long columns, float* c, bool accumulate) {
  const long kc = kBlock(k);
  long j = 0;
  for (; j + kStripColumns <= columns; j += kStripColumns)
    for (long k0 = 0; k0 < k; k0 += kc)
      oneRowStrip(a + k0, b + k0 * ldb + j, ldb, minLong(k - k0, kc), c + j, accumulate || k0 > 0);
  if (j < columns) fewRowsStreamed<1>(a, k, b + j, ldb, k, columns - j, c + j, columns, accumulate);
}

// The same with packed B: P neighbouring panels at a time, so that a single row has accumulators enough to hide the
// latency of its multiply-adds.
template <int M, int P>
NONET_INLINE void fewRowsPanels(const float* a, long lda, const float* b, long panelStride, long kc, long columns,
                                float* c, long ldc, bool add) {
  Floats acc[M][P * kTileVectors];
  clearTile(acc);
#pragma GCC unroll 2
  for (long k = 0; k < kc; k++) {
    Floats av[M];
#pragma GCC unroll 4
    for (int i = 0; i < M; i++) av[i] = splat(a[i * lda + k]);
#pragma GCC unroll 4
    for (int p = 0; p < P; p++)
#pragma GCC unroll 2
      for (int v = 0; v < kTileVectors; v++) {
        const Floats bv = load(b + p * panelStride + k * kPanel + v * kFloats);
#pragma GCC unroll 4
        for (int i = 0; i < M; i++) acc[i][p * kTileVectors + v] = fma_(av[i], bv, acc[i][p * kTileVectors + v]);
      }
  }
#pragma GCC unroll 4
  for (int i = 0; i < M; i++)
#pragma GCC unroll 8
    for (int v = 0; v < P * kTileVectors; v++) {
      const long live = minLong(columns - v * kFloats, kFloats);
      float* to = c + i * ldc + v * kFloats;
      if (live >= kFloats) store(to, add ? load(to) + acc[i][v] : acc[i][v]);
      else if (live > 0) storePartial(to, add ? loadPartial(to, (int)live) + acc[i][v] : acc[i][v], (int)live);
    }
}

constexpr int kPanelsAtOnce = kTileRows > 6 ? 4 : 2;

template <int M>
static void fewRowsPacked(const GemmArgs& g, const float* a, float* c, long colBegin, long colEnd) {
  const long kc = kBlock(g.k);
  for (long j = colBegin; j < colEnd;) {
    const bool wide = colEnd - j > kPanel * (kPanelsAtOnce - 1);
    const long columns = minLong(colEnd - j, wide ? kPanel * kPanelsAtOnce : kPanel);
    for (long k0 = 0; k0 < g.k; k0 += kc) {
      const long depth = minLong(g.k - k0, kc);
      const float* b = g.packedB + packedOffset(g.n, k0, depth, j / kPanel);
      const bool add = g.accumulate || k0 > 0;
      if (wide) fewRowsPanels<M, kPanelsAtOnce>(a + k0, g.lda, b, depth * kPanel, depth, columns, c + j, g.ldc, add);
      else fewRowsPanels<M, 1>(a + k0, g.lda, b, depth * kPanel, depth, columns, c + j, g.ldc, add);
    }
    j += columns;
  }
}

static void gemmFewRows(const GemmArgs& g, long rowBegin, long rowEnd, long colBegin, long colEnd) {
  for (long i = rowBegin; i < rowEnd;) {
    const float* a = g.a + i * g.lda;
    float* c = g.c + i * g.ldc;
    if (g.packedB) {
      const long rows = minLong(rowEnd - i, 3);
      if (rows == 1) fewRowsPacked<1>(g, a, c, colBegin, colEnd);
      else if (rows == 2) fewRowsPacked<2>(g, a, c, colBegin, colEnd);
      else fewRowsPacked<3>(g, a, c, colBegin, colEnd);
      i += rows;
      continue;
    }
    const float* b = g.b + colBegin;
    const long columns = colEnd - colBegin;
    const long left = rowEnd - i;
    const long rows = left >= kFewRows ? kFewRows : left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
    if (rows == kFewRows) fewRowsStreamed<kFewRows>(a, g.lda, b, g.ldb, g.k, columns, c + colBegin, g.ldc, g.accumulate);
    else if (rows == 8) fewRowsStreamed<8>(a, g.lda, b, g.ldb, g.k, columns, c + colBegin, g.ldc, g.accumulate);
    else if (rows == 4) fewRowsStreamed<4>(a, g.lda, b, g.ldb, g.k, columns, c + colBegin, g.ldc, g.accumulate);
    else if (rows == 2) fewRowsStreamed<2>(a, g.lda, b, g.ldb, g.k, columns, c + colBegin, g.ldc, g.accumulate);
    else oneRowStreamed(a, b, g.ldb, g.k, columns, c + colBegin, g.accumulate);
    i += rows;
  }
}
