// Copies of A and B in the order in which tiles read them.
//
// K is cut into blocks of kBlock(K) on every path: the cut decides the rounding, so nothing but K may enter it.
// Packed B: per block of K, per panel of kPanel columns: [k in block][kPanel], missing columns as zeros.
#pragma once

NONET_INLINE long ceilDiv(long a, long b) { return (a + b - 1) / b; }
NONET_INLINE long roundUp(long a, long b) { return ceilDiv(a, b) * b; }
NONET_INLINE long minLong(long a, long b) { return a < b ? a : b; }
NONET_INLINE long maxLong(long a, long b) { return a > b ? a : b; }

// A panel of B this deep stays in the first-level cache, or just behind it where panels are twice as wide: shorter blocks
// would add their totals to C more often.
constexpr long kMaxBlock = kTileRows > 6 ? 320 : 256;
NONET_INLINE long kBlock(long k) { return k <= kMaxBlock ? k : roundUp(ceilDiv(k, ceilDiv(k, kMaxBlock)), 16); }

// Floats from the start of packed B to block `k0` of panel `panel`, for a block of kc.
NONET_INLINE long packedOffset(long n, long k0, long kc, long panel) {
  return k0 * roundUp(n, kPanel) + panel * kc * kPanel;
}

// Four floats from each of the rows 0, 4, 8, ... below p, side by side.
NONET_INLINE Floats loadQuads(const float* p, long stride) {
#if defined(NONET_ISA_AVX512)
  __m512 v = _mm512_castps128_ps512(_mm_loadu_ps(p));
  v = _mm512_insertf32x4(v, _mm_loadu_ps(p + 4 * stride), 1);
  v = _mm512_insertf32x4(v, _mm_loadu_ps(p + 8 * stride), 2);
  return (Floats)_mm512_insertf32x4(v, _mm_loadu_ps(p + 12 * stride), 3);
#elif defined(NONET_ISA_AVX2)
  return (Floats)_mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(p + 4 * stride), 1);
#else
  (void)stride;
  return load(p);
#endif
}

// Per group of four lanes: {a[x], a[y], b[x], b[y]}, or interleaved {a[x], b[x], a[y], b[y]}.
template <int X, int Y, bool INTERLEAVED>
NONET_INLINE Floats pickPairs(Floats a, Floats b) {
  Floats r;
#if defined(__clang__)
  for (int i = 0; i < kFloats; i++) {
    const int at = i % 4, group = i - at;
    const int lane = group + ((INTERLEAVED ? at / 2 : at % 2) ? Y : X);
    r[i] = (INTERLEAVED ? at % 2 : at / 2) ? b[lane] : a[lane];
  }
#else
  Ints from;
#pragma GCC unroll 16
  for (int i = 0; i < kFloats; i++) {
    const int at = i % 4, group = i - at;
    from[i] = group + ((INTERLEAVED ? at / 2 : at % 2) ? Y : X) + ((INTERLEAVED ? at % 2 : at / 2) ? kFloats : 0);
  }
  r = __builtin_shuffle(a, b, from);
#endif
  return r;
}

