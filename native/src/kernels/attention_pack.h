// What attention forward and backward share: block sizes, the softmax's exponential, packed operands, products of
// tiles. Works on one (batch, head) at a time: query blocks of kQueryBlock rows against key tiles of kKeyTile keys that
// start at fixed places, so that what a row computes does not depend on how queries are split.
//
// Scores are kept in base 2: keys are multiplied by scale * log2(e) when packed for them, and exp becomes exp2.
// Query-side rows (Q, dO) are packed as [headDim / 64][kQueryBlock][64], so that they serve as left operand of scores
// and right operand of dK and dV alike; scores of wider heads are sums of the totals of 64 dimensions.
#pragma once

constexpr long kKeyTile = 64;
constexpr long kQueryBlock = 64 / kTileRows * kTileRows;  // 56 or 60
constexpr long kScoreStride = kKeyTile;                   // floats between rows of a block of scores
constexpr long kDimChunk = 64;                            // dimensions of a head packed side by side
constexpr long kChunkFloats = kQueryBlock * kDimChunk;
constexpr long kQuarterFloats = kKeyTile / 4;  // scores are computed and masked by quarters of a tile
constexpr float kLog2E = 1.44269504f, kLn2 = 0.693147181f;

static constexpr TileKernels kNarrowColumnTiles = columnTileKernels<1>();
static constexpr TileKernels kScoreRowTiles = rowTileKernels<2, kScoreStride>();
static constexpr TileKernels kNarrowScoreRowTiles = rowTileKernels<1, kScoreStride>();

// 2^y for y <= 125, relative error under 2e-7; anything below 2^-125 comes out as about 2^-125.
NONET_INLINE Floats exp2Bounded(Floats y) {
  y = max_(splat(-125.0f), y);
  const Floats shifted = y + splat(kRoundingMagic);  // its low bits hold the nearest integer
  const Floats r = y - (shifted - splat(kRoundingMagic));
  Floats p = splat(0.00132764725f);
  p = fma_(p, r, splat(0.00967554096f));
  p = fma_(p, r, splat(0.0555071309f));
  p = fma_(p, r, splat(0.240221202f));
  p = fma_(p, r, splat(0.693146944f));
  p = fma_(p, r, splat(1.0f));
  return (Floats)((Ints)p + ((Ints)shifted << 23));
}

// One (batch, head): where its rows lie and which keys they see.
struct HeadView {
  const float *q, *k, *v;
  float *o, *lse;
  long liveKeys;     // keys at or behind it are never read
  long queryOffset;  // absolute position of query 0
};
NONET_INLINE HeadView headView(const AttentionArgs& a, long batch, long head) {
  HeadView h;
  h.q = a.q + batch * a.qStrides.batch + head * a.qStrides.head;
  h.k = a.k + batch * a.kStrides.batch + head * a.kStrides.head;
  h.v = a.v + batch * a.vStrides.batch + head * a.vStrides.head;
  h.o = a.o + batch * a.oStrides.batch + head * a.oStrides.head;
  h.lse = a.lse + (batch * a.heads + head) * a.queries;
  h.liveKeys = a.keyLength ? minLong(maxLong(a.keyLength[batch], 0), a.keys) : a.keys;
  h.queryOffset = a.queryOffset ? a.queryOffset[batch] : 0;
  return h;
}
// Keys [from, to); none where the two are equal.
struct KeySpan {
  long from, to;
};
// What a query sees. Neither end falls from one query to the next, so a block of queries looks at the keys from the first
// one's `from` to the last one's `to`.
NONET_INLINE KeySpan visibleKeys(const AttentionArgs& a, const HeadView& h, long query) {
  const long position = query + h.queryOffset;
  long from = 0, to = h.liveKeys;
  if (a.chunk > 0) {
    const long begin = (position >= 0 ? position / a.chunk : -((a.chunk - 1 - position) / a.chunk)) * a.chunk;
    from = maxLong(begin - a.overlap, 0);
    to = minLong(maxLong(begin + a.chunk + a.overlap, 0), to);
  }
  if (a.causal) to = minLong(maxLong(position + 1, 0), to);
  return {minLong(from, to), to};
}
static void visibleKeysOfBlock(const AttentionArgs& a, const HeadView& h, long q0, long rows, KeySpan* spans) {
  for (long r = 0; r < rows; r++) spans[r] = visibleKeys(a, h, q0 + r);
}
// How many rows of a block from r0 on go through the tiles together: rows of one chunk, unless chunks are small, since
// together they look at what any of them sees.
NONET_INLINE long rowsTogether(const AttentionArgs& a, const KeySpan* spans, long r0, long rows) {
  const long most = minLong(rows - r0, kTileRows);
  if (a.chunk < 2 * kTileRows || spans[r0 + most - 1].from == spans[r0].from) return most;
  long count = 1;
  while (spans[r0 + count].from == spans[r0].from) count++;
  return count;
}
// Tiles are counted from keys before the first one, so that chunks whose length is a multiple of theirs begin to see with a
// tile: else every row would go through one tile more for a few keys. The first tile is so much shorter: by whole quarters,
// so that no part of it reaches into the next one.
NONET_INLINE long tileShift(const AttentionArgs& a) {
  return a.chunk > 0 && a.chunk % kKeyTile == 0 ? a.overlap % kKeyTile / kQuarterFloats * kQuarterFloats : 0;
}
NONET_INLINE long tileOf(const AttentionArgs& a, long key) { return (key + tileShift(a)) / kKeyTile; }
NONET_INLINE long tileBegin(const AttentionArgs& a, long key) {
  return maxLong(tileOf(a, key) * kKeyTile - tileShift(a), 0);
}
NONET_INLINE long tileEnd(const AttentionArgs& a, long key) { return (tileOf(a, key) + 1) * kKeyTile - tileShift(a); }

