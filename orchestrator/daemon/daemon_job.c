// Runs of jobs: one child per job at a time, a run or a command (daemon_command.c).
#include "orchestrator/daemon/daemon_internal.h"

#include "orchestrator/daemon/report.h"
#include "orchestrator/daemon/runner.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>

enum { JOB_LINE_MAX = 1 << 20, STUCK_MS = 10000, STREAM_STUCK_MS = 30000 };

struct daemon_job *job_new(struct daemon *d, struct str name)
{
    struct daemon_job *j = mem_zalloc(sizeof *j);
    j->d = d;
    j->lag = -1;
    snprintf(j->name, sizeof j->name, "%.*s", STR_ARG(name));
    j->command_exit = -1;
    buf_init(&j->line, JOB_LINE_MAX);
    buf_init(&j->command_text, JOB_LINE_MAX);
    return j;
}

void job_free(struct daemon_job *j)
{
    for (size_t i = 0; i < j->commands.n; i++)
        job_command_free(&j->commands.v[i]);
    vec_fini(&j->commands);
    vec_fini(&j->watchers);
    buf_fini(&j->line);
    buf_fini(&j->command_text);
    json_decref(j->lag_topics);
    mem_free(j);
}

// --- what a run says -------------------------------------------------------------------------------------------------

static void job_phase(struct daemon_job *j, enum run_phase next)
{
    const int64_t now = daemon_now(j->d).mono_ms;
    if (j->progress.phase < RUN_DONE && now > j->phase_mono_ms)
        j->phase_ms[j->progress.phase] += (uint64_t)(now - j->phase_mono_ms);
    j->progress.phase = next;
    j->phase_mono_ms = now;
}

bool job_is_stream(const struct daemon_job *j)
{
    return j->spec && j->spec->schedule.trigger == SPEC_TRIGGER_STREAM;
}

