// SUM_LIST: the sum of the items of arrays, as SUM of their type; NULL arrays and items are skipped.
#include "sql/exec/agg_internal.h"

#include <assert.h>

union sum_list_state {
    int64_t i64; // INTEGER (wrapped to 32 bits), BIGINT
    double f64;
};

enum list_sign { LIST_ADD, LIST_SUBTRACT };

static const struct type *sum_list_resolve(struct arena *a, const struct type **want,
                                           const struct type *const *args, uint32_t n)
{
    assert(a && want && n == 1);
    if (!args[0] || args[0]->kind != TYPE_ARRAY)
        return NULL;
    const struct type *item = args[0]->fields[0].type;
    return item->kind == TYPE_INTEGER || item->kind == TYPE_BIGINT || item->kind == TYPE_DOUBLE
               ? item
               : NULL;
}

static enum agg_order sum_list_order(const struct agg_ctx *c)
{
    return c->type->kind == TYPE_DOUBLE ? AGG_ORDERED : AGG_ORDER_FREE;
}

static size_t sum_list_bytes(const struct agg_ctx *c)
{
    assert(c);
    return sizeof(union sum_list_state);
}

static void sum_list_init(const struct agg_ctx *c, void *state)
{
    assert(c);
    memset(state, 0, sizeof(union sum_list_state));
}

static void add_i64(const struct agg_ctx *c, union sum_list_state *s, int64_t v,
                    enum list_sign sign)
{
    const uint64_t old = (uint64_t)s->i64;
    const uint64_t sum = sign == LIST_ADD ? old + (uint64_t)v : old - (uint64_t)v;
    s->i64 = c->type->kind == TYPE_INTEGER ? (int32_t)(uint32_t)sum : (int64_t)sum;
}

static void add_item(const struct agg_ctx *c, union sum_list_state *s, const struct column *items,
                     uint32_t row, enum list_sign sign)
{
    if (!column_is_valid(items, row))
        return;
    if (c->type->kind == TYPE_DOUBLE)
        s->f64 = sign == LIST_ADD ? s->f64 + items->f64[row] : s->f64 - items->f64[row];
    else
        add_i64(c, s, c->type->kind == TYPE_INTEGER ? items->i32[row] : items->i64[row], sign);
}

static void add_lists(const struct agg_ctx *c, void *const *states, const struct column *x,
                      const uint32_t *idx, uint32_t n, enum list_sign sign)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t first;
        const uint32_t count = column_items(x, idx[i], &first);
        for (uint32_t k = 0; k < count; k++)
            add_item(c, states[i], &x->children[0], first + k, sign);
    }
}

static void sum_list_update(const struct agg_ctx *c, void *const *states,
                            const struct column *const *args, const uint32_t *idx, uint32_t n,
                            uint8_t *error)
{
    assert(error);
    add_lists(c, states, args[0], idx, n, LIST_ADD);
}

static void sum_list_undo(const struct agg_ctx *c, void *const *states,
                          const struct column *const *args, const uint32_t *idx, uint32_t n,
                          uint8_t *error)
{
    assert(error);
    add_lists(c, states, args[0], idx, n, LIST_SUBTRACT);
}

static bool sum_list_merge(const struct agg_ctx *c, void *into, const void *from)
{
    const union sum_list_state *other = from;
    union sum_list_state *s = into;
    if (c->type->kind == TYPE_DOUBLE)
        s->f64 += other->f64;
    else
        add_i64(c, s, other->i64, LIST_ADD);
    return true;
}

static void sum_list_emit(const struct agg_ctx *c, struct column *out, struct arena *a,
                          const void *const *states, uint32_t first, uint32_t n)
{
    assert(a && type_equal(out->type, c->type));
    for (uint32_t i = 0; i < n; i++) {
        const union sum_list_state *s = states[i];
        if (c->type->kind == TYPE_INTEGER)
            out->i32[first + i] = (int32_t)s->i64;
        else
            out->i64[first + i] = s->i64; // a double's bits too
    }
}

static void sum_list_save(const struct agg_ctx *c, struct buf *out, const void *state)
{
    assert(c);
    buf_le64(out, (uint64_t)((const union sum_list_state *)state)->i64);
}

static bool sum_list_load(const struct agg_ctx *c, void *state, struct cursor *in, struct err *e)
{
    assert(c);
    uint64_t v = 0;
    if (!cur_le64(in, &v))
        return agg_corrupt(e, "SUM_LIST");
    ((union sum_list_state *)state)->i64 = (int64_t)v;
    return true;
}

const struct agg agg_type_sum_list = {
    .name = "SUM_LIST",
    .signatures = "SUM_LIST(ARRAY<INTEGER>) -> INTEGER\nSUM_LIST(ARRAY<BIGINT>) -> BIGINT\n"
                  "SUM_LIST(ARRAY<DOUBLE>) -> DOUBLE",
    .help = "Sum of the items of all arrays that are not NULL; INTEGER and BIGINT wrap.",
    .args_min = 1,
    .args_max = 1,
    .resolve = sum_list_resolve,
    .order = sum_list_order,
    .state_bytes = sum_list_bytes,
    .init = sum_list_init,
    .update = sum_list_update,
    .undo = sum_list_undo,
    .merge = sum_list_merge,
    .emit = sum_list_emit,
    .save = sum_list_save,
    .load = sum_list_load,
};
