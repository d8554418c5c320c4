#define NONET_ISA_NAMESPACE baseline
#include "isa_body.h"
