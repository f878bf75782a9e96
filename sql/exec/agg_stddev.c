// STDDEV_SAMP and STDDEV_SAMPLE by Youngs and Cramer's recurrence. As in ksqlDB, STDDEV_SAMP gives the variance and
// STDDEV_SAMPLE the deviation; 0.0 of fewer than two values.
#include "sql/exec/agg_internal.h"

#include <assert.h>
#include <math.h>

struct stddev_state {
    union {
        int64_t i64; // sum of INTEGER and BIGINT, wrapping
        double f64;
    };
    int64_t count;
    double m2; // sum of squared differences from the mean
};

static const struct type *stddev_resolve(struct arena *a, const struct type **want,
                                         const struct type *const *args, uint32_t n)
{
    assert(a && n == 1);
    if (!args[0] || !type_is_number(args[0]))
        return NULL;
    want[0] = type_scalar(
        args[0]->kind == TYPE_INTEGER || args[0]->kind == TYPE_BIGINT ? TYPE_BIGINT : TYPE_DOUBLE);
    return type_scalar(TYPE_DOUBLE);
}

static size_t stddev_bytes(const struct agg_ctx *c)
{
    assert(c);
    return sizeof(struct stddev_state);
}

static void stddev_init(const struct agg_ctx *c, void *state)
{
    assert(c);
    memset(state, 0, sizeof(struct stddev_state));
}

// What a value adds to m2 when count and sum already include it.
static double m2_share(const struct stddev_state *s, const struct column *x, uint32_t row)
{
    double difference;
    if (s->count < 2)
        return 0;
    if (x->type->kind == TYPE_BIGINT)
        difference =
            (double)(int64_t)((uint64_t)s->count * (uint64_t)x->i64[row] - (uint64_t)s->i64);
    else
        difference = (double)s->count * x->f64[row] - s->f64;
    const double pairs = (double)s->count * (double)(s->count - 1);
    return 1.0 / pairs * (difference * difference);
}

static void stddev_update(const struct agg_ctx *c, void *const *states,
                          const struct column *const *args, const uint32_t *idx, uint32_t n,
                          uint8_t *error)
{
    assert(c && error);
    const struct column *x = args[0];
    for (uint32_t i = 0; i < n; i++) {
        struct stddev_state *s = states[i];
        if (!column_is_valid(x, idx[i]))
            continue;
        s->count++;
        if (x->type->kind == TYPE_BIGINT)
            s->i64 = (int64_t)((uint64_t)s->i64 + (uint64_t)x->i64[idx[i]]);
        else
            s->f64 += x->f64[idx[i]];
        s->m2 += m2_share(s, x, idx[i]);
    }
}

static void stddev_undo(const struct agg_ctx *c, void *const *states,
                        const struct column *const *args, const uint32_t *idx, uint32_t n,
                        uint8_t *error)
{
    assert(c && error);
    const struct column *x = args[0];
    for (uint32_t i = 0; i < n; i++) {
        struct stddev_state *s = states[i];
        if (!column_is_valid(x, idx[i]))
            continue;
        s->m2 -= m2_share(s, x, idx[i]);
        s->count--;
        if (x->type->kind == TYPE_BIGINT)
            s->i64 = (int64_t)((uint64_t)s->i64 - (uint64_t)x->i64[idx[i]]);
        else
            s->f64 -= x->f64[idx[i]];
    }
}

// Chan, Golub and LeVeque's formula for two parts.
static bool stddev_merge(const struct agg_ctx *c, void *into, const void *from)
{
    struct stddev_state *s = into;
    const struct stddev_state *other = from;
    const bool exact = c->arg_types[0]->kind == TYPE_BIGINT;
    if (s->count && other->count) {
        const double n = (double)s->count;
        const double m = (double)other->count;
        const double x = exact ? (double)s->i64 : s->f64;
        const double y = exact ? (double)other->i64 : other->f64;
        const double difference = m / n * x - y;
        s->m2 += n / (m * (n + m)) * (difference * difference);
    }
    s->m2 += other->m2;
    s->count += other->count;
    if (exact)
        s->i64 = (int64_t)((uint64_t)s->i64 + (uint64_t)other->i64);
    else
        s->f64 += other->f64;
    return true;
}

static double variance(const struct stddev_state *s)
{
    return s->count < 2 ? 0.0 : s->m2 / (double)(s->count - 1);
}

static void variance_emit(const struct agg_ctx *c, struct column *out, struct arena *a,
                          const void *const *states, uint32_t first, uint32_t n)
{
    assert(c && a && out->type->kind == TYPE_DOUBLE);
    for (uint32_t i = 0; i < n; i++)
        out->f64[first + i] = variance(states[i]);
}

static void deviation_emit(const struct agg_ctx *c, struct column *out, struct arena *a,
                           const void *const *states, uint32_t first, uint32_t n)
{
    assert(c && a && out->type->kind == TYPE_DOUBLE);
    for (uint32_t i = 0; i < n; i++)
        out->f64[first + i] = sqrt(variance(states[i]));
}

static void stddev_save(const struct agg_ctx *c, struct buf *out, const void *state)
{
    assert(c);
    const struct stddev_state *s = state;
    buf_le64(out, (uint64_t)s->i64); // a double's bits too
    buf_le64(out, (uint64_t)s->count);
    agg_save_f64(out, s->m2);
}

static bool stddev_load(const struct agg_ctx *c, void *state, struct cursor *in, struct err *e)
{
    assert(c);
    struct stddev_state *s = state;
    uint64_t sum = 0;
    uint64_t count = 0;
    if (!cur_le64(in, &sum) || !cur_le64(in, &count) || !agg_load_f64(&s->m2, in))
        return agg_corrupt(e, "STDDEV_SAMP");
    s->i64 = (int64_t)sum;
    s->count = (int64_t)count;
    return true;
}

const struct agg agg_type_stddev_samp = {
    .name = "STDDEV_SAMP",
    .signatures = "STDDEV_SAMP(INTEGER) -> DOUBLE\nSTDDEV_SAMP(BIGINT) -> DOUBLE\n"
                  "STDDEV_SAMP(DOUBLE) -> DOUBLE",
    .help = "Sample variance (ksqlDB's name promises the deviation: use STDDEV_SAMPLE for that); "
            "0.0 of fewer than two values.",
    .args_min = 1,
    .args_max = 1,
    .nested = true,
    .resolve = stddev_resolve,
    .order = agg_order_seq,
    .state_bytes = stddev_bytes,
    .init = stddev_init,
    .update = stddev_update,
    .undo = stddev_undo,
    .merge = stddev_merge,
    .emit = variance_emit,
    .save = stddev_save,
    .load = stddev_load,
};

const struct agg agg_type_stddev_sample = {
    .name = "STDDEV_SAMPLE",
    .signatures = "STDDEV_SAMPLE(INTEGER) -> DOUBLE\nSTDDEV_SAMPLE(BIGINT) -> DOUBLE\n"
                  "STDDEV_SAMPLE(DOUBLE) -> DOUBLE",
    .help = "Sample standard deviation; 0.0 of fewer than two values.",
    .args_min = 1,
    .args_max = 1,
    .nested = true,
    .resolve = stddev_resolve,
    .order = agg_order_seq,
    .state_bytes = stddev_bytes,
    .init = stddev_init,
    .update = stddev_update,
    .undo = stddev_undo,
    .merge = stddev_merge,
    .emit = deviation_emit,
    .save = stddev_save,
    .load = stddev_load,
};
