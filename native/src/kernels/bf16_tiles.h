// bf16 products by dot-product units: tiles of 32 rows and 32 columns, pairs of neighbouring k side by side in both
// operands. A unit brings `tile` (and what must surround it); packing and the order of tiles are the same for all.
//
// unit_<name>.cpp includes this once, inside a namespace of its own: the archives share no symbol (see isa_body.h).
#pragma once

constexpr long kSide = 32;             // rows and columns of a tile
constexpr long kDepth = 32;            // k of a chunk: a row of 64 bytes
constexpr long kChunkOfTile = kSide * kDepth;
constexpr long kStripBytes = 1 << 20;  // of packed B, kept in L2 while rows of A pass by

static inline long ceilDiv(long a, long b) { return (a + b - 1) / b; }
static inline long roundUp(long a, long b) { return ceilDiv(a, b) * b; }
static inline long minLong(long a, long b) { return a < b ? a : b; }
static inline long maxLong(long a, long b) { return a > b ? a : b; }

// 32 rows of A: [chunk][2 halves][16 rows][32 k]. Missing rows and k are zeros.
static void packTileA(const Bf16GemmArgs& g, long i0, long rows, uint16_t* out) {
  const long chunks = ceilDiv(g.k, kDepth);
  memset(out, 0, sizeof(uint16_t) * (size_t)(chunks * kChunkOfTile));
  for (long chunk = 0; chunk < chunks; chunk++, out += kChunkOfTile) {
    const long k0 = chunk * kDepth, depth = minLong(g.k - k0, kDepth);
    if (!g.transA) {
      for (long i = 0; i < rows; i++) memcpy(out + i * kDepth, g.a + (i0 + i) * g.lda + k0, sizeof(uint16_t) * (size_t)depth);
    } else {
      for (long k = 0; k < depth; k++)
        for (long i = 0; i < rows; i++) out[i * kDepth + k] = g.a[(k0 + k) * g.lda + i0 + i];
    }
  }
}

// 32 columns of B: [chunk][2 halves][16 pairs of k][16 columns][2]. Missing columns and k are zeros.
static void packTileB(const Bf16GemmArgs& g, long j0, long columns, uint16_t* out) {
  const long chunks = ceilDiv(g.k, kDepth);
  memset(out, 0, sizeof(uint16_t) * (size_t)(chunks * kChunkOfTile));
  for (long chunk = 0; chunk < chunks; chunk++)
    for (long half = 0; half < 2; half++, out += kChunkOfTile / 2) {
      const long k0 = chunk * kDepth, depth = minLong(g.k - k0, kDepth);
      const long from = j0 + half * 16, width = minLong(columns - half * 16, 16);
      for (long k = 0; k < depth; k++) {
        uint16_t* to = out + k / 2 * 32 + k % 2;
        const uint16_t* b = g.transB ? g.b + from * g.ldb + k0 + k : g.b + (k0 + k) * g.ldb + from;
        const long step = g.transB ? g.ldb : 1;
        for (long j = 0; j < width; j++) to[2 * j] = b[j * step];
      }
    }
}

#if defined(NONET_UNIT_AMX)

// Eight registers of 16 rows of 64 bytes. Set at the start of a task and released at its end: a thread that holds no
// tiles is cheaper to switch, and nothing depends on what else ran on it.
struct UnitScope {
  UnitScope() {
    struct {
      uint8_t palette = 1, startRow = 0, reserved[14] = {};
      uint16_t rowBytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } config;
    _tile_loadconfig(&config);
  }
  ~UnitScope() { _tile_release(); }
};

// c[32][32] = A B over all chunks.
static void tile(const uint16_t* a, const uint16_t* b, long chunks, long, float* c) {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (long chunk = 0; chunk < chunks; chunk++, a += kChunkOfTile, b += kChunkOfTile) {
    _tile_loadd(4, a, 64);
    _tile_loadd(5, a + kChunkOfTile / 2, 64);
    _tile_loadd(6, b, 64);
    _tile_loadd(7, b + kChunkOfTile / 2, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, c, kSide * 4);
  _tile_stored(1, c + 16, kSide * 4);
  _tile_stored(2, c + 16 * kSide, kSide * 4);
  _tile_stored(3, c + 16 * kSide + 16, kSide * 4);
}

#elif defined(NONET_UNIT_AVX512BF16)

struct UnitScope {};

// 8 rows x 2 vectors: 16 accumulators hide the latency, 2 of B and a broadcast pair of A stay beside them.
static void tile(const uint16_t* a, const uint16_t* b, long chunks, long rows, float* c) {
  for (long i0 = 0; i0 < rows; i0 += 8) {
    __m512 sums[8][2];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) sums[i][0] = sums[i][1] = _mm512_setzero_ps();
    for (long chunk = 0; chunk < chunks; chunk++)
      for (long pair = 0; pair < kDepth / 2; pair++) {
        const uint16_t* from = b + chunk * kChunkOfTile + pair * 32;
        const __m512bh b0 = (__m512bh)_mm512_loadu_si512(from);
        const __m512bh b1 = (__m512bh)_mm512_loadu_si512(from + kChunkOfTile / 2);
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) {
          int32_t both;
          memcpy(&both, a + chunk * kChunkOfTile + (i0 + i) * kDepth + 2 * pair, sizeof both);
          const __m512bh av = (__m512bh)_mm512_set1_epi32(both);
          sums[i][0] = _mm512_dpbf16_ps(sums[i][0], av, b0);
          sums[i][1] = _mm512_dpbf16_ps(sums[i][1], av, b1);
        }
      }
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
      _mm512_storeu_ps(c + (i0 + i) * kSide, sums[i][0]);
      _mm512_storeu_ps(c + (i0 + i) * kSide + 16, sums[i][1]);
    }
  }
}

