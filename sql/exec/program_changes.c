// Who needs to know what a key had before (retractions), and where one change per key and batch is enough (collapsing).
#include "sql/exec/fn.h"
#include "sql/exec/program_internal.h"

// DESIGN 4: one change per key is enough for tables whose consumers only pass rows on to such outputs.
static bool consumer_collapses(const struct compile *c, uint32_t at)
{
    const struct plan_node *n = c->spec->plan->nodes[at];
    if (n->kind != PLAN_PROJECT && n->kind != PLAN_OBJECT)
        return false;
    return n->table && n->input_count == 1 && !compile_converts(n) &&
           !(n->formats && n->formats->timestamp_index >= 0) && c->marks[at].collapses;
}

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
                m->collapses &= consumer_collapses(c, k);
                m->seeded |= c->marks[k].seeded;
            }
        }
        m->collapses &= !m->before && !m->seeded; // a random value is that of one change
        c->p->seeded |= m->seeded;
    }
}
