// Attention forward: softmax(scale * Q K^T + mask) V per query block, one pass over the keys with a running maximum.
// Flash-style (Dao et al., 2022); the maximum is raised, and sums rescaled, only when a score passes it by kSlack,
// since float32 has room for sums that are 2^kSlack too large.
#pragma once

constexpr float kSlack = 28.0f;
constexpr float kNoMaximum = -1e30f;

struct ForwardScratch {
  float* queries;   // [headDim / 64][kQueryBlock][64]
  float* scores;    // [kQueryBlock][64]
  float* out;       // [kQueryBlock][padded]
  float* sums;      // [kQueryBlock][kFloats], lane-wise
  float* maxima;    // [kQueryBlock]
  KeySpan* spans;   // [kQueryBlock]
  float* keysT;     // [tiles][headDim][64], times scale * log2(e)
  float* values;    // [tiles * 64][padded]
  long tiles;
  size_t bytes;
};

NONET_INLINE long queryBlocks(const AttentionArgs& a) { return ceilDiv(a.queries, kQueryBlock); }
// With a single query block every key tile is used once: one place does for all, and values are read where they are.
NONET_INLINE bool reusesKeyTiles(const AttentionArgs& a) { return queryBlocks(a) > 1; }
NONET_INLINE bool readsValuesInPlace(const AttentionArgs& a) { return !reusesKeyTiles(a) && a.headDim % kFloats == 0; }

static ForwardScratch forwardScratch(const AttentionArgs& a, void* memory) {
  Carver carver{(float*)memory, 0};
  const long padded = paddedHead(a);
  ForwardScratch s;
  s.tiles = reusesKeyTiles(a) ? maxLong(tilesOfBlock(a), 1) : 1;
  s.queries = carver.take(queryRowFloats(a));
  s.scores = carver.take(kQueryBlock * kScoreStride);
  s.out = carver.take(kQueryBlock * padded);
  s.sums = carver.take(kQueryBlock * kFloats);
  s.maxima = carver.take(kQueryBlock);
  s.spans = carver.takeSpans();
  s.keysT = carver.take(s.tiles * a.headDim * kKeyTile);
  s.values = readsValuesInPlace(a) ? nullptr : carver.take(s.tiles * kKeyTile * padded);
  s.bytes = carver.used * sizeof(float);
  return s;
}

// The first QUARTERS of a row of scores become weights 2^(score - maximum); with MASKED those of keys outside `seen` get 0.
template <int QUARTERS, bool MASKED>
NONET_INLINE void softmaxRow(float* scores, const KeySpan& seen, float* maximum, float* sums, float* out, long padded) {
  constexpr int vectors = QUARTERS * kQuarterFloats / kFloats;
  Floats s[vectors];
  Floats top = splat(-__builtin_inff());
#pragma GCC unroll 16
  for (int v = 0; v < vectors; v++) {
    s[v] = load(scores + v * kFloats);
    if (MASKED) s[v] = select(isInside(seen, v * kFloats), s[v], splat(-__builtin_inff()));
    top = max_(s[v], top);
  }
  if (__builtin_expect(anyGreater(top, splat(*maximum + kSlack)), 0)) {
    const float raised = maxLanes(top);
    if (*maximum != kNoMaximum) {
      const Floats factor = exp2Bounded(splat(*maximum - raised));
      store(sums, load(sums) * factor);
      for (long d = 0; d < padded; d += kFloats) store(out + d, load(out + d) * factor);
    }
    *maximum = raised;
  }
  const Floats m = splat(*maximum);
  Floats sum = load(sums);
#pragma GCC unroll 16
  for (int v = 0; v < vectors; v++) {
    Floats p = exp2Bounded(s[v] - m);
    if (MASKED) p = select(isInside(seen, v * kFloats), p, Floats{});
    store(scores + v * kFloats, p);
    sum += p;
  }
  store(sums, sum);
}

