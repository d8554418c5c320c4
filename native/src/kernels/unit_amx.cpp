#define NONET_UNIT_AMX 1
#ifndef NONET_UNIT
#define NONET_UNIT amx
#endif
#include "unit_body.h"
