#include "orchestrator/cli/job_status.h"

#include "base/durable.h"
#include "base/kv.h"
#include "jobs/run/behind.h"
#include "jobs/run/doc.h"
#include "jobs/run/lag.h"
#include "orchestrator/builtin.h"
#include "orchestrator/cli/remote.h"
#include "orchestrator/daemon/memory.h"

enum { SUCCESS_RUNS_MAX = 200 }; // how far back a success is looked for

struct walk {
    struct job_status *s;
    struct arena *a;
};

static bool status_run(void *arg, const struct history_run *r, struct err *e)
{
    const struct walk *w = arg;
    (void)e;
    if (!w->s->ran) {
        w->s->ran = true;
        w->s->last = *r;
        w->s->last.outcome = arena_str(w->a, r->outcome);
        w->s->last.error = arena_str(w->a, r->error);
    }
    if (w->s->success_ms == 0 && str_eq(r->outcome, STR("done")))
        w->s->success_ms = r->finished_ms;
    return true;
}

static bool status_store(struct job_status *out, struct app *app, struct err *e)
{
    struct kv *kv;
    struct kv_txn *t;
    struct walk w = {out, app->a};
    if (!app_state(&kv, app, out->spec, e))
        return false;
    out->owner = kv_owner(arena_printf(app->a, "%s/%s/0", app->spec->state.p, out->spec->name.p).p);
    if (!kv)
        return true;
    bool ok = kv_begin_read(&t, kv, e);
    if (ok) {
        ok = control_load(&out->control, app->a, t, e);
        kv_abort(t);
    }
    ok = ok && history_runs(kv, 1, status_run, &w, e);
    if (ok && out->ran && out->success_ms == 0)
        ok = history_runs(kv, SUCCESS_RUNS_MAX, status_run, &w, e);
    kv_close(kv);
    return ok;
}

static bool status_memory(struct job_status *out, struct app *app, struct err *e)
{
    struct memory m;
    if (!memory_load(&m, app->a, app->spec->state.p, e))
        return false;
    const struct memory_job *j = memory_job(&m, out->spec->name);
    out->paused = j->sched.paused;
    if (out->success_ms < j->sched.done_ms)
        out->success_ms = j->sched.done_ms;
    if (j->lag >= 0 && j->lag_ms > 0) {
        out->lag_is = JOB_LAG_KNOWN;
        out->lag = (uint64_t)j->lag;
        out->lag_ms = j->lag_ms;
    }
    return true;
}

static void status_daemon(struct job_status *out, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *j = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(j, "job"));
        if (name && str_eq(str_from(name), out->spec->name))
            out->daemon = j;
    }
    if (!out->daemon)
        return;
    const json_t *lag = json_object_get(out->daemon, "lag");
    const json_int_t success = json_integer_value(json_object_get(out->daemon, "last_success"));
    out->paused = json_is_true(json_object_get(out->daemon, "paused"));
    if (out->success_ms < success)
        out->success_ms = success;
    if (json_is_integer(lag)) {
        out->lag_is = JOB_LAG_KNOWN;
        out->lag = (uint64_t)json_integer_value(lag);
        out->lag_ms = json_integer_value(json_object_get(out->daemon, "lag_at"));
    }
}

bool job_statuses_open(struct job_statuses *out, struct app *app, struct err *e)
{
    *out = (struct job_statuses){.app = app};
    return remote_status(&out->daemon, app, e) != REMOTE_FAILED || e->kind == ERR_REMOTE;
}

void job_statuses_close(struct job_statuses *s)
{
    json_decref(s->daemon);
}

bool job_status_read(struct job_status *out, const struct job_statuses *all,
                     const struct job_spec *job, struct err *e)
{
    *out = (struct job_status){.spec = job, .control = {.a = all->app->a, .fresh = true}};
    if (!status_store(out, all->app, e) || !status_memory(out, all->app, e))
        return false;
    status_daemon(out, all->daemon);
    return true;
}

void job_status_live(struct job_status *s, const struct job_statuses *all)
{
    struct app *app = all->app;
    const struct job *job;
    struct lag lag;
    struct err e;
    const struct run_env env = {
        .durable = app->durable, .clock = clock_system(), .source = builtin_source};
    s->lag_is = JOB_LAG_FAILED;
    if (!app_job(&job, app, s->spec->name.p, &e) || !lag_measure(&lag, app->a, job, &env, &e))
        return;
    s->lag_is = JOB_LAG_KNOWN;
    s->lag = lag.records;
    s->lag_ms = 0;
}

