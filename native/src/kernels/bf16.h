// Products of bf16 matrices with float32 sums and results, C[m,n] = sum over k of A[m,k] * B[k,n], and what carries them
// out. Included by both sides, like table.h. Matrices are row-major; strides count elements.
//
// The product of two bf16 values is exact in float32, so that only the order of additions decides the bits of an
// element, and that order depends on the carrier and on K alone. Each row of C depends on its own row of A.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace nonet {

struct Bf16GemmArgs {
  long m, n, k;
  const uint16_t* a;  // [m, k], or [k, m] if transA
  long lda;
  bool transA;
  const uint16_t* b;  // [k, n], or [n, k] if transB
  long ldb;
  bool transB;
  float* c;  // [m, n]
  long ldc;
};

struct Bf16Gemm {
  const char* name;  // "amx", "avx512bf16", "f32" (widened in the kernels of the instruction set), "emulated-<unit>"
  // Rows [rowBegin, rowEnd) x columns [colBegin, colEnd) of C; colBegin must be a multiple of columnUnit. taskShape gives
  // the preferred rectangle of a task. Scratch is per thread, aligned to 64 bytes.
  long columnUnit;
  void (*gemm)(const Bf16GemmArgs& args, long rowBegin, long rowEnd, long colBegin, long colEnd, void* scratch);
  void (*taskShape)(const Bf16GemmArgs& args, long* rows, long* columns);
  size_t (*scratchBytes)(const Bf16GemmArgs& args);
};

// The dot-product units, one per archive; call only what the CPU has (AMX also takes the system's permission).
#if defined(__x86_64__) || defined(_M_X64)
const Bf16Gemm* bf16Unit_amx();
const Bf16Gemm* bf16Unit_avx512bf16();
#endif
// Their arithmetic in plain C++, for tests: the same tiles, the same order of operations, on any CPU and slow.
const Bf16Gemm* bf16Unit_emulated_amx();
const Bf16Gemm* bf16Unit_emulated_avx512bf16();

}  // namespace nonet
