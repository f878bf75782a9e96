// MIN and MAX over numbers, times and strings (by UTF-8 bytes). NULLs are skipped; NULL when there was no value.
#include "sql/exec/agg_big.h"
#include "sql/exec/agg_internal.h"

#include <assert.h>

struct minmax_state {
    union {
        int64_t i64;
        double f64;
        i128 i128;
        struct agg_big bytes; // strings, and DECIMAL beyond 38 digits
    };
    bool set;
};

enum minmax_side { SIDE_MIN, SIDE_MAX };

static const struct type *minmax_resolve(struct arena *a, const struct type **want,
                                         const struct type *const *args, uint32_t n)
{
    assert(a && want && n == 1);
    return args[0] && !type_is_nested(args[0]) && args[0]->kind != TYPE_BOOLEAN ? args[0] : NULL;
}

static size_t minmax_bytes(const struct agg_ctx *c)
{
    assert(c);
    return sizeof(struct minmax_state);
}

static void minmax_init(const struct agg_ctx *c, void *state)
{
    assert(c);
    memset(state, 0, sizeof(struct minmax_state));
}

#define MINMAX_LOOP(member, value)                                                        \
    for (uint32_t i = 0; i < n; i++) {                                                    \
        struct minmax_state *s = states[i];                                               \
        if (!column_is_valid(x, idx[i]))                                                  \
            continue;                                                                     \
        const bool better =                                                               \
            side == SIDE_MAX ? (value)[idx[i]] > s->member : (value)[idx[i]] < s->member; \
        if (s->set && !better)                                                            \
            continue;                                                                     \
        s->member = (value)[idx[i]];                                                      \
        s->set = true;                                                                    \
    }

// Double.compareTo: NaN is above everything, -0.0 below 0.0.
static int f64_cmp(double x, double y)
{
    if (x < y)
        return -1;
    if (x > y)
        return 1;
    int64_t a;
    int64_t b;
    memcpy(&a, &x, sizeof a);
    memcpy(&b, &y, sizeof b);
    if (x != x)
        a = INT64_MAX;
    if (y != y)
        b = INT64_MAX;
    return a == b ? 0 : a < b ? -1 : 1;
}

static void minmax_f64(void *const *states, const struct column *x, const uint32_t *idx, uint32_t n,
                       enum minmax_side side)
{
    for (uint32_t i = 0; i < n; i++) {
        struct minmax_state *s = states[i];
        if (!column_is_valid(x, idx[i]))
            continue;
        const int cmp = s->set ? f64_cmp(x->f64[idx[i]], s->f64) : 0;
        if (!s->set || (side == SIDE_MAX ? cmp > 0 : cmp < 0)) {
            s->f64 = x->f64[idx[i]];
            s->set = true;
        }
    }
}

static void minmax_set_bytes(struct minmax_state *s, struct str v)
{
    agg_big_set(&s->bytes, v);
    s->set = true;
}

static int bytes_cmp(const struct type *t, struct str x, struct str y)
{
    return agg_is_big(t) ? agg_big_cmp(t, x, y) : str_cmp(x, y);
}

static void minmax_str(void *const *states, const struct column *x, const uint32_t *idx, uint32_t n,
                       enum minmax_side side)
{
    for (uint32_t i = 0; i < n; i++) {
        struct minmax_state *s = states[i];
        if (!column_is_valid(x, idx[i]))
            continue;
        const struct str v = x->str[idx[i]];
        const int cmp = s->set ? bytes_cmp(x->type, v, agg_big_bytes(&s->bytes)) : 0;
        if (!s->set || (side == SIDE_MAX ? cmp > 0 : cmp < 0))
            minmax_set_bytes(s, v);
    }
}

static void minmax_run(void *const *states, const struct column *x, const uint32_t *idx, uint32_t n,
                       enum minmax_side side)
{
    switch (x->type->kind) {
    case TYPE_INTEGER:
    case TYPE_DATE:
    case TYPE_TIME:
        MINMAX_LOOP(i64, x->i32)
        return;
    case TYPE_BIGINT:
    case TYPE_TIMESTAMP:
        MINMAX_LOOP(i64, x->i64)
        return;
    case TYPE_DECIMAL:
        if (x->type->precision <= 18) {
            MINMAX_LOOP(i64, x->i64)
        } else if (agg_is_big(x->type)) {
            minmax_str(states, x, idx, n, side);
        } else {
            MINMAX_LOOP(i128, x->i128)
        }
        return;
    case TYPE_DOUBLE:
        minmax_f64(states, x, idx, n, side);
        return;
    case TYPE_STRING:
    case TYPE_BYTES:
        minmax_str(states, x, idx, n, side);
        return;
    case TYPE_BOOLEAN:
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_STRUCT:
        break;
    }
    assert(!"type has no order");
}

static void min_update(const struct agg_ctx *c, void *const *states,
                       const struct column *const *args, const uint32_t *idx, uint32_t n,
                       uint8_t *error)
{
    assert(c && error);
    minmax_run(states, args[0], idx, n, SIDE_MIN);
}

static void max_update(const struct agg_ctx *c, void *const *states,
                       const struct column *const *args, const uint32_t *idx, uint32_t n,
                       uint8_t *error)
{
    assert(c && error);
    minmax_run(states, args[0], idx, n, SIDE_MAX);
}