static const char *status_running(struct arena *a, const json_t *running)
{
    const char *phase = json_string_value(json_object_get(running, "phase"));
    const json_int_t records = json_integer_value(json_object_get(running, "records"));
    const json_int_t total = json_integer_value(json_object_get(running, "records_total"));
    if (total <= 0)
        return arena_printf(a, "running: %s", phase ? phase : "").p;
    return arena_printf(a, "running: %s %lld%%", phase ? phase : "", records * 100 / total).p;
}

const char *job_status_state(struct arena *a, const struct job_status *s)
{
    const json_t *running = json_object_get(s->daemon, "running");
    const char *state = json_string_value(json_object_get(s->daemon, "state"));
    if (json_is_object(running))
        return status_running(a, running);
    if (state)
        return state;
    if (s->owner)
        return arena_printf(a, "running, process %lld", (long long)s->owner).p;
    return s->paused ? "paused, no daemon" : "no daemon";
}

const char *job_status_note(struct arena *a, const struct job_status *s)
{
    const json_int_t failures = json_integer_value(json_object_get(s->daemon, "failures"));
    struct run_behind behind;
    behind_worst(&behind, &s->control);
    const bool works = s->owner || json_is_object(json_object_get(s->daemon, "running"));
    if (behind.output[0])
        return arena_printf(a, "%llu batch%s not delivered to %s since %s: %s",
                            (unsigned long long)behind.batches, behind.batches == 1 ? "" : "es",
                            behind.output, cli_time(a, behind.since_ms), behind.why)
            .p;
    if (s->control.delivered < s->control.last_batch && !works)
        return arena_printf(a, "batch %llu decided, not delivered",
                            (unsigned long long)s->control.last_batch)
            .p;
    if (s->control.offsets_owed && !works)
        return "complete; the group's offsets are not committed";
    if (failures > 0)
        return arena_printf(a, "%lld failure%s since the last success", failures,
                            failures == 1 ? "" : "s")
            .p;
    if (s->last.rejected > 0)
        return arena_printf(a, "%s rows refused in the last run", cli_count(a, s->last.rejected)).p;
    return "";
}

int64_t job_status_next(const struct job_status *s)
{
    return json_integer_value(json_object_get(s->daemon, "next"));
}

// Every output that is behind.
static void job_status_behind(json_t *o, const struct control *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->output_count; i++) {
        const struct control_output *x = &c->outputs[i];
        if (!x->behind)
            continue;
        json_t *j = json_object();
        json_object_set_new(j, "output", doc_new_str(x->name));
        json_object_set_new(j, "batch", doc_new_u64(x->behind));
        json_object_set_new(j, "batches", doc_new_u64(x->behind_batches));
        json_object_set_new(j, "bytes", doc_new_u64(x->behind_bytes));
        json_object_set_new(j, "since", json_integer(x->behind_ms));
        json_object_set_new(j, "why", doc_new_str(str_from(x->behind_why)));
        json_array_append_new(list, j);
    }
    json_object_set_new(o, "behind", list);
}

json_t *job_status_json(struct arena *a, const struct job_status *s)
{
    json_t *o = json_object();
    json_object_set_new(o, "job", doc_new_str(s->spec->name));
    json_object_set_new(o, "schedule", doc_new_str(spec_schedule_text(a, &s->spec->schedule)));
    json_object_set_new(o, "state", json_string(job_status_state(a, s)));
    json_object_set_new(o, "paused", json_boolean(s->paused));
    json_object_set_new(o, "lag", s->lag_is == JOB_LAG_KNOWN ? doc_new_u64(s->lag) : json_null());
    json_object_set_new(o, "lag_at", s->lag_ms ? json_integer(s->lag_ms) : json_null());
    json_object_set_new(o, "last_success",
                        s->success_ms ? json_integer(s->success_ms) : json_null());
    json_object_set_new(o, "next",
                        job_status_next(s) ? json_integer(job_status_next(s)) : json_null());
    json_object_set_new(o, "last_batch", doc_new_u64(s->control.last_batch));
    json_object_set_new(o, "delivered",
                        json_boolean(s->control.delivered >= s->control.last_batch));
    job_status_behind(o, &s->control);
    if (s->ran) {
        json_object_set_new(o, "last_run", doc_new_u64(s->last.run));
        json_object_set_new(o, "outcome", doc_new_str(s->last.outcome));
        json_object_set_new(o, "started", json_integer(s->last.started_ms));
        json_object_set_new(o, "records", doc_new_u64(s->last.records));
        json_object_set_new(o, "rejected", doc_new_u64(s->last.rejected));
        json_object_set_new(o, "error", doc_new_str(s->last.error));
    }
    return o;
}
