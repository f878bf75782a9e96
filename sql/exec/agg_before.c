#include "sql/exec/agg_before.h"

#include "schema/rowcodec.h"
#include "sql/exec/agg_states.h"

#define ROWS_MAX ((size_t)1 << 30)

void agg_before_init(struct agg_before *s)
{
    *s = (struct agg_before){0};
    buf_init(&s->rows, ROWS_MAX);
}

void agg_before_fini(struct agg_before *s)
{
    buf_fini(&s->rows);
    vec_fini(&s->starts);
}

void agg_before_clear(struct agg_before *s)
{
    buf_clear(&s->rows);
    s->starts.n = 0;
}

bool agg_before_keep(struct agg_before *s, const struct op *o, struct group *const *groups,
                     uint32_t n, struct err *e)
{
    const struct phys_node *node = o->node;
    struct arena *a = o->x->window;
    struct column *columns = ARENA_ARRAY(a, struct column, node->agg_count + 1);
    const void **states = ARENA_ARRAY(a, const void *, n + 1);
    for (uint32_t k = 0; k < node->agg_count; k++) {
        const struct phys_agg *agg = &node->aggs[k];
        for (uint32_t i = 0; i < n; i++)
            states[i] = agg_state(agg, group_state(groups[i]));
        column_init(&columns[k], a, node->schema->columns[node->expr_count + k].type, n);
        agg->agg->emit(&agg->ctx, &columns[k], a, states, 0, n);
    }
    for (uint32_t i = 0; i < n; i++) {
        vec_push(&s->starts, s->rows.n);
        rowcodec_encode(&s->rows, columns, node->agg_count, i);
        groups[i]->note = (uint32_t)s->starts.n;
    }
    return buf_ok(&s->rows, "what groups had before the batch", e);
}

bool agg_before_put(const struct agg_before *s, const struct op *o, struct block *out, uint32_t row,
                    const struct group *g, struct err *e)
{
    assert(g->note > 0 && g->note <= s->starts.n);
    const char *p = s->rows.p ? s->rows.p : ""; // aggregates: none
    struct cursor in = {(const uint8_t *)p + s->starts.v[g->note - 1],
                        (const uint8_t *)p + s->rows.n};
    return rowcodec_decode(out->columns + o->node->expr_count, o->node->agg_count, row,
                           o->x->window, &in, e);
}
