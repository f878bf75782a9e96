#include "jobs/run/try.h"

#include "orchestrator/builtin.h"
#include "orchestrator/cli/app.h"
#include "orchestrator/cli/commands.h"

static bool job_try(struct cli *c, struct err *e)
{
    struct app app;
    const struct job *job;
    struct try_spec spec;
    struct try_report r;
    if (!app_open(&app, c, e))
        return false;
    struct run_env env = {.durable = app.durable,
                          .clock = clock_system(),
                          .source = builtin_source,
                          .cancel = app_signals()};
    struct buf out;
    buf_init(&out, (size_t)256 << 20);
    spec.form = cli_json(c) ? TRY_JSON : TRY_TEXT;
    bool ok = cli_opt_u64(&spec.records, c, "records", 1000, e) &&
              cli_opt_u64(&spec.rows, c, "rows", 3, e) && app_job(&job, &app, c->args[0], e) &&
              run_try(&r, &out, job, &env, &spec, e);
    if (ok) {
        if (spec.form == TRY_TEXT)
            buf_printf(&out, "job %s: %s records read, nothing written\n", job->name,
                       cli_count(app.a, r.records));
        ok = cli_print(&out, e);
    }
    buf_fini(&out);
    app_close(&app);
    return ok;
}

static const struct cli_opt job_try_opts[] = {
    {"records", "N", "the newest so many (default 1000); 0 = all there are"},
    {"rows", "N", "shown of every output (default 3)"},
    {"json", NULL, "as one JSON object"},
    {NULL, NULL, NULL},
};

const struct cmd cmd_job_try = {
    .name = "job try",
    .args = "NAME",
    .args_min = 1,
    .args_max = 1,
    .summary =
        "The whole job on real records with nothing written: rows, lake partitions, the "
        "statements for the warehouses, records that cannot be decoded, and what records and "
        "tables hold that the SQL does not say.",
    .opts = job_try_opts,
    .run = job_try,
    .examples =
        "  sluice job try transactions\n  sluice job try transactions --records 100000 --rows 0\n",
};
