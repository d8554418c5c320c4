#define NONET_EMULATES_AMX 1
#define NONET_UNIT emulated_amx
#define NONET_UNIT_NAME "emulated-amx"
#include "unit_body.h"
