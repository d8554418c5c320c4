#include <algorithm>

#include "check.h"

using namespace nonet;

namespace {

// q, k, v lie interleaved as a fused projection leaves them: [batch, position, 3, head, headDim]; o is [b, p, h, d].
struct Case {
  long batch, heads, queries, keys, headDim;
  bool causal;
  std::vector<int32_t> keyLength, queryOffset;
  float scale;
  Vector q, k, v, dO;
  long chunk = 0, overlap = 0;
};

AttentionStrides strides(const Case& c, long positions, long extra) {
  const long position = c.heads * c.headDim + extra;
  return {positions * position, position, c.headDim};
}
constexpr long kQueryGap = 5, kKeyGap = 3;

Case randomCase(Random& random, long batch, long heads, long queries, long keys, long headDim, bool causal, bool bounds) {
  Case c{batch, heads, queries, keys, headDim, causal, {}, {}, 1.0f / sqrtf((float)headDim), {}, {}, {}, {}, 0, 0};
  const AttentionStrides qs = strides(c, queries, kQueryGap), ks = strides(c, keys, kKeyGap);
  c.q = random.values(batch * qs.batch);
  c.k = random.values(batch * ks.batch);
  c.v = random.values(batch * ks.batch);
  c.dO = random.values(batch * qs.batch);
  for (float& x : c.q) x *= 3;  // peaked rows, so that the running maximum moves
  for (float& x : c.k) x *= 3;
  for (long b = 0; b < batch && bounds; b++) {
    c.keyLength.push_back((int32_t)random.between(b == 0 ? 0 : 1, keys));
    c.queryOffset.push_back((int32_t)random.between(-2, keys));
    for (long j = c.keyLength.back(); j < keys; j++)  // dead keys may hold anything
      for (long d = 0; d < ks.position; d++)
        c.k[(size_t)(b * ks.batch + j * ks.position + d)] = c.v[(size_t)(b * ks.batch + j * ks.position + d)] = nanf("");
  }
  return c;
}

struct Output {
  Vector o, lse;
};

AttentionArgs arguments(const Case& c, Output& out) {
  const AttentionStrides qs = strides(c, c.queries, kQueryGap), ks = strides(c, c.keys, kKeyGap);
  return {c.batch, c.heads, c.queries, c.keys, c.headDim, c.q.data(), c.k.data(), c.v.data(), out.o.data(), out.lse.data(),
          qs, ks, ks, qs, c.causal, c.scale, c.keyLength.empty() ? nullptr : c.keyLength.data(),
          c.queryOffset.empty() ? nullptr : c.queryOffset.data(), c.chunk, c.overlap};
}

Output forward(const KernelTable& table, const Case& c) {
  Output out{Vector(c.q.size(), 77.0f), Vector((size_t)(c.batch * c.heads * c.queries), nanf(""))};
  const AttentionArgs a = arguments(c, out);
  Buffer scratch(table.attentionForwardScratchBytes(a));
  for (long t = table.attentionForwardTasks(a) - 1; t >= 0; t--) table.attentionForward(a, t, t + 1, scratch.data);
  check(scratch.guardHolds(), "attention forward stays inside its scratch");
  return out;
}

bool visible(const Case& c, long b, long i, long j) {
  const long length = c.keyLength.empty() ? c.keys : c.keyLength[(size_t)b];
  const long offset = c.queryOffset.empty() ? 0 : c.queryOffset[(size_t)b];
  if (j >= length || (c.causal && j > i + offset)) return false;
  if (c.chunk == 0) return true;
  long begin = 0;
  while (begin + c.chunk <= i + offset) begin += c.chunk;
  while (begin > i + offset) begin -= c.chunk;
  return j >= begin - c.overlap && j < begin + c.chunk + c.overlap;
}

// Reference in double precision; worst absolute differences are checked against a tolerance.
void compare(const KernelTable& table, const Case& c, bool withGradients, double tolerance = 1) {
  const std::string name = std::string(table.isa) + " attention b" + std::to_string(c.batch) + " h" + std::to_string(c.heads) + " " +
      std::to_string(c.queries) + "x" + std::to_string(c.keys) + " d" + std::to_string(c.headDim) + (c.causal ? " causal" : "") +
      (c.keyLength.empty() ? "" : " bounded") + (c.chunk == 0 ? "" : " chunk " + std::to_string(c.chunk) + "+" + std::to_string(c.overlap));
  const AttentionStrides qs = strides(c, c.queries, kQueryGap), ks = strides(c, c.keys, kKeyGap);
  Output out = forward(table, c);
  Vector dq(c.q.size(), nanf("")), dk(c.k.size(), nanf("")), dv(c.v.size(), nanf(""));
  if (withGradients) {
    const AttentionGradientArgs g{arguments(c, out), c.dO.data(), qs, dq.data(), dk.data(), dv.data(), qs, ks, ks};
    Buffer scratch(table.attentionBackwardScratchBytes(g.forward));
    for (long t = table.attentionBackwardTasks(g.forward) - 1; t >= 0; t--) table.attentionBackward(g, t, t + 1, scratch.data);
    check(scratch.guardHolds(), "attention backward stays inside its scratch");
  }
  double errorO = 0, errorLse = 0, errorGradient = 0, largest = 1;
  bool blindRows = true;
  const auto differ = [](double& error, double expected, float got) {
    const double e = fabs(expected - got);
    error = e <= error ? error : e;  // a NaN comes through
  };
  for (long b = 0; b < c.batch; b++)
    for (long h = 0; h < c.heads; h++) {
      const float* q = c.q.data() + b * qs.batch + h * c.headDim;
      const float* k = c.k.data() + b * ks.batch + h * c.headDim;
      const float* v = c.v.data() + b * ks.batch + h * c.headDim;
      const float* dO = c.dO.data() + b * qs.batch + h * c.headDim;
      const size_t size = (size_t)(c.keys * c.headDim);
      std::vector<double> wantK(size, 0), wantV(size, 0), p((size_t)c.keys), dp((size_t)c.keys);
      for (long i = 0; i < c.queries; i++) {
        double top = -INFINITY, sum = 0;
        for (long j = 0; j < c.keys; j++) {
          double s = 0;
          if (visible(c, b, i, j))
            for (long d = 0; d < c.headDim; d++) s += (double)q[i * qs.position + d] * k[j * ks.position + d];
          p[(size_t)j] = visible(c, b, i, j) ? s * c.scale : -INFINITY;
          top = std::max(top, p[(size_t)j]);
        }
        for (double& x : p) sum += x = std::isinf(top) ? 0 : exp(x - top);
        const float* o = out.o.data() + b * qs.batch + i * qs.position + h * c.headDim;
        const float lse = out.lse[(size_t)((b * c.heads + h) * c.queries + i)];
        if (std::isinf(top)) {
          blindRows = blindRows && lse == -INFINITY;
          for (long d = 0; d < c.headDim; d++) blindRows = blindRows && o[d] == 0;
        } else {
          differ(errorLse, top + log(sum), lse);
        }
        double product = 0;
        for (long j = 0; j < c.keys; j++) {
          p[(size_t)j] /= sum > 0 ? sum : 1;
          dp[(size_t)j] = 0;
          if (!visible(c, b, i, j)) continue;
          for (long d = 0; d < c.headDim; d++) dp[(size_t)j] += (double)dO[i * qs.position + d] * v[j * ks.position + d];
          product += p[(size_t)j] * dp[(size_t)j];
        }
        std::vector<double> wantO((size_t)c.headDim, 0), wantQ((size_t)c.headDim, 0);
        for (long j = 0; j < c.keys; j++) {
          if (!visible(c, b, i, j)) continue;
          const double ds = p[(size_t)j] * (dp[(size_t)j] - product) * c.scale;
          for (long d = 0; d < c.headDim; d++) {
            wantO[(size_t)d] += p[(size_t)j] * v[j * ks.position + d];
            wantQ[(size_t)d] += ds * k[j * ks.position + d];
            wantK[(size_t)(j * c.headDim + d)] += ds * q[i * qs.position + d];
            wantV[(size_t)(j * c.headDim + d)] += p[(size_t)j] * dO[i * qs.position + d];
          }
        }
        for (long d = 0; d < c.headDim; d++) {
          differ(errorO, wantO[(size_t)d], o[d]);
          if (withGradients) differ(errorGradient, wantQ[(size_t)d], dq[(size_t)(b * qs.batch + i * qs.position + h * c.headDim + d)]);
        }
      }
      for (long j = 0; j < c.keys && withGradients; j++)
        for (long d = 0; d < c.headDim; d++) {
          const size_t at = (size_t)(b * ks.batch + j * ks.position + h * c.headDim + d);
          largest = std::max({largest, fabs(wantK[(size_t)(j * c.headDim + d)]), fabs(wantV[(size_t)(j * c.headDim + d)])});
          differ(errorGradient, wantK[(size_t)(j * c.headDim + d)], dk[at]);
          differ(errorGradient, wantV[(size_t)(j * c.headDim + d)], dv[at]);
        }
    }
  const double loose = table.fusedMultiplyAdd ? tolerance : 2 * tolerance;
  check(errorO < 4e-6 * loose, name + ": o differs by " + std::to_string(errorO * 1e6) + "e-6");
  check(errorLse < 1e-5 * loose, name + ": lse differs by " + std::to_string(errorLse * 1e6) + "e-6");
  check(errorGradient < 1e-5 * loose * largest, name + ": gradients differ by " + std::to_string(errorGradient * 1e6) + "e-6");
  check(blindRows, name + ": a query that sees no key gives o = 0, lse = -inf");
}

// Scores that climb by 60 and more from the first key to the last: the running maximum must follow them.
Case risingCase(Random& random, long headDim) {
  Case c = randomCase(random, 1, 2, 200, 200, headDim, true, false);
  const AttentionStrides qs = strides(c, 200, kQueryGap), ks = strides(c, 200, kKeyGap);
  for (long i = 0; i < 200; i++)
    for (long h = 0; h < 2; h++) {
      c.q[(size_t)(i * qs.position + h * headDim)] = 1 / c.scale;
      c.k[(size_t)(i * ks.position + h * headDim)] = 0.4f * (float)i;
    }
  return c;
}

Case inChunks(Case c, long chunk, long overlap) {
  c.chunk = chunk;
  c.overlap = overlap;
  return c;
}

// Row i of a long call, computed alone with queryOffset = i: what decoding does after training.
void checkRowAlone(const KernelTable& table, Random& random, long headDim, long chunk, long overlap) {
  const Case whole = inChunks(randomCase(random, 2, 2, 150, 150, headDim, true, false), chunk, overlap);
  const Output expected = forward(table, whole);
  const AttentionStrides qs = strides(whole, 150, kQueryGap);
  for (long i : {0L, 1L, 63L, 64L, 97L, 149L}) {
    Case one = whole;
    one.queries = 1;
    one.queryOffset = {(int32_t)i, (int32_t)i};
    one.keyLength = {(int32_t)i + 1, (int32_t)i + 1};
    one.q.clear();
    for (long b = 0; b < 2; b++) {
      const float* row = whole.q.data() + b * qs.batch + i * qs.position;
      one.q.insert(one.q.end(), row, row + qs.position);
    }
    const Output got = forward(table, one);
    for (long b = 0; b < 2; b++)
      check(sameBits(got.o.data() + b * qs.position, expected.o.data() + b * qs.batch + i * qs.position, 2 * headDim),
            std::string(table.isa) + " attention: row " + std::to_string(i) + " alone equals the row in the batch, d" + std::to_string(headDim));
  }
}

void testChunks(const KernelTable& table, Random& random) {
  for (long chunk : {1L, 5L, 16L, 60L, 64L, 100L, 128L, 1000L})
    for (long overlap : {0L, 3L, 16L, 90L})
      for (bool causal : {false, true}) {
        const long length = random.between(1, 420);
        const Case whole = randomCase(random, 1, 2, length, length, 16, causal, false);
        compare(table, inChunks(whole, chunk, overlap), true);
        const Case cached = randomCase(random, 3, 1, random.between(1, 90), random.between(1, 400), 20, causal, true);
        compare(table, inChunks(cached, chunk, overlap), true);
      }
  // Chunks that hold everything change nothing.
  const Case full = randomCase(random, 1, 2, 300, 300, 32, true, false);
  const Output expected = forward(table, full), got = forward(table, inChunks(full, 300, 0));
  check(sameBits(expected.o.data(), got.o.data(), (long)got.o.size()), std::string(table.isa) + " attention: one chunk equals none");
  // What a task needs follows the band, not the length.
  Case band = inChunks(randomCase(random, 1, 1, 200, 200, 32, true, false), 32, 16), longer = band;
  longer.queries = longer.keys = 1 << 20;
  Output none{Vector(1), Vector(1)};
  check(table.attentionForwardScratchBytes(arguments(band, none)) == table.attentionForwardScratchBytes(arguments(longer, none)) &&
        table.attentionBackwardScratchBytes(arguments(band, none)) == table.attentionBackwardScratchBytes(arguments(longer, none)),
        std::string(table.isa) + " attention: scratch of a band does not grow with the length");
}

}  // namespace

