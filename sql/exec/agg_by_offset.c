// LATEST_BY_OFFSET and EARLIEST_BY_OFFSET: the last or first value, or the last or first n of them, in sequence order. NULLs
// are left out unless ignoreNulls is false. Where windows merge, each value carries its row's sequence number.
#include "sql/exec/agg_items.h"

#include "schema/rowcodec.h"

#include <assert.h>

enum offset_side { SIDE_EARLIEST, SIDE_LATEST };

struct offset_rows {
    const uint32_t *idx;
    uint32_t n;
    enum offset_side side;
};

// (T), (T, ignoreNulls), (T, n), (T, n, ignoreNulls)
static const struct type *offset_resolve(struct arena *a, const struct type **want,
                                         const struct type *const *args, uint32_t n)
{
    assert(want && n >= 1);
    if (!args[0])
        return NULL;
    if (n == 1 || (n == 2 && args[1] && args[1]->kind == TYPE_BOOLEAN))
        return args[0];
    if (!args[1] || args[1]->kind != TYPE_INTEGER ||
        (n == 3 && (!args[2] || args[2]->kind != TYPE_BOOLEAN)))
        return NULL;
    return type_array(a, args[0]);
}

static bool is_list(const struct agg_ctx *c)
{
    return c->arg_count >= 2 && c->arg_types[1]->kind == TYPE_INTEGER;
}

static uint32_t offset_n(const struct agg_ctx *c)
{
    return is_list(c) ? (uint32_t)c->consts[1]->column.i32[0] : 1;
}

static bool ignores_nulls(const struct agg_ctx *c)
{
    const uint32_t last = c->arg_count - 1;
    return last == 0 || c->arg_types[last]->kind != TYPE_BOOLEAN || c->consts[last]->column.u8[0];
}

static const char *check(const struct agg_ctx *c, const char *message)
{
    for (uint32_t i = 1; i < c->arg_count; i++)
        if (c->consts[i]->null)
            return "n and ignoreNulls cannot be NULL";
    return is_list(c) && c->consts[1]->column.i32[0] <= 0 ? message : NULL;
}

static const char *earliest_check(const struct agg_ctx *c)
{
    return check(c, "earliestN must be 1 or greater");
}

static const char *latest_check(const struct agg_ctx *c)
{
    return check(c, "latestN must be 1 or greater");
}

static size_t offset_bytes(const struct agg_ctx *c)
{
    assert(c);
    return sizeof(struct agg_items);
}

static void offset_init(const struct agg_ctx *c, void *state)
{
    assert(c);
    memset(state, 0, sizeof(struct agg_items));
}

static void offset_add(struct agg_items *s, struct str value, uint64_t seq, uint32_t max,
                       enum offset_side side)
{
    if (s->n == max && side == SIDE_EARLIEST)
        return;
    if (s->n == max)
        agg_items_shift(s, value, seq);
    else
        agg_items_insert(s, s->n, value, 0, seq);
}

static void add_rows(const struct agg_ctx *c, void *const *states, const struct column *const *args,
                     const struct offset_rows *rows, uint8_t *error)
{
    const uint32_t max = offset_n(c);
    const bool ignore = ignores_nulls(c);
    struct buf item;
    buf_init(&item, AGG_BYTES_MAX);
    for (uint32_t i = 0; i < rows->n; i++) {
        const uint32_t row = rows->idx[i];
        struct agg_items *s = states[i];
        if ((ignore && !column_is_valid(args[0], row)) ||
            (rows->side == SIDE_EARLIEST && s->n == max))
            continue;
        buf_clear(&item);
        rowcodec_encode(&item, args[0], 1, row);
        const uint64_t seq = c->sequenced ? (uint64_t)args[c->arg_count]->i64[row] : 0;
        if (item.failed)
            error[row] = 1;
        else
            offset_add(s, buf_view(&item), seq, max, rows->side);
    }
    buf_fini(&item);
}

static void earliest_update(const struct agg_ctx *c, void *const *states,
                            const struct column *const *args, const uint32_t *idx, uint32_t n,
                            uint8_t *error)
{
    add_rows(c, states, args, &(struct offset_rows){idx, n, SIDE_EARLIEST}, error);
}

