// Attention backward, one task per (batch, head). With P the weights (rebuilt from lse), D_i = dO_i . O_i:
//   dV = P^T dO,  dS = P * (dO V^T - D),  dQ = scale * dS K,  dK = scale * dS^T Q.
// dQ is summed per query block over key tiles, dK and dV over query blocks, always in ascending order.
#pragma once

struct BackwardScratch {
  float *keysT, *valuesT;   // [tiles][headDim][64]; keys times scale * log2(e)
  float* keys;              // [tiles * 64][padded]
  float *dKeys, *dValues;   // [tiles * 64][padded]
  float *queries, *dOut;    // [headDim / 64][kQueryBlock][64]
  float* weights;           // P, [kQueryBlock][64]
  float* dScores;           // dS, [kQueryBlock][64]
  float* dQueries;          // [kQueryBlock][padded]
  float* lse2;              // [kQueryBlock], base 2
  float* products;          // D, [kQueryBlock]
  size_t bytes;
};

static BackwardScratch backwardScratch(const AttentionArgs& a, void* memory) {
  Carver carver{(float*)memory, 0};
  const long padded = paddedHead(a), rows = ceilDiv(a.keys, kKeyTile) * kKeyTile;
  BackwardScratch s;
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
  s.bytes = carver.used * sizeof(float);
  return s;
}

// The first QUARTERS of a row: scores become P and dO V^T becomes dS; keys at or behind `visible` get 0.
template <int QUARTERS, bool MASKED>
NONET_INLINE void gradientRow(float* weights, float* dScores, long visible, float lse2, float product) {
#pragma GCC unroll 16
  for (int v = 0; v < QUARTERS * kQuarterFloats / kFloats; v++) {
    float* w = weights + v * kFloats;
    float* d = dScores + v * kFloats;
    Floats p = exp2Bounded(load(w) - splat(lse2));
    if (MASKED) p = select(laneIndices() < splat((int32_t)(visible - v * kFloats)), p, Floats{});
    store(w, p);
    store(d, (load(d) - splat(product)) * p);
  }
}

// Rows [q0 + r0, + height) against keys from j0. The rest of the tile up to `tileQuarters` gets zeros, since dK and dV
// of keys there read it.
template <int QUARTERS>
static void gradientRows(const AttentionArgs& a, const HeadView& h, const BackwardScratch& s, long q0, long r0,
                         long height, long j0, long tileQuarters) {
  for (long r = r0; r < r0 + height; r++) {
    const long visible = visibleKeys(a, h, q0 + r) - j0;
    float* weights = s.weights + r * kScoreStride;
    float* dScores = s.dScores + r * kScoreStride;
    if (visible >= QUARTERS * kQuarterFloats)
      gradientRow<QUARTERS, false>(weights, dScores, visible, s.lse2[r], s.products[r]);
    else gradientRow<QUARTERS, true>(weights, dScores, visible, s.lse2[r], s.products[r]);
    for (long j = QUARTERS * kQuarterFloats; j < tileQuarters * kQuarterFloats; j += kFloats) {
      store(weights + j, Floats{});
      store(dScores + j, Floats{});
    }
  }
}

