// Loading and reloading: the new configuration is read whole, SQL files too, and compiled by a child; only then it takes the
// place of the old one, between two events of the loop. Runs that go on keep the one they began with.
#include "orchestrator/daemon/daemon_internal.h"

#include "base/hash.h"
#include "orchestrator/daemon/report.h"
#include "orchestrator/daemon/runner.h"
#include "orchestrator/daemon/sdnotify.h"

#include <assert.h>
#include <stdio.h>

#define CONFIG_RESTART \
    "admin:, daemon: log and log_level changed, which takes a restart of the daemon"

enum { CHECK_MAX = 64 << 20, ERROR_TEXT_MAX = 2048 };

void config_free(struct config *c)
{
    if (!c)
        return;
    json_decref(c->about);
    json_decref(c->pending);
    arena_free(c->a);
    mem_free(c);
}

// The errors of a start go to stderr as the other commands print them, those of a reload into the log.
static void config_error(struct daemon *d, const struct err *e)
{
    if (d->ready) {
        log_err(d->log, "daemon.reload_error", NULL, e);
        return;
    }
    if (d->failed) { // the last one is the command's own
        char text[ERROR_TEXT_MAX];
        err_format(&d->failure, text, sizeof text);
        fprintf(stderr, "sluice: %s\n", text);
    }
    d->failed = true;
    d->failure = *e;
}

// Admin server and log are made once.
static const char *config_fixed(struct arena *a, const struct app_spec *s)
{
    const struct str token = secret_given(s->admin.token) ? secret_reveal(s->admin.token) : STR("");
    return arena_printf(a, "%d %d %d %.*s %d %llx", s->daemon.log, s->daemon.log_level,
                        s->admin.at.line > 0, STR_ARG(s->admin.host), s->admin.port,
                        (unsigned long long)hash_str(token))
        .p;
}

static void config_answer(struct daemon *d, const char *note, const struct err *why)
{
    struct control_client *client = d->reloader;
    json_t *j = json_object();
    d->reloader = NULL;
    if (why) {
        json_object_set_new(j, "error", report_error_to_json(why));
    } else {
        json_object_set_new(j, "done", json_true());
        json_object_set_new(j, "note", json_string(note));
    }
    if (client)
        control_reply(client, j, CONTROL_LAST);
    else
        json_decref(j);
}

static void config_refuse(struct daemon *d, const struct err *why)
{
    config_free(d->next);
    d->next = NULL;
    if (!d->ready)
        return;
    log_event(d->log, LOG_ERROR, "daemon.reload_failed", NULL,
              "the old configuration stays in force");
    config_answer(d, "", why);
    sdnotify_send("READY=1");
}

static bool config_load(struct daemon *d, struct config *c, struct err *e)
{
    struct conf_errors errors;
    conf_errors_init(&errors, c->a);
    if (spec_load(&c->spec, c->a, d->path, NULL, &errors) && spec_read_sql(c->spec, c->a, &errors))
        return true;
    assert(errors.n > 0);
    for (size_t i = 0; i < errors.n; i++)
        config_error(d, errors.v[i]);
    *e = *errors.v[errors.n - 1];
    return false;
}

// --- taking over -----------------------------------------------------------------------------------------------------

static struct daemon_job *job_named(struct daemon *d, struct str name)
{
    for (size_t i = 0; i < d->jobs.n; i++)
        if (str_eq(str_from(d->jobs.v[i]->name), name))
            return d->jobs.v[i];
    struct daemon_job *j = job_new(d, name);
    vec_push(&d->jobs, j);
    return j;
}

static void config_drop_jobs(struct daemon *d)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->jobs.n; i++) {
        struct daemon_job *j = d->jobs.v[i];
        if (j->spec || j->does != JOB_FREE)
            d->jobs.v[kept++] = j;
        else
            job_free(j);
    }
    d->jobs.n = kept;
}

static struct sched *config_sched(struct daemon *d, struct config *c)
{
    const struct job_spec *specs = c->spec->jobs.v;
    const size_t n = c->spec->jobs.n;
    struct sched_job *jobs = ARENA_ZARRAY(c->a, struct sched_job, n + 1);
    struct sched_memory *memory = ARENA_ZARRAY(c->a, struct sched_memory, n + 1);
    struct memory stored = {.a = c->a};
    struct err e;
    if (!memory_load(&stored, c->a, d->state, &e))
        log_err(d->log, "daemon.memory_error", NULL,
                &e); // a daemon that forgot is better than none
    for (size_t i = 0; i < n; i++) {
        struct memory_job *m = memory_job(&stored, specs[i].name);
        struct daemon_job *j = job_named(d, specs[i].name);
        jobs[i] = (struct sched_job){specs[i].name, &specs[i].schedule};
        memory[i] = m->sched;
        j->spec = &specs[i];
        j->index = i;
        if (j->lag_ms == 0 && m->lag_ms > 0) {
            j->lag = m->lag;
            j->lag_ms = m->lag_ms;
        }
    }
    struct sched *s =
        sched_new(c->a, jobs, n, memory, daemon_now(d), d->config ? SCHED_RELOAD : SCHED_COLD);
    sched_set_parallel(s, (size_t)c->spec->daemon.max_parallel);
    if (d->config)
        sched_carry(s, d->config->sched);
    for (size_t i = 0; i < d->jobs.n; i++) {
        const struct daemon_job *j = d->jobs.v[i];
        if (j->spec && j->does != JOB_FREE &&
            sched_view(s, j->index, daemon_now(d)).state != SCHED_RUNNING)
            (void)sched_hold(s, j->index); // also when it was away for a while
    }
    return s;
}

