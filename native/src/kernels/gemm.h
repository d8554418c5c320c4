// Matrix products: which path, in which order of blocks. See GemmArgs for the rule of order that every path keeps.
#pragma once

constexpr long kBlockOfB = 128 * 1024;              // floats of packed B kept in L2 while rows of A pass by
// Rows of A^T packed at once, about half of the second-level cache.
constexpr long kRowsOfTransposedA = 48 * kTileRows;
constexpr long kColumnsBesideA = 128;                // columns of B packed at once beside them
constexpr long kSumRows = 512, kSumColumns = 512;    // rectangle whose block totals are summed apart from C

NONET_INLINE long stripColumns(long kc) { return maxLong(kBlockOfB / kc / kPanel, 1) * kPanel; }

NONET_INLINE bool hasFewRows(const GemmArgs& g) {
  if (g.transA) return false;
  return g.packedB ? g.m <= 3 : !g.transB && g.m <= kFewRowsLimit;
}
NONET_INLINE long rowsOfBlockA(const GemmArgs& g) { return minLong(roundUp(g.m, kTileRows), kRowsOfTransposedA); }
NONET_INLINE bool sumsApart(const GemmArgs& g) { return g.accumulate && kBlock(g.k) < g.k; }

NONET_INLINE long sumFloats(const GemmArgs& g) { return minLong(g.m, kSumRows) * kSumColumns; }

// One tile; columns past the edge go through a buffer.
NONET_INLINE void runTile(const TileKernels& kernels, long rows, long columns, Tile& t, float* c, long ldc) {
  if (columns >= kPanel) {
    t.c = c;
    t.cStride = ldc;
    kernels.of[rows](t);
    return;
  }
  alignas(64) float buffer[kTileRows * kPanel];
  const bool add = t.add;
  t.c = buffer;
  t.cStride = kPanel;
  t.add = false;
  kernels.of[rows](t);
  t.add = add;
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < columns; j++) c[i * ldc + j] = add ? c[i * ldc + j] + buffer[i * kPanel + j] : buffer[i * kPanel + j];
}

// What is packed of B after the block at hand, in stretches of a row that tiles fetch while they compute: with few rows
// of A for each block, B comes from memory no slower than it is used.
struct ComingB {
  const float* at;
  long ldb, rows, length, stretch, part;
  const float* next(const float* otherwise) {
    if (rows <= 0) return otherwise;
    const float* from = at + part;
    part += stretch;
    if (part >= length) {
      part = 0;
      at += ldb;
      rows--;
    }
    return from;
  }
};
constexpr long kFewRowsOfA = 256;  // above, packing is a few percent

NONET_INLINE ComingB comingB(const GemmArgs& g, long rows, long colBegin, long colEnd, long j0, long k0) {
  const long kc = kBlock(g.k), strip = stripColumns(kc);
  if (g.packedB || rows > kFewRowsOfA) return {};
  // The block of B that comes next, from its row k and column j on: of this call, or the first one of the call behind it.
  const float* b = g.b;
  long k = 0, j = j0, width = minLong(colEnd - j0, strip);
  if (k0 + kc < g.k) {
    k = k0 + kc;
  } else if (j0 + strip < colEnd) {
    j = j0 + strip;
    width = minLong(colEnd - j, strip);
  } else if (g.nextB) {
    b = g.nextB;
    j = 0;
    width = minLong(colEnd - colBegin, strip);
  } else {
    return {};
  }
  const long depth = minLong(g.k - k, kc);
  if (g.transB) return {b + j * g.ldb + k, g.ldb, width, depth, depth, 0};
  return {b + k * g.ldb + j, g.ldb, depth, width, depth, 0};
}

