#ifndef APUS_RUNTIME_ABI_H
#define APUS_RUNTIME_ABI_H
#include <stdint.h>
typedef int32_t apus_status;
#endif
