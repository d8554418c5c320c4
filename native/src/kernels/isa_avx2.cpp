#ifndef NONET_ISA_AVX2
#define NONET_ISA_AVX2 1
#endif
#define NONET_ISA_NAMESPACE avx2
#include "isa_body.h"
