// AVG: the sum, wrapping as Java's for INTEGER and BIGINT, over the count of values that are not NULL; 0.0 of none (ksqlDB).
#include "sql/exec/agg_internal.h"

#include <assert.h>

struct avg_state {
    union {
        int64_t i64; // INTEGER (wrapped to 32 bits), BIGINT
        double f64;
    };
    int64_t count;
};

enum avg_sign { AVG_ADD, AVG_SUBTRACT };

static const struct type *avg_resolve(struct arena *a, const struct type **want,
                                      const struct type *const *args, uint32_t n)
{
    assert(a && n == 1);
    if (!args[0] || !type_is_number(args[0]))
        return NULL;
    if (args[0]->kind == TYPE_DECIMAL)
        want[0] = type_scalar(TYPE_DOUBLE);
    return type_scalar(TYPE_DOUBLE);
}

static enum agg_order avg_order(const struct agg_ctx *c)
{
    return c->arg_types[0]->kind == TYPE_DOUBLE ? AGG_ORDERED : AGG_ORDER_FREE;
}

static size_t avg_bytes(const struct agg_ctx *c)
{
    assert(c);
    return sizeof(struct avg_state);
}

static void avg_init(const struct agg_ctx *c, void *state)
{
    assert(c);
    memset(state, 0, sizeof(struct avg_state));
}

static int64_t wrapped(int64_t x, int64_t y, enum avg_sign sign)
{
    return (int64_t)(sign == AVG_ADD ? (uint64_t)x + (uint64_t)y : (uint64_t)x - (uint64_t)y);
}

static void avg_one(struct avg_state *s, const struct column *x, uint32_t row, enum avg_sign sign)
{
    if (x->type->kind == TYPE_INTEGER)
        s->i64 = (int32_t)(uint32_t)(uint64_t)wrapped(s->i64, x->i32[row], sign);
    else if (x->type->kind == TYPE_BIGINT)
        s->i64 = wrapped(s->i64, x->i64[row], sign);
    else
        s->f64 = sign == AVG_ADD ? s->f64 + x->f64[row] : s->f64 - x->f64[row];
    s->count += sign == AVG_ADD ? 1 : -1;
}

static void avg_update(const struct agg_ctx *c, void *const *states,
                       const struct column *const *args, const uint32_t *idx, uint32_t n,
                       uint8_t *error)
{
    assert(c && error);
    for (uint32_t i = 0; i < n; i++)
        if (column_is_valid(args[0], idx[i]))
            avg_one(states[i], args[0], idx[i], AVG_ADD);
}

static void avg_undo(const struct agg_ctx *c, void *const *states, const struct column *const *args,
                     const uint32_t *idx, uint32_t n, uint8_t *error)
{
    assert(c && error);
    for (uint32_t i = 0; i < n; i++)
        if (column_is_valid(args[0], idx[i]))
            avg_one(states[i], args[0], idx[i], AVG_SUBTRACT);
}

static bool avg_merge(const struct agg_ctx *c, void *into, const void *from)
{
    struct avg_state *s = into;
    const struct avg_state *other = from;
    if (c->arg_types[0]->kind == TYPE_DOUBLE)
        s->f64 += other->f64;
    else
        s->i64 = wrapped(s->i64, other->i64, AVG_ADD);
    if (c->arg_types[0]->kind == TYPE_INTEGER)
        s->i64 = (int32_t)(uint32_t)(uint64_t)s->i64;
    s->count += other->count;
    return true;
}

static void avg_emit(const struct agg_ctx *c, struct column *out, struct arena *a,
                     const void *const *states, uint32_t first, uint32_t n)
{
    assert(a && out->type->kind == TYPE_DOUBLE);
    const bool exact = c->arg_types[0]->kind != TYPE_DOUBLE;
    for (uint32_t i = 0; i < n; i++) {
        const struct avg_state *s = states[i];
        const double sum = exact ? (double)s->i64 : s->f64;
        out->f64[first + i] = s->count ? sum / (double)s->count : 0.0;
    }
}

static void avg_save(const struct agg_ctx *c, struct buf *out, const void *state)
{
    assert(c);
    const struct avg_state *s = state;
    buf_le64(out, (uint64_t)s->i64); // a double's bits too
    buf_le64(out, (uint64_t)s->count);
}

static bool avg_load(const struct agg_ctx *c, void *state, struct cursor *in, struct err *e)
{
    assert(c);
    struct avg_state *s = state;
    uint64_t sum = 0;
    uint64_t count = 0;
    if (!cur_le64(in, &sum) || !cur_le64(in, &count))
        return agg_corrupt(e, "AVG");
    s->i64 = (int64_t)sum;
    s->count = (int64_t)count;
    return true;
}

const struct agg agg_type_avg = {
    .name = "AVG",
    .signatures = "AVG(INTEGER) -> DOUBLE\nAVG(BIGINT) -> DOUBLE\nAVG(DOUBLE) -> DOUBLE",
    .help = "Average of the values that are not NULL; 0.0 of none. The sum of INTEGER and BIGINT "
            "wraps; DECIMAL is cast to DOUBLE.",
    .args_min = 1,
    .args_max = 1,
    .nested = true,
    .resolve = avg_resolve,
    .order = avg_order,
    .state_bytes = avg_bytes,
    .init = avg_init,
    .update = avg_update,
    .undo = avg_undo,
    .merge = avg_merge,
    .emit = avg_emit,
    .save = avg_save,
    .load = avg_load,
};