static uint64_t grown(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

// A run that never ends is counted, and is a success, while it goes on: with every batch that is out.
static void job_stream_progress(struct daemon_job *j, const struct run_progress *p)
{
    j->records += grown(p->records, j->progress.records);
    j->bytes += grown(p->bytes, j->progress.bytes);
    if (p->batch <= j->progress.batch || j->progress.batch == 0)
        return;
    j->undelivered_ms = 0;
    err_clear(&j->error);
    sched_progressed(j->d->config->sched, j->index, daemon_now(j->d));
}

static void job_behind(struct daemon_job *j, const struct run_behind *now)
{
    const char *output = now->output[0] ? now->output : j->behind.output;
    const char *fields[] = {"job", j->name, "output", output, NULL};
    if (now->output[0] && !j->behind.output[0])
        log_event(j->d->log, LOG_WARN, "run.behind", fields, "%s", now->why);
    else if (!now->output[0] && j->behind.output[0])
        log_event(j->d->log, LOG_INFO, "run.caught_up", fields, "it has all batches again");
    j->behind = *now;
}

static void job_progress(struct daemon_job *j, const json_t *progress)
{
    struct run_progress p;
    report_progress_from_json(&p, progress);
    if (job_is_stream(j))
        job_stream_progress(j, &p);
    // Before control is read nothing is known.
    if (p.phase != RUN_OPENING)
        job_behind(j, &p.behind);
    if (p.phase != j->progress.phase)
        job_phase(j, p.phase);
    j->progress = p;
    for (size_t i = 0; i < j->watchers.n; i++) {
        json_t *copy = json_object();
        json_object_set_new(copy, "progress", report_progress_to_json(&p));
        if (j->watchers.v[i].begun)
            control_reply(j->watchers.v[i].client, copy, CONTROL_MORE);
        else
            json_decref(copy);
    }
}

static void job_trouble(struct daemon_job *j, const json_t *trouble, const json_t *retry_ms)
{
    char wait[24];
    const char *fields[] = {"job", j->name, "retry_ms", wait, NULL};
    snprintf(wait, sizeof wait, "%lld", (long long)json_integer_value(retry_ms));
    report_error_from_json(&j->error, trouble);
    log_event(j->d->log, LOG_WARN, "run.trouble", fields, "%s", j->error.text);
    const bool failed = json_integer_value(retry_ms) > 0; // else it goes on
    if (failed && j->progress.phase == RUN_DELIVERING && j->undelivered_ms == 0)
        j->undelivered_ms = daemon_now(j->d).wall_ms;
}

static void job_line(struct daemon_job *j, struct str line)
{
    json_error_t why;
    json_t *o = json_loadb(line.p, line.n, 0, &why);
    const json_t *progress = json_object_get(o, "progress");
    const json_t *report = json_object_get(o, "report");
    const json_t *error = json_object_get(o, "error");
    const json_t *memory = json_object_get(o, "memory");
    const json_t *trouble = json_object_get(o, "trouble");
    if (trouble)
        job_trouble(j, trouble, json_object_get(o, "retry_ms"));
    if (progress)
        job_progress(j, progress);
    if (json_is_integer(memory))
        j->memory_bytes = (uint64_t)json_integer_value(memory);
    if (report) {
        j->answered = j->succeeded = true;
        report_from_json(&j->report, report);
        job_behind(j, &j->report.behind);
    } else if (error) {
        j->answered = true;
        report_error_from_json(&j->error, error);
    }
    json_decref(o);
}

static void job_data(void *owner, struct str bytes)
{
    struct daemon_job *j = owner;
    struct str line;
    struct str tail;
    buf_str(&j->line, bytes);
    struct str rest = buf_view(&j->line);
    while (str_split_once(&line, &tail, rest, '\n')) {
        job_line(j, line);
        rest = tail;
    }
    memmove(j->line.p, rest.p, rest.n);
    j->line.n = rest.n;
}

// --- the end of a run ------------------------------------------------------------------------------------------------

// Whether the same run may do better later.
static enum sched_outcome job_outcome(const struct daemon_job *j)
{
    if (j->succeeded)
        return job_is_stream(j) ? SCHED_STOPPED : SCHED_DONE;
    if (j->told_to_stop && !j->timed_out)
        return SCHED_STOPPED;
    switch (j->error.kind) {
    case ERR_IO:
    case ERR_REMOTE:
    case ERR_CANCELLED:
    case ERR_NONE:
        return SCHED_FAILED;
    case ERR_USAGE:
    case ERR_CONFIG:
    case ERR_SQL:
    case ERR_DATA:
    case ERR_LIMIT:
    case ERR_FENCED:
    case ERR_BEHIND:
    case ERR_BUG:
        break;
    }
    return j->error.remedy == REMEDY_FATAL ? SCHED_FATAL : SCHED_FAILED;
}

static void job_died(struct daemon_job *j, int status)
{
    char text[80];
    child_status_text(text, sizeof text, status);
    err_fail(&j->error, ERR_IO, "job %s: the run's process ended with %s", j->name, text);
    err_hint(&j->error, "the next run goes on where it stood; killed by signal 9 is often a lack "
                        "of memory");
}

static void job_count(struct daemon_job *j)
{
    const struct run_report *r = &j->report;
    j->runs_done += j->succeeded;
    j->runs_failed += !j->succeeded;
    if (!j->succeeded)
        return;
    if (!job_is_stream(j)) {
        j->records += r->records;
        j->bytes += r->bytes;
    }
    j->dead += r->dead;
    j->lost += r->lost;
    j->lake_rows += r->lake_rows;
    j->warehouse_rows += r->warehouse_rows;
    j->topic_rows += r->topic_rows;
    j->rejected += r->rejected;
    j->late += r->late;
    j->late_partition += r->late_partition;
}

static void job_log_end(const struct daemon_job *j, enum sched_verdict verdict)
{
    char run[24];
    char took[24];
    char records[24];
    snprintf(run, sizeof run, "%llu", (unsigned long long)j->report.run);
    snprintf(took, sizeof took, "%lld", (long long)j->took_ms);
    snprintf(records, sizeof records, "%llu", (unsigned long long)j->report.records);
    if (j->report.notice[0]) {
        const char *said[] = {"job", j->name, "run", run, NULL};
        log_event(j->d->log, LOG_WARN, "run.notice", said, "%s", j->report.notice);
    }
    if (j->succeeded) {
        const char *fields[] = {"job",   j->name,   "run", run, "records",
                                records, "took_ms", took,  NULL};
        log_event(j->d->log, LOG_INFO, "run.done", fields, "%s%s",
                  j->report.offsets_error[0] ? "the group's offsets were not committed: " : "",
                  j->report.offsets_error);
        return;
    }
    const char *fields[] = {"job", j->name, "took_ms",
                            took,  "next",  verdict == SCHED_RETRY ? "retry" : "schedule",
                            NULL};
    if (j->told_to_stop && !j->timed_out)
        log_event(j->d->log, LOG_INFO, "run.stopped", fields, "%s", j->error.text);
    else
        log_err(j->d->log, j->timed_out ? "run.timeout" : "run.failed", fields, &j->error);
}

static void job_answer_watchers(struct daemon_job *j)
{
    size_t kept = 0;
    for (size_t i = 0; i < j->watchers.n; i++) {
        struct watcher w = j->watchers.v[i];
        if (!w.begun) {
            j->watchers.v[kept++] = w;
            continue;
        }
        json_t *o = json_object();
        if (j->succeeded)
            json_object_set_new(o, "report", report_to_json(&j->report, j->name));
        else
            json_object_set_new(o, "error", report_error_to_json(&j->error));
        control_reply(w.client, o, CONTROL_LAST);
    }
    j->watchers.n = kept;
}

// A job that left the configuration and came back while it ran is only held by the new schedule.
static enum sched_verdict job_finished(struct daemon_job *j, enum sched_outcome outcome)
{
    struct sched *s = j->d->config->sched;
    const struct sched_now now = daemon_now(j->d);
    if (!j->spec)
        return SCHED_QUIET;
    if (sched_view(s, j->index, now).state == SCHED_RUNNING)
        return sched_finished(s, j->index, outcome, now);
    sched_release(s, j->index);
    return SCHED_QUIET;
}

static void job_free_again(struct daemon_job *j, enum sched_outcome outcome)
{
    j->child = NULL;
    j->does = JOB_FREE;
    const enum sched_verdict verdict = job_finished(j, outcome);
    job_log_end(j, verdict);
    if (verdict == SCHED_ALERT)
        alert_send(j);
    daemon_store(j->d);
}

int64_t daemon_job_undelivered(const struct daemon_job *j)
{
    const int64_t behind = j->behind.since_ms;
    if (behind == 0 || (j->undelivered_ms > 0 && j->undelivered_ms < behind))
        return j->undelivered_ms;
    return behind;
}

// A decided batch that could not be delivered is what makes outputs disagree: since when?
static void job_undelivered(struct daemon_job *j)
{
    const bool waits = !j->succeeded && j->progress.phase == RUN_DELIVERING;
    if (j->succeeded)
        j->undelivered_ms = 0;
    else if (waits && j->undelivered_ms == 0)
        j->undelivered_ms = j->ended_ms;
}

static void job_run_done(void *owner, int status)
{
    struct daemon_job *j = owner;
    const struct sched_now now = daemon_now(j->d);
    if (!j->answered)
        job_died(j, status);
    else if (j->timed_out && !j->succeeded)
        err_wrap(&j->error, "the run took longer than schedule: timeout");
    j->ended_ms = now.wall_ms;
    j->took_ms = now.mono_ms - j->began_mono_ms;
    job_undelivered(j);
    job_phase(j, RUN_DONE);
    job_count(j);
    if (j->succeeded) {
        j->lag = 0; // up to the ends that the run saw
        for (void *at = json_object_iter(j->lag_topics); at;
             at = json_object_iter_next(j->lag_topics, at))
            json_integer_set(json_object_iter_value(at), 0);
        j->lag_ms = j->began_ms;
    }
    job_answer_watchers(j);
    job_free_again(j, job_outcome(j));
}

// --- beginning -------------------------------------------------------------------------------------------------------

static void job_begin(struct daemon_job *j, enum sched_reason reason)
{
    const struct sched_now now = daemon_now(j->d);
    const char *fields[] = {"job", j->name, "reason", sched_reason_name(reason), NULL};
    j->does = JOB_RUN;
    j->reason = reason;
    j->timed_out = j->told_to_stop = j->answered = j->succeeded = false;
    j->began_ms = now.wall_ms;
    j->began_mono_ms = j->phase_mono_ms = now.mono_ms;
    j->progress = (struct run_progress){.phase = RUN_OPENING};
    j->report = (struct run_report){0};
    err_clear(&j->error);
    buf_clear(&j->line);
    for (size_t i = 0; i < j->watchers.n; i++)
        j->watchers.v[i].begun = true;
    log_event(j->d->log, LOG_INFO, "run.start", fields, "%s", "");
}

static void job_run(struct daemon_job *j, enum sched_reason reason)
{
    struct runner runner = {j->d->config->spec, j->spec};
    const struct child_spec spec = {
        .main = runner_main, .arg = &runner, .data = job_data, .done = job_run_done, .owner = j};
    job_begin(j, reason);
    // Before the fork: a daemon that dies now finds out that this run was cut off.
    daemon_store(j->d);
    j->child = child_start(j->d->children, &spec, &j->error);
    if (j->child)
        return;
    j->answered = true;
    job_run_done(j, 0);
}

void job_tell_to_stop(struct daemon_job *j)
{
    j->told_to_stop = true;
    j->stop_ms = daemon_now(j->d).mono_ms;
    child_signal(j->child, SIGTERM);
}

// A stream that is told to stop brings its open files into the lake first.
static int64_t stuck_ms(const struct daemon_job *j)
{
    return job_is_stream(j) ? STREAM_STUCK_MS : STUCK_MS;
}

static bool is_stuck(const struct daemon_job *j)
{
    return j->does == JOB_RUN && j->child && j->told_to_stop && j->progress.phase <= RUN_READING;
}

// --- the schedule ----------------------------------------------------------------------------------------------------

void job_run_for(struct daemon_job *j, struct control_client *c)
{
    const struct watcher w = {.client = c, .begun = false};
    if (c)
        vec_push(&j->watchers, w);
    sched_trigger(j->d->config->sched, j->index);
}

static struct daemon_job *job_at(struct daemon *d, size_t index)
{
    for (size_t i = 0; i < d->jobs.n; i++)
        if (d->jobs.v[i]->spec && d->jobs.v[i]->index == index)
            return d->jobs.v[i];
    assert(!"the schedule has a job that is not there");
    return NULL;
}

void job_start_due(struct daemon *d)
{
    size_t index;
    enum sched_reason reason;
    for (size_t i = 0; i < d->jobs.n; i++)
        if (d->jobs.v[i]->commands.n > 0 && d->jobs.v[i]->does == JOB_FREE && d->jobs.v[i]->spec)
            job_command_begin(d->jobs.v[i]);
    while (sched_pick(d->config->sched, &index, &reason, daemon_now(d)))
        job_run(job_at(d, index), reason);
}

void job_check_timeouts(struct daemon *d)
{
    for (size_t i = 0; i < d->jobs.n; i++) {
        struct daemon_job *j = d->jobs.v[i];
        if (!j->spec || j->does != JOB_RUN ||
            !sched_timed_out(d->config->sched, j->index, daemon_now(d)))
            continue;
        // It stops reading; what it has decided it still delivers.
        j->timed_out = true;
        job_tell_to_stop(j);
    }
}

void job_kill_stuck(struct daemon *d)
{
    for (size_t i = 0; i < d->jobs.n; i++) {
        struct daemon_job *j = d->jobs.v[i];
        if (is_stuck(j) && daemon_now(d).mono_ms >= j->stop_ms + stuck_ms(j))
            child_signal(j->child, SIGKILL);
    }
}

int64_t job_kill_wait(const struct daemon *d, int64_t wait)
{
    const int64_t now = daemon_now(d).mono_ms;
    for (size_t i = 0; i < d->jobs.n; i++) {
        const struct daemon_job *j = d->jobs.v[i];
        const int64_t left = j->stop_ms + stuck_ms(j) - now;
        if (is_stuck(j) && left < wait)
            wait = left > 0 ? left : 0;
    }
    return wait;
}

void job_forget_client(struct daemon *d, const struct control_client *c)
{
    for (size_t i = 0; i < d->jobs.n; i++) {
        struct daemon_job *j = d->jobs.v[i];
        size_t kept = 0;
        for (size_t k = 0; k < j->watchers.n; k++)
            if (j->watchers.v[k].client != c)
                j->watchers.v[kept++] = j->watchers.v[k];
        j->watchers.n = kept;
        for (size_t k = 0; k < j->commands.n; k++)
            if (j->commands.v[k].client == c)
                j->commands.v[k].client = NULL;
    }
}