// Rows [r0, + height) of a block against the first `QUARTERS` of a tile's worth of keys from `start` on.
template <int QUARTERS>
static void softmaxRows(const ForwardScratch& s, long r0, long height, long start, long padded) {
  for (long r = r0; r < r0 + height; r++) {
    const KeySpan seen{s.spans[r].from - start, s.spans[r].to - start};
    float* scores = s.scores + r * kScoreStride;
    if (seen.from <= 0 && seen.to >= QUARTERS * kQuarterFloats)
      softmaxRow<QUARTERS, false>(scores, seen, s.maxima + r, s.sums + r * kFloats, s.out + r * padded, padded);
    else softmaxRow<QUARTERS, true>(scores, seen, s.maxima + r, s.sums + r * kFloats, s.out + r * padded, padded);
  }
}

static void packForwardTile(const AttentionArgs& a, const HeadView& h, const ForwardScratch& s, long j0) {
  const long live = minLong(h.liveKeys, tileEnd(a, j0)) - j0, slot = tileOf(a, j0) % s.tiles, padded = paddedHead(a);
  const float *k = h.k + j0 * a.kStrides.position, *v = h.v + j0 * a.vStrides.position;
  packKeyTile(k, a.kStrides.position, live, a.headDim, a.scale * kLog2E, s.keysT + slot * kKeyTile * a.headDim);
  if (s.values) packHeadRows(v, a.vStrides.position, live, a.headDim, s.values + slot * kKeyTile * padded, padded);
}

// Asks for keys and values of a tile. A single query has little to do for each of them: it waits for memory, and a head's
// part of a cache is too short for the processor to foresee. (Inlined always: a function that only fetches has no effect
// that compilers know of, and they leave out calls of it.)
NONET_INLINE void fetchTile(const AttentionArgs& a, const HeadView& h, long j0, long end) {
  for (long j = j0; j < minLong(j0 + kKeyTile, end); j++)
    for (long d = 0; d < a.headDim; d += 16) {
      __builtin_prefetch(h.k + j * a.kStrides.position + d);
      __builtin_prefetch(h.v + j * a.vStrides.position + d);
    }
}

// Asks for what a later block reads and writes of a few positions, into the second-level cache: in a band each of them is used
// for so short a time that the block would wait for memory. (Into the first level it wins nothing.)
NONET_INLINE void fetchPositions(const AttentionArgs& a, const HeadView& h, long begin, long count) {
  const long end = minLong(begin + count, minLong(a.queries, h.liveKeys));
  for (long p = begin; p < end; p++)
    for (long d = 0; d < a.headDim; d += 16) {
      __builtin_prefetch(h.q + p * a.qStrides.position + d, 0, 2);
      __builtin_prefetch(h.k + p * a.kStrides.position + d, 0, 2);
      __builtin_prefetch(h.v + p * a.vStrides.position + d, 0, 2);
      __builtin_prefetch(h.o + p * a.oStrides.position + d, 1, 2);
    }
}

