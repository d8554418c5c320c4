// The whole of one carrier of bf16 products. unit_<name>.cpp defines NONET_UNIT and which body of the tiles it has.
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(NONET_SIMULATED_UNITS)  // a test brings the intrinsics in plain C++
#include NONET_SIMULATED_UNITS
#elif defined(NONET_UNIT_AMX) || defined(NONET_UNIT_AVX512BF16)
#include <immintrin.h>
#endif

#include "bf16.h"

#define NONET_STRING_(x) #x
#define NONET_STRING(x) NONET_STRING_(x)
#define NONET_PASTE_(a, b) a##b
#define NONET_PASTE(a, b) NONET_PASTE_(a, b)
#ifndef NONET_UNIT_NAME
#define NONET_UNIT_NAME NONET_STRING(NONET_UNIT)
#endif

namespace nonet {
namespace NONET_UNIT {
namespace {
#include "bf16_tiles.h"
}  // namespace
}  // namespace NONET_UNIT

const Bf16Gemm* NONET_PASTE(bf16Unit_, NONET_UNIT)() {
  static const Bf16Gemm unit{NONET_UNIT_NAME, NONET_UNIT::kSide, NONET_UNIT::gemm, NONET_UNIT::taskShape,
                             NONET_UNIT::scratchBytes};
  return &unit;
}
}  // namespace nonet
