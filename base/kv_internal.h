// Inside base/kv*.c: an open environment.
#ifndef BASE_KV_INTERNAL_H
#define BASE_KV_INTERNAL_H

#include "base/kv.h"

#include <lmdb.h>

enum { KV_DIR_MAX = 1024 };

struct kv {
    MDB_env *env;
    MDB_dbi tables[KV_COUNT];
    struct durable *durable;
    enum kv_mode mode;
    int lock_fd; // owner: flock on data.mdb; reader: -1
    size_t map_bytes;
    char dir[KV_DIR_MAX];
};

// The one adapter of LMDB's codes: positive ones are errno. Returns false.
bool kv_lmdb_fail(const struct kv *s, int rc, const char *what, struct err *e);

#endif
