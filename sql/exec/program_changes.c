// Who needs to know what a key had before (retractions), and where one change per key and batch is enough (collapsing).
#include "sql/exec/fn.h"
#include "sql/exec/program_internal.h"

#include <assert.h>

static bool expr_is_seeded(const struct expr *x)
{
    if (x->fn && x->fn->determinism == FN_SEEDED)
        return true;
    for (uint32_t i = 0; i < x->arg_count; i++)
        if (expr_is_seeded(x->args[i]))
            return true;
    return false;
}

static bool node_is_seeded(const struct plan_node *n)
{
    bool seeded = n->predicate && expr_is_seeded(n->predicate);
    const uint32_t exprs = n->kind == PLAN_AGGREGATE ? n->key_count : n->expr_count;
    for (uint32_t i = 0; i < exprs; i++)
        seeded |= expr_is_seeded(n->exprs[i]);
    for (uint32_t i = 0; i < n->aggregate_count; i++)
        for (uint32_t k = 0; k < n->aggregates[i].arg_count; k++)
            seeded |= expr_is_seeded(n->aggregates[i].args[k]);
    return seeded;
}

// --- collapsing (DESIGN 4) ----------------------------------------------------------------------

static bool key_decides(const struct plan_node *n, uint32_t column);

// Whether the expression, over the rows of n, can change with the key only.
static bool expr_key_decides(const struct plan_node *n, const struct expr *x)
{
    if (x->kind == EXPR_PSEUDO || (x->fn && x->fn->determinism != FN_PURE))
        return false;
    if (x->kind == EXPR_COLUMN)
        return key_decides(n, x->column);
    for (uint32_t i = 0; i < x->arg_count; i++)
        if (!expr_key_decides(n, x->args[i]))
            return false;
    return true;
}

// The same of a column, seen from the aggregate that the rows come from.
static bool key_decides(const struct plan_node *n, uint32_t column)
{
    if (n->kind == PLAN_AGGREGATE)
        return column < n->key_count;
    if (n->kind == PLAN_PROJECT)
        return expr_key_decides(n->inputs[0], n->exprs[column]);
    return (n->kind == PLAN_OBJECT || n->kind == PLAN_FILTER) && n->input_count == 1 &&
           key_decides(n->inputs[0], column);
}

// Whether a group of the aggregate above has a row here always or never: none that comes and goes within a batch.
static bool rows_stay(const struct plan_node *n)
{
    if (n->kind == PLAN_AGGREGATE)
        return true;
    if (n->kind == PLAN_FILTER && !expr_key_decides(n->inputs[0], n->predicate))
        return false;
    return (n->kind == PLAN_OBJECT || n->kind == PLAN_PROJECT || n->kind == PLAN_FILTER) &&
           n->input_count == 1 && rows_stay(n->inputs[0]);
}

// Whether the order of updates and undos is nothing to the result, and none of them can fail.
static bool is_exact(const struct plan_aggregate *p)
{
    const struct type *types[1] = {p->type};
    const struct agg_ctx ctx = {.arg_types = types, .type = p->type};
    return p->agg->undo && (p->type->kind == TYPE_INTEGER || p->type->kind == TYPE_BIGINT) &&
           p->agg->order(&ctx) == AGG_ORDER_FREE;
}

// An aggregate over rows of `in`. A row that changes its group would leave a trace in the groups that it was in for a while
// (a count of 0, a later ROWTIME), so the key of `in` has to decide the group.
static bool aggregate_collapses(const struct plan_node *n, const struct plan_node *in)
{
    if (n->window.kind != WINDOW_NONE || n->window.final || in->schema->windowed || !rows_stay(in))
        return false;
    for (uint32_t i = 0; i < n->key_count; i++)
        if (!expr_key_decides(in, n->exprs[i]))
            return false;
    for (uint32_t i = 0; i < n->aggregate_count; i++)
        if (!is_exact(&n->aggregates[i]))
            return false;
    return true;
}

// Whether one change per key and batch of `in` is enough for what reads it at `at`, and for all behind that.
static bool consumer_collapses(const struct compile *c, uint32_t at, const struct plan_node *in)
{
    const struct plan_node *n = c->spec->plan->nodes[at];
    if (!n->table || !c->marks[at].collapses)
        return false;
    switch (n->kind) {
    case PLAN_PROJECT:
    case PLAN_FILTER:
        return true;
    case PLAN_OBJECT:
        return n->input_count == 1 && !compile_converts(n) &&
               !(n->formats && n->formats->timestamp_index >= 0);
    case PLAN_JOIN_TABLE_TABLE:
        return !n->schema->windowed;
    case PLAN_AGGREGATE:
        return aggregate_collapses(n, in);
    case PLAN_SOURCE:
    case PLAN_REKEY:
    case PLAN_UNNEST:
    case PLAN_JOIN_STREAM_TABLE:
    case PLAN_JOIN_STREAM_STREAM:
    case PLAN_JOIN_FOREIGN_KEY:
        return false;
    }
    assert(!"plan kind out of range");
    return false;
}

void compile_changes(struct compile *c)
{
    const struct plan *plan = c->spec->plan;
    for (uint32_t i = plan->count; i-- > 0;) {
        struct mark *m = &c->marks[i];
        if (!m->reached)
            continue;
        m->collapses = c->spec->collapse == PROGRAM_COLLAPSE && (m->output < 0 || m->last_change);
        m->seeded = node_is_seeded(plan->nodes[i]);
        for (uint32_t k = i + 1; k < plan->count; k++) {
            const struct plan_node *consumer = plan->nodes[k];
            for (uint32_t in = 0; c->marks[k].reached && in < consumer->input_count; in++) {
                if (consumer->inputs[in] != plan->nodes[i])
                    continue;
                const bool retracts = plan->nodes[i]->table && consumer->table &&
                                              !plan_is_join(consumer->kind) // it keeps its inputs
                                          ? consumer->kind == PLAN_FILTER || c->marks[k].before
                                          : false;
                m->before |=
                    plan->nodes[i]->table && (retracts || consumer->kind == PLAN_AGGREGATE);
                m->collapses &= consumer_collapses(c, k, plan->nodes[i]);
                m->seeded |= c->marks[k].seeded;
            }
        }
        m->collapses &= !m->seeded; // a random value is that of one change
        c->p->seeded |= m->seeded;
    }
}
