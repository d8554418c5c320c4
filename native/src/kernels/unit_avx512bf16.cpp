#define NONET_UNIT_AVX512BF16 1
#ifndef NONET_UNIT
#define NONET_UNIT avx512bf16
#endif
#include "unit_body.h"
