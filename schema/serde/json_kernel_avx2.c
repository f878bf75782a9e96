#include "schema/serde/json_run.h"

#if defined(__x86_64__)
#define KERNEL_RECORD json_record_avx2
#define KERNEL_WIDTH  32
#define KERNEL_TARGET __attribute__((target("avx2,bmi,bmi2")))
#include "schema/serde/json_kernel.inc"
#endif
