#include "jobs/run/table.h"

#include "base/hash.h"
#include "schema/rowcodec.h"

#include <assert.h>

enum {
    TABLE_KEY_MAX = 511,  // LMDB
    TABLE_PREFIX = 8,     // hash of the output's name
    TABLE_KEY_KEPT = 480, // of longer keys; two hashes follow
    TABLE_BLOCK_ROWS = 4096,
};

static void table_prefix(char out[TABLE_PREFIX], struct str output)
{
    uint64_t h = hash_str(output);
    for (int i = 0; i < TABLE_PREFIX; i++, h <<= 8)
        out[i] = (char)(h >> 56);
}

static size_t table_hash_tail(char *out, struct str key, uint64_t seed)
{
    uint64_t h = hash_bytes(key.p, key.n, seed);
    memcpy(out, &h, sizeof h);
    return sizeof h;
}

static struct str table_key(char out[TABLE_KEY_MAX], struct str output, struct str key)
{
    table_prefix(out, output);
    size_t n = TABLE_PREFIX;
    size_t kept = key.n <= TABLE_KEY_MAX - TABLE_PREFIX ? key.n : TABLE_KEY_KEPT;
    memcpy(out + n, key.p, kept);
    n += kept;
    if (kept < key.n) {
        n += table_hash_tail(out + n, key, 1);
        n += table_hash_tail(out + n, key, 2);
    }
    return (struct str){out, n};
}

bool table_apply(struct kv_txn *t, struct str output, const struct collapse *changes, bool *changed,
                 struct err *e)
{
    char key[TABLE_KEY_MAX];
    *changed = false;
    for (size_t i = 0; i < collapse_count(changes); i++) {
        struct collapse_row r = collapse_at(changes, i);
        struct str k = table_key(key, output, r.key), old;
        enum kv_found found = kv_get(&old, t, KV_TABLE, k, e);
        if (found == KV_FAILED)
            return false;
        bool same =
            r.op == OP_DELETE ? found == KV_ABSENT : found == KV_FOUND && str_eq(old, r.row);
        if (same)
            continue;
        *changed = true;
        if (!(r.op == OP_DELETE ? kv_del(t, KV_TABLE, k, e) : kv_put(t, KV_TABLE, k, r.row, e)))
            return false;
    }
    return true;
}

bool table_forget(struct kv_txn *t, struct str output, struct err *e)
{
    char prefix[TABLE_PREFIX];
    table_prefix(prefix, output);
    return kv_del_prefix(t, KV_TABLE, (struct str){prefix, sizeof prefix}, e);
}

static bool table_decode(struct column *columns, const struct shape *shape, uint32_t at,
                         struct arena *a, struct str row, struct err *e)
{
    struct cursor in = {(const uint8_t *)row.p, (const uint8_t *)row.p + row.n};
    if (!rowcodec_decode(columns, shape->all.count, at, a, &in, e))
        return false;
    return in.p == in.end ||
           err_fail(e, ERR_DATA, "a stored row is longer than the columns it should have");
}

bool table_scan(struct kv_txn *t, struct str output, const struct shape *shape, table_block_fn *fn,
                void *arg, struct err *e)
{
    char prefix[TABLE_PREFIX];
    table_prefix(prefix, output);
    struct str p = {prefix, sizeof prefix};
    struct kv_cursor *c;
    if (!kv_cursor_open(&c, t, KV_TABLE, p, p, e))
        return false;
    struct arena *a = arena_new(NULL);
    struct column *columns = NULL;
    uint32_t n = 0;
    bool ok = true;
    enum kv_found found = KV_FOUND;
    while (ok && found == KV_FOUND) {
        struct str key, row;
        found = kv_cursor_next(c, &key, &row, e);
        if (found == KV_FOUND) {
            if (!columns)
                columns = shape_new(shape, a, TABLE_BLOCK_ROWS);
            ok = table_decode(columns, shape, n++, a, row, e);
        }
        if (ok && columns && (n == TABLE_BLOCK_ROWS || found != KV_FOUND)) {
            ok = fn(arg, shape_block(shape, a, columns, n), e);
            arena_reset(a);
            columns = NULL;
            n = 0;
        }
    }
    kv_cursor_close(c);
    arena_free(a);
    return ok && found == KV_ABSENT;
}

bool table_count(uint64_t *out, struct kv_txn *t, struct str output, struct err *e)
{
    char prefix[TABLE_PREFIX];
    table_prefix(prefix, output);
    struct str p = {prefix, sizeof prefix}, key, row;
    struct kv_cursor *c;
    enum kv_found found;
    *out = 0;
    if (!kv_cursor_open(&c, t, KV_TABLE, p, p, e))
        return false;
    while ((found = kv_cursor_next(c, &key, &row, e)) == KV_FOUND)
        ++*out;
    kv_cursor_close(c);
    return found == KV_ABSENT;
}
