#include "tests/support/engine_store.h"

#include "tests/support/test.h"

void engine_store_open(struct engine_store *out)
{
    char path[512];
    struct err e = {0};
    test_dir_init(&out->dir);
    out->d = durable_new(DURABLE_DEAD);
    const struct kv_spec spec = {.dir = test_dir_file(path, &out->dir, "state"),
                                 .mode = KV_OWNER,
                                 .map_bytes_max = (size_t)1 << 30,
                                 .durable = out->d};
    assert_ok(kv_open(&out->kv, &spec, &e), &e);
}

void engine_store_close(struct engine_store *s)
{
    kv_close(s->kv);
    durable_free(s->d);
    test_dir_fini(&s->dir);
}
