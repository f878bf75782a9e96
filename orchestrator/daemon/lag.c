// The lag of all jobs, asked for by a child now and then: a broker that does not answer holds up nothing.
#include "orchestrator/daemon/daemon_internal.h"

#include "orchestrator/daemon/runner.h"

#include <signal.h>

enum { LAG_TEXT_MAX = 16 << 20 };

static void lag_line(struct daemon *d, struct str line)
{
    json_error_t why;
    json_t *j = json_loadb(line.p, line.n, 0, &why);
    struct daemon_job *job = daemon_job(d, json_string_value(json_object_get(j, "job")));
    const json_t *lag = json_object_get(j, "lag");
    if (job && json_is_integer(lag)) {
        job->lag = json_integer_value(lag);
        job->lag_ms = daemon_now(d).wall_ms;
        json_decref(job->lag_topics);
        job->lag_topics = json_incref(json_object_get(j, "topics"));
        // A stream with nothing to read is as good as one that reads.
        if (job->lag == 0 && job->does == JOB_RUN &&
            job->spec->schedule.trigger == SPEC_TRIGGER_STREAM)
            sched_progressed(d->config->sched, job->index, daemon_now(d));
    }
    json_decref(j);
}

static void lag_data(void *owner, struct str bytes)
{
    struct daemon *d = owner;
    buf_str(&d->lag_text, bytes);
}

static void lag_done(void *owner, int status)
{
    struct daemon *d = owner;
    struct str rest = buf_view(&d->lag_text);
    struct str line;
    (void)status; // the age of the last answer tells
    while (str_split_once(&line, &rest, rest, '\n'))
        lag_line(d, line);
    buf_fini(&d->lag_text);
    d->lag_child = NULL;
}

void lag_start(struct daemon *d)
{
    union {
        const void *given;
        void *p;
    } app = {.given = d->config->spec};
    const struct child_spec spec = {
        .main = runner_lag_main, .arg = app.p, .data = lag_data, .done = lag_done, .owner = d};
    struct err e;
    buf_init(&d->lag_text, LAG_TEXT_MAX);
    d->lag_child = child_start(d->children, &spec, &e);
    if (!d->lag_child)
        log_err(d->log, "daemon.lag_error", NULL, &e);
}
