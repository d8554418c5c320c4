// Copies of A and B in the order in which tiles read them.
//
// K is cut into blocks of kBlock(K) on every path: the cut decides the rounding, so nothing but K may enter it.
// Packed B: per block of K, per panel of kPanel columns: [k in block][kPanel], missing columns as zeros.
#pragma once

NONET_INLINE long ceilDiv(long a, long b) { return (a + b - 1) / b; }
NONET_INLINE long roundUp(long a, long b) { return ceilDiv(a, b) * b; }
NONET_INLINE long minLong(long a, long b) { return a < b ? a : b; }
NONET_INLINE long maxLong(long a, long b) { return a > b ? a : b; }

#ifndef NONET_KMAX
#define NONET_KMAX 512
#endif
constexpr long kMaxBlock = NONET_KMAX;
NONET_INLINE long kBlock(long k) { return k <= kMaxBlock ? k : roundUp(ceilDiv(k, ceilDiv(k, kMaxBlock)), 16); }

// Floats from the start of packed B to block `k0` of panel `panel`, for a block of kc.
NONET_INLINE long packedOffset(long n, long k0, long kc, long panel) {
  return k0 * roundUp(n, kPanel) + panel * kc * kPanel;
}

// rows -> columns of a kFloats x kFloats block, in registers: log2 rounds of interleaving row i with row i + half.
NONET_INLINE void transposeBlock(Floats (&r)[kFloats]) {
  Ints low, high;
#pragma GCC unroll 16
  for (int i = 0; i < kFloats; i++) {
    low[i] = i / 2 + (i % 2) * kFloats;
    high[i] = kFloats / 2 + i / 2 + (i % 2) * kFloats;
  }
#pragma GCC unroll 4
  for (int round = kFloats; round > 1; round /= 2) {
    Floats s[kFloats];
#pragma GCC unroll 16
    for (int i = 0; i < kFloats / 2; i++) {
#if defined(__clang__)
      for (int q = 0; q < kFloats; q++) {
        s[2 * i][q] = (q % 2 ? r[i + kFloats / 2] : r[i])[q / 2];
        s[2 * i + 1][q] = (q % 2 ? r[i + kFloats / 2] : r[i])[kFloats / 2 + q / 2];
      }
#else
      s[2 * i] = __builtin_shuffle(r[i], r[i + kFloats / 2], low);
      s[2 * i + 1] = __builtin_shuffle(r[i], r[i + kFloats / 2], high);
#endif
    }
#pragma GCC unroll 16
    for (int i = 0; i < kFloats; i++) r[i] = s[i];
  }
}

// out[c * outStride + r] = in[r * inStride + c] * scale for r < rows, and 0 for rows <= r < roundUp(rows, kFloats).
static void packTransposed(const float* in, long inStride, long rows, long columns, float scale, float* out,
                           long outStride) {
  const Floats factor = splat(scale);
  for (long r0 = 0; r0 < rows; r0 += kFloats) {
    const long live = minLong(rows - r0, kFloats);
    for (long c0 = 0; c0 < columns; c0 += kFloats) {
      const int width = (int)minLong(columns - c0, kFloats);
      Floats block[kFloats];
      if (live == kFloats && width == kFloats) {
#pragma GCC unroll 16
        for (int i = 0; i < kFloats; i++) block[i] = load(in + (r0 + i) * inStride + c0);
      } else {
#pragma GCC unroll 16
        for (int i = 0; i < kFloats; i++)
          block[i] = i < live ? loadPartial(in + (r0 + i) * inStride + c0, width) : Floats{};
      }
      transposeBlock(block);
      float* to = out + c0 * outStride + r0;
#pragma GCC unroll 16
      for (int i = 0; i < kFloats; i++)
        if (i < width) store(to + i * outStride, block[i] * factor);
    }
  }
}

// One panel of one block: rows k0.. of B, `width` <= kPanel columns from j0.
static void packPanelB(const float* b, long ldb, bool transB, long k0, long kc, long j0, long width, float* out) {
  if (transB) {
    packTransposed(b + j0 * ldb + k0, ldb, width, kc, 1.0f, out, kPanel);
    for (long from = roundUp(width, kFloats); from < kPanel; from += kFloats)
      for (long k = 0; k < kc; k++) store(out + k * kPanel + from, Floats{});
    return;
  }
  const float* from = b + k0 * ldb + j0;
  if (width == kPanel) {
#pragma GCC unroll 4
    for (long k = 0; k < kc; k++, from += ldb, out += kPanel)
#pragma GCC unroll 4
      for (int v = 0; v < kTileVectors; v++) store(out + v * kFloats, load(from + v * kFloats));
  } else {
    for (long k = 0; k < kc; k++, from += ldb, out += kPanel)
#pragma GCC unroll 4
      for (int v = 0; v < kTileVectors; v++) {
        const long live = minLong(maxLong(width - v * kFloats, 0), kFloats);
        store(out + v * kFloats, live > 0 ? loadPartial(from + v * kFloats, (int)live) : Floats{});
      }
  }
}

static size_t gemmPackedBytes(long k, long n) { return (size_t)k * (size_t)roundUp(n, kPanel) * sizeof(float); }

static void gemmPackB(const float* b, long ldb, bool transB, long k, long n, float* packed, long colBegin,
                      long colEnd) {
  const long kc = kBlock(k);
  for (long k0 = 0; k0 < k; k0 += kc) {
    const long depth = minLong(k - k0, kc);
    for (long j = colBegin; j < colEnd; j += kPanel)
      packPanelB(b, ldb, transB, k0, depth, j, minLong(n - j, kPanel),
                 packed + packedOffset(n, k0, depth, j / kPanel));
  }
}

// Up to kTileRows rows of A for rowTile: chunks of kChunk values of k, [chunk][kTileRows][kChunk].
static void packRowsA(const float* a, long lda, long rows, long kc, float* out) {
  long k = 0;
  for (; k + kChunk <= kc; k += kChunk, out += kTileRows * kChunk)
    for (long i = 0; i < rows; i++) memcpy(out + i * kChunk, a + i * lda + k, kChunk * sizeof(float));
  if (k < kc)
    for (long i = 0; i < rows; i++)
      for (long q = 0; k + q < kc; q++) out[i * kChunk + q] = a[i * lda + k + q];
}

// A block of A stored [k, m] for columnTile: panels of kTileRows rows, [panel][kc][kTileRows]. The source is walked
// along its rows, so that every line of it is read once.
static void packColumnsA(const float* a, long lda, long rows, long kc, float* out) {
  const long full = rows / kTileRows * kTileRows;
  for (long k = 0; k < kc; k++) {
    const float* from = a + k * lda;
    float* to = out + k * kTileRows;
    long i = 0;
    for (; i < full; i += kTileRows, to += kc * kTileRows) {
#if defined(NONET_ISA_AVX512)
      storePartial(to, loadPartial(from + i, kTileRows), kTileRows);
#else
      memcpy(to, from + i, kTileRows * sizeof(float));
#endif
    }
    for (long q = 0; i + q < rows; q++) to[q] = from[i + q];
  }
}
