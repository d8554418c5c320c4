// Elementwise opcodes. A fused opcode is written as the chain of primitives that it stands for, so it rounds as they do.
#pragma once

NONET_INLINE Doubles abs_(Doubles a) { return select(a < splat(0.0), -a, a + splat(0.0)); }
NONET_INLINE Floats floor_(Floats a) {
  for (int i = 0; i < kFloats; i++) a[i] = __builtin_floorf(a[i]);
  return a;
}
NONET_INLINE Doubles floor_(Doubles a) {
  for (int i = 0; i < kDoubles; i++) a[i] = __builtin_floor(a[i]);
  return a;
}

// Unlike max_ and min_ these let a NaN on either side through.
template <class V> NONET_INLINE V maxOf(V a, V b) { return select(a != a, a, max_(a, b)); }
template <class V> NONET_INLINE V minOf(V a, V b) { return select(a != a, a, min_(a, b)); }

// Tanh form of GELU (Hendrycks and Gimpel 2016): x * sigmoid(2 u), u = sqrt(2/pi) (x + 0.044715 x^3).
constexpr double kGeluScale = 1.5957691216057308;  // 2 sqrt(2/pi)
constexpr double kGeluCubic = 0.044715 * kGeluScale;

template <class T, class V> NONET_INLINE V geluSigmoid(V x, V squared) {
  return sigmoid_((squared * splat((T)kGeluCubic) + splat((T)kGeluScale)) * x);
}
template <class T, class V> NONET_INLINE V gelu(V x) { return x * geluSigmoid<T>(x, x * x); }
template <class T, class V> NONET_INLINE V geluGradient(V x, V dy) {
  const V squared = x * x;
  const V s = geluSigmoid<T>(x, squared);
  const V inner = squared * splat((T)(3 * kGeluCubic)) + splat((T)kGeluScale);
  return dy * (s + x * s * (splat((T)1) - s) * inner);
}
template <class T, class V> NONET_INLINE V softplus(V x) { return maxOf(x, splat((T)0)) + log1p_(exp_(-abs_(x))); }

// float and double. Returns false for an opcode that is not elementwise on them.
template <class T> static bool realElementwise(const RowInstruction& in, const RowLoop& loop) {
  using V = typename Lanes<T>::V;
  const V x = splat((T)in.x), y = splat((T)in.y);
  switch (in.op) {
    case RowOp::negate: map1<T, T>(loop, [](V a) { return -a; }); break;
    case RowOp::absolute: map1<T, T>(loop, [](V a) { return abs_(a); }); break;
    case RowOp::exp: map1<T, T>(loop, [](V a) { return exp_(a); }); break;
    case RowOp::log: map1<T, T>(loop, [](V a) { return log_(a); }); break;
    case RowOp::log1p: map1<T, T>(loop, [](V a) { return log1p_(a); }); break;
    case RowOp::sqrt: map1<T, T>(loop, [](V a) { return sqrt_(a); }); break;
    case RowOp::rsqrt: map1<T, T>(loop, [](V a) { return splat((T)1) / sqrt_(a); }); break;
    case RowOp::reciprocal: map1<T, T>(loop, [](V a) { return splat((T)1) / a; }); break;
    case RowOp::tanh: map1<T, T>(loop, [](V a) { return tanh_(a); }); break;
    case RowOp::sigmoid: map1<T, T>(loop, [](V a) { return sigmoid_(a); }); break;
    case RowOp::sin: map1<T, T>(loop, [](V a) { return sin_(a); }); break;
    case RowOp::cos: map1<T, T>(loop, [](V a) { return cos_(a); }); break;
    case RowOp::floor: map1<T, T>(loop, [](V a) { return floor_(a); }); break;
    case RowOp::softplus: map1<T, T>(loop, [](V a) { return softplus<T>(a); }); break;
    case RowOp::gelu: map1<T, T>(loop, [](V a) { return gelu<T>(a); }); break;
    case RowOp::add: map2<T, T, T>(loop, [](V a, V b) { return a + b; }); break;
    case RowOp::subtract: map2<T, T, T>(loop, [](V a, V b) { return a - b; }); break;
    case RowOp::multiply: map2<T, T, T>(loop, [](V a, V b) { return a * b; }); break;
    case RowOp::divide: map2<T, T, T>(loop, [](V a, V b) { return a / b; }); break;
    case RowOp::max: map2<T, T, T>(loop, [](V a, V b) { return maxOf(a, b); }); break;
    case RowOp::min: map2<T, T, T>(loop, [](V a, V b) { return minOf(a, b); }); break;
    case RowOp::geluGradient: map2<T, T, T>(loop, [](V a, V b) { return geluGradient<T>(a, b); }); break;
    case RowOp::pow: scalar2<T, T, T>(loop, [](T a, T b) { return (T)(sizeof(T) == 4 ? ::powf(a, b) : ::pow(a, b)); }); break;
    case RowOp::multiplyAdd: map3<T, T, T, T>(loop, [](V a, V b, V c) { return fma_(a, b, c); }); break;
    case RowOp::scaleRowColumn: map3<T, T, T, T>(loop, [](V a, V b, V c) { return (a * b) * c; }); break;
    case RowOp::mulAdd2: map3<T, T, T, T>(loop, [](V a, V b, V c) { return a * b + c; }); break;
    case RowOp::affine: map1<T, T>(loop, [x, y](V a) { return a * x + y; }); break;
    case RowOp::maxImmediate: map1<T, T>(loop, [x](V a) { return maxOf(a, x); }); break;
    default: return false;
  }
  return true;
}

