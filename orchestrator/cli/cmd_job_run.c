#include "orchestrator/cli/app.h"
#include "orchestrator/cli/commands.h"
#include "orchestrator/builtin.h"
#include "orchestrator/cli/remote.h"
#include "orchestrator/daemon/report.h"
#include "jobs/run/doc.h"

#include <stdio.h>

static void job_run_summary(struct buf *out, struct arena *a, const struct run_report *r,
                            const char *job)
{
    if (r->batches == 0 && r->redelivered == 0) {
        buf_printf(out, "job %s: run %llu: nothing new\n", job, (unsigned long long)r->run);
    } else {
        buf_printf(out, "job %s: run %llu: %s records in %llu batch%s", job,
                   (unsigned long long)r->run, cli_count(a, r->records),
                   (unsigned long long)r->batches, r->batches == 1 ? "" : "es");
        if (r->batches)
            buf_printf(out, " (%llu-%llu)", (unsigned long long)r->batch_first,
                       (unsigned long long)r->batch_last);
        buf_printf(out, ", lake %s rows in %s files, warehouses %s rows",
                   cli_count(a, r->lake_rows), cli_count(a, r->lake_files),
                   cli_count(a, r->warehouse_rows));
        if (r->topic_rows)
            buf_printf(out, ", topics %s rows", cli_count(a, r->topic_rows));
        if (r->redelivered)
            buf_printf(out, ", %llu decided before and delivered now",
                       (unsigned long long)r->redelivered);
        buf_char(out, '\n');
    }
    if (r->dead)
        buf_printf(out, "%s dead letters: sluice dlq ls %s\n", cli_count(a, r->dead), job);
    if (r->late_partition)
        buf_printf(
            out,
            "%s rows came too late for their partitions, which have expired (late_partition)\n",
            cli_count(a, r->late_partition));
    if (r->rejected)
        buf_printf(out, "%s rows were refused by warehouses: sluice dlq ls %s\n",
                   cli_count(a, r->rejected), job);
    if (r->lost)
        buf_printf(out, "%s records were deleted before they were read (accept_loss)\n",
                   cli_count(a, r->lost));
}

static void job_run_json(struct buf *out, const struct run_report *r, const char *job)
{
    json_t *j = report_to_json(r, job);
    doc_print(out, j);
    json_decref(j);
    buf_char(out, '\n');
}

// What a person found in the topics when Kafka has lost the marker.
static bool job_run_marker(enum run_marker *out, const struct cli *c, struct err *e)
{
    const char *said = cli_opt(c, "lost-marker");
    *out = RUN_MARKER_ASK;
    if (!said)
        return true;
    if (strcmp(said, "sent") == 0)
        *out = RUN_MARKER_SENT;
    else if (strcmp(said, "resend") == 0)
        *out = RUN_MARKER_RESEND;
    else
        return cli_usage(c, e, "--lost-marker is \"%s\", wanted is sent or resend", said);
    return true;
}

static void job_run_behind(const struct run_behind *b)
{
    if (b->output[0] && b->batches == 0)
        fprintf(stderr, "sluice: warning: %s could not be looked at: %s\n", b->output, b->why);
    else if (b->output[0])
        fprintf(stderr, "sluice: warning: %s lacks %llu batch%s, the other outputs went on: %s\n",
                b->output, (unsigned long long)b->batches, b->batches == 1 ? "" : "es", b->why);
}

// What an endless run lives through is worth a line.
static void job_run_trouble(void *arg, const struct err *e, int64_t retry_ms)
{
    const struct job *const *job = arg;
    char text[1200];
    err_format(e, text, sizeof text);
    fprintf(stderr, "sluice: warning: job %s goes on in %lld.%03lld s: %s\n", (*job)->name,
            (long long)(retry_ms / 1000), (long long)(retry_ms % 1000), text);
}

// In this process, when no daemon owns the state.
static bool job_run_here(struct run_report *report, struct app *app, const struct cli *c,
                         struct app_progress *progress, struct err *e)
{
    const struct job *job;
    struct run_env env = {.durable = app->durable,
                          .clock = clock_system(),
                          .source = builtin_source,
                          .topics = builtin_topics,
                          .cancel = app_signals(),
                          .progress = app_progress,
                          .progress_arg = progress};
    env.trouble = job_run_trouble;
    env.trouble_arg = &job;
    if (!job_run_marker(&env.marker, c, e) || !app_job(&job, app, c->args[0], e))
        return false;
    if (job->stream.schedule == JOB_STREAM && !cli_opt(c, "once"))
        return run_stream(report, job, &env, e);
    return run_job(report, job, &env, e);
}

