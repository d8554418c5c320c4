// Attention backward, one task per (batch, head). With P the weights (rebuilt from lse), D_i = dO_i . O_i:
//   dV = P^T dO,  dS = P * (dO V^T - D),  dQ = scale * dS K,  dK = scale * dS^T Q.
// dQ is summed per query block over key tiles, dK and dV over query blocks, always in ascending order.
#pragma once

struct BackwardScratch {
  long tiles;               // in the ring of open key tiles
  float *keysT, *valuesT;   // [tiles][headDim][64]; keys times scale * log2(e)
  float* keys;              // [tiles * 64][padded]
  float *dKeys, *dValues;   // [tiles * 64][padded]
  float *queries, *dOut;    // [headDim / 64][kQueryBlock][64]
  float* weights;           // P, [kQueryBlock][64]
  float* dScores;           // dS, [kQueryBlock][64]
  float* dQueries;          // [kQueryBlock][padded]
  float* lse2;              // [kQueryBlock], base 2
  float* products;          // D, [kQueryBlock]
  KeySpan* spans;           // [kQueryBlock]
  size_t bytes;
};

static BackwardScratch backwardScratch(const AttentionArgs& a, void* memory) {
  Carver carver{(float*)memory, 0};
  BackwardScratch s;
  s.tiles = maxLong(tilesOfBlock(a), 1);
  const long padded = paddedHead(a), rows = s.tiles * kKeyTile;
  s.keysT = carver.take(rows * a.headDim);
  s.valuesT = carver.take(rows * a.headDim);
  s.keys = carver.take(rows * padded);
  s.dKeys = carver.take(rows * padded);
  s.dValues = carver.take(rows * padded);
  s.queries = carver.take(queryRowFloats(a));
  s.dOut = carver.take(queryRowFloats(a));
  s.weights = carver.take(kQueryBlock * kScoreStride);
  s.dScores = carver.take(kQueryBlock * kScoreStride);
  s.dQueries = carver.take(kQueryBlock * padded);
  s.lse2 = carver.take(kQueryBlock);
  s.products = carver.take(kQueryBlock);
  s.spans = carver.takeSpans();
  s.bytes = carver.used * sizeof(float);
  return s;
}

// The first QUARTERS of a row: scores become P and dO V^T becomes dS; with MASKED keys outside `seen` get 0.
template <int QUARTERS, bool MASKED>
NONET_INLINE void gradientRow(float* weights, float* dScores, const KeySpan& seen, float lse2, float product) {
#pragma GCC unroll 16
  for (int v = 0; v < QUARTERS * kQuarterFloats / kFloats; v++) {
    float* w = weights + v * kFloats;
    float* d = dScores + v * kFloats;
    Floats p = exp2Bounded(load(w) - splat(lse2));
    if (MASKED) p = select(isInside(seen, v * kFloats), p, Floats{});
    store(w, p);
    store(d, (load(d) - splat(product)) * p);
  }
}

// Rows [r0, + height) of a block against the first QUARTERS of the keys from `skipped` on in the tile at j0. The tile up
// to `tileQuarters` gets zeros before and behind them, since dK and dV of keys there read it.
template <int QUARTERS>
static void gradientRows(const BackwardScratch& s, long r0, long height, long j0, long skipped, long tileQuarters) {
  for (long r = r0; r < r0 + height; r++) {
    const KeySpan seen{s.spans[r].from - j0 - skipped, s.spans[r].to - j0 - skipped};
    float* weights = s.weights + r * kScoreStride;
    float* dScores = s.dScores + r * kScoreStride;
    for (long j = 0; j < skipped; j += kFloats) {
      store(weights + j, Floats{});
      store(dScores + j, Floats{});
    }
    if (seen.from <= 0 && seen.to >= QUARTERS * kQuarterFloats)
      gradientRow<QUARTERS, false>(weights + skipped, dScores + skipped, seen, s.lse2[r], s.products[r]);
    else gradientRow<QUARTERS, true>(weights + skipped, dScores + skipped, seen, s.lse2[r], s.products[r]);
    for (long j = skipped + QUARTERS * kQuarterFloats; j < tileQuarters * kQuarterFloats; j += kFloats) {
      store(weights + j, Floats{});
      store(dScores + j, Floats{});
    }
  }
}

