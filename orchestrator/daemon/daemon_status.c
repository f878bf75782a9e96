// How the jobs are, as JSON: for `job list`, the control socket and the API. Times are Unix milliseconds, null when there is none.
#include "orchestrator/daemon/daemon_internal.h"

#include "jobs/run/doc.h"
#include "orchestrator/daemon/report.h"

static json_t *time_json(int64_t ms)
{
    return ms > 0 && ms != SCHED_NEVER ? json_integer(ms) : json_null();
}

static json_t *status_running(const struct daemon_job *j)
{
    if (j->does != JOB_RUN)
        return json_null();
    json_t *o = report_progress_to_json(&j->progress);
    json_object_set_new(o, "phase", json_string(report_phase_name(j->progress.phase)));
    json_object_set_new(o, "since", json_integer(j->began_ms));
    json_object_set_new(o, "reason", json_string(sched_reason_name(j->reason)));
    return o;
}

// The last run since the daemon began; older ones are in the history.
static json_t *status_last(const struct daemon_job *j)
{
    if (j->ended_ms == 0 || j->does == JOB_RUN)
        return json_null();
    json_t *o = json_object();
    json_object_set_new(o, "ended", json_integer(j->ended_ms));
    json_object_set_new(o, "took_ms", json_integer(j->took_ms));
    json_object_set_new(o, "ok", json_boolean(j->succeeded));
    if (j->succeeded)
        json_object_set_new(o, "report", report_to_json(&j->report, j->name));
    else
        json_object_set_new(o, "error", report_error_to_json(&j->error));
    return o;
}

// The last command that came without a terminal: what it printed.
static json_t *status_command(const struct daemon_job *j)
{
    json_t *o = json_object();
    json_object_set_new(o, "waiting", doc_new_u64(j->commands.n));
    json_object_set_new(o, "exit",
                        j->command_exit >= 0 ? json_integer(j->command_exit) : json_null());
    json_object_set_new(o, "text", doc_new_str(buf_view(&j->command_text)));
    return o;
}

json_t *status_job(const struct daemon_job *j)
{
    const struct daemon *d = j->d;
    struct arena *a = arena_new(NULL);
    const struct sched_view v = sched_view(d->config->sched, j->index, daemon_now(d));
    const struct sched_memory *m = sched_memory(d->config->sched, j->index);
    json_t *o = json_object();
    json_object_set_new(o, "job", json_string(j->name));
    json_object_set_new(o, "schedule", doc_new_str(spec_schedule_text(a, &j->spec->schedule)));
    json_object_set_new(
        o, "state", json_string(j->does == JOB_COMMAND ? "command" : sched_state_name(v.state)));
    json_object_set_new(o, "paused", json_boolean(m->paused));
    json_object_set_new(o, "next", time_json(v.next_ms));
    json_object_set_new(o, "last_begin", time_json(m->began_ms));
    json_object_set_new(o, "last_success", time_json(m->done_ms));
    json_object_set_new(o, "failures", doc_new_u64(m->failures));
    json_object_set_new(o, "skipped", doc_new_u64(v.skipped));
    json_object_set_new(o, "lag", j->lag >= 0 ? json_integer(j->lag) : json_null());
    json_object_set_new(o, "lag_at", time_json(j->lag_ms));
    json_object_set_new(o, "undelivered_since", time_json(daemon_job_undelivered(j)));
    json_object_set_new(o, "undelivered_to", json_string(j->behind.output));
    json_object_set_new(o, "undelivered_batches", doc_new_u64(j->behind.batches));
    json_object_set_new(o, "running", status_running(j));
    json_object_set_new(o, "command", status_command(j));
    json_object_set_new(o, "last", status_last(j));
    arena_free(a);
    return o;
}

json_t *status_all(const struct daemon *d)
{
    json_t *list = json_array();
    const size_t n = d->config ? d->config->spec->jobs.n : 0;
    // In the order of the configuration file.
    for (size_t index = 0; index < n; index++)
        for (size_t i = 0; i < d->jobs.n; i++)
            if (d->jobs.v[i]->spec && d->jobs.v[i]->index == index)
                json_array_append_new(list, status_job(d->jobs.v[i]));
    return list;
}