static void floatToMask(const RowInstruction& in, const RowLoop& loop) {
  using V = Floats;
  switch (in.op) {
    case RowOp::isFinite: map1<int32_t, float>(loop, [](V a) { return (abs_(a) < splat(__builtin_inff())) & 1; }); break;
    case RowOp::less: map2<int32_t, float, float>(loop, [](V a, V b) { return (a < b) & 1; }); break;
    case RowOp::lessEqual: map2<int32_t, float, float>(loop, [](V a, V b) { return (a <= b) & 1; }); break;
    default: map2<int32_t, float, float>(loop, [](V a, V b) { return (a == b) & 1; }); break;
  }
}

static void doubleToMask(const RowInstruction& in, const RowLoop& loop) {
  switch (in.op) {
    case RowOp::isFinite: scalar1<int32_t, double>(loop, [](double a) { return __builtin_fabs(a) < __builtin_inf(); }); break;
    case RowOp::less: scalar2<int32_t, double, double>(loop, [](double a, double b) { return a < b; }); break;
    case RowOp::lessEqual: scalar2<int32_t, double, double>(loop, [](double a, double b) { return a <= b; }); break;
    default: scalar2<int32_t, double, double>(loop, [](double a, double b) { return a == b; }); break;
  }
}

// Division as in JavaScript's (a / b) | 0: towards zero, x / 0 = 0, and the one overflow wraps.
NONET_INLINE int32_t divideInts(int32_t a, int32_t b) {
  if (b == 0) return 0;
  return b == -1 ? (int32_t)(0u - (uint32_t)a) : a / b;
}