// The first `rows` of the packed queries against the key tile at j0, of which keys before `end` are seen by any of them.
static void backwardTile(const AttentionArgs& a, const BackwardScratch& s, long rows, long j0, long end) {
  const long padded = paddedHead(a), slot = tileOf(a, j0) % s.tiles * kKeyTile;
  const long next = tileEnd(a, j0), tileLive = minLong(end, next) - j0, tileQuarters = ceilDiv(tileLive, kQuarterFloats);
  const float *keysT = s.keysT + slot * a.headDim, *valuesT = s.valuesT + slot * a.headDim;
  for (long r0 = 0, height; r0 < rows; r0 += height) {
    height = rowsTogether(a, s.spans, r0, rows);
    const long live = minLong(s.spans[r0 + height - 1].to, next) - j0, hidden = maxLong(s.spans[r0].from - j0, 0);
    const bool any = hidden < live;
    const long skipped = any ? hidden / kQuarterFloats * kQuarterFloats : 0;
    const long quarters = any ? ceilDiv(live - skipped, kQuarterFloats) : 0;
    float* weights = s.weights + r0 * kScoreStride + skipped;
    float* dScores = s.dScores + r0 * kScoreStride + skipped;
    scoreTiles(s.queries + r0 * kDimChunk, keysT + skipped, weights, height, quarters, a.headDim);
    scoreTiles(s.dOut + r0 * kDimChunk, valuesT + skipped, dScores, height, quarters, a.headDim);
    if (quarters == 4) gradientRows<4>(s, r0, height, j0, skipped, tileQuarters);
    else if (quarters == 3) gradientRows<3>(s, r0, height, j0, skipped, tileQuarters);
    else if (quarters == 2) gradientRows<2>(s, r0, height, j0, skipped, tileQuarters);
    else if (quarters == 1) gradientRows<1>(s, r0, height, j0, skipped, tileQuarters);
    else gradientRows<0>(s, r0, height, j0, skipped, tileQuarters);
    if (!any) continue;
    const float* keys = s.keys + (slot + skipped) * padded;
    weightedRows(dScores, live - skipped, keys, padded, s.dQueries + r0 * padded, height, padded);
  }
  // Near-equal groups of keys, each with the queries from the first to the last that see any of it.
  const long height = ceilDiv(tileLive, ceilDiv(tileLive, kTileRows));
  long first = 0, last = 0;
  for (long c = 0; c < tileLive; c += height) {
    const long keys = minLong(tileLive - c, height);
    while (first < rows && s.spans[first].to <= j0 + c) first++;
    while (last < rows && s.spans[last].from < j0 + c + keys) last++;
    if (first >= last) continue;
    const long at = first * kScoreStride + c, to = (slot + c) * padded, from = first * kDimChunk;
    weightedColumns(s.weights + at, last - first, s.dOut + from, s.dValues + to, keys, padded);
    weightedColumns(s.dScores + at, last - first, s.queries + from, s.dKeys + to, keys, padded);
  }
}

static void packBackwardQueries(const AttentionGradientArgs& g, const HeadView& h, const float* dO,
                                const BackwardScratch& s, long q0, long rows) {
  const AttentionArgs& a = g.forward;
  const long padded = paddedHead(a), dStride = g.dOStrides.position;
  const float* q = h.q + q0 * a.qStrides.position;
  const float* gradient = dO + q0 * dStride;
  packQueryRows(q, a.qStrides.position, rows, a.headDim, s.queries);
  packQueryRows(gradient, dStride, rows, a.headDim, s.dOut);
  visibleKeysOfBlock(a, h, q0, rows, s.spans);
  memset(s.dQueries, 0, sizeof(float) * (size_t)(rows * padded));
  for (long r = 0; r < rows; r++) {
    const float* o = h.o + (q0 + r) * a.oStrides.position;
    const float* dOut = gradient + r * dStride;
    Floats sum{};
    for (long d = 0; d < a.headDim; d += kFloats) {
      const long live = a.headDim - d;
      if (live >= kFloats) sum = fma_(load(o + d), load(dOut + d), sum);
      else sum = fma_(loadPartial(o + d, (int)live), loadPartial(dOut + d, (int)live), sum);
    }
    s.products[r] = sumLanes(sum);
    s.lse2[r] = s.spans[r].from < s.spans[r].to ? h.lse[q0 + r] * kLog2E : 0.0f;
  }
}