// Key tiles that a block of queries looks at, at most. Packed tiles are kept in a ring of so many: tile t in slot t mod it.
NONET_INLINE long tilesOfBlock(const AttentionArgs& a) {
  const long all = ceilDiv(a.keys + tileShift(a), kKeyTile);
  if (a.chunk == 0) return all;
  return minLong(ceilDiv(2 * (a.chunk + a.overlap) + kQueryBlock, kKeyTile) + 1, all);
}

// Whether keys lie in a span, for the lanes of a vector that begins with `key`.
NONET_INLINE Ints isInside(const KeySpan& span, long key) {
  return (Uints)(laneIndices() + splat((int32_t)(key - span.from))) < splat((uint32_t)(span.to - span.from));
}

NONET_INLINE long paddedHead(const AttentionArgs& a) { return roundUp(a.headDim, kFloats); }

// [headDim][kKeyTile], transposed; lanes past the live keys are zero.
static void packKeyTile(const float* rows, long stride, long live, long headDim, float scale, float* out) {
  if (live < kKeyTile) memset(out, 0, sizeof(float) * (size_t)(headDim * kKeyTile));
  packTransposed(rows, stride, live, headDim, scale, out, kKeyTile);
}
// [rows][outStride], zeros behind `dims` up to whole vectors.
static void packHeadRows(const float* from, long stride, long rows, long dims, float* out, long outStride) {
  for (long i = 0; i < rows; i++, from += stride, out += outStride)
    for (long d = 0; d < dims; d += kFloats) {
      const long live = dims - d;
      store(out + d, live >= kFloats ? load(from + d) : loadPartial(from + d, (int)live));
    }
}
// [headDim / 64][kQueryBlock][64]
static void packQueryRows(const float* from, long stride, long rows, long headDim, float* out) {
  for (long d = 0; d < headDim; d += kDimChunk, out += kChunkFloats)
    packHeadRows(from + d, stride, rows, minLong(headDim - d, kDimChunk), out, kDimChunk);
}
static void storeHeadRow(float* to, const float* from, float factor, long headDim) {
  for (long d = 0; d < headDim; d += kFloats) {
    const long live = headDim - d;
    const Floats v = load(from + d) * splat(factor);
    if (live >= kFloats) store(to + d, v);
    else storePartial(to + d, v, (int)live);
  }
}

// rows x (vectors * kFloats) of C by tiles of two vectors, the last of one when the count is odd. A single row by rows
// (decoding) takes four at once, else it would wait for its own multiply-adds.
NONET_INLINE void runTiles(const TileKernels& pairs, const TileKernels& singles, long rows, long vectors, Tile t) {
  long v = 0;
  if (rows == 1 && &pairs == &kScoreRowTiles)
    for (; v + 4 <= vectors; v += 4) {
      rowTile<1, 4, kScoreStride>(t);
      t.b += 4 * kFloats;
      t.c += 4 * kFloats;
    }
  for (; v + 2 <= vectors; v += 2) {
    pairs.of[rows](t);
    t.b += 2 * kFloats;
    t.c += 2 * kFloats;
  }
  if (v < vectors) singles.of[rows](t);
}

// scores[rows][64] = query-side rows (packed, from the first of them) x packed key tile [headDim][64]
NONET_INLINE void scoreTiles(const float* queries, const float* tile, float* scores, long rows, long quarters,
                             long headDim) {
  Tile t{};
  t.bStride = kKeyTile;
  t.c = scores;
  t.cStride = kScoreStride;
  for (long d = 0; d < headDim; d += kDimChunk, queries += kChunkFloats) {
    t.k = minLong(headDim - d, kDimChunk);
    t.a = t.ahead0 = t.ahead1 = queries;
    t.b = tile + d * kKeyTile;
    t.add = d > 0;
    runTiles(kScoreRowTiles, kNarrowScoreRowTiles, rows, quarters * (kQuarterFloats / kFloats), t);
  }
}
// out[rows][padded] += weights[rows][64] x operand[k][headDim]
NONET_INLINE void weightedRows(const float* weights, long k, const float* operand, long operandStride, float* out,
                               long rows, long padded) {
  Tile t{};
  t.k = k;
  t.a = t.ahead0 = t.ahead1 = weights;
  t.b = operand;
  t.bStride = operandStride;
  t.c = out;
  t.cStride = padded;
  t.add = true;
  runTiles(kScoreRowTiles, kNarrowScoreRowTiles, rows, padded / kFloats, t);
}
// out[keys][padded] += transpose of weights[k][64] x query-side rows [k]
NONET_INLINE void weightedColumns(const float* weights, long k, const float* queries, float* out, long keys,
                                  long padded) {
  Tile t{};
  t.k = k;
  t.a = weights;
  t.aStride = kScoreStride;
  t.bStride = kDimChunk;
  t.cStride = padded;
  t.add = true;
  for (long d = 0; d < padded; d += kDimChunk, queries += kChunkFloats) {
    t.b = queries;
    t.c = out + d;
    runTiles(kColumnTiles, kNarrowColumnTiles, keys, minLong(padded - d, kDimChunk) / kFloats, t);
  }
}

NONET_INLINE long queryRowFloats(const AttentionArgs& a) { return ceilDiv(a.headDim, kDimChunk) * kChunkFloats; }

// Carves aligned pieces out of a scratch buffer; with a null base it only counts.
struct Carver {
  float* base;
  size_t used;
  float* take(long floats) {
    float* piece = base ? base + used : nullptr;
    used += (size_t)roundUp(floats, 16);
    return piece;
  }
  KeySpan* takeSpans() { return (KeySpan*)take(kQueryBlock * (long)(sizeof(KeySpan) / sizeof(float))); }
};
