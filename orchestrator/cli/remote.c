#include "orchestrator/cli/remote.h"

#include "orchestrator/cli/app.h"
#include "orchestrator/daemon/control.h"
#include "orchestrator/daemon/report.h"

struct answer {
    bool done, failed;
    int exit;
    json_t *jobs;
    struct buf *note; // what is worth saying; NULL = nobody listens
    struct run_report *report;
    void (*progress)(void *arg, const struct run_progress *p);
    void *progress_arg;
    struct err *e;
};

static void answer_line(void *arg, const json_t *line)
{
    struct answer *s = arg;
    const json_t *error = json_object_get(line, "error");
    const json_t *report = json_object_get(line, "report");
    const json_t *progress = json_object_get(line, "progress");
    const json_t *code = json_object_get(line, "exit");
    json_t *jobs = json_object_get(line, "jobs");
    const char *note = json_string_value(json_object_get(line, "note"));
    if (note && s->note)
        buf_printf(s->note, "%s\n", note);
    if (progress && s->progress) {
        struct run_progress p;
        report_progress_from_json(&p, progress);
        s->progress(s->progress_arg, &p);
    }
    if (error) {
        report_error_from_json(s->e, error);
        s->failed = true;
    }
    if (report && s->report)
        report_from_json(s->report, report);
    if (code)
        s->exit = (int)json_integer_value(code);
    if (jobs && !s->jobs)
        s->jobs = json_incref(jobs);
    s->done = s->done || report || code || jobs || json_object_get(line, "done");
}

static json_t *request(const char *op, const char *job)
{
    json_t *j = json_object();
    json_object_set_new(j, "op", json_string(op));
    if (job)
        json_object_set_new(j, "job", json_string(job));
    return j;
}

static enum remote ask(struct answer *s, const char *state, json_t *j, enum control_pass pass,
                       struct err *e)
{
    int fd;
    s->e = e;
    if (!control_connect(&fd, state, e)) {
        json_decref(j);
        return REMOTE_FAILED;
    }
    if (fd < 0) {
        json_decref(j);
        return REMOTE_NONE;
    }
    if (!control_request(fd, j, pass, answer_line, s, e) || s->failed)
        return REMOTE_FAILED;
    if (s->done)
        return REMOTE_DONE;
    err_fail(e, ERR_REMOTE, "the daemon ended before it answered");
    err_hint(e, "the same command works without a daemon, too");
    return REMOTE_FAILED;
}

// extra: one more argument, or NULL.
static enum remote command_of(int *code, const struct app *app, const struct cli *c,
                              const char *job, const char *extra, struct err *e)
{
    struct answer s = {0};
    json_t *j = request("command", job);
    json_t *args = json_array();
    for (int i = 0; i < c->argc; i++)
        json_array_append_new(args, json_string(c->argv[i]));
    if (extra)
        json_array_append_new(args, json_string(extra));
    json_object_set_new(j, "args", args);
    const enum remote r = ask(&s, app->spec->state.p, j, CONTROL_PASS, e);
    *code = *code ? *code : s.exit;
    return r;
}

enum remote remote_command(int *code, struct cli *c, const char *job, struct err *e)
{
    struct app app;
    *code = 0;
    if (!app_open(&app, c, e))
        return REMOTE_FAILED;
    const enum remote r = command_of(code, &app, c, job, NULL, e);
    app_close(&app);
    return r;
}

enum remote remote_lake_command(int *code, struct cli *c, struct err *e)
{
    struct app app;
    const struct app_lake_job *jobs;
    size_t n;
    *code = 0;
    if (!app_open(&app, c, e))
        return REMOTE_FAILED;
    enum remote r = app_lake_jobs(&jobs, &n, &app, c, e) ? REMOTE_DONE : REMOTE_FAILED;
    for (size_t i = 0; r == REMOTE_DONE && i < n; i++)
        r = command_of(code, &app, c, jobs[i].job, c->arg_count ? NULL : jobs[i].job, e);
    app_close(&app);
    return r;
}

enum remote remote_run(struct run_report *out, const struct app *app, const char *job,
                       void (*progress)(void *arg, const struct run_progress *p), void *arg,
                       struct err *e)
{
    struct answer s = {.report = out, .progress = progress, .progress_arg = arg};
    *out = (struct run_report){0};
    return ask(&s, app->spec->state.p, request("run", job), CONTROL_KEEP, e);
}

enum remote remote_ask(const struct app *app, const char *op, const char *job, struct err *e)
{
    struct answer s = {0};
    return ask(&s, app->spec->state.p, request(op, job), CONTROL_KEEP, e);
}

enum remote remote_reload(struct buf *out, const struct app *app, struct err *e)
{
    struct answer s = {.note = out};
    return ask(&s, app->spec->state.p, request("reload", NULL), CONTROL_KEEP, e);
}

enum remote remote_status(json_t **out, const struct app *app, struct err *e)
{
    struct answer s = {0};
    const enum remote r = ask(&s, app->spec->state.p, request("status", NULL), CONTROL_KEEP, e);
    *out = s.jobs;
    if (r != REMOTE_DONE) {
        json_decref(s.jobs);
        *out = NULL;
    }
    return r;
}
