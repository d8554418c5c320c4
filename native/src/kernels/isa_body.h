// The whole of one instruction set's kernels. isa_<name>.cpp defines NONET_ISA_NAMESPACE (and NONET_ISA_AVX512,
// NONET_ISA_AVX2 or NONET_ISA_NEON) and includes this; each is compiled with its own flags.
//
// Everything but the table's getter has internal linkage: were two archives to share a symbol, the linker might keep
// the AVX-512 body and a plain CPU would run it. So no std:: templates in kernel headers, and system headers only here.
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#elif defined(NONET_ISA_NEON)
#include <arm_neon.h>
#endif

#include "table.h"

#define NONET_STRING_(x) #x
#define NONET_STRING(x) NONET_STRING_(x)
#define NONET_PASTE_(a, b) a##b
#define NONET_PASTE(a, b) NONET_PASTE_(a, b)

namespace nonet {
namespace NONET_ISA_NAMESPACE {
namespace {
#include "vec.h"
#include "math.h"
// Kernels follow; order matters, each header uses those above it.
#include "probe.h"
#include "gemm_tile.h"
#include "gemm_pack.h"
#include "gemm_few_rows.h"
#include "gemm.h"
#include "gemm_bf16.h"
#include "attention_pack.h"
#include "attention_forward.h"
#include "attention_backward.h"
#include "rotary.h"
#include "rows.h"

KernelTable makeTable() {
  KernelTable t{};
  t.isa = NONET_STRING(NONET_ISA_NAMESPACE);
  t.vectorFloats = kFloats;
  t.fusedMultiplyAdd = kFusedMultiplyAdd;
  t.fmaProbe = fmaProbe;
  t.readProbe = readProbe;
  addGemmKernels(t);
  t.bf16 = &kWidenedGemm;
  addAttentionKernels(t);
  t.rotary = rotary;
  addRowKernels(t);
  return t;
}
}  // namespace
}  // namespace NONET_ISA_NAMESPACE

const KernelTable* NONET_PASTE(kernelTable_, NONET_ISA_NAMESPACE)() {
  static const KernelTable table = NONET_ISA_NAMESPACE::makeTable();
  return &table;
}
}  // namespace nonet
