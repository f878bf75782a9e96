#include "sql/exec/agg_states.h"

#include "schema/rowcodec.h"

#define KEYS_MAX ((size_t)1 << 30)

void agg_states_init(const struct phys_node *n, void *states)
{
    for (uint32_t i = 0; i < n->agg_count; i++)
        n->aggs[i].agg->init(&n->aggs[i].ctx, agg_state(&n->aggs[i], states));
}

void agg_states_save(const struct phys_node *n, struct buf *out, const void *states)
{
    for (uint32_t i = 0; i < n->agg_count; i++)
        n->aggs[i].agg->save(&n->aggs[i].ctx, out, (const char *)states + n->aggs[i].offset);
}

bool agg_states_load(const struct phys_node *n, void *states, struct cursor *in, struct err *e)
{
    for (uint32_t i = 0; i < n->agg_count; i++)
        if (!n->aggs[i].agg->load(&n->aggs[i].ctx, agg_state(&n->aggs[i], states), in, e))
            return false;
    return true;
}

void agg_states_drop(const struct phys_node *n, void *states)
{
    for (uint32_t i = 0; i < n->agg_count; i++)
        if (n->aggs[i].agg->drop)
            n->aggs[i].agg->drop(&n->aggs[i].ctx, agg_state(&n->aggs[i], states));
}

bool agg_states_have_heap(const struct phys_node *n)
{
    for (uint32_t i = 0; i < n->agg_count; i++)
        if (n->aggs[i].agg->heap_bytes)
            return true;
    return false;
}

size_t agg_states_heap(const struct phys_node *n, const void *states)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < n->agg_count; i++)
        if (n->aggs[i].agg->heap_bytes)
            bytes += n->aggs[i].agg->heap_bytes(&n->aggs[i].ctx,
                                                (const char *)states + n->aggs[i].offset);
    return bytes;
}

static void put_sequence(struct column *out, struct arena *a, const struct block *b)
{
    column_init(out, a, type_scalar(TYPE_BIGINT), b->rows);
    for (uint32_t i = 0; b->seq && i < b->rows; i++)
        out->i64[i] = (int64_t)b->seq[i];
}

const struct column **agg_args(struct op *o, const struct phys_agg *agg, const struct block *b)
{
    struct arena *a = o->x->window;
    const uint32_t count = agg->ctx.arg_count;
    struct column *values = ARENA_ARRAY(a, struct column, count + 1);
    const struct column **args = ARENA_ARRAY(a, const struct column *, count + 1);
    for (uint32_t k = 0; k < count; k++) {
        expr_run(&values[k], agg->args[k], b, o->x->env, a);
        args[k] = &values[k];
    }
    if (agg->ctx.sequenced) {
        put_sequence(&values[count], a, b);
        args[count] = &values[count];
    }
    return args;
}

bool agg_rows_fit(const struct op *o, const struct phys_agg *agg, const uint8_t *error,
                  uint32_t rows, struct err *e)
{
    if (!memchr(error, 1, rows))
        return true;
    struct buf type;
    buf_init(&type, 4096);
    type_print(&type, agg->ctx.type);
    err_fail(e, ERR_DATA, "%.*s: %s does not fit %.*s", STR_ARG(o->node->name), agg->agg->name,
             (int)type.n, type.p);
    err_hint(e, "cast the argument to a wider type");
    buf_fini(&type);
    return false;
}

static bool has_key(const struct op *o, const struct column *keys, const struct block *b,
                    uint32_t row)
{
    if (b->null_value && b->null_value[row])
        return false;
    for (uint32_t i = 0; i < o->node->expr_count; i++)
        if (!column_is_valid(&keys[i], row))
            return false;
    return true;
}

static uint32_t rows_with_key(struct op *o, const struct column *keys, const struct block *b,
                              uint32_t *idx)
{
    uint32_t n = 0;
    for (uint32_t row = 0; row < b->rows; row++) {
        if (b->op && b->op[row] == OP_DELETE)
            continue;
        if (has_key(o, keys, b, row))
            idx[n++] = row;
        else
            o->counters.dropped_null_key++;
    }
    return n;
}

void agg_keys_init(struct agg_keys *out)
{
    *out = (struct agg_keys){0};
    buf_init(&out->bytes, KEYS_MAX);
}

void agg_keys_fini(struct agg_keys *s)
{
    buf_fini(&s->bytes);
    vec_fini(&s->ends);
}

bool agg_keys_make(struct agg_keys *s, struct op *o, const struct block *b, struct err *e)
{
    struct arena *a = o->x->window;
    const uint32_t count = o->node->expr_count;
    uint32_t *idx = ARENA_ARRAY(a, uint32_t, b->rows + 1);
    s->columns = ARENA_ARRAY(a, struct column, count + 1);
    for (uint32_t i = 0; i < count; i++)
        expr_run(&s->columns[i], o->node->exprs[i], b, o->x->env, a);
    s->idx = idx;
    s->n = rows_with_key(o, s->columns, b, idx);
    s->ends.n = 0;
    while (s->ends.cap < s->n)
        vec_push(&s->ends, 0);
    buf_clear(&s->bytes);
    if (s->n)
        keycodec_encode_rows(&s->bytes, s->ends.v, s->columns, count, idx, s->n);
    return buf_ok(&s->bytes, "group keys of one block", e);
}

// --- as groups keep them ------------------------------------------------------------------------

static void states_init(const void *ctx, void *state)
{
    agg_states_init(ctx, state);
}

static void states_save(const void *ctx, struct buf *out, const void *state)
{
    agg_states_save(ctx, out, state);
}

static bool states_load(const void *ctx, void *state, struct cursor *in, struct err *e)
{
    return agg_states_load(ctx, state, in, e);
}

static void states_drop(const void *ctx, void *state)
{
    agg_states_drop(ctx, state);
}

static size_t states_heap(const void *ctx, const void *state)
{
    return agg_states_heap(ctx, state);
}

static const struct groups_type states_fixed = {
    .init = states_init,
    .save = states_save,
    .load = states_load,
};
static const struct groups_type states_heaped = {
    .init = states_init,
    .save = states_save,
    .load = states_load,
    .drop = states_drop,
    .heap_bytes = states_heap,
};

const struct groups_type *agg_states_type(const struct phys_node *n)
{
    return agg_states_have_heap(n) ? &states_heaped : &states_fixed;
}
