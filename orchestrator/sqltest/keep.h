// A state store in a folder of its own that goes when it is closed: where queries of a test leave their state for the ones
// that replace them. One thread.
#ifndef ORCHESTRATOR_SQLTEST_KEEP_H
#define ORCHESTRATOR_SQLTEST_KEEP_H

#include "base/kv.h"

struct keep {
    struct durable *durable;
    struct kv *kv;
    char dir[256];
};

bool keep_open(struct keep *out, struct err *e) ERR_CHECKED;
void keep_close(struct keep *s); // zeroed is fine

#endif
