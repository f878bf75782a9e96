#include "jobs/run/rejected.h"

#include "base/vec.h"
#include "jobs/run/collect.h"
#include "jobs/run/execute.h"
#include "jobs/run/reject_rows.h"

#include <assert.h>
#include <stdlib.h>

struct rejected {
    struct session *s;
    const struct rejected_spec *spec;
    bool *outputs; // by job.outputs: those whose tables are meant
    struct arena *a;
    VEC(uint64_t) slots;
    uint64_t older;
    // Of one slot:
    uint64_t slot, rows;
    size_t target;
    struct collect *collect; // NULL = a dry run
};

// --- which rows ------------------------------------------------------------------------------------------------------

static bool rejected_output(struct rejected *r, struct str name, struct err *e)
{
    const struct job *job = r->s->job;
    for (size_t i = 0; i < job->output_count; i++) {
        if (!str_eq_nocase(job->outputs[i].name, name))
            continue;
        r->outputs[i] = true;
        return true;
    }
    err_fail(e, ERR_CONFIG, "job %s has no output %.*s", job->name, STR_ARG(name));
    return err_hint(e, "sluice job show %s lists them", job->name);
}

static bool rejected_outputs(struct rejected *r, struct err *e)
{
    const struct job *job = r->s->job;
    r->outputs = ARENA_ZARRAY(r->s->a, bool, job->output_count + 1);
    for (size_t i = 0; i < r->spec->output_count; i++)
        if (!rejected_output(r, r->spec->outputs[i], e))
            return false;
    for (size_t i = 0; r->spec->output_count == 0 && i < job->output_count; i++)
        r->outputs[i] = true;
    return true;
}

// Those of all chosen tables, of one batch or (0) of all.
static bool rejected_each(struct rejected *r, uint64_t batch, reject_fn *fn, struct err *e)
{
    const struct job *job = r->s->job;
    for (r->target = 0; r->target < job->target_count; r->target++) {
        const struct job_target *t = &job->targets[r->target];
        const struct rejects_query query = {
            .job = job->name,
            .output = t->spec.output,
            .target = arena_str(r->a, t->spec.table).p,
            .of = reject_span(batch, 0),
            .limit = UINT64_MAX,
        };
        if (r->outputs[t->output] && !t->type->rejects(t->spec.url, &query, fn, r, e))
            return err_wrap(e, "refused rows of %.*s", STR_ARG(t->name));
    }
    return true;
}

// Above the last batch they are another owner's.
static bool rejected_choose(void *arg, const struct reject *x, struct err *e)
{
    struct rejected *r = arg;
    const struct control *c = &r->s->control;
    (void)e;
    if (x->batch < r->spec->from || x->batch > r->spec->to || x->batch > c->last_batch)
        return true;
    if (x->batch <= c->since) {
        r->older++;
        return true;
    }
    for (size_t i = r->slots.n; i > 0; i--)
        if (r->slots.v[i - 1] == x->batch)
            return true;
    vec_push(&r->slots, x->batch);
    return true;
}

static int rejected_order(const void *x, const void *y)
{
    const uint64_t *p = x, *q = y;
    return (*p > *q) - (*p < *q);
}

// --- one slot --------------------------------------------------------------------------------------------------------

static bool rejected_row(void *arg, const struct reject *x, struct err *e)
{
    struct rejected *r = arg;
    const struct job_target *t = &r->s->job->targets[r->target];
    const struct column *columns;
    enum row_op op;
    struct arena *a = arena_new(NULL);
    bool ok =
        reject_row(&columns, &op, a, t, x, e) &&
        (!r->collect || collect_again(r->collect, r->target,
                                      (struct reject_place){x->batch, x->seq}, columns, op, e));
    r->rows += ok;
    arena_free(a);
    return ok;
}

static bool rejected_feed(void *arg, struct collect *c, struct err *e)
{
    struct rejected *r = arg;
    r->collect = c;
    return rejected_each(r, r->slot, rejected_row, e);
}

static bool rejected_slot(struct rejected *r, struct rejected_slot *told, struct err *e)
{
    struct session *s = r->s;
    struct batch_record record;
    enum execute_end end;
    const struct execute_replace how = {
        .outputs = r->outputs,
        .feed = rejected_feed,
        .feed_arg = r,
        .positions = EXECUTE_KEEP,
    };
    const struct execute_spec spec = {.kind = BATCH_REJECTS, .a = r->a, .replace = &how};
    bool dry = r->spec->mode == REJECTED_DRY_RUN;
    r->slot = told->slot;
    r->rows = 0;
    s->asks = false;
    bool ok = dry ? rejected_each(r, r->slot, rejected_row, e)
                  : execute_batch(&record, &end, s, &spec, e) && run_deliver(s, &record, e);
    told->rows = r->rows;
    for (size_t i = 0; ok && !dry && i < record.target_count; i++)
        told->refused += record.targets[i].rejected;
    arena_reset(r->a);
    return ok;
}

static bool rejected_go(struct rejected *r, struct err *e)
{
    const struct session *s = r->s;
    for (size_t i = 0; i < r->slots.n; i++) {
        struct rejected_slot told = {.slot = r->slots.v[i], .index = i, .count = r->slots.n};
        if (s->env->cancel && atomic_load(s->env->cancel))
            return err_fail(e, ERR_CANCELLED, "stopped: refused rows of %zu batches are left",
                            r->slots.n - i);
        if (!rejected_slot(r, &told, e))
            return err_wrap(e, "refused rows of batch %llu", (unsigned long long)told.slot);
        if (r->spec->slot && !r->spec->slot(r->spec->slot_arg, &told, e))
            return false;
    }
    return true;
}

static bool rejected_run(struct rejected *r, struct err *e)
{
    r->a = arena_new(r->s->a);
    if (!rejected_outputs(r, e) || !rejected_each(r, 0, rejected_choose, e))
        return false;
    if (r->slots.n > 0)
        qsort(r->slots.v, r->slots.n, sizeof *r->slots.v, rejected_order);
    r->s->engine = SESSION_MEMORY;
    return rejected_go(r, e) && (r->spec->mode == REJECTED_DRY_RUN || run_done(r->s, e));
}

bool run_rejected(struct run_report *out, uint64_t *older, const struct job *job,
                  const struct run_env *env, const struct rejected_spec *spec, struct err *e)
{
    struct session s;
    struct rejected r = {.s = &s, .spec = spec};
    *out = (struct run_report){0};
    bool dry = spec->mode == REJECTED_DRY_RUN;
    bool ok = session_open(&s, job, env, out, e) && (dry || run_settle(&s, e));
    s.asks = ok;
    ok = ok && (dry || run_recovered(&s, e)) && rejected_run(&r, e);
    if (!ok && !dry)
        run_failed(&s, e);
    *older = r.older;
    vec_fini(&r.slots);
    session_close(&s);
    return ok || err_wrap(e, "refused rows of job %s", job->name);
}
