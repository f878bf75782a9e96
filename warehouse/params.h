// Parameters of a warehouse URL ("?lock_wait=10&tls=verify"), checked against the driver's table.
#ifndef WAREHOUSE_PARAMS_H
#define WAREHOUSE_PARAMS_H

#include "warehouse/sink.h"

struct warehouse_param {
    const char *name;
    int64_t min, max; // numbers; text when min > max
    size_t offset;    // of an int64_t, or of a struct str, in the driver's settings
    const char *help; // docs/warehouses.md
};

// Sets what the URL says in `settings`, which holds the defaults. Unknown name: ERR_CONFIG with the nearest one.
bool warehouse_params(void *settings, const struct warehouse_param *params, size_t count,
                      const struct warehouse_url *url, struct err *e) ERR_CHECKED;

#endif