// A by rows: a block of B stays in L2 (packed here unless it comes packed), one packed panel of A at a time in L1.
static void gemmByRows(const GemmArgs& g, long rowBegin, long rowEnd, long colBegin, long colEnd, float* scratch) {
  const long kc = kBlock(g.k);
  float* panelA = scratch;
  float* blockB = scratch + roundUp(kTileRows * roundUp(kc, kChunk), 16);
  const long strip = stripColumns(kc);
  for (long j0 = colBegin; j0 < colEnd; j0 += strip) {
    const long width = minLong(colEnd - j0, strip);
    for (long k0 = 0; k0 < g.k; k0 += kc) {
      const long depth = minLong(g.k - k0, kc);
      const float* b = g.packedB ? g.packedB + packedOffset(g.n, k0, depth, j0 / kPanel) : blockB;
      if (!g.packedB) packPanelsB(g.b, g.ldb, g.transB, k0, depth, j0, width, blockB);
      ComingB coming = comingB(g, rowEnd - rowBegin, colBegin, colEnd, j0, k0);
      for (long i = rowBegin; i < rowEnd; i += kTileRows) {
        const long rows = minLong(rowEnd - i, kTileRows);
        const float* a = g.a + i * g.lda + k0;
        packRowsA(a, g.lda, rows, depth, panelA);
        Tile t{};
        t.k = depth;
        t.a = panelA;
        t.aStride = kTileRows * kChunk;
        t.bStride = kPanel;
        t.add = k0 > 0 || g.accumulate;
        for (long j = 0; j < width; j += kPanel) {
          // Each tile fetches two rows of the next panel of A, or of what comes of B.
          const long row = j / kPanel * 2;
          const bool more = row < kTileRows && i + kTileRows < rowEnd;
          t.ahead0 = more ? a + (kTileRows + row) * g.lda : coming.next(panelA);
          t.ahead1 = more ? t.ahead0 + g.lda : coming.next(panelA);
          t.b = b + j * depth;
          runTile(kChunkedTiles, rows, width - j, t, g.c + i * g.ldc + j0 + j, g.ldc);
        }
      }
    }
  }
}

// A stored [k, m] (weight gradients: k long, m and n short): a whole block of A^T is packed, B streams beside it.
static void gemmByColumns(const GemmArgs& g, long rowBegin, long rowEnd, long colBegin, long colEnd, float* scratch) {
  const long kc = kBlock(g.k);
  float* blockA = scratch;
  float* blockB = scratch + roundUp(rowsOfBlockA(g) * kc, 16);
  for (long i0 = rowBegin; i0 < rowEnd; i0 += kRowsOfTransposedA) {
    const long height = minLong(rowEnd - i0, kRowsOfTransposedA);
    for (long k0 = 0; k0 < g.k; k0 += kc) {
      const long depth = minLong(g.k - k0, kc);
      packColumnsA(g.a + k0 * g.lda + i0, g.lda, height, depth, blockA);
      for (long j0 = colBegin; j0 < colEnd; j0 += kColumnsBesideA) {
        const long width = minLong(colEnd - j0, kColumnsBesideA);
        const float* b = g.packedB ? g.packedB + packedOffset(g.n, k0, depth, j0 / kPanel) : blockB;
        if (!g.packedB) packPanelsB(g.b, g.ldb, g.transB, k0, depth, j0, width, blockB);
        Tile t{};
        t.k = depth;
        t.aStride = kTileRows;
        t.bStride = kPanel;
        t.add = k0 > 0 || g.accumulate;
        for (long i = 0; i < height; i += kTileRows) {
          t.a = blockA + i * depth;
          for (long j = 0; j < width; j += kPanel) {
            t.b = b + j * depth;
            runTile(kColumnTiles, minLong(height - i, kTileRows), width - j, t, g.c + (i0 + i) * g.ldc + j0 + j, g.ldc);
          }
        }
      }
    }
  }
}

static void gemm(const GemmArgs& g, long rowBegin, long rowEnd, long colBegin, long colEnd, void* scratch);

// c_old + (b0 + b1 + ...) in one rounding, when there is more than one block: the total is made apart, then added.
static void gemmAddTotals(const GemmArgs& g, long rowBegin, long rowEnd, long colBegin, long colEnd, float* scratch) {
  for (long i0 = rowBegin; i0 < rowEnd; i0 += kSumRows)
    for (long j0 = colBegin; j0 < colEnd; j0 += kSumColumns) {
      const long i1 = minLong(i0 + kSumRows, rowEnd), j1 = minLong(j0 + kSumColumns, colEnd);
      GemmArgs totals = g;
      totals.accumulate = false;
      totals.ldc = kSumColumns;
      // Offset in integers: the rectangle's origin would lie before the buffer.
      totals.c = (float*)((uintptr_t)scratch - sizeof(float) * (uintptr_t)(i0 * kSumColumns + j0));
      gemm(totals, i0, i1, j0, j1, scratch + sumFloats(g));
      for (long i = i0; i < i1; i++)
        for (long j = j0; j < j1; j++) g.c[i * g.ldc + j] += scratch[(i - i0) * kSumColumns + (j - j0)];
    }
}

