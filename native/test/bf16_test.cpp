// Products of bf16 matrices: the kernels that widen, the units where the processor has them, their emulation, and the
// bodies of the units over simulated intrinsics.
#include <float.h>

#include <algorithm>

#include "../src/core/bf16_unit.h"
#include "check.h"

namespace nonet {
const Bf16Gemm* bf16Unit_simulated_amx();
const Bf16Gemm* bf16Unit_simulated_avx512bf16();
}  // namespace nonet

using namespace nonet;

namespace {

using Halves = std::vector<uint16_t>;

float widened(uint16_t x) {
  const uint32_t bits = (uint32_t)x << 16;
  float f;
  memcpy(&f, &bits, 4);
  return f;
}
uint16_t narrowed(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

struct Problem {
  long m, n, k;
  Halves a, b;  // [m, k], [k, n]
};

Problem draw(Random& random, long m, long n, long k) {
  Problem p{m, n, k, Halves((size_t)(m * k)), Halves((size_t)(k * n))};
  for (uint16_t& x : p.a) x = narrowed(random.value());
  for (uint16_t& x : p.b) x = narrowed(random.value());
  return p;
}

Halves transposed(const Halves& x, long rows, long columns) {
  Halves t(x.size());
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < columns; j++) t[(size_t)(j * rows + i)] = x[(size_t)(i * columns + j)];
  return t;
}

Vector multiply(const Bf16Gemm& unit, const Problem& p, bool transA = false, bool transB = false, bool tasks = false) {
  const Halves a = transA ? transposed(p.a, p.m, p.k) : p.a, b = transB ? transposed(p.b, p.k, p.n) : p.b;
  const long ldc = p.n + 3;
  Vector wide((size_t)(p.m * ldc), 7.0f);
  const Bf16GemmArgs g{p.m, p.n, p.k, a.data(), transA ? p.m : p.k, transA, b.data(), transB ? p.k : p.n, transB, wide.data(), ldc};
  Buffer scratch(unit.scratchBytes(g) + 64);
  long rows = p.m, columns = p.n;
  if (tasks) {
    unit.taskShape(g, &rows, &columns);
    check(columns % unit.columnUnit == 0 || columns >= p.n, std::string(unit.name) + " cuts columns where it may");
    // As finely as tasks may be cut, and backwards: neither must matter.
    columns = std::min(columns, unit.columnUnit);
    rows = std::min<long>(rows, 7);
  }
  for (long i = (p.m - 1) / rows * rows; i >= 0; i -= rows)
    for (long j = (p.n - 1) / columns * columns; j >= 0; j -= columns)
      unit.gemm(g, i, std::min(i + rows, p.m), j, std::min(j + columns, p.n), scratch.data);
  check(scratch.guardHolds(), std::string(unit.name) + " stays inside its scratch");
  Vector c((size_t)(p.m * p.n));
  for (long i = 0; i < p.m; i++) {
    for (long j = 0; j < p.n; j++) c[(size_t)(i * p.n + j)] = wide[(size_t)(i * ldc + j)];
    for (long j = p.n; j < ldc; j++) check(wide[(size_t)(i * ldc + j)] == 7.0f, std::string(unit.name) + " writes C alone");
  }
  return c;
}

void checkNearDouble(const Bf16Gemm& unit, const Problem& p, const Vector& c, const std::string& what) {
  double worst = 0;
  for (long i = 0; i < p.m; i++)
    for (long j = 0; j < p.n; j++) {
      double sum = 0;
      for (long q = 0; q < p.k; q++) sum += (double)widened(p.a[(size_t)(i * p.k + q)]) * widened(p.b[(size_t)(q * p.n + j)]);
      worst = std::max(worst, fabs(sum - c[(size_t)(i * p.n + j)]));
    }
  check(worst <= 4e-6 * sqrt((double)p.k + 1), what + " is near the double product, error " + std::to_string(worst));
}

void checkShape(const Bf16Gemm& unit, Random& random, long m, long n, long k) {
  const Problem p = draw(random, m, n, k);
  const std::string shape = std::string(unit.name) + " bf16 " + std::to_string(m) + "x" + std::to_string(k) + "x" + std::to_string(n);
  const Vector plain = multiply(unit, p);
  checkNearDouble(unit, p, plain, shape);
  for (int bits = 1; bits < 8; bits++) {
    const Vector got = multiply(unit, p, bits & 1, bits & 2, bits & 4);
    check(sameBits(got.data(), plain.data(), m * n), shape + " has the same bits transposed and in tasks");
  }
  const long row = random.between(0, m - 1);
  Problem alone = p;
  alone.m = 1;
  alone.a.assign(p.a.begin() + row * k, p.a.begin() + (row + 1) * k);
  check(sameBits(multiply(unit, alone).data(), plain.data() + row * n, n), shape + ": a row alone equals the row in the batch");
}

void checkUnit(const Bf16Gemm& unit, int rounds) {
  Random random;
  for (int round = 0; round < rounds; round++) {
    const long m = random.between(1, random.coin() ? 20 : 75), n = random.between(1, random.coin() ? 40 : 100);
    checkShape(unit, random, m, n, random.between(1, random.coin() ? 40 : 150));
  }
  checkShape(unit, random, 3, 35, 1100);
  checkShape(unit, random, 70, 33, 520);
  const Problem nothing{2, 3, 0, {}, {}};
  const Vector zeros = multiply(unit, nothing);
  check(std::all_of(zeros.begin(), zeros.end(), [](float x) { return x == 0; }), std::string(unit.name) + ": k = 0 gives zeros");
}

// One element by the words of the manual, written apart from the emulation.
float element(const Problem& p, long i, long j, bool amx) {
  const auto at = [&](long k) {
    return k < p.k ? std::pair<float, float>(widened(p.a[(size_t)(i * p.k + k)]), widened(p.b[(size_t)(k * p.n + j)])) : std::pair<float, float>(0, 0);
  };
  const auto step = [&](long k, float sum) { return fmaf(at(k).first, at(k).second, sum); };
  float sum = 0;
  for (long k0 = 0; k0 < p.k; k0 += 32) {
    float even = 0, odd = 0;
    for (long k = k0; k < k0 + 32; k += 2) {
      if (amx) even = step(k, even), odd = step(k + 1, odd);
      else sum = step(k, step(k + 1, sum));
    }
    if (amx) sum += even + odd;
  }
  return sum;
}

void testOrder(const Bf16Gemm& unit, bool amx) {
  Random random;
  const Problem p = draw(random, 40, 50, 90);
  const Vector c = multiply(unit, p);
  for (int round = 0; round < 50; round++) {
    const long i = random.between(0, 39), j = random.between(0, 49);
    check(c[(size_t)(i * 50 + j)] == element(p, i, j, amx), std::string(unit.name) + " adds in the order of the manual");
  }
}

void testDenormals(const Bf16Gemm& unit) {
  const uint16_t tiny = 0x0001, one = 0x3f80, small = 0x0080, half = 0x3f00;  // small is the least normal number
  const Problem operand{1, 1, 1, {tiny}, {one}};
  check(multiply(unit, operand)[0] == 0, std::string(unit.name) + " takes a denormal operand for zero");
  const Problem result{1, 1, 1, {small}, {half}};
  check(multiply(unit, result)[0] == 0, std::string(unit.name) + " flushes a denormal result");
  const Problem least{1, 1, 1, {small}, {one}};
  check(multiply(unit, least)[0] == FLT_MIN, std::string(unit.name) + " keeps the least normal number");
}

// Bits of one unit against another's, values of all sizes among them.
void testAgree(const Bf16Gemm& got, const Bf16Gemm& want) {
  Random random;
  for (int round = 0; round < 12; round++) {
    Problem p = draw(random, random.between(1, 70), random.between(1, 70), random.between(1, 200));
    if (round % 2)
      for (Halves* side : {&p.a, &p.b})
        for (uint16_t& x : *side) x = (uint16_t)((x & 0x807f) | (uint32_t)random.between(0, 160) << 7);
    const bool transA = random.coin(), transB = random.coin();
    check(sameBits(multiply(got, p, transA, transB).data(), multiply(want, p, transA, transB).data(), p.m * p.n),
          std::string(got.name) + " has the bits of " + want.name);
  }
}

}  // namespace

