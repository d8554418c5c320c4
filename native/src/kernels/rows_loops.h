// The loops of a row program: one instruction over one block.
//
// Operands of every shape go through one loop: a vector operand moves on by one vector per step, a value per row is
// spread over one vector on the stack and does not move. So an opcode costs one loop, not one per combination of shapes.
#pragma once

template <class T> struct Lanes;
template <> struct Lanes<float> {
  using V = Floats;
  static constexpr long count = kFloats;
};
template <> struct Lanes<double> {
  using V = Doubles;
  static constexpr long count = kDoubles;
};
template <> struct Lanes<int32_t> {
  using V = Ints;
  static constexpr long count = kFloats;
};

NONET_INLINE Ints loadPartial(const int32_t* p, int count) { return (Ints)loadPartial((const float*)p, count); }
NONET_INLINE Doubles loadPartial(const double* p, int count) {
  Doubles v{};
  for (int i = 0; i < count; i++) v[i] = p[i];
  return v;
}
NONET_INLINE void storePartial(int32_t* p, Ints v, int count) { storePartial((float*)p, (Floats)v, count); }
NONET_INLINE void storePartial(double* p, Doubles v, int count) {
  for (int i = 0; i < count; i++) p[i] = v[i];
}

// One operand of one instruction in one block.
struct RowArgument {
  char* p;
  long advance;  // elements from one row to the next
  bool splat;    // one value per row, spread over the columns
};

struct RowLoop {
  long rows, columns;
  RowArgument dst, a, b, c;
};

template <class T> NONET_INLINE const T* rowOf(const RowArgument& argument, long row, T* spread) {
  const T* p = (const T*)argument.p + row * argument.advance;
  if (!argument.splat) return p;
  if (row == 0 || argument.advance != 0) store(spread, splat(*p));
  return spread;
}

template <class T> NONET_INLINE typename Lanes<T>::V tailOf(const RowArgument& argument, const T* p, long count) {
  return argument.splat ? load(p) : loadPartial(p, (int)count);
}

// dst = f(a), f(a, b), f(a, b, c), vector by vector; all types have as many lanes.
template <class D, class A, class F> NONET_INLINE void map1(const RowLoop& loop, F f) {
  constexpr long lanes = Lanes<A>::count;
  alignas(64) A spreadA[lanes];
  const long stepA = loop.a.splat ? 0 : lanes;
  for (long r = 0; r < loop.rows; r++) {
    D* d = (D*)loop.dst.p + r * loop.dst.advance;
    const A* a = rowOf(loop.a, r, spreadA);
    long left = loop.columns;
#pragma GCC unroll 2
    for (; left >= lanes; left -= lanes, d += lanes, a += stepA) store(d, f(load(a)));
    if (left > 0) storePartial(d, f(tailOf(loop.a, a, left)), (int)left);
  }
}

template <class D, class A, class B, class F> NONET_INLINE void map2(const RowLoop& loop, F f) {
  constexpr long lanes = Lanes<A>::count;
  alignas(64) A spreadA[lanes];
  alignas(64) B spreadB[lanes];
  const long stepA = loop.a.splat ? 0 : lanes, stepB = loop.b.splat ? 0 : lanes;
  for (long r = 0; r < loop.rows; r++) {
    D* d = (D*)loop.dst.p + r * loop.dst.advance;
    const A* a = rowOf(loop.a, r, spreadA);
    const B* b = rowOf(loop.b, r, spreadB);
    long left = loop.columns;
#pragma GCC unroll 2
    for (; left >= lanes; left -= lanes, d += lanes, a += stepA, b += stepB) store(d, f(load(a), load(b)));
    if (left > 0) storePartial(d, f(tailOf(loop.a, a, left), tailOf(loop.b, b, left)), (int)left);
  }
}

template <class D, class A, class B, class C, class F> NONET_INLINE void map3(const RowLoop& loop, F f) {
  constexpr long lanes = Lanes<A>::count;
  alignas(64) A spreadA[lanes];
  alignas(64) B spreadB[lanes];
  alignas(64) C spreadC[lanes];
  const long stepA = loop.a.splat ? 0 : lanes, stepB = loop.b.splat ? 0 : lanes, stepC = loop.c.splat ? 0 : lanes;
  for (long r = 0; r < loop.rows; r++) {
    D* d = (D*)loop.dst.p + r * loop.dst.advance;
    const A* a = rowOf(loop.a, r, spreadA);
    const B* b = rowOf(loop.b, r, spreadB);
    const C* c = rowOf(loop.c, r, spreadC);
    long left = loop.columns;
#pragma GCC unroll 2
    for (; left >= lanes; left -= lanes, d += lanes, a += stepA, b += stepB, c += stepC)
      store(d, f(load(a), load(b), load(c)));
    if (left > 0)
      storePartial(d, f(tailOf(loop.a, a, left), tailOf(loop.b, b, left), tailOf(loop.c, c, left)), (int)left);
  }
}

// The same element by element, for types of different widths and for libm functions. Not inlined vectors: rarely used.
template <class D, class A, class F> NONET_INLINE void scalar1(const RowLoop& loop, F f) {
  for (long r = 0; r < loop.rows; r++) {
    D* d = (D*)loop.dst.p + r * loop.dst.advance;
    const A* a = (const A*)loop.a.p + r * loop.a.advance;
    const long stepA = loop.a.splat ? 0 : 1;
    for (long i = 0; i < loop.columns; i++) d[i] = f(a[i * stepA]);
  }
}

template <class D, class A, class B, class F> NONET_INLINE void scalar2(const RowLoop& loop, F f) {
  for (long r = 0; r < loop.rows; r++) {
    D* d = (D*)loop.dst.p + r * loop.dst.advance;
    const A* a = (const A*)loop.a.p + r * loop.a.advance;
    const B* b = (const B*)loop.b.p + r * loop.b.advance;
    const long stepA = loop.a.splat ? 0 : 1, stepB = loop.b.splat ? 0 : 1;
    for (long i = 0; i < loop.columns; i++) d[i] = f(a[i * stepA], b[i * stepB]);
  }
}

template <class D, class A, class B, class C, class F> NONET_INLINE void scalar3(const RowLoop& loop, F f) {
  for (long r = 0; r < loop.rows; r++) {
    D* d = (D*)loop.dst.p + r * loop.dst.advance;
    const A* a = (const A*)loop.a.p + r * loop.a.advance;
    const B* b = (const B*)loop.b.p + r * loop.b.advance;
    const C* c = (const C*)loop.c.p + r * loop.c.advance;
    const long stepA = loop.a.splat ? 0 : 1, stepB = loop.b.splat ? 0 : 1, stepC = loop.c.splat ? 0 : 1;
    for (long i = 0; i < loop.columns; i++) d[i] = f(a[i * stepA], b[i * stepB], c[i * stepC]);
  }
}
