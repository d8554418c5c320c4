#define NONET_UNIT emulated_avx512bf16
#define NONET_UNIT_NAME "emulated-avx512bf16"
#include "unit_body.h"
