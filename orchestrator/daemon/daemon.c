#include "orchestrator/daemon/daemon.h"

#include "base/durable.h"
#include "orchestrator/daemon/admin.h"
#include "orchestrator/daemon/daemon_internal.h"
#include "orchestrator/daemon/loop.h"
#include "orchestrator/daemon/sdnotify.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { DAEMON_EXIT_NOW = 130, WAIT_MAX_MS = 3600000 };

struct sched_now daemon_now(const struct daemon *d)
{
    const struct clock *c = &d->clock;
    return (struct sched_now){c->now_ms(c->arg), c->mono_ms(c->arg)};
}

struct daemon_job *daemon_job(const struct daemon *d, const char *name)
{
    for (size_t i = 0; name && i < d->jobs.n; i++)
        if (d->jobs.v[i]->spec && strcmp(d->jobs.v[i]->name, name) == 0)
            return d->jobs.v[i];
    return NULL;
}

// A full disk must not stop the schedule: what could not be stored is stored with the next change.
void daemon_store(struct daemon *d)
{
    struct arena *a = arena_new(NULL);
    struct memory m = {.a = a};
    struct err e;
    for (size_t i = 0; i < d->jobs.n; i++) {
        const struct daemon_job *j = d->jobs.v[i];
        if (!j->spec)
            continue;
        struct memory_job *x = memory_job(&m, str_from(j->name));
        x->sched = *sched_memory(d->config->sched, j->index);
        x->lag = j->lag;
        x->lag_ms = j->lag_ms;
    }
    const bool ok = memory_store(&m, d->state, d->durable, &e);
    if (!ok && !d->memory_failed)
        log_err(d->log, "daemon.memory_error", NULL, &e);
    d->memory_failed = !ok;
    arena_free(a);
}

// --- signals ---------------------------------------------------------------------------------------------------------

void daemon_stop(struct daemon *d)
{
    if (d->stop != DAEMON_GOES_ON)
        return;
    d->stop = DAEMON_STOPPING;
    log_event(d->log, LOG_INFO, "daemon.stop", NULL,
              "runs finish or abandon their batch; a second signal stops at once");
    sdnotify_send("STOPPING=1");
    children_signal(d->children, SIGTERM);
    for (size_t i = 0; i < d->jobs.n; i++) {
        d->jobs.v[i]->told_to_stop = d->jobs.v[i]->does != JOB_FREE;
        d->jobs.v[i]->stop_ms = daemon_now(d).mono_ms;
    }
}

static void daemon_on_signal(void *arg, int number)
{
    struct daemon *d = arg;
    if (number == SIGCHLD) {
        children_reap(d->children);
    } else if (number == SIGHUP) {
        config_reload(d, NULL);
    } else if (d->stop == DAEMON_GOES_ON) {
        daemon_stop(d);
    } else {
        children_signal(d->children, SIGKILL);
        log_event(d->log, LOG_WARN, "daemon.killed", NULL, "second signal");
        _exit(DAEMON_EXIT_NOW);
    }
}

// --- the loop --------------------------------------------------------------------------------------------------------

static int64_t sooner(int64_t wait, int64_t at_ms, int64_t now_ms)
{
    const int64_t other = at_ms > now_ms ? at_ms - now_ms : 0;
    return other < wait ? other : wait;
}

static int64_t daemon_wait(struct daemon *d)
{
    const struct sched_now now = daemon_now(d);
    int64_t wait = WAIT_MAX_MS;
    if (d->ready && d->stop == DAEMON_GOES_ON) {
        const int64_t due = sched_wait_ms(d->config->sched, now);
        wait = due >= 0 && due < wait ? due : wait;
        if (d->config->spec->daemon.lag_every_ms && !d->lag_child)
            wait = sooner(wait, d->lag_due_ms, now.mono_ms);
    }
    if (d->watchdog_ms)
        wait = sooner(wait, d->watchdog_due_ms, now.mono_ms);
    return admin_wait_ms(d->admin, job_kill_wait(d, wait));
}

