#ifndef NONET_ISA_AVX512
#define NONET_ISA_AVX512 1
#endif
#define NONET_ISA_NAMESPACE avx512
#include "isa_body.h"