// Integers wrap at 32 bits, so sums and products go through unsigned vectors.
static bool intElementwise(const RowInstruction& in, const RowLoop& loop) {
  using V = Ints;
  const V x = splat((int32_t)in.x), y = splat((int32_t)in.y);
  const auto plus = [](V a, V b) { return (V)((Uints)a + (Uints)b); };
  const auto times = [](V a, V b) { return (V)((Uints)a * (Uints)b); };
  switch (in.op) {
    case RowOp::negate: map1<int32_t, int32_t>(loop, [](V a) { return (V)(Uints{} - (Uints)a); }); break;
    case RowOp::absolute:
      map1<int32_t, int32_t>(loop, [](V a) { return a < V{} ? (V)(Uints{} - (Uints)a) : a; });
      break;
    case RowOp::floor: map1<int32_t, int32_t>(loop, [](V a) { return a; }); break;
    case RowOp::isFinite: map1<int32_t, int32_t>(loop, [](V) { return splat((int32_t)1); }); break;
    case RowOp::logicalNot: map1<int32_t, int32_t>(loop, [](V a) { return (a == V{}) & 1; }); break;
    case RowOp::add: map2<int32_t, int32_t, int32_t>(loop, plus); break;
    case RowOp::subtract: map2<int32_t, int32_t, int32_t>(loop, [](V a, V b) { return (V)((Uints)a - (Uints)b); }); break;
    case RowOp::multiply: map2<int32_t, int32_t, int32_t>(loop, times); break;
    case RowOp::divide: scalar2<int32_t, int32_t, int32_t>(loop, divideInts); break;
    case RowOp::max: map2<int32_t, int32_t, int32_t>(loop, [](V a, V b) { return a > b ? a : b; }); break;
    case RowOp::min: map2<int32_t, int32_t, int32_t>(loop, [](V a, V b) { return a < b ? a : b; }); break;
    case RowOp::less: map2<int32_t, int32_t, int32_t>(loop, [](V a, V b) { return (a < b) & 1; }); break;
    case RowOp::lessEqual: map2<int32_t, int32_t, int32_t>(loop, [](V a, V b) { return (a <= b) & 1; }); break;
    case RowOp::equal: map2<int32_t, int32_t, int32_t>(loop, [](V a, V b) { return (a == b) & 1; }); break;
    case RowOp::bitAnd: map2<int32_t, int32_t, int32_t>(loop, [](V a, V b) { return a & b; }); break;
    case RowOp::bitOr: map2<int32_t, int32_t, int32_t>(loop, [](V a, V b) { return a | b; }); break;
    case RowOp::bitXor: map2<int32_t, int32_t, int32_t>(loop, [](V a, V b) { return a ^ b; }); break;
    // Shift counts are taken modulo 32, as in JavaScript.
    case RowOp::shiftLeft:
      map2<int32_t, int32_t, int32_t>(loop, [](V a, V b) { return (V)((Uints)a << (Uints)(b & 31)); });
      break;
    case RowOp::shiftRight:
      map2<int32_t, int32_t, int32_t>(loop, [](V a, V b) { return (V)((Uints)a >> (Uints)(b & 31)); });
      break;
    case RowOp::multiplyAdd:
    case RowOp::mulAdd2:
      map3<int32_t, int32_t, int32_t, int32_t>(loop, [&](V a, V b, V c) { return plus(times(a, b), c); });
      break;
    case RowOp::scaleRowColumn:
      map3<int32_t, int32_t, int32_t, int32_t>(loop, [&](V a, V b, V c) { return times(times(a, b), c); });
      break;
    case RowOp::affine: map1<int32_t, int32_t>(loop, [&](V a) { return plus(times(a, x), y); }); break;
    case RowOp::maxImmediate: map1<int32_t, int32_t>(loop, [x](V a) { return a > x ? a : x; }); break;
    default: return false;
  }
  return true;
}

static void selectRows(const RowInstruction& in, const RowLoop& loop) {
  if (in.type == DType::f64) {
    scalar3<double, int32_t, double, double>(loop, [](int32_t m, double b, double c) { return m ? b : c; });
  } else if (in.type == DType::f32) {
    map3<float, int32_t, float, float>(loop, [](Ints m, Floats b, Floats c) { return select(m != Ints{}, b, c); });
  } else {
    map3<int32_t, int32_t, int32_t, int32_t>(loop, [](Ints m, Ints b, Ints c) { return m != Ints{} ? b : c; });
  }
}

template <class T> static void fillRows(const RowLoop& loop, T value) {
  for (long r = 0; r < loop.rows; r++) {
    T* d = (T*)loop.dst.p + r * loop.dst.advance;
    for (long i = 0; i < loop.columns; i++) d[i] = value;
  }
}
