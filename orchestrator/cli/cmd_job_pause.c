#include "orchestrator/cli/app.h"
#include "orchestrator/cli/commands.h"
#include "orchestrator/cli/remote.h"
#include "orchestrator/daemon/memory.h"

#include <unistd.h>

// Without a daemon: in what the next one will remember, under its lock.
static bool pause_alone(const struct app *app, struct str job, bool pause, struct err *e)
{
    const char *state = app->spec->state.p;
    struct memory m;
    int lock;
    if (!memory_lock(&lock, state, app->durable, e))
        return false;
    bool ok = memory_load(&m, app->a, state, e);
    if (ok) {
        struct sched_memory *s = &memory_job(&m, job)->sched;
        const struct clock clock = clock_system();
        // What was missed meanwhile is not made up for.
        if (s->paused && !pause && s->fired_ms)
            s->fired_ms = clock.now_ms(clock.arg);
        s->paused = pause;
        ok = memory_store(&m, state, app->durable, e);
    }
    close(lock);
    return ok;
}

static bool pause_job(struct cli *c, bool pause, struct err *e)
{
    struct app app;
    const struct job_spec *spec;
    struct buf out;
    if (!app_open(&app, c, e))
        return false;
    buf_init(&out, 4096);
    bool ok = app_job_spec(&spec, &app, c->args[0], e);
    if (ok) {
        const enum remote r = remote_ask(&app, pause ? "pause" : "resume", c->args[0], e);
        ok = r == REMOTE_DONE || (r == REMOTE_NONE && pause_alone(&app, spec->name, pause, e));
        const bool endless = spec->schedule.trigger == SPEC_TRIGGER_STREAM;
        buf_printf(&out, "job %s: %s\n", spec->name.p,
                   !pause    ? "resumed"
                   : endless ? "paused; an endless run of the daemon ends after its batch"
                             : "paused; a run that goes on is left alone, `job run` still works");
    }
    ok = ok && cli_print(&out, e);
    buf_fini(&out);
    app_close(&app);
    return ok;
}

static bool job_pause(struct cli *c, struct err *e)
{
    return pause_job(c, true, e);
}

static bool job_resume(struct cli *c, struct err *e)
{
    return pause_job(c, false, e);
}

static const struct cli_opt none[] = {{NULL, NULL, NULL}};

const struct cmd cmd_job_pause = {
    .name = "job pause",
    .args = "NAME",
    .args_min = 1,
    .args_max = 1,
    .summary = "Keep the daemon from running the job, also after a restart, until `job resume`.",
    .opts = none,
    .run = job_pause,
    .examples = "  sluice job pause transactions\n  sluice -c prod.yaml job pause totals\n",
};

const struct cmd cmd_job_resume = {
    .name = "job resume",
    .args = "NAME",
    .args_min = 1,
    .args_max = 1,
    .summary = "Let the daemon run a paused job again, from its next time on.",
    .opts = none,
    .run = job_resume,
    .examples = "  sluice job resume transactions\n  sluice -c prod.yaml job resume totals\n",
};
