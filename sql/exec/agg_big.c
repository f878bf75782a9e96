#include "sql/exec/agg_big.h"

#include "sql/exec/agg_internal.h"

#include <assert.h>

static struct decimal value_of(const struct type *t, struct str bytes)
{
    if (!bytes.n)
        return (struct decimal){.scale = t->scale};
    const struct column cell = {.type = t, .str = &bytes};
    return decimal_get(&cell, 0);
}

void agg_big_set(struct agg_big *s, struct str bytes)
{
    assert(bytes.n <= AGG_BYTES_MAX);
    if (s->cap < bytes.n) {
        s->cap = bytes.n < 16 ? 16 : (uint32_t)bytes.n;
        s->p = mem_realloc(s->p, s->cap);
    }
    if (bytes.n)
        memcpy(s->p, bytes.p, bytes.n);
    s->n = (uint32_t)bytes.n;
}

// NOLINTNEXTLINE(readability-function-size): a state, its type, what is done to it, and memory for that
bool agg_big_apply(struct agg_big *s, const struct type *t, enum decimal_op op, struct str v,
                   struct arena *scratch)
{
    assert(agg_is_big(t) && (op == DECIMAL_ADD || op == DECIMAL_SUB));
    struct decimal sum;
    struct str bytes = STR("");
    struct column cell = {.type = t, .str = &bytes};
    arena_reset(scratch);
    if (!decimal_arith(&sum, scratch, op, value_of(t, agg_big_bytes(s)), value_of(t, v),
                       t->precision, t->scale))
        return false;
    decimal_set(&cell, scratch, 0, sum);
    agg_big_set(s, bytes);
    return true;
}

int agg_big_cmp(const struct type *t, struct str x, struct str y)
{
    return decimal_cmp(value_of(t, x), value_of(t, y));
}

void agg_big_put(struct column *out, struct arena *a, uint32_t row, const struct agg_big *s)
{
    if (s->n)
        out->str[row] = arena_str(a, agg_big_bytes(s));
    else
        decimal_set(out, a, row, (struct decimal){.scale = out->type->scale});
}
