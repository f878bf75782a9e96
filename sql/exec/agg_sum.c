// SUM: INTEGER and BIGINT wrap as Java does, DECIMAL is exact and fails the row beyond its precision, DOUBLE adds in
// sequence order. NULLs are skipped; the sum of no values is 0 (ksqlDB).
#include "sql/exec/agg_big.h"
#include "sql/exec/agg_internal.h"

#include <assert.h>

union sum_state {
    int64_t i64; // INTEGER (wrapped to 32 bits), BIGINT, DECIMAL up to 18 digits
    double f64;
    i128 i128;
    struct agg_big big; // DECIMAL beyond 38 digits
};

enum sum_sign { SUM_ADD, SUM_SUBTRACT };

struct sum_rows {
    const uint32_t *idx;
    uint32_t n;
    enum sum_sign sign;
};

static const struct type *sum_resolve(struct arena *a, const struct type **want,
                                      const struct type *const *args, uint32_t n)
{
    assert(a && want && n == 1);
    return args[0] && type_is_number(args[0]) ? args[0] : NULL;
}

static enum agg_order sum_order(const struct agg_ctx *c)
{
    return c->type->kind == TYPE_DOUBLE ? AGG_ORDERED : AGG_ORDER_FREE;
}

static size_t sum_bytes(const struct agg_ctx *c)
{
    assert(c);
    return sizeof(union sum_state);
}

static void sum_init(const struct agg_ctx *c, void *state)
{
    assert(c);
    memset(state, 0, sizeof(union sum_state));
}

static void sum_i32(void *const *states, const struct column *x, const struct sum_rows *r)
{
    const uint32_t *idx = r->idx;
    const uint32_t n = r->n;
    const enum sum_sign sign = r->sign;
    for (uint32_t i = 0; i < n; i++) {
        if (!column_is_valid(x, idx[i]))
            continue;
        union sum_state *s = states[i];
        const uint32_t v = (uint32_t)x->i32[idx[i]];
        const uint32_t old = (uint32_t)s->i64;
        s->i64 = (int32_t)(sign == SUM_ADD ? old + v : old - v);
    }
}

static void sum_i64(void *const *states, const struct column *x, const struct sum_rows *r)
{
    const uint32_t *idx = r->idx;
    const uint32_t n = r->n;
    const enum sum_sign sign = r->sign;
    for (uint32_t i = 0; i < n; i++) {
        if (!column_is_valid(x, idx[i]))
            continue;
        union sum_state *s = states[i];
        const uint64_t v = (uint64_t)x->i64[idx[i]];
        const uint64_t old = (uint64_t)s->i64;
        s->i64 = (int64_t)(sign == SUM_ADD ? old + v : old - v);
    }
}

static void sum_f64(void *const *states, const struct column *x, const struct sum_rows *r)
{
    const uint32_t *idx = r->idx;
    const uint32_t n = r->n;
    const enum sum_sign sign = r->sign;
    for (uint32_t i = 0; i < n; i++) {
        if (!column_is_valid(x, idx[i]))
            continue;
        union sum_state *s = states[i];
        const double v = x->f64[idx[i]];
        s->f64 = sign == SUM_ADD ? s->f64 + v : s->f64 - v;
    }
}

// Below 10^18 each: the sum cannot leave 64 bits before the check.
static void sum_dec64(void *const *states, const struct column *x, const struct sum_rows *r,
                      uint8_t *error)
{
    const uint32_t *idx = r->idx;
    const uint32_t n = r->n;
    const enum sum_sign sign = r->sign;
    const int64_t bound = (int64_t)agg_power10(x->type->precision);
    for (uint32_t i = 0; i < n; i++) {
        if (!column_is_valid(x, idx[i]))
            continue;
        union sum_state *s = states[i];
        const int64_t v = x->i64[idx[i]];
        const int64_t sum = sign == SUM_ADD ? s->i64 + v : s->i64 - v;
        if (sum >= bound || sum <= -bound)
            error[idx[i]] = 1;
        else
            s->i64 = sum;
    }
}

static void sum_dec128(void *const *states, const struct column *x, const struct sum_rows *r,
                       uint8_t *error)
{
    const uint32_t *idx = r->idx;
    const uint32_t n = r->n;
    const enum sum_sign sign = r->sign;
    const i128 bound = agg_power10(x->type->precision);
    for (uint32_t i = 0; i < n; i++) {
        if (!column_is_valid(x, idx[i]))
            continue;
        union sum_state *s = states[i];
        const i128 v = sign == SUM_ADD ? x->i128[idx[i]] : -x->i128[idx[i]];
        // bound - 1 <= 10^38 - 1, so neither comparison overflows.
        if (v > 0 ? s->i128 > bound - 1 - v : s->i128 < -(bound - 1) - v)
            error[idx[i]] = 1;
        else
            s->i128 += v;
    }
}

static void sum_big(void *const *states, const struct column *x, const struct sum_rows *r,
                    uint8_t *error)
{
    struct arena *scratch = arena_new(NULL);
    const enum decimal_op op = r->sign == SUM_ADD ? DECIMAL_ADD : DECIMAL_SUB;
    for (uint32_t i = 0; i < r->n; i++) {
        const uint32_t row = r->idx[i];
        union sum_state *s = states[i];
        if (column_is_valid(x, row) && !agg_big_apply(&s->big, x->type, op, x->str[row], scratch))
            error[row] = 1;
    }
    arena_free(scratch);
}

