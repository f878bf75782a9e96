#include "orchestrator/builtin.h"
#include "orchestrator/cli/app.h"
#include "orchestrator/cli/commands.h"

// Reading everything again would append every row of a stream output or of a topic a second time.
static bool reset_appends(const struct job *job)
{
    for (size_t i = 0; i < job->output_count; i++)
        if (job_output_appends(job, i))
            return true;
    return false;
}

static bool reset_how(enum run_reset *out, const struct cli *c, const struct job *job,
                      struct err *e)
{
    bool rebuild = cli_opt(c, "rebuild"), now = cli_opt(c, "from-now"), keep = cli_opt(c, "keep");
    if (rebuild + now + keep != 1)
        return cli_usage(c, e, "job reset wants --rebuild, --from-now or --keep");
    *out = rebuild ? RUN_RESET_REBUILD : now ? RUN_RESET_FROM_NOW : RUN_RESET_KEEP;
    if (!rebuild || !reset_appends(job) || cli_opt(c, "append-again"))
        return true;
    err_fail(
        e, ERR_CONFIG,
        "job %s appends to stream outputs or topics: reading everything again would append their "
        "rows twice",
        job->name);
    return err_hint(
        e, "--from-now goes on without the past; --append-again if their files and rows are gone");
}

static bool job_reset(struct cli *c, struct err *e)
{
    struct app app;
    const struct job *job;
    enum run_reset how = RUN_RESET_REBUILD;
    if (!app_open(&app, c, e))
        return false;
    struct run_env env = {.durable = app.durable,
                          .clock = clock_system(),
                          .source = builtin_source,
                          .topics = builtin_topics,
                          .cancel = app_signals()};
    bool ok = app_job(&job, &app, c->args[0], e) && reset_how(&how, c, job, e) &&
              run_reset(job, &env, how, e);
    if (ok) {
        struct buf out;
        buf_init(&out, 4096);
        if (how == RUN_RESET_KEEP)
            buf_printf(&out,
                       "job %s: positions and the state that fits are kept; new operators start "
                       "empty\n",
                       job->name);
        else
            buf_printf(&out, "job %s: state and positions forgotten; the next run starts %s\n",
                       job->name,
                       how == RUN_RESET_REBUILD
                           ? "by `start:` and writes tables anew: what warehouses hold in them goes"
                           : "at the ends of now");
        ok = cli_print(&out, e);
        buf_fini(&out);
    }
    app_close(&app);
    return ok;
}

static const struct cli_opt job_reset_opts[] = {
    {"rebuild", NULL, "read everything again, by the job's start:"},
    {"from-now", NULL, "start empty at the topics' ends of now"},
    {"keep", NULL,
     "after a change of SQL: go on; what changed (operators, tables in the lake) starts empty"},
    {"append-again", NULL,
     "with --rebuild: stream outputs and topics may be appended a second time"},
    {NULL, NULL, NULL},
};

const struct cmd cmd_job_reset = {
    .name = "job reset",
    .args = "NAME",
    .args_min = 1,
    .args_max = 1,
    .by_owner = true,
    .summary = "Forget a job's operator state and positions. Batch ids go on; a decided batch is "
               "delivered first.",
    .opts = job_reset_opts,
    .run = job_reset,
    .examples = "  sluice job reset totals --rebuild\n  sluice job reset transactions --from-now\n",
};
