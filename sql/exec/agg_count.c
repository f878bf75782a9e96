// COUNT(*) and COUNT(x): rows, or rows where x is not NULL. 0 for a group whose rows were all undone.
#include "sql/exec/agg_internal.h"

#include <assert.h>

static const struct type *count_resolve(struct arena *a, const struct type **want,
                                        const struct type *const *args, uint32_t n)
{
    assert(a && want && (args || !n) && n <= 1);
    return type_scalar(TYPE_BIGINT);
}

static size_t count_bytes(const struct agg_ctx *c)
{
    assert(c);
    return sizeof(int64_t);
}

static void count_init(const struct agg_ctx *c, void *state)
{
    assert(c);
    *(int64_t *)state = 0;
}

static void count_add(const struct agg_ctx *c, void *const *states,
                      const struct column *const *args, const uint32_t *idx, uint32_t n,
                      int64_t step)
{
    const uint8_t *valid = c->arg_count ? args[0]->valid : NULL;
    for (uint32_t i = 0; i < n; i++)
        if (!valid || valid[idx[i]])
            *(int64_t *)states[i] += step;
}

static void count_update(const struct agg_ctx *c, void *const *states,
                         const struct column *const *args, const uint32_t *idx, uint32_t n,
                         uint8_t *error)
{
    assert(error);
    count_add(c, states, args, idx, n, 1);
}

static void count_undo(const struct agg_ctx *c, void *const *states,
                       const struct column *const *args, const uint32_t *idx, uint32_t n,
                       uint8_t *error)
{
    assert(error);
    count_add(c, states, args, idx, n, -1);
}

static bool count_merge(const struct agg_ctx *c, void *into, const void *from)
{
    assert(c);
    *(int64_t *)into += *(const int64_t *)from;
    return true;
}

static void count_emit(const struct agg_ctx *c, struct column *out, struct arena *a,
                       const void *const *states, uint32_t first, uint32_t n)
{
    assert(c && a && out->type->kind == TYPE_BIGINT);
    for (uint32_t i = 0; i < n; i++)
        out->i64[first + i] = *(const int64_t *)states[i];
}

static void count_save(const struct agg_ctx *c, struct buf *out, const void *state)
{
    assert(c);
    buf_le64(out, (uint64_t) * (const int64_t *)state);
}

static bool count_load(const struct agg_ctx *c, void *state, struct cursor *in, struct err *e)
{
    assert(c);
    uint64_t v = 0;
    if (!cur_le64(in, &v))
        return agg_corrupt(e, "COUNT");
    *(int64_t *)state = (int64_t)v;
    return true;
}

const struct agg agg_type_count = {
    .name = "COUNT",
    .signatures = "COUNT(*) -> BIGINT\nCOUNT(ANY) -> BIGINT",
    .help = "Number of rows, or of rows whose argument is not NULL.",
    .args_min = 0,
    .args_max = 1,
    .resolve = count_resolve,
    .order = agg_order_free,
    .state_bytes = count_bytes,
    .init = count_init,
    .update = count_update,
    .undo = count_undo,
    .merge = count_merge,
    .emit = count_emit,
    .save = count_save,
    .load = count_load,
};