// Queries [q0, q0 + rows) of one head. Keys before *packed are in the ring as far as this block or later ones see them.
static void forwardBlock(const AttentionArgs& a, const HeadView& h, const ForwardScratch& s, long q0, long rows, long* packed) {
  const long padded = paddedHead(a);
  const bool inPlace = readsValuesInPlace(a);
  packQueryRows(h.q + q0 * a.qStrides.position, a.qStrides.position, rows, a.headDim, s.queries);
  visibleKeysOfBlock(a, h, q0, rows, s.spans);
  memset(s.out, 0, sizeof(float) * (size_t)(rows * padded));
  memset(s.sums, 0, sizeof(float) * (size_t)(rows * kFloats));
  for (long r = 0; r < rows; r++) s.maxima[r] = kNoMaximum;

  const long first = tileBegin(a, s.spans[0].from), end = s.spans[rows - 1].to;
  for (long j0 = first, next; j0 < end; j0 = next) {
    next = tileEnd(a, j0);
    if (rows == 1) fetchTile(a, h, next, end);
    if (j0 >= *packed) {
      packForwardTile(a, h, s, j0);
      *packed = next;
    }
    const long slot = tileOf(a, j0) % s.tiles;
    const float* keysT = s.keysT + slot * kKeyTile * a.headDim;
    const float* values = inPlace ? h.v + j0 * a.vStrides.position : s.values + slot * kKeyTile * padded;
    const long valueStride = inPlace ? a.vStrides.position : padded;
    for (long r0 = 0, height; r0 < rows; r0 += height) {
      height = rowsTogether(a, s.spans, r0, rows);
      if (a.chunk > 0 && j0 == first) fetchPositions(a, h, q0 + kQueryBlock + r0, height);
      const long live = minLong(s.spans[r0 + height - 1].to, next) - j0;
      const long hidden = maxLong(s.spans[r0].from - j0, 0);
      if (live <= hidden) continue;
      const long skipped = hidden / kQuarterFloats * kQuarterFloats;
      const long quarters = ceilDiv(live - skipped, kQuarterFloats);
      float* scores = s.scores + r0 * kScoreStride;
      scoreTiles(s.queries + r0 * kDimChunk, keysT + skipped, scores, height, quarters, a.headDim);
      if (quarters == 4) softmaxRows<4>(s, r0, height, j0 + skipped, padded);
      else if (quarters == 3) softmaxRows<3>(s, r0, height, j0 + skipped, padded);
      else if (quarters == 2) softmaxRows<2>(s, r0, height, j0 + skipped, padded);
      else softmaxRows<1>(s, r0, height, j0 + skipped, padded);
      const float* seen = values + skipped * valueStride;
      weightedRows(scores, live - skipped, seen, valueStride, s.out + r0 * padded, height, padded);
    }
  }
  for (long r = 0; r < rows; r++) {
    const float sum = sumLanes(load(s.sums + r * kFloats));
    const bool any = s.spans[r].from < s.spans[r].to;
    storeHeadRow(h.o + (q0 + r) * a.oStrides.position, s.out + r * padded, any ? 1.0f / sum : 0.0f, a.headDim);
    h.lse[q0 + r] = any ? fma_(s.maxima[r], kLn2, log_(splat(sum))[0]) : -__builtin_inff();
  }
}

// Query blocks are dealt out only when there are few heads, since each part packs its keys anew; but always in a band,
// where a part has few keys, so that all heads work on one stretch of memory before they go on.
NONET_INLINE long forwardParts(const AttentionArgs& a) {
  const long kWantedTasks = 8, kBlocksOfBand = 16;
  const long whole = maxLong(a.batch * a.heads, 1);
  const long wanted = a.chunk > 0 ? ceilDiv(queryBlocks(a), kBlocksOfBand) : 1;
  return maxLong(minLong(maxLong(ceilDiv(kWantedTasks, whole), wanted), queryBlocks(a)), 1);
}
static long attentionForwardTasks(const AttentionArgs& a) { return a.batch * a.heads * forwardParts(a); }
static size_t attentionForwardScratchBytes(const AttentionArgs& a) { return forwardScratch(a, nullptr).bytes; }

static void attentionForward(const AttentionArgs& a, long taskBegin, long taskEnd, void* memory) {
  const ForwardScratch s = forwardScratch(a, memory);
  const long parts = forwardParts(a), blocks = queryBlocks(a);
  for (long task = taskBegin; task < taskEnd; task++) {
    const long part = task / a.heads % parts;
    const HeadView h = headView(a, task / a.heads / parts, task % a.heads);
    const long from = blocks * part / parts * kQueryBlock;
    const long to = minLong(blocks * (part + 1) / parts * kQueryBlock, a.queries);
    long packed = 0;
    for (long q0 = from; q0 < to; q0 += kQueryBlock) forwardBlock(a, h, s, q0, minLong(to - q0, kQueryBlock), &packed);
  }
}