static void latest_update(const struct agg_ctx *c, void *const *states,
                          const struct column *const *args, const uint32_t *idx, uint32_t n,
                          uint8_t *error)
{
    add_rows(c, states, args, &(struct offset_rows){idx, n, SIDE_LATEST}, error);
}

// All of both by sequence number, then the first or last max of them.
static void merge_items(const struct agg_ctx *c, struct agg_items *into,
                        const struct agg_items *from, enum offset_side side)
{
    const uint32_t max = offset_n(c);
    uint32_t at = 0;
    assert(c->sequenced);
    for (uint32_t i = 0; i < from->n; i++) {
        while (at < into->n && into->v[at].tag <= from->v[i].tag)
            at++;
        agg_items_insert(into, at++, agg_item_value(&from->v[i]), 0, from->v[i].tag);
    }
    while (into->n > max)
        agg_items_remove(into, side == SIDE_EARLIEST ? into->n - 1 : 0);
}

static bool earliest_merge(const struct agg_ctx *c, void *into, const void *from)
{
    merge_items(c, into, from, SIDE_EARLIEST);
    return true;
}

static bool latest_merge(const struct agg_ctx *c, void *into, const void *from)
{
    merge_items(c, into, from, SIDE_LATEST);
    return true;
}

static void offset_emit(const struct agg_ctx *c, struct column *out, struct arena *a,
                        const void *const *states, uint32_t first, uint32_t n)
{
    assert(type_equal(out->type, c->type));
    for (uint32_t i = 0; i < n; i++) {
        const struct agg_items *s = states[i];
        if (is_list(c))
            agg_items_emit(s, out, first + i, a);
        else if (s->n)
            agg_decode(out, 1, first + i, a, agg_item_value(&s->v[0]));
        else
            column_set_null(out, a, first + i, out->cap);
    }
}

static void offset_save(const struct agg_ctx *c, struct buf *out, const void *state)
{
    assert(c);
    agg_items_save(out, state);
}

static bool offset_load(const struct agg_ctx *c, void *state, struct cursor *in, struct err *e)
{
    return agg_items_load(state, in, c->arg_types, 1, e);
}

static void offset_drop(const struct agg_ctx *c, void *state)
{
    assert(c);
    agg_items_clear(state);
}

static size_t offset_heap(const struct agg_ctx *c, const void *state)
{
    assert(c);
    return agg_items_heap(state);
}

const struct agg agg_type_latest_by_offset = {
    .name = "LATEST_BY_OFFSET",
    .signatures = "LATEST_BY_OFFSET(T[, ignoreNulls BOOLEAN]) -> T\n"
                  "LATEST_BY_OFFSET(T, n INTEGER[, ignoreNulls BOOLEAN]) -> ARRAY<T>",
    .help = "The last value, or the last n, in the order of the input; NULLs are left out unless "
            "ignoreNulls is false.",
    .args_min = 1,
    .args_max = 3,
    .nested = true,
    .literals_from = 2,
    .resolve = offset_resolve,
    .check = latest_check,
    .order = agg_order_seq,
    .state_bytes = offset_bytes,
    .init = offset_init,
    .update = latest_update,
    .merge = latest_merge,
    .emit = offset_emit,
    .save = offset_save,
    .load = offset_load,
    .drop = offset_drop,
    .heap_bytes = offset_heap,
};

const struct agg agg_type_earliest_by_offset = {
    .name = "EARLIEST_BY_OFFSET",
    .signatures = "EARLIEST_BY_OFFSET(T[, ignoreNulls BOOLEAN]) -> T\n"
                  "EARLIEST_BY_OFFSET(T, n INTEGER[, ignoreNulls BOOLEAN]) -> ARRAY<T>",
    .help = "The first value, or the first n, in the order of the input; NULLs are left out unless "
            "ignoreNulls is false.",
    .args_min = 1,
    .args_max = 3,
    .nested = true,
    .literals_from = 2,
    .resolve = offset_resolve,
    .check = earliest_check,
    .order = agg_order_seq,
    .state_bytes = offset_bytes,
    .init = offset_init,
    .update = earliest_update,
    .merge = earliest_merge,
    .emit = offset_emit,
    .save = offset_save,
    .load = offset_load,
    .drop = offset_drop,
    .heap_bytes = offset_heap,
};
