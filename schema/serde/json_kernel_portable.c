#define KERNEL_RECORD json_record_portable
#define KERNEL_WIDTH  0
#define KERNEL_TARGET
#include "schema/serde/json_kernel.inc"
