#include <algorithm>

#include "check.h"

using namespace nonet;

namespace {

struct Problem {
  long m, n, k;
  Vector a, b, c;  // a [m, k], b [k, n], c [m, n]
};

Vector transposed(const Vector& x, long rows, long columns) {
  Vector t(x.size());
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < columns; j++) t[(size_t)(j * rows + i)] = x[(size_t)(i * columns + j)];
  return t;
}

struct Variant {
  bool transA, transB, packed, accumulate, tasks;
  std::string name() const {
    return std::string(transA ? "A^T" : "A") + (transB ? " B^T" : " B") + (packed ? " packed" : "") +
           (accumulate ? " accumulate" : "") + (tasks ? " in tasks" : "");
  }
};

Vector multiply(const KernelTable& table, const Problem& p, const Variant& v) {
  const Vector at = v.transA ? transposed(p.a, p.m, p.k) : p.a;
  const Vector bt = v.transB ? transposed(p.b, p.k, p.n) : p.b;
  Vector c = v.accumulate ? p.c : Vector(p.c.size(), nanf(""));
  GemmArgs g{p.m, p.n, p.k, at.data(), v.transA ? p.m : p.k, v.transA, bt.data(), v.transB ? p.k : p.n, v.transB,
             nullptr, c.data(), p.n, v.accumulate};
  Buffer packed(table.gemmPackedBytes(p.k, p.n));
  if (v.packed) {
    const long panel = table.gemmPanelColumns;
    for (long j = 0; j < p.n; j += panel)
      table.gemmPackB(bt.data(), g.ldb, v.transB, p.k, p.n, packed.data, j, std::min(j + panel, p.n));
    g.packedB = packed.data;
    g.b = nullptr;
  }
  Buffer scratch(table.gemmScratchBytes(g));
  long rows = p.m, columns = p.n;
  if (v.tasks) table.gemmTaskShape(g, &rows, &columns);
  // Backwards: the order of tasks must not matter.
  for (long i = (p.m - 1) / rows * rows; i >= 0; i -= rows)
    for (long j = (p.n - 1) / columns * columns; j >= 0; j -= columns)
      table.gemm(g, i, std::min(i + rows, p.m), j, std::min(j + columns, p.n), scratch.data);
  check(scratch.guardHolds() && packed.guardHolds(), "gemm stays inside its buffers");
  return c;
}

// What the contract says an element is while K fits one block: multiply-adds in order of k from 0.
float element(const KernelTable& table, const Problem& p, long i, long j) {
  float sum = 0;
  for (long k = 0; k < p.k; k++) {
    const float x = p.a[(size_t)(i * p.k + k)], y = p.b[(size_t)(k * p.n + j)];
    volatile float product = x * y;
    sum = table.fusedMultiplyAdd ? fmaf(x, y, sum) : product + sum;
  }
  return sum;
}

void checkShape(const KernelTable& table, Random& random, long m, long n, long k) {
  Problem p{m, n, k, random.values(m * k), random.values(k * n), random.values(m * n)};
  const std::string shape = std::string(table.isa) + " gemm " + std::to_string(m) + "x" + std::to_string(k) + "x" + std::to_string(n) + " ";
  const Vector plain = multiply(table, p, {});
  double worst = 0;
  for (long i = 0; i < m; i++)
    for (long j = 0; j < n; j++) {
      double sum = 0;
      for (long q = 0; q < k; q++) sum += (double)p.a[(size_t)(i * k + q)] * p.b[(size_t)(q * n + j)];
      worst = std::max(worst, fabs(sum - plain[(size_t)(i * n + j)]));
    }
  check(worst <= 1e-6 * sqrt((double)k + 1) * 4, shape + "is near the double product, error " + std::to_string(worst));
  if (k <= 256) {
    const long i = random.between(0, m - 1), j = random.between(0, n - 1);
    check(element(table, p, i, j) == plain[(size_t)(i * n + j)], shape + "adds products in order of k");
  }
  for (int bits = 1; bits < 32; bits++) {
    const Variant v{(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0, (bits & 16) != 0};
    const Vector got = multiply(table, p, v);
    Vector expected = plain;
    if (v.accumulate)
      for (size_t i = 0; i < expected.size(); i++) expected[i] = p.c[i] + plain[i];
    check(sameBits(got.data(), expected.data(), m * n), shape + v.name() + " has the bits of the plain product");
  }
  // A row alone, and a few columns alone, as in the whole.
  const long row = random.between(0, m - 1);
  Problem alone = p;
  alone.m = 1;
  alone.a.assign(p.a.begin() + row * k, p.a.begin() + (row + 1) * k);
  alone.c.resize((size_t)n);
  for (int bits = 0; bits < 8; bits++) {
    const Variant v{(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, false, false};
    check(sameBits(multiply(table, alone, v).data(), plain.data() + row * n, n), shape + v.name() + ": a row alone equals the row in the batch");
  }
}

}  // namespace

void testGemm(const KernelTable& table) {
  Random random;
  for (int round = 0; round < 40; round++) {
    const long m = random.between(1, random.coin() ? 20 : 90), n = random.between(1, random.coin() ? 40 : 200);
    checkShape(table, random, m, n, random.between(1, random.coin() ? 40 : 300));
  }
  checkShape(table, random, 2, 33, 1300);   // several blocks of K
  checkShape(table, random, 37, 70, 1025);
  checkShape(table, random, 150, 90, 530);
  checkShape(table, random, 530, 520, 600);  // several rectangles of totals
  // An empty sum is zero, or what was there.
  Vector c{1, 2, 3};
  GemmArgs g{1, 3, 0, nullptr, 0, false, nullptr, 3, false, nullptr, c.data(), 3, true};
  table.gemm(g, 0, 1, 0, 3, nullptr);
  check(c[0] == 1 && c[2] == 3, "k = 0 with accumulate leaves C");
  g.accumulate = false;
  table.gemm(g, 0, 1, 0, 3, nullptr);
  check(c[0] == 0 && c[2] == 0, "k = 0 gives zeros");
}