static void gemm(const GemmArgs& g, long rowBegin, long rowEnd, long colBegin, long colEnd, void* scratch) {
  if (g.k <= 0) {
    for (long i = rowBegin; i < rowEnd && !g.accumulate; i++)
      memset(g.c + i * g.ldc + colBegin, 0, sizeof(float) * (size_t)(colEnd - colBegin));
    return;
  }
  float* floats = (float*)scratch;
  if (sumsApart(g)) gemmAddTotals(g, rowBegin, rowEnd, colBegin, colEnd, floats);
  else if (g.transA) gemmByColumns(g, rowBegin, rowEnd, colBegin, colEnd, floats);
  else if (hasFewRows(g)) gemmFewRows(g, rowBegin, rowEnd, colBegin, colEnd);
  else gemmByRows(g, rowBegin, rowEnd, colBegin, colEnd, floats);
}

static size_t gemmScratchBytes(const GemmArgs& g) {
  const long kc = maxLong(kBlock(g.k), 1);
  long floats = 0;
  if (g.transA) {
    floats = roundUp(rowsOfBlockA(g) * kc, 16);
    if (!g.packedB) floats += minLong(roundUp(g.n, kPanel), kColumnsBesideA) * kc;
  } else if (!hasFewRows(g)) {
    floats = roundUp(kTileRows * roundUp(kc, kChunk), 16);
    if (!g.packedB) floats += minLong(roundUp(g.n, kPanel), stripColumns(kc)) * kc;
  }
  if (sumsApart(g)) floats += sumFloats(g);
  return sizeof(float) * (size_t)roundUp(floats, 16);
}

// Near-equal parts of `total`, multiples of `unit`, at most `most` each.
NONET_INLINE long evenPart(long total, long most, long unit) {
  return maxLong(roundUp(ceilDiv(total, ceilDiv(total, maxLong(most, unit))), unit), unit);
}

// Rectangles large enough that packing inside a task is a few percent of its work, small enough that a large product
// gives several threads something to do. Never an odd handful of tasks: two threads would wait for the last.
static void gemmTaskShape(const GemmArgs& g, long* rows, long* columns) {
  const long kWantedTasks = 8;
  const double kSmallestTask = 1 << 20;  // multiply-adds
  *rows = maxLong(g.m, 1);
  *columns = maxLong(g.n, 1);
  if (g.m <= 0 || g.n <= 0) return;
  if (hasFewRows(g)) {
    // Traffic bound: long runs of B's rows, at least 128 K floats of B each.
    *columns = evenPart(g.n, maxLong(maxLong(ceilDiv(g.n, kWantedTasks), 131072 / maxLong(g.k, 1)), 512), 4 * kPanel);
    return;
  }
  const double work = (double)g.m * (double)g.n * (double)maxLong(g.k, 1);
  const long affordable = work < kSmallestTask * kWantedTasks ? (long)(work / kSmallestTask) : kWantedTasks;
  // Packed B costs nothing per task; otherwise each task packs its columns of B, and of A^T its rows.
  const long most = g.transA ? kRowsOfTransposedA : roundUp(g.packedB ? 120 : 1024, kTileRows);
  long down = ceilDiv(g.m, most);
  if (down > 1 && down < kWantedTasks) down = roundUp(down, 2);
  *rows = roundUp(ceilDiv(g.m, down), kTileRows);
  const long least = g.transA ? (down > 1 ? 512 : minLong(512, roundUp(ceilDiv(g.n, 2), kPanel))) : g.packedB ? 128 : 256;
  const long across = ceilDiv(affordable, down);
  if (across > 1) *columns = evenPart(g.n, maxLong(ceilDiv(g.n, across), least), kPanel);
  *rows = minLong(*rows, g.m);
}

static void addGemmKernels(KernelTable& t) {
  t.gemmPanelColumns = kPanel;
  t.gemm = gemm;
  t.gemmTaskShape = gemmTaskShape;
  t.gemmScratchBytes = gemmScratchBytes;
  t.gemmPackedBytes = gemmPackedBytes;
  t.gemmPackB = gemmPackB;
  t.gemmPackTaps = gemmPackTaps;
}
