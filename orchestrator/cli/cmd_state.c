#include "jobs/run/backup.h"
#include "jobs/run/recover.h"
#include "orchestrator/builtin.h"
#include "orchestrator/cli/app.h"
#include "orchestrator/cli/commands.h"

static struct run_env state_env(const struct app *app)
{
    return (struct run_env){.durable = app->durable,
                            .clock = clock_system(),
                            .source = builtin_source,
                            .topics = builtin_topics,
                            .cancel = app_signals()};
}

static bool cmd_backup(struct cli *c, struct err *e)
{
    struct app app;
    const struct job *job;
    struct backup_report r;
    if (!app_open(&app, c, e))
        return false;
    bool ok =
        app_job(&job, &app, c->args[0], e) && state_backup(&r, job, app.durable, c->args[1], e);
    if (ok) {
        struct buf out;
        buf_init(&out, 1 << 16);
        buf_printf(&out, "job %s: state up to batch %llu in %s: %s files, %s\n", job->name,
                   (unsigned long long)r.batch, c->args[1], cli_count(app.a, r.files),
                   cli_size(app.a, r.bytes));
        ok = cli_print(&out, e);
        buf_fini(&out);
    }
    app_close(&app);
    return ok;
}

static bool cmd_restore(struct cli *c, struct err *e)
{
    struct app app;
    const struct job *job;
    struct backup_report r;
    struct recover_report recovered = {0};
    if (!app_open(&app, c, e))
        return false;
    struct run_env env = state_env(&app);
    bool recover = cli_opt(c, "recover") != NULL;
    bool ok =
        app_job(&job, &app, c->args[0], e) &&
        state_restore(&r, job, &env, c->args[1], recover ? RESTORE_RECOVER : RESTORE_FITTING, e) &&
        (!recover || run_recover(&recovered, job, &env, RECOVER_REPLAY, e));
    if (ok) {
        struct buf out;
        buf_init(&out, 1 << 16);
        buf_printf(&out, "job %s: restored up to batch %llu", job->name,
                   (unsigned long long)r.batch);
        if (recovered.replayed)
            buf_printf(&out, ", %llu batches executed again in their place",
                       (unsigned long long)recovered.replayed);
        buf_printf(&out, "; the state before is in %s.before-restore\n", job->state_dir);
        ok = cli_print(&out, e);
        buf_fini(&out);
    }
    app_close(&app);
    return ok;
}

static bool cmd_compact(struct cli *c, struct err *e)
{
    struct app app;
    const struct job *job;
    uint64_t before, after;
    if (!app_open(&app, c, e))
        return false;
    bool ok =
        app_job(&job, &app, c->args[0], e) && state_compact(&before, &after, job, app.durable, e);
    if (ok) {
        struct buf out;
        buf_init(&out, 4096);
        buf_printf(&out, "job %s: state store %s, was %s\n", job->name, cli_size(app.a, after),
                   cli_size(app.a, before));
        ok = cli_print(&out, e);
        buf_fini(&out);
    }
    app_close(&app);
    return ok;
}

static const struct cli_opt no_opts[] = {{NULL, NULL, NULL}};
static const struct cli_opt restore_opts[] = {
    {"recover", NULL, "although outputs are ahead: job recover executes the batches since again"},
    {NULL, NULL, NULL},
};

const struct cmd cmd_state_backup = {
    .name = "state backup",
    .args = "JOB DIR",
    .args_min = 2,
    .args_max = 2,
    .summary =
        "Copy a job's state directory, consistently, also while it runs; DIR must not exist.",
    .opts = no_opts,
    .run = cmd_backup,
    .examples = "  sluice state backup totals /backup/totals-2025-10-28\n"
                "  sluice -c prod.yaml state backup orders /backup/orders\n",
};

const struct cmd cmd_state_restore = {
    .name = "state restore",
    .args = "JOB DIR",
    .args_min = 2,
    .args_max = 2,
    .summary = "Put a backup in the place of a job's state directory, when its checksums and the "
               "outputs agree; the directory before is kept.",
    .opts = restore_opts,
    .run = cmd_restore,
    .examples = "  sluice state restore totals /backup/totals-2025-10-28\n"
                "  sluice state restore totals /backup/totals-2025-10-28 --recover\n",
};

const struct cmd cmd_state_compact = {
    .name = "state compact",
    .args = "JOB",
    .args_min = 1,
    .args_max = 1,
    .summary = "Rewrite a job's state store without free pages; the job must not run.",
    .opts = no_opts,
    .run = cmd_compact,
    .examples = "  sluice state compact totals\n"
                "  sluice -c prod.yaml state compact orders\n",
};
