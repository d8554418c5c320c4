// Compiled once per instruction set (NONET_ISA_NAMESPACE): errors of the vector functions in units in the last place.
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(NONET_ISA_NEON)
#include <arm_neon.h>
#endif

#include "check.h"

#define NONET_PASTE_(a, b) a##b
#define NONET_PASTE(a, b) NONET_PASTE_(a, b)

namespace NONET_ISA_NAMESPACE {
namespace {
#include "../src/kernels/vec.h"
#include "../src/kernels/math.h"

bool sameKind(float a, float b) { return (isnan(a) && isnan(b)) || a == b; }

template <typename Function>
void measure(const char* name, Function function, double (*reference)(double), double limit, float low, float high) {
  double worst = 0;
  float where = 0;
  // Every 4001st float between the bounds, in order of their bits, of both signs.
  for (int sign = 0; sign < 2; sign++)
    for (uint64_t bits = 0; bits < 0x7f800000u; bits += 4001 * kFloats) {
      Floats x{};
      for (int i = 0; i < kFloats; i++) {
        const uint32_t lane = (uint32_t)(bits + (uint64_t)i * 4001) | ((uint32_t)sign << 31);
        float f;
        memcpy(&f, &lane, 4);
        x[i] = f >= low && f <= high && fabsf(f) >= 1.2e-38f ? f : 1.0f;
      }
      const Floats y = function(x);
      for (int i = 0; i < kFloats; i++) {
        const double exact = reference((double)x[i]);
        if (fabs(exact) < 1.2e-38) continue;
        int exponent;
        frexp(exact, &exponent);
        const double error = fabs((double)y[i] - exact) / ldexp(1.0, exponent - 24);
        if (!(error <= worst)) worst = error, where = x[i];
      }
    }
  printf("  %-8s %.2f ulp (at %g)\n", name, worst, (double)where);
  check(worst <= limit, std::string(name) + " keeps its stated error");
}

template <typename Function>
void expectAt(const char* name, Function function, float at, float expected) {
  const Floats y = function(splat(at));
  for (int i = 0; i < kFloats; i++) check(sameKind(y[i], expected), std::string(name) + " at " + std::to_string(at) + " gives " + std::to_string(y[i]));
}

double sigmoidReference(double x) { return 1 / (1 + ::exp(-x)); }
}  // namespace
}  // namespace NONET_ISA_NAMESPACE

void NONET_PASTE(testMath_, NONET_ISA_NAMESPACE)() {
  using namespace NONET_ISA_NAMESPACE;
  const auto exp = [](Floats x) { return exp_(x); };
  const auto log = [](Floats x) { return log_(x); };
  const auto log1p = [](Floats x) { return log1p_(x); };
  const auto tanh = [](Floats x) { return tanh_(x); };
  const auto sigmoid = [](Floats x) { return sigmoid_(x); };
  measure("exp", exp, ::exp, kExpUlp, -87.3f, 88.7f);
  measure("log", log, ::log, kLogUlp, 0.0f, 3e38f);
  measure("log1p", log1p, ::log1p, kLog1pUlp, -0.999999f, 3e38f);
  measure("tanh", tanh, ::tanh, kTanhUlp, -100.0f, 100.0f);
  measure("sigmoid", sigmoid, sigmoidReference, kSigmoidUlp, -87.0f, 100.0f);
  const float inf = INFINITY, nan = NAN;
  expectAt("exp", exp, -inf, 0), expectAt("exp", exp, inf, inf), expectAt("exp", exp, nan, nan), expectAt("exp", exp, 0, 1);
  expectAt("exp", exp, -200, 0), expectAt("exp", exp, 200, inf);
  expectAt("log", log, 0, -inf), expectAt("log", log, -1, nan), expectAt("log", log, inf, inf), expectAt("log", log, nan, nan), expectAt("log", log, 1, 0);
  expectAt("log1p", log1p, -1, -inf), expectAt("log1p", log1p, -2, nan), expectAt("log1p", log1p, inf, inf), expectAt("log1p", log1p, nan, nan), expectAt("log1p", log1p, 0, 0);
  expectAt("tanh", tanh, inf, 1), expectAt("tanh", tanh, -inf, -1), expectAt("tanh", tanh, nan, nan), expectAt("tanh", tanh, 0, 0);
  expectAt("sigmoid", sigmoid, inf, 1), expectAt("sigmoid", sigmoid, -inf, 0), expectAt("sigmoid", sigmoid, nan, nan), expectAt("sigmoid", sigmoid, 0, 0.5f);
  // Partial loads and stores touch only what they say.
  alignas(64) float memory[kFloats + 1];
  for (int count = 0; count <= kFloats; count++) {
    for (float& x : memory) x = 5;
    storePartial(memory, splat(7.0f), count);
    const Floats back = loadPartial(memory, count);
    for (int i = 0; i < kFloats; i++) check(memory[i] == (i < count ? 7 : 5) && back[i] == (i < count ? 7 : 0), "partial load and store");
  }
  const Floats lanes = __builtin_convertvector(laneIndices(), Floats);
  check(sumLanes(lanes) == kFloats * (kFloats - 1) / 2 && maxLanes(lanes) == kFloats - 1, "sumLanes and maxLanes");
  check(anyGreater(lanes, splat(kFloats - 1.5f)) && !anyGreater(lanes, splat(float(kFloats - 1))), "anyGreater");
}
