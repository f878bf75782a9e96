#include "orchestrator/daemon/runner.h"

#include "base/durable.h"
#include "jobs/run/backfill.h"
#include "jobs/run/doc.h"
#include "jobs/run/lag.h"
#include "jobs/spec/spec.h"
#include "orchestrator/builtin.h"
#include "orchestrator/cli/app.h"
#include "orchestrator/daemon/about.h"
#include "orchestrator/daemon/report.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PROGRESS_MS = 500, LAG_MS_MAX = 30000 };

struct progress {
    int out;
    struct clock clock;
    int64_t last_ms;
    enum run_phase phase;
    bool said;
};

// Every change of phase, and now and then how far it is.
static void runner_progress(void *arg, const struct run_progress *p)
{
    struct progress *s = arg;
    const int64_t now = s->clock.mono_ms(s->clock.arg);
    if (s->said && p->phase == s->phase && now - s->last_ms < PROGRESS_MS)
        return;
    s->said = true;
    s->phase = p->phase;
    s->last_ms = now;
    json_t *j = json_object();
    json_object_set_new(j, "progress", report_progress_to_json(p));
    (void)report_write(s->out, j);
}

// A run that never ends tries again by itself: its owner should know.
static void runner_trouble(void *arg, const struct err *why, int64_t retry_ms)
{
    const struct progress *s = arg;
    json_t *j = json_object();
    json_object_set_new(j, "trouble", report_error_to_json(why));
    json_object_set_new(j, "retry_ms", json_integer(retry_ms));
    (void)report_write(s->out, j);
}

// A crash test may fail the n-th durable call of every run: the same variable as for one command.
static bool runner_durable(struct durable **out, struct err *e)
{
    const char *faults = getenv("SLUICE_FAULT");
    *out = durable_new(DURABLE_KILL);
    return !faults || durable_parse_faults(*out, faults, e);
}

static uint64_t peak_bytes(void)
{
    struct rusage used;
    return getrusage(RUSAGE_SELF, &used) == 0 ? (uint64_t)used.ru_maxrss * 1024 : 0;
}

static int runner_answer(int out, const struct run_report *report, const struct job_spec *spec,
                         const struct err *failure)
{
    json_t *j = json_object();
    json_object_set_new(j, "memory", doc_new_u64(peak_bytes()));
    if (failure)
        json_object_set_new(j, "error", report_error_to_json(failure));
    else
        json_object_set_new(j, "report", report_to_json(report, spec->name.p));
    return report_write(out, j) && !failure ? 0 : 1;
}

int runner_main(void *arg, int out)
{
    const struct runner *s = arg;
    struct arena *a = arena_new(NULL);
    struct progress progress = {.out = out, .clock = clock_system()};
    struct durable *durable;
    const struct job *job;
    struct run_report report = {0};
    struct err e;
    bool ok = runner_durable(&durable, &e);
    const struct run_env env = {.durable = durable,
                                .clock = clock_system(),
                                .source = builtin_source,
                                .topics = builtin_topics,
                                .cancel = app_signals(),
                                .progress = runner_progress,
                                .progress_arg = &progress,
                                .trouble = runner_trouble,
                                .trouble_arg = &progress};
    ok = ok && job_compile(&job, a, s->app, s->job, builtin_sinks, &e);
    if (ok && s->job->schedule.trigger == SPEC_TRIGGER_STREAM)
        ok = run_stream(&report, job, &env, &e);
    else if (ok)
        ok = run_job(&report, job, &env, &e);
    const int code = runner_answer(out, &report, s->job, ok ? NULL : &e);
    durable_free(durable);
    arena_free(a);
    return code;
}

// --- checking --------------------------------------------------------------------------------------------------------

// What is wrong with a state store its runs will say.
static void check_pending(json_t *pending, const struct job *job)
{
    struct durable *durable = durable_new(DURABLE_KILL);
    struct err e;
    bool cut = false;
    if (backfill_is_pending(&cut, job, durable, &e) && cut)
        json_array_append_new(pending, json_string(job->name));
    durable_free(durable);
}

static bool check_job(json_t **about, json_t *pending, const struct app_spec *app,
                      const struct job_spec *spec, struct err *e)
{
    struct arena *a = arena_new(NULL);
    const struct job *job;
    const bool ok = job_compile(&job, a, app, spec, builtin_sinks, e);
    if (ok) {
        *about = about_job(job);
        check_pending(pending, job);
    }
    arena_free(a);
    return ok;
}

int runner_check_main(void *app_spec, int out)
{
    const struct app_spec *app = app_spec;
    const struct job_spec *jobs = app->jobs.v;
    json_t *errors = json_array();
    json_t *about = json_object();
    json_t *pending = json_array();
    json_t *answer = json_object();
    for (size_t i = 0; i < app->jobs.n; i++) {
        struct err e;
        json_t *one = NULL;
        if (check_job(&one, pending, app, &jobs[i], &e))
            json_object_set_new(about, jobs[i].name.p, one);
        else
            json_array_append_new(errors, report_error_to_json(&e));
    }
    json_object_set_new(answer, "errors", errors);
    json_object_set_new(answer, "about", about);
    json_object_set_new(answer, "pending", pending);
    return report_write(out, answer) ? 0 : 1;
}

// --- lag -------------------------------------------------------------------------------------------------------------

static json_t *lag_job(const struct app_spec *app, const struct job_spec *spec,
                       const struct run_env *env)
{
    struct arena *a = arena_new(NULL);
    const struct job *job;
    struct lag lag;
    struct err e;
    json_t *j = json_object();
    json_object_set_new(j, "job", doc_new_str(spec->name));
    if (job_compile(&job, a, app, spec, builtin_sinks, &e) && lag_measure(&lag, a, job, env, &e)) {
        json_t *topics = json_object();
        json_object_set_new(j, "lag", doc_new_u64(lag.records));
        for (size_t i = 0; i < job->topic_count; i++)
            json_object_set_new(topics, arena_printf(a, "%.*s", STR_ARG(job->topics[i])).p,
                                doc_new_u64(lag.by_topic[i]));
        json_object_set_new(j, "topics", topics);
    } else {
        json_object_set_new(j, "error", report_error_to_json(&e));
    }
    arena_free(a);
    return j;
}

int runner_lag_main(void *app_spec, int out)
{
    const struct app_spec *app = app_spec;
    const struct job_spec *jobs = app->jobs.v;
    struct durable *durable = durable_new(DURABLE_KILL);
    const struct run_env env = {
        .durable = durable, .clock = clock_system(), .source = builtin_source};
    const int64_t started = env.clock.mono_ms(env.clock.arg);
    bool ok = true;
    // All jobs have the same brokers: when those do not answer, the first job's patience is enough.
    for (size_t i = 0; ok && i < app->jobs.n; i++)
        ok = report_write(out, lag_job(app, &jobs[i], &env)) &&
             env.clock.mono_ms(env.clock.arg) - started < LAG_MS_MAX;
    durable_free(durable);
    return ok ? 0 : 1;
}
