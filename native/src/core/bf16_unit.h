// What carries out products of bf16 matrices: the best unit the CPU has, or the one that NONET_BF16 names.
#pragma once

#include <vector>

#include "../kernels/bf16.h"

namespace nonet {

// Chosen at the first call. Units belong to AVX-512; under another instruction set operands are widened to float32.
// Throws E_CONFIG when NONET_BF16 names one that is unknown or that the CPU lacks.
const Bf16Gemm& bf16Gemm();

// Best first; the emulations, which are for tests, last.
std::vector<const Bf16Gemm*> availableBf16();

}  // namespace nonet