// Rows [q0, q0 + rows) against the key tile at j0.
static void backwardTile(const AttentionArgs& a, const HeadView& h, const BackwardScratch& s, long q0, long rows,
                         long j0, long end) {
  const long padded = paddedHead(a);
  const long tileLive = minLong(end - j0, kKeyTile), tileQuarters = ceilDiv(tileLive, kQuarterFloats);
  const float* keysT = s.keysT + j0 * a.headDim;
  const float* valuesT = s.valuesT + j0 * a.headDim;
  for (long r0 = 0; r0 < rows; r0 += kTileRows) {
    const long height = minLong(rows - r0, kTileRows);
    const long live = maxLong(minLong(visibleKeys(a, h, q0 + r0 + height - 1) - j0, kKeyTile), 0);
    const long quarters = ceilDiv(live, kQuarterFloats);
    float* dScores = s.dScores + r0 * kScoreStride;
    scoreTiles(s.queries + r0 * kDimChunk, keysT, s.weights + r0 * kScoreStride, height, quarters, a.headDim);
    scoreTiles(s.dOut + r0 * kDimChunk, valuesT, dScores, height, quarters, a.headDim);
    if (quarters == 4) gradientRows<4>(a, h, s, q0, r0, height, j0, tileQuarters);
    else if (quarters == 3) gradientRows<3>(a, h, s, q0, r0, height, j0, tileQuarters);
    else if (quarters == 2) gradientRows<2>(a, h, s, q0, r0, height, j0, tileQuarters);
    else if (quarters == 1) gradientRows<1>(a, h, s, q0, r0, height, j0, tileQuarters);
    else gradientRows<0>(a, h, s, q0, r0, height, j0, tileQuarters);
    if (live > 0) weightedRows(dScores, live, s.keys + j0 * padded, padded, s.dQueries + r0 * padded, height, padded);
  }
  // Near-equal groups of keys; queries before the first that sees a group have nothing to add.
  const long height = ceilDiv(tileLive, ceilDiv(tileLive, kTileRows));
  for (long c = 0; c < tileLive; c += height) {
    const long keys = minLong(tileLive - c, height);
    const long first = a.causal ? maxLong(j0 + c - h.queryOffset - q0, 0) : 0;
    if (first >= rows) break;
    const long at = first * kScoreStride + c, to = (j0 + c) * padded;
    weightedColumns(s.weights + at, rows - first, s.dOut + first * kDimChunk, s.dValues + to, keys, padded);
    weightedColumns(s.dScores + at, rows - first, s.queries + first * kDimChunk, s.dKeys + to, keys, padded);
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
    s.lse2[r] = visibleKeys(a, h, q0 + r) > 0 ? h.lse[q0 + r] * kLog2E : 0.0f;
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

  const long seen = a.queries > 0 ? visibleKeys(a, h, a.queries - 1) : 0;
  for (long j0 = 0; j0 < seen; j0 += kKeyTile) {
    const long inTile = minLong(h.liveKeys - j0, kKeyTile);
    const float* k = h.k + j0 * a.kStrides.position;
    packKeyTile(k, a.kStrides.position, inTile, a.headDim, a.scale * kLog2E, s.keysT + j0 * a.headDim);
    packKeyTile(h.v + j0 * a.vStrides.position, a.vStrides.position, inTile, a.headDim, 1.0f, s.valuesT + j0 * a.headDim);
    packHeadRows(k, a.kStrides.position, inTile, a.headDim, s.keys + j0 * padded, padded);
  }
  memset(s.dKeys, 0, sizeof(float) * (size_t)(seen * padded));
  memset(s.dValues, 0, sizeof(float) * (size_t)(seen * padded));

  for (long q0 = 0; q0 < a.queries; q0 += kQueryBlock) {
    const long rows = minLong(a.queries - q0, kQueryBlock);
    packBackwardQueries(g, h, dO, s, q0, rows);
    const long end = visibleKeys(a, h, q0 + rows - 1);
    for (long j0 = 0; j0 < end; j0 += kKeyTile) backwardTile(a, h, s, q0, rows, j0, end);
    for (long r = 0; r < rows; r++)
      storeHeadRow(dq + (q0 + r) * g.dqStrides.position, s.dQueries + r * padded, a.scale, a.headDim);
  }
  for (long j = 0; j < seen; j++) {
    storeHeadRow(dk + j * g.dkStrides.position, s.dKeys + j * padded, a.scale, a.headDim);
    storeHeadRow(dv + j * g.dvStrides.position, s.dValues + j * padded, 1.0f, a.headDim);
  }
  for (long j = seen; j < a.keys; j++) {
    memset(dk + j * g.dkStrides.position, 0, sizeof(float) * (size_t)a.headDim);
    memset(dv + j * g.dvStrides.position, 0, sizeof(float) * (size_t)a.headDim);
  }
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
