// Strided copies and fills.
#pragma once

// Tiles of 16 x 16 keep both sides in whole cache lines.
template <class T> static void transposePlane(const CopyPlane& p, const T* src, T* dst) {
  constexpr long tile = 16;
  for (long r0 = 0; r0 < p.rows; r0 += tile) {
    const long r1 = r0 + tile < p.rows ? r0 + tile : p.rows;
    for (long c0 = 0; c0 < p.columns; c0 += tile) {
      const long c1 = c0 + tile < p.columns ? c0 + tile : p.columns;
      for (long r = r0; r < r1; r++)
        for (long c = c0; c < c1; c++) dst[r * p.dstRow + c] = src[r + c * p.srcColumn];
    }
  }
}

template <class T> static void copyPlaneOf(const CopyPlane& p, const T* src, T* dst) {
  if (p.dstColumn == 1 && p.srcRow == 1 && p.srcColumn > 1 && p.rows > 1) return transposePlane(p, src, dst);
  for (long r = 0; r < p.rows; r++) {
    const T* from = src + r * p.srcRow;
    T* to = dst + r * p.dstRow;
    if (p.srcColumn == 1 && p.dstColumn == 1) {
      memmove(to, from, (size_t)p.columns * sizeof(T));
    } else {
      for (long c = 0; c < p.columns; c++) to[c * p.dstColumn] = from[c * p.srcColumn];
    }
  }
}

static void copyPlane(const CopyPlane& p, const void* src, void* dst, int elementBytes) {
  switch (elementBytes) {
    case 1: return copyPlaneOf(p, (const uint8_t*)src, (uint8_t*)dst);
    case 2: return copyPlaneOf(p, (const uint16_t*)src, (uint16_t*)dst);
    case 4: return copyPlaneOf(p, (const uint32_t*)src, (uint32_t*)dst);
    default: return copyPlaneOf(p, (const uint64_t*)src, (uint64_t*)dst);
  }
}

template <class T> static void fillOf(T* dst, T value, long count) {
  for (long i = 0; i < count; i++) dst[i] = value;
}

static void fillValues(void* dst, uint64_t pattern, int elementBytes, long count) {
  switch (elementBytes) {
    case 1: return fillOf((uint8_t*)dst, (uint8_t)pattern, count);
    case 2: return fillOf((uint16_t*)dst, (uint16_t)pattern, count);
    case 4: return fillOf((uint32_t*)dst, (uint32_t)pattern, count);
    default: return fillOf((uint64_t*)dst, pattern, count);
  }
}