// out[c * outStride + r] = in[r * inStride + c] * factor for a square of kFloats rows and columns, of which the first
// `width` columns are stored: groups of four rows side by side, 4 x 4 transposes inside the groups.
NONET_INLINE void transposeSquare(const float* in, long inStride, int width, Floats factor, float* out, long outStride) {
#pragma GCC unroll 4
  for (int c = 0; c < kFloats; c += 4) {
    if (c >= width) break;
    const Floats r0 = loadQuads(in + c, inStride) * factor, r1 = loadQuads(in + inStride + c, inStride) * factor;
    const Floats r2 = loadQuads(in + 2 * inStride + c, inStride) * factor, r3 = loadQuads(in + 3 * inStride + c, inStride) * factor;
    const Floats low01 = pickPairs<0, 1, true>(r0, r1), low23 = pickPairs<0, 1, true>(r2, r3);
    const Floats high01 = pickPairs<2, 3, true>(r0, r1), high23 = pickPairs<2, 3, true>(r2, r3);
    float* to = out + c * outStride;
    store(to, pickPairs<0, 1, false>(low01, low23));
    if (c + 1 < width) store(to + outStride, pickPairs<2, 3, false>(low01, low23));
    if (c + 2 < width) store(to + 2 * outStride, pickPairs<0, 1, false>(high01, high23));
    if (c + 3 < width) store(to + 3 * outStride, pickPairs<2, 3, false>(high01, high23));
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
      const float* from = in + r0 * inStride + c0;
      float* to = out + c0 * outStride + r0;
      if (live == kFloats && width == kFloats) {
        transposeSquare(from, inStride, kFloats, factor, to, outStride);
        continue;
      }
      alignas(64) float edge[kFloats * kFloats];
      for (long i = 0; i < kFloats; i++)
        store(edge + i * kFloats, i < live ? loadPartial(from + i * inStride, width) : Floats{});
      transposeSquare(edge, kFloats, width, factor, to, outStride);
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

// Panels that are copied side by side: long stretches of a row are fetched ahead by the processor, single lines are not.
constexpr long kPackedAtOnce = 8;

// All panels of one block: rows k0.. of B, columns [j0, j0 + width), panel after panel.
static void packPanelsB(const float* b, long ldb, bool transB, long k0, long kc, long j0, long width, float* out) {
  long j = 0;
  for (; !transB && width - j >= kPackedAtOnce * kPanel; j += kPackedAtOnce * kPanel) {
    const float* from = b + k0 * ldb + j0 + j;
    float* to = out + j * kc;
    for (long k = 0; k < kc; k++, from += ldb, to += kPanel)
#pragma GCC unroll 8
      for (long panel = 0; panel < kPackedAtOnce; panel++)
#pragma GCC unroll 4
        for (int v = 0; v < kTileVectors; v++)
          store(to + panel * kc * kPanel + v * kFloats, load(from + panel * kPanel + v * kFloats));
  }
  for (; j < width; j += kPanel) packPanelB(b, ldb, transB, k0, kc, j0 + j, minLong(width - j, kPanel), out + j * kc);
}

static size_t gemmPackedBytes(long k, long n) { return (size_t)k * (size_t)roundUp(n, kPanel) * sizeof(float); }

static void gemmPackB(const float* b, long ldb, bool transB, long k, long n, float* packed, long colBegin,
                      long colEnd) {
  const long kc = kBlock(k);
  for (long k0 = 0; k0 < k; k0 += kc) {
    const long depth = minLong(k - k0, kc);
    packPanelsB(b, ldb, transB, k0, depth, colBegin, colEnd - colBegin, packed + packedOffset(n, k0, depth, colBegin / kPanel));
  }
}

// B [k, n] for the way back through a convolution: [taps, n, k / taps] is stored, the last tap first and each transposed.
static void gemmPackTaps(const float* b, long taps, long k, long n, float* packed, long colBegin, long colEnd) {
  const long kc = kBlock(k), depthOfTap = k / taps;
  for (long k0 = 0; k0 < k; k0 += kc) {
    const long depth = minLong(k - k0, kc);
    for (long j = colBegin; j < colEnd; j += kPanel) {
      float* panel = packed + packedOffset(n, k0, depth, j / kPanel);
      for (long q = k0, next; q < k0 + depth; q = next) {
        const long tap = q / depthOfTap;
        next = minLong((tap + 1) * depthOfTap, k0 + depth);
        packPanelB(b + (taps - 1 - tap) * n * depthOfTap, depthOfTap, true, q - tap * depthOfTap, next - q, j,
                   minLong(n - j, kPanel), panel + (q - k0) * kPanel);
      }
    }
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
