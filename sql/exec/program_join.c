// Joins of a program: what their inputs must deliver and what is kept of it.
#include "sql/exec/program_internal.h"

#include <assert.h>

// The input and its logical column that a logical column of a join comes from; keys are the left one's.
static uint32_t input_column(const struct plan_node *n, uint32_t i, uint32_t *input)
{
    const uint32_t left = n->inputs[0]->schema->count;
    *input = i >= left;
    return *input ? i - left + n->inputs[1]->schema->key_count : i;
}

void use_join_input(struct use *input, struct arena *a, const struct mark *m,
                    const struct plan_node *n, uint32_t which)
{
    for (uint32_t i = 0; i < n->inputs[which]->schema->key_count; i++)
        use_all(&input[i]);
    if (n->kind == PLAN_JOIN_FOREIGN_KEY && which == 0)
        use_expr(input, a, n->exprs[0], NULL);
    for (uint32_t i = n->key_count; i < n->schema->count; i++) {
        uint32_t from;
        const uint32_t column = input_column(n, i, &from);
        if (from == which)
            use_merge(&input[column], a, &m->use[i], n->schema->columns[i].type);
    }
}

// How long after its start a window of n's rows can change, by n's own time; -1 = not known (windows read from a topic).
static int64_t window_life(const struct plan_node *n)
{
    while (n->kind != PLAN_AGGREGATE) {
        if (n->input_count != 1)
            return -1;
        n = n->inputs[0];
    }
    const struct window_spec *w = &n->window;
    if (w->kind != WINDOW_TUMBLING && w->kind != WINDOW_HOPPING)
        return -1;
    return w->size_ms + phys_grace(w);
}

bool compile_join(struct compile *c, struct phys_node *n, const struct use *use, struct err *e)
{
    const struct plan_node *p = n->plan;
    struct schema_column *columns = compile_schema(c, n, use);
    struct phys_join *join = ARENA_NEW(c->a, struct phys_join);
    uint32_t *from[2];
    for (uint32_t i = 0; i < 2; i++)
        join->from[i] = from[i] = ARENA_ARRAY(c->a, uint32_t, p->schema->count + 1);
    for (uint32_t i = 0; i < p->schema->count; i++) {
        uint32_t input;
        const uint32_t column = input_column(p, i, &input);
        const int32_t at = n->columns[i];
        if (at < 0)
            continue;
        const struct phys_node *in = n->inputs[input];
        const int32_t physical = in->columns[column];
        assert(physical >= 0);
        // a STRUCT keeps the fields that its source has
        columns[at].type = in->schema->columns[physical].type;
        if (i >= p->key_count)
            from[input][join->count[input]++] = (uint32_t)physical;
    }
    const int64_t left = window_life(p->inputs[0]), right = window_life(p->inputs[1]);
    join->retention = left < 0 || right < 0 ? -1 : left > right ? left : right;
    n->join = join;
    if (p->kind != PLAN_JOIN_FOREIGN_KEY)
        return true;
    const struct expr_input in = {n->inputs[0]->schema, n->inputs[0]->columns, &c->p->slots};
    n->expr_count = 1;
    n->exprs = ARENA_ARRAY(c->a, const struct expr_prog *, 1);
    return expr_compile(&n->exprs[0], c->a, p->exprs[0], &in, e);
}

int64_t phys_retention(const struct join_spec *s)
{
    const int64_t day_ms = INT64_C(86400000);
    return s->before_ms + s->after_ms + (s->grace_ms < 0 ? day_ms : s->grace_ms);
}

// --- which sources are the tables of joins -------------------------------------------------------

enum { REACHES_STREAM = 1, REACHES_TABLE = 2 };

// Through which inputs of joins node `at` is read, itself and through all its consumers.
void compile_table_sides(struct compile *c)
{
    struct program *p = c->p;
    uint8_t *reaches = arena_zalloc(c->a, p->count + 1);
    for (uint32_t i = p->count; i-- > 0;) {
        const struct phys_node *n = p->nodes[i];
        for (uint32_t k = 0; k < n->input_count; k++) {
            uint8_t *input = &reaches[n->inputs[k]->id];
            *input |= reaches[i];
            if (n->kind == PLAN_JOIN_STREAM_TABLE)
                *input |= k ? REACHES_TABLE : REACHES_STREAM;
            else if (n->kind == PLAN_JOIN_STREAM_STREAM)
                *input |= REACHES_STREAM;
            else if (plan_is_join(n->kind))
                *input |= REACHES_TABLE;
        }
    }
    for (uint32_t i = 0; i < p->count; i++) {
        uint8_t all = 0; // a topic may be declared more than once
        if (p->nodes[i]->source < 0)
            continue;
        struct program_source *source = &p->sources[p->nodes[i]->source].pub;
        for (uint32_t k = 0; k < p->count; k++)
            if (p->nodes[k]->source >= 0 &&
                str_eq(p->sources[p->nodes[k]->source].pub.topic, source->topic))
                all |= reaches[k];
        source->table_side = all == REACHES_TABLE;
    }
}