#else

// What Intel's manual says of VDPBF16PS and TDPBF16PS: every step is a fused multiply-add (or an addition) rounded to
// the nearest even, denormals of operands and results count as zeros of their sign, and nothing of the thread's mode
// matters. Where this differs: which NaN comes out of several, and results less than 2^-150 below the smallest normal
// number, which a unit may flush and this rounds up to it.
struct UnitScope {};

static inline float flushed(float x) { return fabsf(x) < 1.17549435e-38f ? copysignf(0, x) : x; }
static inline float widened(uint16_t x) {
  const uint32_t bits = (uint32_t)x << 16;
  float f;
  memcpy(&f, &bits, sizeof f);
  return flushed(f);
}
static inline float multiplyAdd(uint16_t a, uint16_t b, float sum) { return flushed(fmaf(widened(a), widened(b), sum)); }

// One chunk of one element: `a` has its 32 values side by side, pairs of `b` lie 32 apart.
static inline float addChunk(const uint16_t* a, const uint16_t* b, float sum) {
#if defined(NONET_EMULATES_AMX)
  // Even and odd k apart, from zero, and their sum is added as one.
  float even = 0, odd = 0;
  for (int pair = 0; pair < 16; pair++) {
    even = multiplyAdd(a[2 * pair], b[32 * pair], even);
    odd = multiplyAdd(a[2 * pair + 1], b[32 * pair + 1], odd);
  }
  return flushed(sum + flushed(even + odd));
#else
  // Pair after pair, the odd k first.
  for (int pair = 0; pair < 16; pair++) {
    sum = multiplyAdd(a[2 * pair + 1], b[32 * pair + 1], sum);
    sum = multiplyAdd(a[2 * pair], b[32 * pair], sum);
  }
  return sum;
#endif
}

static void tile(const uint16_t* a, const uint16_t* b, long chunks, long rows, float* c) {
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < kSide; j++) {
      float sum = 0;
      for (long chunk = 0; chunk < chunks; chunk++)
        sum = addChunk(a + chunk * kChunkOfTile + i * kDepth,
                       b + chunk * kChunkOfTile + j / 16 * (kChunkOfTile / 2) + j % 16 * 2, sum);
      c[i * kSide + j] = sum;
    }
}

#endif

static long stripColumns(const Bf16GemmArgs& g) {
  const long most = maxLong(kStripBytes / (long)sizeof(uint16_t) / maxLong(roundUp(g.k, kDepth), 1) / kSide, 1) * kSide;
  return minLong(most, roundUp(g.n, kSide));
}

static void gemm(const Bf16GemmArgs& g, long rowBegin, long rowEnd, long colBegin, long colEnd, void* scratch) {
  const UnitScope scope;
  (void)scope;
  const long chunks = ceilDiv(g.k, kDepth), strip = stripColumns(g);
  float* result = (float*)scratch;
  uint16_t* packedA = (uint16_t*)(result + kSide * kSide);
  uint16_t* packedB = packedA + chunks * kChunkOfTile;
  for (long j0 = colBegin; j0 < colEnd; j0 += strip) {
    const long width = minLong(colEnd - j0, strip);
    for (long j = 0; j < width; j += kSide) packTileB(g, j0 + j, minLong(width - j, kSide), packedB + j * chunks * kDepth);
    for (long i = rowBegin; i < rowEnd; i += kSide) {
      const long rows = minLong(rowEnd - i, kSide);
      packTileA(g, i, rows, packedA);
      for (long j = 0; j < width; j += kSide) {
        tile(packedA, packedB + j * chunks * kDepth, chunks, rows, result);
        const size_t bytes = sizeof(float) * (size_t)minLong(width - j, kSide);
        for (long r = 0; r < rows; r++) memcpy(g.c + (i + r) * g.ldc + j0 + j, result + r * kSide, bytes);
      }
    }
  }
}

static size_t scratchBytes(const Bf16GemmArgs& g) {
  const long k = roundUp(g.k, kDepth);
  return sizeof(float) * kSide * kSide + sizeof(uint16_t) * (size_t)(k * (kSide + stripColumns(g)));
}

// About 256 rows, so that packing B inside a task is a few percent of its work; columns are cut when rows alone give
// several threads too little to do.
static void taskShape(const Bf16GemmArgs& g, long* rows, long* columns) {
  const long kWantedTasks = 8, kLeastColumns = 128;
  *rows = maxLong(g.m, 1);
  *columns = maxLong(g.n, 1);
  if (g.m <= 0 || g.n <= 0) return;
  const long down = ceilDiv(g.m, 256), across = maxLong(kWantedTasks / down, 1);
  *rows = minLong(roundUp(ceilDiv(g.m, down), kSide), g.m);
  *columns = minLong(maxLong(roundUp(ceilDiv(g.n, across), kSide), kLeastColumns), g.n);
}