// Packs the key tile at j0 and begins its sums.
static void openKeyTile(const AttentionArgs& a, const HeadView& h, const BackwardScratch& s, long j0) {
  const long live = minLong(h.liveKeys, tileEnd(a, j0)) - j0, slot = tileOf(a, j0) % s.tiles * kKeyTile, padded = paddedHead(a);
  const float *k = h.k + j0 * a.kStrides.position, *v = h.v + j0 * a.vStrides.position;
  packKeyTile(k, a.kStrides.position, live, a.headDim, a.scale * kLog2E, s.keysT + slot * a.headDim);
  packKeyTile(v, a.vStrides.position, live, a.headDim, 1.0f, s.valuesT + slot * a.headDim);
  packHeadRows(k, a.kStrides.position, live, a.headDim, s.keys + slot * padded, padded);
  memset(s.dKeys + slot * padded, 0, sizeof(float) * (size_t)(kKeyTile * padded));
  memset(s.dValues + slot * padded, 0, sizeof(float) * (size_t)(kKeyTile * padded));
}

// dk and dv of the key tile at j0: its sums, or zeros where no query sees it.
static void closeKeyTile(const AttentionGradientArgs& g, const BackwardScratch& s, float* dk, float* dv, long j0, bool seen) {
  const AttentionArgs& a = g.forward;
  const long end = minLong(tileEnd(a, j0), a.keys), slot = tileOf(a, j0) % s.tiles * kKeyTile, padded = paddedHead(a);
  for (long j = j0; j < end; j++) {
    float *toK = dk + j * g.dkStrides.position, *toV = dv + j * g.dvStrides.position;
    if (seen) {
      storeHeadRow(toK, s.dKeys + (slot + j - j0) * padded, a.scale, a.headDim);
      storeHeadRow(toV, s.dValues + (slot + j - j0) * padded, 1.0f, a.headDim);
    } else {
      memset(toK, 0, sizeof(float) * (size_t)a.headDim);
      memset(toV, 0, sizeof(float) * (size_t)a.headDim);
    }
  }
}

static void backwardHead(const AttentionGradientArgs& g, const BackwardScratch& s, long batch, long head) {
  const AttentionArgs& a = g.forward;
  const HeadView h = headView(a, batch, head);
  const long padded = paddedHead(a);
  const float* dO = g.dO + batch * g.dOStrides.batch + head * g.dOStrides.head;
  float* dq = g.dq + batch * g.dqStrides.batch + head * g.dqStrides.head;
  float* dk = g.dk + batch * g.dkStrides.batch + head * g.dkStrides.head;
  float* dv = g.dv + batch * g.dvStrides.batch + head * g.dvStrides.head;

  long opened = 0, closed = 0;  // keys before them lie in tiles that were opened, and closed
  for (long q0 = 0; q0 < a.queries; q0 += kQueryBlock) {
    const long rows = minLong(a.queries - q0, kQueryBlock);
    packBackwardQueries(g, h, dO, s, q0, rows);
    const long first = tileBegin(a, s.spans[0].from), end = s.spans[rows - 1].to;
    for (; closed < first; closed = tileEnd(a, closed)) closeKeyTile(g, s, dk, dv, closed, closed < opened);
    for (opened = maxLong(opened, first); opened < end; opened = tileEnd(a, opened)) openKeyTile(a, h, s, opened);
    for (long j0 = first; j0 < end; j0 = tileEnd(a, j0)) backwardTile(a, s, rows, j0, end);
    for (long r = 0; r < rows; r++)
      storeHeadRow(dq + (q0 + r) * g.dqStrides.position, s.dQueries + r * padded, a.scale, a.headDim);
  }
  for (; closed < a.keys; closed = tileEnd(a, closed)) closeKeyTile(g, s, dk, dv, closed, closed < opened);
}

static long attentionBackwardTasks(const AttentionArgs& a) { return a.batch * a.heads; }
static size_t attentionBackwardScratchBytes(const AttentionArgs& a) { return backwardScratch(a, nullptr).bytes; }
static void attentionBackward(const AttentionGradientArgs& g, long taskBegin, long taskEnd, void* memory) {
  const BackwardScratch s = backwardScratch(g.forward, memory);
  for (long task = taskBegin; task < taskEnd; task++)
    backwardHead(g, s, task / g.forward.heads, task % g.forward.heads);
}

static void addAttentionKernels(KernelTable& t) {
  t.attentionForwardTasks = attentionForwardTasks;
  t.attentionForwardScratchBytes = attentionForwardScratchBytes;
  t.attentionForward = attentionForward;
  t.attentionBackwardTasks = attentionBackwardTasks;
  t.attentionBackwardScratchBytes = attentionBackwardScratchBytes;
  t.attentionBackward = attentionBackward;
}
