#include "schema/serde/json_run.h"

#if defined(__x86_64__)
#define KERNEL_RECORD json_record_sse2
#define KERNEL_WIDTH  16
#define KERNEL_TARGET
#include "schema/serde/json_kernel.inc"
#endif