// A daemon that died took its commands with it: what one of them had begun goes on. Later the daemon knows who cut it short.
static void config_continue(struct daemon *d)
{
    for (size_t i = 0; i < json_array_size(d->config->pending); i++) {
        struct daemon_job *j =
            daemon_job(d, json_string_value(json_array_get(d->config->pending, i)));
        if (!j)
            continue;
        const char *words[] = {"job", "backfill", j->name};
        const char *fields[] = {"job", j->name, NULL};
        if (job_command_alone(j, words, sizeof words / sizeof *words))
            log_event(d->log, LOG_INFO, "backfill.continue", fields, "%s",
                      "a backfill that was cut short goes on");
    }
}

static void config_take(struct daemon *d)
{
    struct config *old = d->config;
    struct config *c = d->next;
    for (size_t i = 0; i < d->jobs.n; i++)
        d->jobs.v[i]->spec = NULL;
    c->sched = config_sched(d, c);
    d->config = c;
    d->next = NULL;
    config_drop_jobs(d);
    config_free(old);
    daemon_store(d);
    char count[24];
    snprintf(count, sizeof count, "%zu", c->spec->jobs.n);
    const char *fields[] = {"jobs", count, NULL};
    log_event(d->log, LOG_INFO, d->ready ? "daemon.reload" : "daemon.ready", fields, "%s",
              c->spec->file.p);
    const char *fixed = config_fixed(c->a, c->spec);
    if (!d->fixed)
        d->fixed = mem_strdup(fixed);
    const bool restart = strcmp(fixed, d->fixed) != 0;
    if (restart)
        log_event(d->log, LOG_WARN, "daemon.restart_needed", NULL, "%s", CONFIG_RESTART);
    if (d->ready)
        config_answer(d,
                      restart ? "taken over; " CONFIG_RESTART
                              : "taken over: runs that go on keep what they began with",
                      NULL);
    else
        config_continue(d);
    d->ready = true;
    sdnotify_send("READY=1");
}

// --- the check -------------------------------------------------------------------------------------------------------

static void check_data(void *owner, struct str bytes)
{
    struct daemon *d = owner;
    buf_str(&d->check, bytes);
}

// True: nothing was wrong. Otherwise every error was reported; the last one is *e.
static bool check_verdict(struct daemon *d, int status, struct err *e)
{
    json_error_t why;
    json_t *j =
        d->check.failed ? NULL : json_loadb(d->check.p ? d->check.p : "", d->check.n, 0, &why);
    if (!j || status != 0) {
        char text[80];
        child_status_text(text, sizeof text, status);
        json_decref(j);
        err_fail(e, ERR_BUG, "the process that checks the configuration ended with %s", text);
        config_error(d, e);
        return false;
    }
    const json_t *errors = json_object_get(j, "errors");
    for (size_t i = 0; i < json_array_size(errors); i++) {
        report_error_from_json(e, json_array_get(errors, i));
        config_error(d, e);
    }
    const bool ok = json_array_size(errors) == 0;
    d->next->about = ok ? json_incref(json_object_get(j, "about")) : NULL;
    d->next->pending = ok ? json_incref(json_object_get(j, "pending")) : NULL;
    json_decref(j);
    return ok;
}

static void check_done(void *owner, int status)
{
    struct daemon *d = owner;
    struct err e;
    if (d->stop != DAEMON_GOES_ON) {
        config_free(d->next);
        d->next = NULL;
    } else if (check_verdict(d, status, &e)) {
        config_take(d);
    } else {
        config_refuse(d, &e);
    }
    buf_fini(&d->check);
    if (d->reload_again && d->stop == DAEMON_GOES_ON) {
        d->reload_again = false;
        config_reload(d, NULL);
    }
}

bool config_begin(struct daemon *d, struct err *e)
{
    assert(!d->next);
    struct config *c = mem_zalloc(sizeof *c);
    c->a = arena_new(NULL);
    if (!config_load(d, c, e)) {
        config_free(c);
        return false;
    }
    if (d->state && !str_eq(c->spec->state, str_from(d->state))) {
        err_fail(e, ERR_CONFIG, "state changed from %s to %.*s, which takes a restart", d->state,
                 STR_ARG(c->spec->state));
        config_error(d, e);
        config_free(c);
        return false;
    }
    d->next = c;
    buf_init(&d->check, CHECK_MAX);
    return true;
}

// After config_begin(): the compiler looks at it in a process of its own.
bool config_check(struct daemon *d, struct err *e)
{
    union {
        const void *given;
        void *p;
    } app = {.given = d->next->spec};
    const struct child_spec spec = {.main = runner_check_main,
                                    .arg = app.p,
                                    .data = check_data,
                                    .done = check_done,
                                    .owner = d};
    return child_start(d->children, &spec, e) != NULL;
}

void config_reload(struct daemon *d, struct control_client *client)
{
    struct err e;
    if (d->next || !d->ready || d->reloader) {
        d->reload_again = true; // a check is going on: what it reads may be older
        if (client) {
            json_t *j = json_object();
            json_object_set_new(j, "done", json_true());
            json_object_set_new(
                j, "note",
                json_string("another reload goes on: the files are read again after it"));
            control_reply(client, j, CONTROL_LAST);
        }
        return;
    }
    d->reloader = client;
    sdnotify_send("RELOADING=1");
    if (!config_begin(d, &e)) {
        config_refuse(d, &e);
    } else if (!config_check(d, &e)) {
        config_error(d, &e);
        config_refuse(d, &e);
    }
}
