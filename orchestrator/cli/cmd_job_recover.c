#include "jobs/run/recover.h"

#include "orchestrator/builtin.h"
#include "orchestrator/cli/app.h"
#include "orchestrator/cli/commands.h"

static bool recover_how(enum recover_how *out, const struct cli *c, const struct job *job,
                        struct err *e)
{
    *out = cli_opt(c, "rebuild") ? RECOVER_REBUILD : RECOVER_REPLAY;
    for (size_t i = 0; *out == RECOVER_REBUILD && i < job->output_count; i++) {
        if (!job_output_appends(job, i) || cli_opt(c, "append-again"))
            continue;
        err_fail(e, ERR_CONFIG,
                 "output %.*s is a stream: reading everything again would append its rows twice",
                 STR_ARG(job->outputs[i].name));
        return err_hint(e, "without --rebuild recorded batches are executed again in their place; "
                           "--append-again if its files and rows are gone");
    }
    return true;
}

static void recover_result(struct buf *out, const struct job *job, const struct recover_report *r,
                           enum recover_how how)
{
    unsigned long long head = r->head;
    if (head == 0 && !r->lost[0])
        buf_printf(out, "job %s: no output holds a batch: there is nothing to recover\n",
                   job->name);
    else if (r->outcome == RECOVER_NOTHING)
        buf_printf(out, "job %s: state and outputs fit, up to batch %llu\n", job->name, head);
    else if (how == RECOVER_REBUILD)
        buf_printf(out,
                   "job %s: ids go on after batch %llu; the next run reads everything from the "
                   "start\n",
                   job->name, head);
    else
        buf_printf(
            out, "job %s: recovered up to batch %llu, %llu batches executed again in their place\n",
            job->name, head, (unsigned long long)r->replayed);
    if (r->lost[0] && how == RECOVER_REPLAY)
        buf_printf(out,
                   "made anew, and empty: %s\nof tables the next run writes all rows; of streams: "
                   "sluice job resync %s OUTPUT\n",
                   r->lost, job->name);
}

static bool job_recover(struct cli *c, struct err *e)
{
    struct app app;
    const struct job *job;
    enum recover_how how = RECOVER_REPLAY;
    struct recover_report report;
    if (!app_open(&app, c, e))
        return false;
    struct app_progress progress;
    struct run_env env = {.durable = app.durable,
                          .clock = clock_system(),
                          .source = builtin_source,
                          .topics = builtin_topics,
                          .cancel = app_signals(),
                          .progress = app_progress,
                          .progress_arg = &progress};
    app_progress_init(&progress, &env.clock);
    bool ok = app_job(&job, &app, c->args[0], e) && recover_how(&how, c, job, e) &&
              run_recover(&report, job, &env, how, e);
    app_progress_end(&progress);
    if (ok) {
        struct buf out;
        buf_init(&out, 4096);
        recover_result(&out, job, &report, how);
        ok = cli_print(&out, e);
        buf_fini(&out);
    }
    app_close(&app);
    return ok;
}

static const struct cli_opt job_recover_opts[] = {
    {"rebuild", NULL, "only ids and heads; state empty, everything is read again"},
    {"append-again", NULL, "with --rebuild: stream outputs may be appended a second time"},
    {NULL, NULL, NULL},
};

const struct cmd cmd_job_recover = {
    .name = "job recover",
    .args = "NAME",
    .args_min = 1,
    .args_max = 1,
    .by_owner = true,
    .summary =
        "Rebuild a lost or older state directory from what the outputs hold: ids, positions, "
        "heads; batches that are missing somewhere are executed again in their place.",
    .opts = job_recover_opts,
    .run = job_recover,
    .examples = "  sluice job recover transactions\n  sluice job recover totals --rebuild\n",
};
