// Native kernels against double-precision references, and the rules of determinism that table.h states.
#include "check.h"

void testMath_baseline();
#if defined(__x86_64__)
void testMath_avx2();
void testMath_avx512();
#elif defined(__aarch64__)
void testMath_neon();
#endif

static void run(const nonet::KernelTable& table, void (*math)()) {
  printf("%s: %d floats per vector, %.0f GFLOP/s\n", table.isa, table.vectorFloats, table.fmaProbe(0.1));
  math();
  testGemm(table);
  testAttention(table);
  testBf16(table);
}

int main() {
  run(*nonet::kernelTable_baseline(), testMath_baseline);
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) run(*nonet::kernelTable_avx2(), testMath_avx2);
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw"))
    run(*nonet::kernelTable_avx512(), testMath_avx512);
#elif defined(__aarch64__)
  run(*nonet::kernelTable_neon(), testMath_neon);
#endif
  testBf16Units();
  printf(failures ? "%d checks failed\n" : "all checks passed\n", failures);
  return failures ? 1 : 0;
}