static bool job_run_report(struct run_report *report, struct app *app, const struct cli *c,
                           struct err *e)
{
    struct app_progress progress;
    const struct clock clock = clock_system();
    const struct job_spec *spec;
    if (!app_job_spec(&spec, app, c->args[0], e))
        return false;
    app_progress_init(&progress, &clock);
    const enum remote r =
        c->owner ? REMOTE_NONE : remote_run(report, app, c->args[0], app_progress, &progress, e);
    const bool ok =
        r == REMOTE_DONE || (r == REMOTE_NONE && job_run_here(report, app, c, &progress, e));
    app_progress_end(&progress);
    return ok;
}

// A range makes it a backfill: the same as `job backfill`.
static bool job_run_range(const struct cli *c)
{
    return cli_opt(c, "from") || cli_opt(c, "to") || cli_opt(c, "from-offset") ||
           cli_opt(c, "to-offset") || cli_opt(c, "batch");
}

// What is more than the scheduled run, a daemon executes as a command between two runs.
static bool job_run_elsewhere(bool *done, struct cli *c, struct err *e)
{
    *done = false;
    if (c->owner || !(job_run_range(c) || cli_opt(c, "lost-marker") || cli_opt(c, "once")))
        return true;
    const enum remote r = remote_command(&c->exit_code, c, c->args[0], e);
    *done = r == REMOTE_DONE;
    return r != REMOTE_FAILED;
}

static bool job_run(struct cli *c, struct err *e)
{
    struct app app;
    bool done;
    if (!job_run_elsewhere(&done, c, e))
        return false;
    if (done)
        return true;
    if (job_run_range(c))
        return cmd_job_backfill.run(c, e);
    if (!app_open(&app, c, e))
        return false;
    struct run_report report;
    struct buf out;
    buf_init(&out, 1 << 20);
    bool ok = job_run_report(&report, &app, c, e);
    if (ok) {
        if (cli_json(c))
            job_run_json(&out, &report, c->args[0]);
        else
            job_run_summary(&out, app.a, &report, c->args[0]);
        ok = cli_print(&out, e);
        job_run_behind(&report.behind);
        if (report.notice[0])
            fprintf(stderr, "sluice: warning: %s\n", report.notice);
        if (report.offsets_error[0])
            fprintf(stderr,
                    "sluice: warning: the group's offsets were not committed (the outputs are "
                    "complete): %s\n",
                    report.offsets_error);
    }
    buf_fini(&out);
    app_close(&app);
    return ok;
}

static const struct cli_opt job_run_opts[] = {
    {"from", "TIME", "with a range: replace what it wrote, see job backfill"},
    {"to", "TIME", "end of the range"},
    {"from-offset", "N", "the same by offsets …"},
    {"to-offset", "N", "… before this one"},
    {"topic", "TOPIC", "whose offsets"},
    {"partition", "N", "of this partition only"},
    {"batch", "N..M", "the same by batches"},
    {"outputs", "A,B", "with a range: only these streams"},
    {"dry-run", NULL, "with a range: say what would be replaced"},
    {"once", NULL, "with schedule: stream: take the backlog of now and exit, like any job"},
    {"json", NULL, "the result as one JSON object"},
    {"lost-marker", "WHAT",
     "sent or resend: what of the last batch is in the topics, when Kafka has lost the marker"},
    {NULL, NULL, NULL},
};

const struct cmd cmd_job_run = {
    .name = "job run",
    .args = "NAME",
    .args_min = 1,
    .args_max = 1,
    .summary =
        "Take the job's backlog up to the end offsets of now, deliver it everywhere, commit, exit; "
        "with schedule: stream go on until SIGTERM.",
    .opts = job_run_opts,
    .run = job_run,
    .examples =
        "  sluice job run transactions\n  sluice -c prod.yaml job run transactions --json\n",
};