static int minmax_cmp(const struct type *t, const struct minmax_state *x,
                      const struct minmax_state *y)
{
    if (t->kind == TYPE_DOUBLE)
        return f64_cmp(x->f64, y->f64);
    if (column_holds_str(t))
        return bytes_cmp(t, agg_big_bytes(&x->bytes), agg_big_bytes(&y->bytes));
    if (column_width(t) == sizeof(i128))
        return (x->i128 > y->i128) - (x->i128 < y->i128);
    return (x->i64 > y->i64) - (x->i64 < y->i64);
}

static void minmax_merge(const struct agg_ctx *c, struct minmax_state *into,
                         const struct minmax_state *from, enum minmax_side side)
{
    if (!from->set)
        return;
    const int cmp = into->set ? minmax_cmp(c->type, from, into) : 0;
    if (into->set && (side == SIDE_MAX ? cmp <= 0 : cmp >= 0))
        return;
    if (column_holds_str(c->type))
        minmax_set_bytes(into, agg_big_bytes(&from->bytes));
    else
        *into = *from;
}

static bool min_merge(const struct agg_ctx *c, void *into, const void *from)
{
    minmax_merge(c, into, from, SIDE_MIN);
    return true;
}

static bool max_merge(const struct agg_ctx *c, void *into, const void *from)
{
    minmax_merge(c, into, from, SIDE_MAX);
    return true;
}

static void minmax_put(struct column *out, struct arena *a, uint32_t row,
                       const struct minmax_state *s)
{
    const size_t width = column_width(out->type);
    if (column_holds_str(out->type))
        out->str[row] = arena_str(a, agg_big_bytes(&s->bytes));
    else if (out->type->kind == TYPE_DOUBLE)
        out->f64[row] = s->f64;
    else if (width == sizeof(i128))
        out->i128[row] = s->i128;
    else if (width == sizeof(int64_t))
        out->i64[row] = s->i64;
    else
        out->i32[row] = (int32_t)s->i64;
}

static void minmax_emit(const struct agg_ctx *c, struct column *out, struct arena *a,
                        const void *const *states, uint32_t first, uint32_t n)
{
    assert(type_equal(out->type, c->type));
    for (uint32_t i = 0; i < n; i++) {
        const struct minmax_state *s = states[i];
        if (s->set)
            minmax_put(out, a, first + i, s);
        else
            column_set_null(out, a, first + i, out->cap);
    }
}

static void minmax_save(const struct agg_ctx *c, struct buf *out, const void *state)
{
    const struct minmax_state *s = state;
    buf_u8(out, s->set);
    if (!s->set)
        return;
    if (column_holds_str(c->type))
        agg_save_bytes(out, s->bytes.p, s->bytes.n);
    else if (column_width(c->type) == sizeof(i128))
        agg_save_i128(out, s->i128);
    else
        buf_le64(out, (uint64_t)s->i64);
}

static bool minmax_load(const struct agg_ctx *c, void *state, struct cursor *in, struct err *e)
{
    struct minmax_state *s = state;
    uint8_t set = 0;
    uint64_t v = 0;
    struct str text;
    if (!cur_u8(in, &set))
        return agg_corrupt(e, "MIN or MAX");
    s->set = set != 0;
    if (!s->set)
        return true;
    if (column_holds_str(c->type)) {
        if (!agg_load_bytes(&text, in, e))
            return false;
        minmax_set_bytes(s, text);
        return true;
    }
    if (column_width(c->type) == sizeof(i128))
        return agg_load_i128(&s->i128, in) || agg_corrupt(e, "MIN or MAX");
    if (!cur_le64(in, &v))
        return agg_corrupt(e, "MIN or MAX");
    s->i64 = (int64_t)v;
    return true;
}

static void minmax_drop(const struct agg_ctx *c, void *state)
{
    struct minmax_state *s = state;
    if (column_holds_str(c->type))
        mem_free(s->bytes.p);
}

static size_t minmax_heap(const struct agg_ctx *c, const void *state)
{
    const struct minmax_state *s = state;
    return column_holds_str(c->type) ? s->bytes.cap : 0;
}

const struct agg agg_type_min = {
    .name = "MIN",
    .signatures = "MIN(T) -> T, T a number, string, bytes, date or time",
    .help = "Smallest value that is not NULL; NULL when there is none.",
    .args_min = 1,
    .args_max = 1,
    .resolve = minmax_resolve,
    .order = agg_order_free,
    .state_bytes = minmax_bytes,
    .init = minmax_init,
    .update = min_update,
    .merge = min_merge,
    .emit = minmax_emit,
    .save = minmax_save,
    .load = minmax_load,
    .drop = minmax_drop,
    .heap_bytes = minmax_heap,
};

const struct agg agg_type_max = {
    .name = "MAX",
    .signatures = "MAX(T) -> T, T a number, string, bytes, date or time",
    .help = "Largest value that is not NULL; NULL when there is none.",
    .args_min = 1,
    .args_max = 1,
    .resolve = minmax_resolve,
    .order = agg_order_free,
    .state_bytes = minmax_bytes,
    .init = minmax_init,
    .update = max_update,
    .merge = max_merge,
    .emit = minmax_emit,
    .save = minmax_save,
    .load = minmax_load,
    .drop = minmax_drop,
    .heap_bytes = minmax_heap,
};