static void sum_run(const struct agg_ctx *c, void *const *states, const struct column *x,
                    const struct sum_rows *r, uint8_t *error)
{
    if (c->type->kind == TYPE_INTEGER)
        sum_i32(states, x, r);
    else if (c->type->kind == TYPE_BIGINT)
        sum_i64(states, x, r);
    else if (c->type->kind == TYPE_DOUBLE)
        sum_f64(states, x, r);
    else if (c->type->precision <= 18)
        sum_dec64(states, x, r, error);
    else if (agg_is_big(c->type))
        sum_big(states, x, r, error);
    else
        sum_dec128(states, x, r, error);
}

static void sum_update(const struct agg_ctx *c, void *const *states,
                       const struct column *const *args, const uint32_t *idx, uint32_t n,
                       uint8_t *error)
{
    sum_run(c, states, args[0], &(struct sum_rows){idx, n, SUM_ADD}, error);
}

static void sum_undo(const struct agg_ctx *c, void *const *states, const struct column *const *args,
                     const uint32_t *idx, uint32_t n, uint8_t *error)
{
    sum_run(c, states, args[0], &(struct sum_rows){idx, n, SUM_SUBTRACT}, error);
}

static bool sum_is_wide(const struct agg_ctx *c)
{
    return c->type->kind == TYPE_DECIMAL && c->type->precision > 18;
}

static bool sum_merge(const struct agg_ctx *c, void *into, const void *from)
{
    union sum_state *s = into;
    const union sum_state *other = from;
    if (agg_is_big(c->type)) {
        struct arena *scratch = arena_new(NULL);
        const bool fits =
            agg_big_apply(&s->big, c->type, DECIMAL_ADD, agg_big_bytes(&other->big), scratch);
        arena_free(scratch);
        return fits;
    }
    if (c->type->kind == TYPE_DECIMAL) {
        const i128 x = sum_is_wide(c) ? s->i128 : s->i64;
        const i128 y = sum_is_wide(c) ? other->i128 : other->i64;
        const i128 bound = agg_power10(c->type->precision);
        if (y > 0 ? x > bound - 1 - y : x < -(bound - 1) - y)
            return false;
    }
    if (c->type->kind == TYPE_DOUBLE)
        s->f64 += other->f64;
    else if (sum_is_wide(c))
        s->i128 += other->i128;
    else if (c->type->kind == TYPE_INTEGER)
        s->i64 = (int32_t)((uint32_t)s->i64 + (uint32_t)other->i64);
    else
        s->i64 = (int64_t)((uint64_t)s->i64 + (uint64_t)other->i64);
    return true;
}

static void sum_emit(const struct agg_ctx *c, struct column *out, struct arena *a,
                     const void *const *states, uint32_t first, uint32_t n)
{
    assert(type_equal(out->type, c->type));
    for (uint32_t i = 0; i < n; i++) {
        const union sum_state *s = states[i];
        if (c->type->kind == TYPE_INTEGER)
            out->i32[first + i] = (int32_t)s->i64;
        else if (c->type->kind == TYPE_DOUBLE)
            out->f64[first + i] = s->f64;
        else if (agg_is_big(c->type))
            agg_big_put(out, a, first + i, &s->big);
        else if (sum_is_wide(c))
            out->i128[first + i] = s->i128;
        else
            out->i64[first + i] = s->i64;
    }
}

static void sum_save(const struct agg_ctx *c, struct buf *out, const void *state)
{
    const union sum_state *s = state;
    if (agg_is_big(c->type))
        agg_save_bytes(out, s->big.p, s->big.n);
    else if (sum_is_wide(c))
        agg_save_i128(out, s->i128);
    else
        buf_le64(out, (uint64_t)s->i64); // a double's bits too
}

static bool sum_load(const struct agg_ctx *c, void *state, struct cursor *in, struct err *e)
{
    union sum_state *s = state;
    uint64_t v = 0;
    struct str bytes;
    if (agg_is_big(c->type)) {
        if (!agg_load_bytes(&bytes, in, e))
            return false;
        agg_big_set(&s->big, bytes);
        return true;
    }
    if (sum_is_wide(c))
        return agg_load_i128(&s->i128, in) || agg_corrupt(e, "SUM");
    if (!cur_le64(in, &v))
        return agg_corrupt(e, "SUM");
    s->i64 = (int64_t)v;
    return true;
}

static void sum_drop(const struct agg_ctx *c, void *state)
{
    if (agg_is_big(c->type))
        mem_free(((union sum_state *)state)->big.p);
}

static size_t sum_heap(const struct agg_ctx *c, const void *state)
{
    return agg_is_big(c->type) ? ((const union sum_state *)state)->big.cap : 0;
}

const struct agg agg_type_sum = {
    .name = "SUM",
    .signatures = "SUM(INTEGER) -> INTEGER\nSUM(BIGINT) -> BIGINT\nSUM(DECIMAL) -> DECIMAL\n"
                  "SUM(DOUBLE) -> DOUBLE",
    .help = "Sum of the values that are not NULL; INTEGER and BIGINT wrap, a DECIMAL sum that does "
            "not fit its type stops the run.",
    .args_min = 1,
    .args_max = 1,
    .resolve = sum_resolve,
    .order = sum_order,
    .state_bytes = sum_bytes,
    .init = sum_init,
    .update = sum_update,
    .undo = sum_undo,
    .merge = sum_merge,
    .emit = sum_emit,
    .save = sum_save,
    .load = sum_load,
    .drop = sum_drop,
    .heap_bytes = sum_heap,
};
