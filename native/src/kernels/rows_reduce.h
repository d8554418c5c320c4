// Reductions of row programs. The order of every sum is fixed by the shape and the vector width: never by the block, the
// task or the thread.
#pragma once

NONET_INLINE Floats zeroBehind(Floats v, long count) { return select(laneIndices() < splat((int32_t)count), v, Floats{}); }
NONET_INLINE Doubles zeroBehind(Doubles v, long count) {
  for (int i = 0; i < kDoubles; i++) v[i] = i < count ? v[i] : 0.0;
  return v;
}

// Sum of f(a, b) over columns: vector i goes to accumulator i % 4; the tail is one more vector, zeros behind its end;
// then (0 + 1) + (2 + 3), then the lanes by halving.
template <class T, class F> NONET_INLINE void sumRows(const RowLoop& loop, F f) {
  using V = typename Lanes<T>::V;
  constexpr long lanes = Lanes<T>::count;
  alignas(64) T spreadA[lanes];
  alignas(64) T spreadB[lanes];
  const long stepA = loop.a.splat ? 0 : lanes, stepB = loop.b.splat ? 0 : lanes;
  for (long r = 0; r < loop.rows; r++) {
    const T* a = rowOf(loop.a, r, spreadA);
    const T* b = rowOf(loop.b, r, spreadB);
    V sum[4] = {};
    long left = loop.columns;
    for (; left >= 4 * lanes; left -= 4 * lanes) {
#pragma GCC unroll 4
      for (int i = 0; i < 4; i++, a += stepA, b += stepB) sum[i] += f(load(a), load(b));
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
      if (left >= lanes) sum[i] += f(load(a), load(b));
      else if (left > 0) sum[i] += zeroBehind(f(tailOf(loop.a, a, left), tailOf(loop.b, b, left)), left);
      left -= lanes, a += stepA, b += stepB;
    }
    ((T*)loop.dst.p)[r * loop.dst.advance] = sumLanes((sum[0] + sum[1]) + (sum[2] + sum[3]));
  }
}

static void sumIntRows(const RowLoop& loop, bool product) {
  for (long r = 0; r < loop.rows; r++) {
    const int32_t* a = (const int32_t*)loop.a.p + r * loop.a.advance;
    const int32_t* b = (const int32_t*)loop.b.p + r * loop.b.advance;
    const long stepA = loop.a.splat ? 0 : 1, stepB = loop.b.splat ? 0 : 1;
    uint32_t sum = 0;
    for (long i = 0; i < loop.columns; i++) sum += (uint32_t)a[i * stepA] * (product ? (uint32_t)b[i * stepB] : 1u);
    ((int32_t*)loop.dst.p)[r * loop.dst.advance] = (int32_t)sum;
  }
}

// A NaN anywhere in the row is its maximum. `lowest` is the maximum of no columns.
template <class T> static void maxRows(const RowLoop& loop, T lowest) {
  for (long r = 0; r < loop.rows; r++) {
    const T* a = (const T*)loop.a.p + r * loop.a.advance;
    const long step = loop.a.splat ? 0 : 1;
    T best = lowest;
    for (long i = 0; i < loop.columns; i++) best = a[i * step] > best || a[i * step] != a[i * step] ? a[i * step] : best;
    ((T*)loop.dst.p)[r * loop.dst.advance] = best;
  }
}

static void maxFloatRows(const RowLoop& loop) {
  alignas(64) float spread[kFloats];
  const Floats lowest = splat(-__builtin_inff());
  const long step = loop.a.splat ? 0 : kFloats;
  for (long r = 0; r < loop.rows; r++) {
    const float* a = rowOf(loop.a, r, spread);
    Floats best[2] = {lowest, lowest};
    Ints unordered{};  // lanes that met a NaN; max_ may lose it
    long left = loop.columns;
    for (; left >= 2 * kFloats; left -= 2 * kFloats) {
#pragma GCC unroll 2
      for (int i = 0; i < 2; i++, a += step) {
        const Floats v = load(a);
        best[i] = max_(v, best[i]);
        unordered |= v != v;
      }
    }
    for (; left > 0; left -= kFloats, a += step) {
      Floats v = left >= kFloats ? load(a) : tailOf(loop.a, a, left);
      v = select(laneIndices() < splat((int32_t)(left < kFloats ? left : kFloats)), v, lowest);
      best[0] = max_(v, best[0]);
      unordered |= v != v;
    }
    const Floats seen = select(unordered, splat(1.0f), Floats{});
    const float result = maxLanes(seen) > 0 ? __builtin_nanf("") : maxLanes(max_(best[0], best[1]));
    ((float*)loop.dst.p)[r * loop.dst.advance] = result;
  }
}

// Column of the first maximum; the first NaN counts as one.
template <class T> static void argmaxRows(const RowLoop& loop) {
  for (long r = 0; r < loop.rows; r++) {
    const T* a = (const T*)loop.a.p + r * loop.a.advance;
    const long step = loop.a.splat ? 0 : 1;
    long best = 0;
    for (long i = 1; i < loop.columns; i++) {
      const T v = a[i * step], top = a[best * step];
      if (v > top || (v != v && top == top)) best = i;
    }
    ((int32_t*)loop.dst.p)[r * loop.dst.advance] = (int32_t)best;
  }
}

// How many rows from `row` on belong to the same chunk of a column sum, at most `rows`.
NONET_INLINE long rowsInChunk(long row, long rows) {
  const long left = kSumChunkRows - row % kSumChunkRows;
  return left < rows ? left : rows;
}

// Adds rows f(a, b) of T, widened to S, to the chunk's partial sums: rows in order, starting from zero where a chunk begins.
template <class S, class T, class F>
NONET_INLINE void sumColumns(const RowLoop& loop, S* partial, long partialAdvance, long firstRow, F f) {
  const long stepA = loop.a.splat ? 0 : 1, stepB = loop.b.splat ? 0 : 1;
  for (long r = 0; r < loop.rows;) {
    const long row = firstRow + r, count = rowsInChunk(row, loop.rows - r);
    S* sums = partial + row / kSumChunkRows * partialAdvance;
    if (row % kSumChunkRows == 0)
      for (long i = 0; i < loop.columns; i++) sums[i] = 0;
    for (const long end = r + count; r < end; r++) {
      const T* a = (const T*)loop.a.p + r * loop.a.advance;
      const T* b = (const T*)loop.b.p + r * loop.b.advance;
      if (stepA == 1 && stepB == 1) {
#pragma GCC ivdep
        for (long i = 0; i < loop.columns; i++) sums[i] += (S)f(a[i], b[i]);
      } else {
        for (long i = 0; i < loop.columns; i++) sums[i] += (S)f(a[i * stepA], b[i * stepB]);
      }
    }
  }
}

template <class S, class T>
static void sumColumnsOf(const RowLoop& loop, S* partial, long partialAdvance, long firstRow, bool product) {
  if (product) sumColumns<S, T>(loop, partial, partialAdvance, firstRow, [](T a, T b) { return a * b; });
  else sumColumns<S, T>(loop, partial, partialAdvance, firstRow, [](T a, T) { return a; });
}

template <class S> static void addChunks(S* result, const S* partial, long advance, long chunks, long begin, long end) {
  for (long i = begin; i < end; i++) result[i] = chunks > 0 ? partial[i] : 0;
  for (long k = 1; k < chunks; k++) {
    const S* p = partial + k * advance;
#pragma GCC ivdep
    for (long i = begin; i < end; i++) result[i] += p[i];
  }
}
