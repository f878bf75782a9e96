// LATEST_BY_OFFSET and EARLIEST_BY_OFFSET: the last or first value that is not NULL, in sequence order. The state is
// the row codec's bytes of that value.
#include "sql/exec/agg_internal.h"

#include "schema/rowcodec.h"

#include <assert.h>

struct value_state {
    char *p; // owned
    uint32_t n, cap;
    bool set;
};

static const struct type *value_resolve(struct arena *a, const struct type **want,
                                        const struct type *const *args, uint32_t n)
{
    assert(a && want && n == 1);
    return args[0];
}

static size_t value_bytes(const struct agg_ctx *c)
{
    assert(c);
    return sizeof(struct value_state);
}

static void value_init(const struct agg_ctx *c, void *state)
{
    assert(c);
    memset(state, 0, sizeof(struct value_state));
}

static void value_put(struct value_state *s, struct str v)
{
    if (s->cap < v.n) {
        s->cap = v.n < 32 ? 32 : (uint32_t)v.n;
        s->p = mem_realloc(s->p, s->cap);
    }
    if (v.n)
        memcpy(s->p, v.p, v.n);
    s->n = (uint32_t)v.n;
    s->set = true;
}

static void value_take(struct value_state *s, const struct column *x, uint32_t row,
                       struct buf *scratch, uint8_t *error)
{
    buf_clear(scratch);
    rowcodec_encode(scratch, x, 1, row);
    if (scratch->failed)
        error[row] = 1;
    else
        value_put(s, buf_view(scratch));
}

static void latest_update(const struct agg_ctx *c, void *const *states,
                          const struct column *const *args, const uint32_t *idx, uint32_t n,
                          uint8_t *error)
{
    assert(c->arg_count == 1);
    struct buf scratch;
    buf_init(&scratch, AGG_BYTES_MAX);
    for (uint32_t i = 0; i < n; i++)
        if (column_is_valid(args[0], idx[i]))
            value_take(states[i], args[0], idx[i], &scratch, error);
    buf_fini(&scratch);
}

static void earliest_update(const struct agg_ctx *c, void *const *states,
                            const struct column *const *args, const uint32_t *idx, uint32_t n,
                            uint8_t *error)
{
    assert(c->arg_count == 1);
    struct buf scratch;
    buf_init(&scratch, AGG_BYTES_MAX);
    for (uint32_t i = 0; i < n; i++) {
        struct value_state *s = states[i];
        if (!s->set && column_is_valid(args[0], idx[i]))
            value_take(s, args[0], idx[i], &scratch, error);
    }
    buf_fini(&scratch);
}

static void value_emit(const struct agg_ctx *c, struct column *out, struct arena *a,
                       const void *const *states, uint32_t first, uint32_t n)
{
    assert(type_equal(out->type, c->type));
    struct err e;
    for (uint32_t i = 0; i < n; i++) {
        const struct value_state *s = states[i];
        if (!s->set) {
            column_set_null(out, a, first + i, out->cap);
            continue;
        }
        const struct str copy = arena_str(a, (struct str){s->p, s->n});
        struct cursor in = {(const uint8_t *)copy.p, (const uint8_t *)copy.p + copy.n};
        const bool ok = rowcodec_decode(out, 1, first + i, a, &in, &e);
        assert(ok); // our own bytes: checked when they were loaded
    }
}

static void value_save(const struct agg_ctx *c, struct buf *out, const void *state)
{
    assert(c);
    const struct value_state *s = state;
    buf_u8(out, s->set);
    if (s->set)
        agg_save_bytes(out, s->p, s->n);
}

static bool value_load(const struct agg_ctx *c, void *state, struct cursor *in, struct err *e)
{
    struct value_state *s = state;
    uint8_t set = 0;
    struct str bytes;
    if (!cur_u8(in, &set))
        return agg_corrupt(e, "LATEST_BY_OFFSET");
    if (!set)
        return true;
    if (!agg_load_bytes(&bytes, in, e))
        return false;
    struct arena *a = arena_new(NULL);
    struct column column;
    struct cursor value = {(const uint8_t *)bytes.p, (const uint8_t *)bytes.p + bytes.n};
    column_init(&column, a, c->type, 1);
    const bool ok = rowcodec_decode(&column, 1, 0, a, &value, e);
    arena_free(a);
    if (!ok)
        return err_wrap(e, "stored state of LATEST_BY_OFFSET");
    value_put(s, bytes);
    return true;
}

static void value_drop(const struct agg_ctx *c, void *state)
{
    assert(c);
    mem_free(((struct value_state *)state)->p);
}

static size_t value_heap(const struct agg_ctx *c, const void *state)
{
    assert(c);
    return ((const struct value_state *)state)->cap;
}

const struct agg agg_type_latest_by_offset = {
    .name = "LATEST_BY_OFFSET",
    .signatures = "LATEST_BY_OFFSET(T) -> T",
    .help = "The last value that is not NULL, in the order of the input.",
    .args_min = 1,
    .args_max = 1,
    .resolve = value_resolve,
    .order = agg_order_seq,
    .state_bytes = value_bytes,
    .init = value_init,
    .update = latest_update,
    .emit = value_emit,
    .save = value_save,
    .load = value_load,
    .drop = value_drop,
    .heap_bytes = value_heap,
};

const struct agg agg_type_earliest_by_offset = {
    .name = "EARLIEST_BY_OFFSET",
    .signatures = "EARLIEST_BY_OFFSET(T) -> T",
    .help = "The first value that is not NULL, in the order of the input.",
    .args_min = 1,
    .args_max = 1,
    .resolve = value_resolve,
    .order = agg_order_seq,
    .state_bytes = value_bytes,
    .init = value_init,
    .update = earliest_update,
    .emit = value_emit,
    .save = value_save,
    .load = value_load,
    .drop = value_drop,
    .heap_bytes = value_heap,
};
