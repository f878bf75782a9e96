// Requests on the control socket: {"op": "status" | "run" | "pause" | "resume" | "reload" | "command", "job": …, "args": […]}.
#include "orchestrator/daemon/daemon_internal.h"

#include "orchestrator/daemon/report.h"

void daemon_pause(struct daemon *d, struct daemon_job *j, bool pause)
{
    const char *fields[] = {"job", j->name, NULL};
    if (pause)
        sched_pause(d->config->sched, j->index);
    else
        sched_resume(d->config->sched, j->index, daemon_now(d));
    log_event(d->log, LOG_INFO, pause ? "job.pause" : "job.resume", fields, "%s", "");
    daemon_store(d);
    // A run that never ends would go on for ever.
    if (pause && j->does == JOB_RUN && j->spec->schedule.trigger == SPEC_TRIGGER_STREAM)
        job_tell_to_stop(j);
}

static void refuse(struct control_client *c, const struct err *e)
{
    json_t *j = json_object();
    json_object_set_new(j, "error", report_error_to_json(e));
    control_reply(c, j, CONTROL_LAST);
}

static void answer(struct control_client *c, const char *field, json_t *value)
{
    json_t *j = json_object();
    json_object_set_new(j, field, value);
    control_reply(c, j, CONTROL_LAST);
}

static void job_request(struct daemon *d, struct control_client *c, const json_t *request,
                        const int fds[CONTROL_FDS])
{
    const char *op = json_string_value(json_object_get(request, "op"));
    const char *name = json_string_value(json_object_get(request, "job"));
    struct daemon_job *j = daemon_job(d, name);
    struct err e;
    if (!j) {
        err_fail(&e, ERR_CONFIG, "the daemon has no job %.80s", name ? name : "");
        err_hint(&e,
                 "a job that was added to the file is known after a reload: sluice daemon reload");
        refuse(c, &e);
    } else if (strcmp(op, "run") == 0 && j->does == JOB_RUN &&
               j->spec->schedule.trigger == SPEC_TRIGGER_STREAM) {
        err_fail(&e, ERR_CONFIG, "job %s streams: its run goes on in the daemon", name);
        err_hint(&e, "--once takes the backlog of now beside it; job pause stops it");
        refuse(c, &e);
    } else if (strcmp(op, "run") == 0) {
        job_run_for(j, c);
    } else if (strcmp(op, "command") == 0) {
        job_command(j, c, request, fds);
    } else {
        daemon_pause(d, j, strcmp(op, "pause") == 0);
        answer(c, "done", json_true());
    }
}

void daemon_request(void *arg, struct control_client *c, const json_t *request,
                    const int fds[CONTROL_FDS])
{
    static const char *const of_jobs[] = {"run", "pause", "resume", "command"};
    struct daemon *d = arg;
    const char *op = json_string_value(json_object_get(request, "op"));
    struct err e;
    bool of_job = false;
    for (size_t i = 0; op && i < sizeof of_jobs / sizeof *of_jobs; i++)
        of_job = of_job || strcmp(op, of_jobs[i]) == 0;
    if (!op || !d->ready || d->stop != DAEMON_GOES_ON) {
        err_fail(&e, ERR_REMOTE, "the daemon is %s", d->ready ? "stopping" : "starting");
        refuse(c, &e);
    } else if (strcmp(op, "status") == 0) {
        answer(c, "jobs", status_all(d));
    } else if (strcmp(op, "reload") == 0) {
        config_reload(d, c);
    } else if (of_job) {
        job_request(d, c, request, fds);
    } else {
        err_fail(&e, ERR_BUG, "the daemon does not know the request %.40s", op);
        refuse(c, &e);
    }
}

void daemon_client_gone(void *arg, struct control_client *c)
{
    struct daemon *d = arg;
    job_forget_client(d, c);
    if (d->reloader == c)
        d->reloader = NULL;
}
