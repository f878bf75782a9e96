#include "jobs/run/resync.h"

#include "orchestrator/builtin.h"
#include "orchestrator/cli/app.h"
#include "orchestrator/cli/commands.h"

static struct run_env resync_env(const struct app *app, struct app_progress *progress)
{
    return (struct run_env){.durable = app->durable,
                            .clock = clock_system(),
                            .source = builtin_source,
                            .topics = builtin_topics,
                            .cancel = app_signals(),
                            .progress = app_progress,
                            .progress_arg = progress};
}

static bool job_resync(struct cli *c, struct err *e)
{
    struct app app;
    const struct job *job;
    struct run_report r;
    struct app_progress progress;
    if (!app_open(&app, c, e))
        return false;
    struct run_env env = resync_env(&app, &progress);
    app_progress_init(&progress, &env.clock);
    bool ok = app_job(&job, &app, c->args[0], e) &&
              run_resync(&r, job, &env, str_from(c->arg_count > 1 ? c->args[1] : ""),
                         cli_opt(c, "todays-sql") ? RESYNC_TODAYS_SQL : RESYNC_AS_WRITTEN, e);
    app_progress_end(&progress);
    if (ok) {
        struct buf out;
        buf_init(&out, 4096);
        if (r.batches == 0)
            buf_printf(&out,
                       "job %s: no warehouse is behind; sluice audit %s counts the rows as well\n",
                       job->name, job->name);
        else
            buf_printf(&out, "job %s: %llu batches up to %llu, %s rows written to warehouses\n",
                       job->name, (unsigned long long)r.batches, (unsigned long long)r.batch_last,
                       cli_count(app.a, r.warehouse_rows));
        ok = cli_print(&out, e);
        buf_fini(&out);
    }
    app_close(&app);
    return ok;
}

static bool job_deliver(struct cli *c, struct err *e)
{
    struct app app;
    const struct job *job;
    struct deliver_report r;
    struct app_progress progress;
    const char *skip = cli_opt(c, "skip");
    if (!app_open(&app, c, e))
        return false;
    struct run_env env = resync_env(&app, &progress);
    app_progress_init(&progress, &env.clock);
    bool ok = app_job(&job, &app, c->args[0], e) &&
              run_deliver_decided(&r, job, &env, str_from(skip ? skip : ""), e);
    app_progress_end(&progress);
    if (ok) {
        struct buf out;
        buf_init(&out, 4096);
        if (r.batch == 0)
            buf_printf(&out, "job %s: no batch waits\n", job->name);
        else
            buf_printf(&out, "job %s: batch %llu is delivered\n", job->name,
                       (unsigned long long)r.batch);
        if (skip)
            buf_printf(&out,
                       "%s rows of batches %llu to %llu were not written to %s: "
                       "%s/dead_letters/*.skipped.jsonl\n",
                       cli_count(app.a, r.skipped_rows), (unsigned long long)r.skipped_first,
                       (unsigned long long)r.batch, skip, job->state_dir);
        ok = cli_print(&out, e);
        buf_fini(&out);
    }
    app_close(&app);
    return ok;
}

static const struct cli_opt job_resync_opts[] = {
    {"todays-sql", NULL,
     "tables that only warehouses hold: by the SQL of now, although it changed or a reset forgot"},
    {NULL, NULL, NULL},
};
static const struct cli_opt job_deliver_opts[] = {
    {"skip", "OUTPUT", "leave this output's tables out: their rows go to a file, which is named"},
    {NULL, NULL, NULL},
};

const struct cmd cmd_job_resync = {
    .name = "job resync",
    .args = "NAME [OUTPUT]",
    .args_min = 1,
    .args_max = 2,
    .summary = "Bring outputs in a warehouse that was restored, emptied or added back to what the "
               "job holds: tables and what is put by key whole, appended rows batch by batch.",
    .by_owner = true,
    .opts = job_resync_opts,
    .run = job_resync,
    .examples = "  sluice job resync totals\n  sluice job resync totals tp3/totals/TOTALS\n",
};

const struct cmd cmd_job_deliver = {
    .name = "job deliver",
    .args = "NAME",
    .args_min = 1,
    .args_max = 1,
    .summary = "Deliver a batch that is decided and waits, and nothing more; --skip gives up on an "
               "output that can never take it.",
    .by_owner = true,
    .opts = job_deliver_opts,
    .run = job_deliver,
    .examples = "  sluice job deliver totals\n  sluice job deliver totals --skip TOTALS\n",
};