static void daemon_lag(struct daemon *d)
{
    const int64_t now = daemon_now(d).mono_ms;
    const int64_t every = d->config->spec->daemon.lag_every_ms;
    if (every == 0 || d->lag_child || now < d->lag_due_ms)
        return;
    d->lag_due_ms = now + every;
    lag_start(d);
}

static void daemon_watchdog(struct daemon *d)
{
    const int64_t now = daemon_now(d).mono_ms;
    if (!d->watchdog_ms || now < d->watchdog_due_ms)
        return;
    d->watchdog_due_ms = now + d->watchdog_ms;
    sdnotify_send("WATCHDOG=1");
}

static bool daemon_loop(struct daemon *d, struct err *e)
{
    while (d->stop == DAEMON_GOES_ON || children_count(d->children) > 0) {
        if (d->failed && !d->ready) {
            *e = d->failure;
            return false;
        }
        if (d->ready && d->stop == DAEMON_GOES_ON) {
            job_start_due(d);
            job_check_timeouts(d);
            daemon_lag(d);
        }
        job_kill_stuck(d);
        daemon_watchdog(d);
        if (!loop_once(d->loop, daemon_wait(d), e))
            return false;
        admin_run(d->admin);
    }
    return true;
}

// --- start and end ---------------------------------------------------------------------------------------------------

static void daemon_log(struct daemon *d)
{
    static const enum log_level levels[] = {[SPEC_LOG_DEBUG] = LOG_DEBUG,
                                            [SPEC_LOG_INFO] = LOG_INFO,
                                            [SPEC_LOG_WARN] = LOG_WARN,
                                            [SPEC_LOG_ERROR] = LOG_ERROR};
    const struct daemon_spec *s = &d->next->spec->daemon;
    d->log = log_new(STDERR_FILENO, levels[s->log_level],
                     s->log == SPEC_LOG_JSON ? LOG_JSON : LOG_LOGFMT, &d->clock);
}

static bool daemon_open(struct daemon *d, struct err *e)
{
    const char *faults = getenv("SLUICE_FAULT");
    if ((faults && !durable_parse_faults(d->durable, faults, e)) ||
        !loop_new(&d->loop, daemon_on_signal, d, e))
        return false;
    d->children = children_new(d->loop);
    if (!config_begin(d, e))
        return false;
    d->state = mem_strdup(d->next->spec->state.p);
    daemon_log(d);
    if (!memory_lock(&d->lock, d->state, d->durable, e))
        return false;
    const struct control_spec control = {.loop = d->loop,
                                         .state = d->state,
                                         .request = daemon_request,
                                         .gone = daemon_client_gone,
                                         .arg = d};
    if (!control_open(&d->control, &control, e))
        return false;
    char pid[24];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    const char *fields[] = {"version", SLUICE_VERSION, "pid", pid, "state", d->state, NULL};
    log_event(d->log, LOG_INFO, "daemon.start", fields, "%s", d->path);
    d->watchdog_ms = sdnotify_watchdog_ms();
    return admin_open(&d->admin, d, e) && config_check(d, e);
}

static void daemon_close(struct daemon *d)
{
    admin_close(d->admin);
    control_close(d->control);
    children_free(d->children);
    for (size_t i = 0; i < d->jobs.n; i++)
        job_free(d->jobs.v[i]);
    vec_fini(&d->jobs);
    config_free(d->config);
    config_free(d->next);
    buf_fini(&d->check);
    buf_fini(&d->lag_text);
    loop_free(d->loop);
    log_free(d->log);
    durable_free(d->durable);
    if (d->lock >= 0)
        close(d->lock);
    mem_free(d->state);
    mem_free(d->fixed);
}

bool daemon_run(const char *config, struct err *e)
{
    assert(config);
    struct daemon d = {
        .path = config, .clock = clock_system(), .durable = durable_new(DURABLE_KILL), .lock = -1};
    buf_init(&d.check, 1);
    buf_init(&d.lag_text, 1);
    d.started_ms = daemon_now(&d).wall_ms;
    bool ok = daemon_open(&d, e) && daemon_loop(&d, e);
    if (ok) {
        daemon_store(&d);
        log_event(d.log, LOG_INFO, "daemon.stopped", NULL, "%s", "");
    }
    daemon_close(&d);
    return ok;
}