// The kernels of one instruction set: the float32 product of the widened matrices.
void testBf16(const KernelTable& table) {
  checkUnit(*table.bf16, 25);
  Random random;
  for (const long k : {5L, 300L, 1100L}) {
    const Problem p = draw(random, 75, 90, k);
    Vector a(p.a.size()), b(p.b.size()), c((size_t)(p.m * p.n));
    std::transform(p.a.begin(), p.a.end(), a.begin(), widened);
    std::transform(p.b.begin(), p.b.end(), b.begin(), widened);
    const GemmArgs g{p.m, p.n, k, a.data(), k, false, b.data(), p.n, false, nullptr, c.data(), p.n, false};
    Buffer scratch(table.gemmScratchBytes(g));
    table.gemm(g, 0, p.m, 0, p.n, scratch.data);
    check(sameBits(multiply(*table.bf16, p).data(), c.data(), p.m * p.n),
          std::string(table.isa) + ": a bf16 product has the bits of the float32 product");
  }
}

void testBf16Units() {
  const Bf16Gemm &amx = *bf16Unit_emulated_amx(), &avx512 = *bf16Unit_emulated_avx512bf16();
  for (const Bf16Gemm* emulated : {&amx, &avx512}) {
    checkUnit(*emulated, 8);
    testOrder(*emulated, emulated == &amx);
    testDenormals(*emulated);
  }
  testAgree(*bf16Unit_simulated_amx(), amx);
  testAgree(*bf16Unit_simulated_avx512bf16(), avx512);
  for (const Bf16Gemm* unit : availableBf16()) {
    const std::string name = unit->name;
    printf("bf16 by %s\n", unit->name);
    if (name != "amx" && name != "avx512bf16") continue;
    checkUnit(*unit, 25);
    testDenormals(*unit);
    testAgree(*unit, name == "amx" ? amx : avx512);
  }
}
