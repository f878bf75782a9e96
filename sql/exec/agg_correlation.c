// CORRELATION: Pearson's coefficient of the rows where both values are present; NaN when one of them does not vary.
#include "sql/exec/agg_internal.h"

#include <assert.h>
#include <math.h>

struct correlation_state {
    double x, y, xx, yy, xy; // sums
    double n;
};

static const struct type *correlation_resolve(struct arena *a, const struct type **want,
                                              const struct type *const *args, uint32_t n)
{
    assert(a && n == 2);
    for (uint32_t i = 0; i < n; i++) {
        if (!args[i] || !type_is_number(args[i]))
            return NULL;
        want[i] = type_scalar(TYPE_DOUBLE);
    }
    return type_scalar(TYPE_DOUBLE);
}

static size_t correlation_bytes(const struct agg_ctx *c)
{
    assert(c);
    return sizeof(struct correlation_state);
}

static void correlation_init(const struct agg_ctx *c, void *state)
{
    assert(c);
    memset(state, 0, sizeof(struct correlation_state));
}

static void correlation_add(void *const *states, const struct column *const *args,
                            const uint32_t *idx, uint32_t n, double sign)
{
    for (uint32_t i = 0; i < n; i++) {
        struct correlation_state *s = states[i];
        const uint32_t row = idx[i];
        if (!column_is_valid(args[0], row) || !column_is_valid(args[1], row))
            continue;
        const double x = args[0]->f64[row];
        const double y = args[1]->f64[row];
        s->x += sign * x;
        s->y += sign * y;
        s->xx += sign * (x * x);
        s->yy += sign * (y * y);
        s->xy += sign * (x * y);
        s->n += sign;
    }
}

static void correlation_update(const struct agg_ctx *c, void *const *states,
                               const struct column *const *args, const uint32_t *idx, uint32_t n,
                               uint8_t *error)
{
    assert(c && error);
    correlation_add(states, args, idx, n, 1);
}

static void correlation_undo(const struct agg_ctx *c, void *const *states,
                             const struct column *const *args, const uint32_t *idx, uint32_t n,
                             uint8_t *error)
{
    assert(c && error);
    correlation_add(states, args, idx, n, -1);
}

static bool correlation_merge(const struct agg_ctx *c, void *into, const void *from)
{
    assert(c);
    struct correlation_state *s = into;
    const struct correlation_state *other = from;
    s->x += other->x;
    s->y += other->y;
    s->xx += other->xx;
    s->yy += other->yy;
    s->xy += other->xy;
    s->n += other->n;
    return true;
}

static void correlation_emit(const struct agg_ctx *c, struct column *out, struct arena *a,
                             const void *const *states, uint32_t first, uint32_t n)
{
    assert(c && a && out->type->kind == TYPE_DOUBLE);
    for (uint32_t i = 0; i < n; i++) {
        const struct correlation_state *s = states[i];
        const double x = s->n * s->xx - s->x * s->x;
        const double y = s->n * s->yy - s->y * s->y;
        out->f64[first + i] = (s->n * s->xy - s->x * s->y) / sqrt(x * y);
    }
}

static void correlation_save(const struct agg_ctx *c, struct buf *out, const void *state)
{
    assert(c);
    const struct correlation_state *s = state;
    agg_save_f64(out, s->x);
    agg_save_f64(out, s->y);
    agg_save_f64(out, s->xx);
    agg_save_f64(out, s->yy);
    agg_save_f64(out, s->xy);
    agg_save_f64(out, s->n);
}

static bool correlation_load(const struct agg_ctx *c, void *state, struct cursor *in, struct err *e)
{
    assert(c);
    struct correlation_state *s = state;
    return (agg_load_f64(&s->x, in) && agg_load_f64(&s->y, in) && agg_load_f64(&s->xx, in) &&
            agg_load_f64(&s->yy, in) && agg_load_f64(&s->xy, in) && agg_load_f64(&s->n, in)) ||
           agg_corrupt(e, "CORRELATION");
}

const struct agg agg_type_correlation = {
    .name = "CORRELATION",
    .signatures = "CORRELATION(NUMBER, NUMBER) -> DOUBLE",
    .help = "Pearson's correlation coefficient of two columns, over the rows where neither is "
            "NULL; NaN when one of them does not vary.",
    .args_min = 2,
    .args_max = 2,
    .nested = true,
    .resolve = correlation_resolve,
    .order = agg_order_seq,
    .state_bytes = correlation_bytes,
    .init = correlation_init,
    .update = correlation_update,
    .undo = correlation_undo,
    .merge = correlation_merge,
    .emit = correlation_emit,
    .save = correlation_save,
    .load = correlation_load,
};
