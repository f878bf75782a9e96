// A state store in a folder of its own, for tests of the engine.
#ifndef TESTS_SUPPORT_ENGINE_STORE_H
#define TESTS_SUPPORT_ENGINE_STORE_H

#include "base/durable.h"
#include "base/kv.h"
#include "tests/support/dir.h"

struct engine_store {
    struct test_dir dir;
    struct durable *d;
    struct kv *kv;
};

void engine_store_open(struct engine_store *out);
void engine_store_close(struct engine_store *s);

#endif