void testAttention(const KernelTable& table) {
  Random random;
  for (long headDim : {1L, 3L, 7L, 16L, 20L, 32L, 33L, 48L, 64L, 65L, 100L, 128L, 199L, 255L, 256L}) {
    compare(table, randomCase(random, 2, 2, random.between(1, 140), random.between(1, 140), headDim, false, false), true);
    const long length = random.between(1, 200);
    compare(table, randomCase(random, 2, 2, length, length, headDim, true, false), true);
    compare(table, randomCase(random, 3, 1, random.between(1, 90), random.between(1, 150), headDim, random.coin(), true), true);
  }
  compare(table, randomCase(random, 1, 1, 500, 500, 32, true, false), true);
  compare(table, risingCase(random, 1), true, 20);
  compare(table, risingCase(random, 32), true, 20);
  compare(table, randomCase(random, 4, 2, 1, 700, 64, false, true), false);
  compare(table, randomCase(random, 4, 2, 1, 300, 30, true, true), true);
  for (long headDim : {8L, 32L, 33L, 64L}) {
    checkRowAlone(table, random, headDim, 0, 0);
    checkRowAlone(table, random, headDim, 40, 16);
    checkRowAlone(table, random, headDim, 7, 0);
    checkRowAlone(table, random, headDim, 64, 16);
  }
  testChunks(table, random);
}
