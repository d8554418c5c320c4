// Conversions between the types of values, and loads and stores between memory of any form and registers.
#pragma once

// Truncation towards zero, saturating; NaN becomes 0.
template <class T> NONET_INLINE int32_t toInt(T x) {
  if (!(x > (T)-2147483648.0)) return x != x ? 0 : INT32_MIN;
  return x >= (T)2147483648.0 ? INT32_MAX : (int32_t)x;
}

NONET_INLINE float widenBf16(uint16_t x) {
  const uint32_t bits = (uint32_t)x << 16;
  float f;
  memcpy(&f, &bits, 4);
  return f;
}
// Nearest even; a NaN stays one.
NONET_INLINE uint16_t narrowToBf16(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  if (x != x) return (uint16_t)((bits >> 16) | 0x40);
  return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}
NONET_INLINE uint8_t narrowToU8(int32_t x) { return x < 0 ? 0 : x > 255 ? 255 : (uint8_t)x; }

static void convertRows(DType to, DType from, const RowLoop& loop) {
  if (from == DType::f32) {
    if (to == DType::f64) scalar1<double, float>(loop, [](float a) { return (double)a; });
    else if (to == DType::i32) scalar1<int32_t, float>(loop, [](float a) { return toInt(a); });
    else map1<float, float>(loop, [](Floats a) { return a; });
  } else if (from == DType::f64) {
    if (to == DType::f32) scalar1<float, double>(loop, [](double a) { return (float)a; });
    else if (to == DType::i32) scalar1<int32_t, double>(loop, [](double a) { return toInt(a); });
    else map1<double, double>(loop, [](Doubles a) { return a; });
  } else {
    if (to == DType::f32) map1<float, int32_t>(loop, [](Ints a) { return __builtin_convertvector(a, Floats); });
    else if (to == DType::f64) scalar1<double, int32_t>(loop, [](int32_t a) { return (double)a; });
    else map1<int32_t, int32_t>(loop, [](Ints a) { return a; });
  }
}

static void convertToBool(DType from, const RowLoop& loop) {
  if (from == DType::f32) scalar1<int32_t, float>(loop, [](float a) { return a != 0; });
  else if (from == DType::f64) scalar1<int32_t, double>(loop, [](double a) { return a != 0; });
  else scalar1<int32_t, int32_t>(loop, [](int32_t a) { return a != 0; });
}

// Walks the rows of a memory slot in order without divisions.
struct RowWalk {
  const RowSlot& slot;
  long i0, i1, i2;

  RowWalk(const RowSlot& s, long row) : slot(s) {
    i2 = row % s.n2;
    i1 = row / s.n2 % s.n1;
    i0 = row / s.n2 / s.n1;
  }
  long element() const { return i0 * slot.s0 + i1 * slot.s1 + i2 * slot.s2; }
  void next() {
    if (++i2 < slot.n2) return;
    i2 = 0;
    if (++i1 < slot.n1) return;
    i1 = 0;
    i0++;
  }
};

template <class R, class M, class F>
NONET_INLINE void loadLoop(const RowSlot& slot, R* d, const M* m, long row, long rows, long column, long columns, F f) {
  RowWalk walk(slot, row);
  for (long r = 0; r < rows; r++, walk.next(), d += columns) {
    const M* from = m + walk.element() + column * slot.columnStride;
    if (slot.columnStride != 0) {
      for (long i = 0; i < columns; i++) d[i] = f(from[i]);
    } else {
      const R value = f(*from);
      for (long i = 0; i < columns; i++) d[i] = value;
    }
  }
}

// Register <- memory.
static void loadSlot(const RowSlot& slot, void* d, const void* m, long row, long rows, long column, long columns) {
  switch (slot.memoryType) {
    case DType::f64:
      loadLoop(slot, (double*)d, (const double*)m, row, rows, column, columns, [](double x) { return x; });
      break;
    case DType::bf16:
      loadLoop(slot, (float*)d, (const uint16_t*)m, row, rows, column, columns, [](uint16_t x) { return widenBf16(x); });
      break;
    case DType::u8:
      loadLoop(slot, (int32_t*)d, (const uint8_t*)m, row, rows, column, columns, [](uint8_t x) { return (int32_t)x; });
      break;
    case DType::boolean:
      loadLoop(slot, (int32_t*)d, (const uint8_t*)m, row, rows, column, columns, [](uint8_t x) { return (int32_t)(x != 0); });
      break;
    case DType::f32:
      loadLoop(slot, (float*)d, (const float*)m, row, rows, column, columns, [](float x) { return x; });
      break;
    default:
      loadLoop(slot, (int32_t*)d, (const int32_t*)m, row, rows, column, columns, [](int32_t x) { return x; });
  }
}

template <class R, class M, class F>
NONET_INLINE void storeLoop(const RowSlot& slot, const R* a, M* m, long row, long rows, long column, long columns, F f) {
  RowWalk walk(slot, row);
  for (long r = 0; r < rows; r++, walk.next(), a += columns) {
    M* to = m + walk.element() + column * slot.columnStride;
    for (long i = 0; i < columns; i++) to[i] = f(a[i]);
  }
}

// Memory <- register.
static void storeSlot(const RowSlot& slot, const void* a, void* m, long row, long rows, long column, long columns) {
  switch (slot.memoryType) {
    case DType::f64:
      storeLoop(slot, (const double*)a, (double*)m, row, rows, column, columns, [](double x) { return x; });
      break;
    case DType::bf16:
      storeLoop(slot, (const float*)a, (uint16_t*)m, row, rows, column, columns, [](float x) { return narrowToBf16(x); });
      break;
    case DType::u8:
      storeLoop(slot, (const int32_t*)a, (uint8_t*)m, row, rows, column, columns, [](int32_t x) { return narrowToU8(x); });
      break;
    case DType::boolean:
      storeLoop(slot, (const int32_t*)a, (uint8_t*)m, row, rows, column, columns, [](int32_t x) { return (uint8_t)(x != 0); });
      break;
    case DType::f32:
      storeLoop(slot, (const float*)a, (float*)m, row, rows, column, columns, [](float x) { return x; });
      break;
    default:
      storeLoop(slot, (const int32_t*)a, (int32_t*)m, row, rows, column, columns, [](int32_t x) { return x; });
  }
}
