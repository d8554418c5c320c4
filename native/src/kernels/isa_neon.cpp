#ifndef NONET_ISA_NEON
#define NONET_ISA_NEON 1
#endif
#define NONET_ISA_NAMESPACE neon
#include "isa_body.h"
