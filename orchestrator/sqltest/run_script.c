#include "orchestrator/sqltest/run_script.h"

#include "orchestrator/sqltest/expect.h"
#include "orchestrator/sqltest/keep.h"
#include "orchestrator/sqltest/query.h"
#include "orchestrator/sqltest/refusal.h"
#include "orchestrator/sqltest/sink.h"
#include "schema/registry/registry_memory.h"
#include "sql/sql.h"

#include <assert.h>

#define RUNNING_MAX 256

struct runner {
    struct arena *a;
    struct stub stub;
    struct keep keep;
    struct query *running[RUNNING_MAX]; // in the order they were started
    uint32_t count;
};

// --- data ----------------------------------------------------------------------------------------

// The last record of a topic goes to every query that reads it, and on from there. The depth is bounded by RUNNING_MAX:
// no query reads what comes of its own rows.
static bool flow(struct runner *s, const struct stub_topic *topic, uint32_t at, struct err *e)
{
    struct stub_record *record = ARENA_NEW(s->a, struct stub_record);
    *record = topic->records[at];
    const struct query_input input = {topic, record};
    for (uint32_t i = 0; i < s->count; i++) {
        struct query *q = s->running[i];
        if (!query_reads(q, topic))
            continue;
        const struct stub_topic *sink = query_topic(q);
        uint32_t from = sink->n;
        if (!query_feed(q, &input, 1, e))
            return false;
        for (const uint32_t to = sink->n; from < to; from++)
            if (!flow(s, sink, from, e))
                return false;
    }
    return true;
}

// --- queries -------------------------------------------------------------------------------------

static bool start(struct runner *s, uint32_t at, const struct plan_query *plan, struct kv *kv,
                  struct err *e)
{
    const struct query_spec spec = {plan, &s->stub, 1, kv};
    if (at == RUNNING_MAX)
        return err_fail(e, ERR_LIMIT, "more than %d queries", RUNNING_MAX);
    if (!query_open(&s->running[at], &spec, e))
        return false;
    s->count += at == s->count;
    return true;
}

static uint32_t find(const struct runner *s, const struct plan_query *plan)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (query_plan(s->running[i]) == plan)
            return i;
    assert(!"query is not running");
    return 0;
}

static void stop(struct runner *s, const struct plan_query *plan)
{
    const uint32_t at = find(s, plan);
    query_close(s->running[at]);
    s->count--;
    memmove(&s->running[at], &s->running[at + 1], (s->count - at) * sizeof(struct query *));
}

static bool replace(struct runner *s, const struct plan_step *step, struct err *e)
{
    const uint32_t at = find(s, step->old);
    if (!query_keep(s->running[at], e))
        return false;
    query_close(s->running[at]);
    s->running[at] = NULL;
    return start(s, at, step->query, s->keep.kv, e);
}

// --- statements ----------------------------------------------------------------------------------

static bool run_step(struct runner *s, const struct plan_step *step, struct err *e)
{
    struct stub_topic *topic;
    switch (step->kind) {
    case STEP_QUERY_START:
        return start(s, s->count, step->query, s->keep.kv, e);
    case STEP_QUERY_REPLACE:
        return replace(s, step, e);
    case STEP_QUERY_STOP:
        stop(s, step->old);
        return true;
    case STEP_INSERT:
        return sink_insert(&topic, &s->stub, &step->row, e) && flow(s, topic, topic->n - 1, e);
    case STEP_SELECT:
        return err_fail(e, ERR_SQL, "SELECT alone answers nobody in a script: use ASSERT VALUES");
    case STEP_ASSERT_VALUES:
    case STEP_ASSERT_TOMBSTONE:
        return expect_next(&s->stub, step, e);
    }
    assert(!"step out of range");
    return false;
}

static bool run_steps(struct runner *s, const struct plan *plan, struct err *e)
{
    bool replaces = false;
    for (uint32_t i = 0; i < plan->step_count; i++)
        replaces |= plan->steps[i].kind == STEP_QUERY_REPLACE;
    if (replaces && !keep_open(&s->keep, e))
        return false;
    for (uint32_t i = 0; i < plan->step_count; i++) {
        const struct plan_step *step = &plan->steps[i];
        if (run_step(s, step, e))
            continue;
        e->line = step->pos.line;
        return false;
    }
    return true;
}

static bool run(struct arena *a, const struct script_case *c, struct err *e)
{
    struct runner *s = ARENA_NEW(a, struct runner);
    const struct sql_script script = {"statements", c->text};
    const struct sql_spec spec = {
        .scripts = &script, .count = 1, .use = SQL_TEST, .registry = registry_memory_new(a)};
    const struct plan *plan;
    s->a = s->stub.a = a;
    s->stub.registry = spec.registry;
    const bool ok = sql_plan_spec(&plan, a, &spec, e) && run_steps(s, plan, e);
    for (uint32_t i = 0; i < s->count; i++)
        query_close(s->running[i]);
    keep_close(&s->keep);
    return ok;
}

static void fail(struct verdict *out, struct str reason)
{
    out->status = VERDICT_FAIL;
    out->reason = reason;
}

void run_script(struct verdict *out, struct arena *a, const struct script_case *c)
{
    struct err e;
    out->test = c->test;
    out->name = c->name;
    out->negative = c->error.p || c->message.p;
    out->status = VERDICT_PASS;
    err_clear(&e);
    const bool ok = run(a, c, &e);
    if (ok && out->negative)
        fail(out, STR("every statement is accepted and runs: expected a refusal"));
    if (!ok && refusal_is_test_function(&e, c->text)) {
        out->status = VERDICT_SKIP;
        out->reason = STR("needs a function written in Java for ksqlDB's own tests");
        return;
    }
    if (!ok && !out->negative)
        fail(out, arena_printf(a, "line %u: %s", e.line, e.text));
    if (ok || !out->negative)
        return;
    if (e.line < c->last_line) {
        fail(out, arena_printf(a, "an earlier statement is refused: line %u: %s", e.line, e.text));
        return;
    }
    out->message = refusal_holds(&e, STR_NONE, c->message) ? MESSAGE_MATCH : MESSAGE_DIFFERS;
    if (out->message == MESSAGE_DIFFERS)
        out->reason = arena_str(a, str_from(e.text));
}
