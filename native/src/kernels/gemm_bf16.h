// bf16 products where the CPU has no unit for them: operands become float32 on their way into the float32 product, a
// strip of B and a block of A at a time. Bits are those of the float32 product of the widened matrices.
#pragma once

constexpr long kStripOfWidenedB = 128 * 1024;                // floats of packed B kept in L2 while rows of A pass by
constexpr long kWidenedRows = 64 / kTileRows * kTileRows;  // rows of A widened at once

static void widenMatrix(const uint16_t* from, long stride, long rows, long columns, float* to) {
  for (long r = 0; r < rows; r++, from += stride, to += columns)
    for (long c = 0; c < columns; c++) {
      const uint32_t bits = (uint32_t)from[c] << 16;
      memcpy(to + c, &bits, sizeof bits);
    }
}

NONET_INLINE long widenedStrip(const Bf16GemmArgs& g) {
  const long most = maxLong(kStripOfWidenedB / maxLong(g.k, 1) / kPanel, 1) * kPanel;
  return minLong(most, roundUp(g.n, kPanel));
}
NONET_INLINE long widenedFloats(const Bf16GemmArgs& g) {
  return roundUp(maxLong(minLong(g.m, kWidenedRows), kPanel) * g.k, 16);
}

// The product of one block of widened rows with the strip of B that is packed.
NONET_INLINE GemmArgs widenedProduct(const Bf16GemmArgs& g, long rows, long columns, const float* a, const float* packedB,
                                     float* c) {
  return {rows, columns, g.k, a, g.transA ? rows : g.k, g.transA, nullptr, columns, false, packedB, c, g.ldc, false};
}

static void packWidened(const Bf16GemmArgs& g, long from, long width, float* widened, float* packed) {
  for (long j = 0; j < width; j += kPanel) {
    const long columns = minLong(width - j, kPanel), at = from + j;
    if (g.transB) widenMatrix(g.b + at * g.ldb, g.ldb, columns, g.k, widened);
    else widenMatrix(g.b + at, g.ldb, g.k, columns, widened);
    // The packing counts columns from the start of the strip: where that would lie, in integers.
    const long before = g.transB ? j * g.k : j;
    const float* start = (const float*)((uintptr_t)widened - sizeof(float) * (uintptr_t)before);
    gemmPackB(start, g.transB ? g.k : columns, g.transB, g.k, width, packed, j, j + columns);
  }
}

static void gemmBf16(const Bf16GemmArgs& g, long rowBegin, long rowEnd, long colBegin, long colEnd, void* scratch) {
  if (g.k <= 0) {
    for (long i = rowBegin; i < rowEnd; i++) memset(g.c + i * g.ldc + colBegin, 0, sizeof(float) * (size_t)(colEnd - colBegin));
    return;
  }
  const long strip = widenedStrip(g);
  float* widened = (float*)scratch;
  float* packed = widened + widenedFloats(g);
  float* inner = packed + roundUp((long)(gemmPackedBytes(g.k, strip) / sizeof(float)), 16);
  for (long j = colBegin; j < colEnd; j += strip) {
    const long width = minLong(colEnd - j, strip);
    packWidened(g, j, width, widened, packed);
    for (long i = rowBegin; i < rowEnd; i += kWidenedRows) {
      const long rows = minLong(rowEnd - i, kWidenedRows);
      if (g.transA) widenMatrix(g.a + i, g.lda, g.k, rows, widened);
      else widenMatrix(g.a + i * g.lda, g.lda, rows, g.k, widened);
      gemm(widenedProduct(g, rows, width, widened, packed, g.c + i * g.ldc + j), 0, rows, 0, width, inner);
    }
  }
}

static void gemmBf16TaskShape(const Bf16GemmArgs& g, long* rows, long* columns) {
  const GemmArgs wide{g.m, g.n, g.k, nullptr, g.lda, g.transA, nullptr, g.ldb, true, nullptr, nullptr, g.ldc, false};
  gemmTaskShape(wide, rows, columns);
}

static size_t gemmBf16ScratchBytes(const Bf16GemmArgs& g) {
  const float present = 0;
  const long strip = widenedStrip(g);
  size_t inner = 0;
  // A block of fewer rows may take another path and more scratch.
  const long most = minLong(g.m, kWidenedRows);
  for (long rows = 1; rows <= most; rows++) {
    const size_t bytes = gemmScratchBytes(widenedProduct(g, rows, strip, nullptr, &present, nullptr));
    inner = bytes > inner ? bytes : inner;
  }
  const size_t packed = sizeof(float) * (size_t)roundUp((long)(gemmPackedBytes(g.k, strip) / sizeof(float)), 16);
  return sizeof(float) * (size_t)widenedFloats(g) + packed + inner;
}

static const Bf16Gemm kWidenedGemm{"f32", kPanel, gemmBf16, gemmBf16TaskShape, gemmBf16ScratchBytes};
