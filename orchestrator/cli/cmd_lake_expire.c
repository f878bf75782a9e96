#include "jobs/run/expire.h"

#include "config/units.h"
#include "lake/inspect.h"
#include "orchestrator/builtin.h"
#include "orchestrator/cli/app.h"
#include "orchestrator/cli/commands.h"

enum { EXPIRE_TEXT_MAX = 256 << 20 };

static bool lake_expire_spec(struct expire_spec *out, const struct cli *c, struct err *e)
{
    const char *age = cli_opt(c, "older-than");
    *out = (struct expire_spec){.output = str_from(c->arg_count > 1 ? c->args[1] : ""),
                                .mode = cli_opt(c, "dry-run") ? EXPIRE_DRY_RUN : EXPIRE_DELETE};
    if (cli_opt(c, "log") && (age || cli_opt(c, "dry-run")))
        return cli_usage(c, e, "--log only reads: it goes without --older-than and --dry-run");
    if (!age)
        return true;
    if (!units_parse_duration(&out->older_than_ms, str_from(age)) || out->older_than_ms <= 0)
        return cli_usage(c, e, "--older-than %s is not a duration as in 90d", age);
    if (out->output.n > 0)
        return true;
    err_fail(e, ERR_USAGE, "--older-than needs the OUTPUT it is meant for");
    return err_hint(e, "the age of all outputs is the configuration's: lake: { retain: 90d }");
}

static void lake_expire_row(struct cli_table *t, const struct lake_file *f, const char *batch)
{
    struct arena *a = t->a;
    const char *cells[] = {batch, arena_str(a, f->path).p, cli_count(a, f->rows),
                           cli_size(a, f->bytes), arena_str(a, f->reason).p};
    cli_table_row(t, cells);
}

static void lake_expire_table(struct cli_table *out, struct arena *a)
{
    static const char *const heads[] = {"BATCH", "FILE", "ROWS", "SIZE", "REASON"};
    cli_table_init(out, a, heads, sizeof heads / sizeof heads[0]);
}

// --- the log ---------------------------------------------------------------------------------------------------------

static bool lake_expire_log(struct buf *out, struct app *app, const struct job *job,
                            struct str output, struct err *e)
{
    struct lake *lake;
    struct cli_table table;
    const struct lake_deletion *d;
    size_t n;
    if (!app_lake(&lake, app, e))
        return false;
    bool ok = lake_deletions(&d, &n, app->a, lake, job->name, e);
    lake_expire_table(&table, app->a);
    for (size_t i = 0; ok && i < n; i++) {
        const char *batch = arena_printf(app->a, "%llu, %s", (unsigned long long)d[i].batch,
                                         cli_time(app->a, d[i].now_ms))
                                .p;
        if (output.n == 0 || str_eq_nocase(d[i].file.output, output))
            lake_expire_row(&table, &d[i].file, batch);
    }
    if (ok)
        cli_table_print(out, &table);
    lake_close(lake);
    return ok;
}

// --- the deletion ----------------------------------------------------------------------------------------------------

static void lake_expire_print(struct buf *out, struct arena *a, const struct expire_report *r,
                              bool dry)
{
    struct cli_table table;
    uint64_t rows = 0, bytes = 0;
    const char *batch = dry ? "-" : arena_printf(a, "%llu", (unsigned long long)r->batch).p;
    lake_expire_table(&table, a);
    for (size_t i = 0; i < r->count; i++) {
        rows += r->files[i].rows;
        bytes += r->files[i].bytes;
        lake_expire_row(&table, &r->files[i], batch);
    }
    if (r->count > 0)
        cli_table_print(out, &table);
    buf_printf(out, "%s files, %s rows, %s %s\n", cli_count(a, r->count), cli_count(a, rows),
               cli_size(a, bytes), dry ? "would be deleted" : "deleted");
}

static bool lake_expire_go(struct buf *out, struct app *app, const struct job *job,
                           const struct expire_spec *spec, struct err *e)
{
    struct expire_report r;
    const struct run_env env = {.durable = app->durable,
                                .clock = clock_system(),
                                .source = builtin_source,
                                .topics = builtin_topics,
                                .cancel = app_signals()};
    if (!run_expire(&r, app->a, job, &env, spec, e))
        return false;
    lake_expire_print(out, app->a, &r, spec->mode == EXPIRE_DRY_RUN);
    return true;
}

static bool lake_expire(struct cli *c, struct err *e)
{
    struct app app;
    const struct job *job;
    struct expire_spec spec;
    struct buf out;
    if (!lake_expire_spec(&spec, c, e) || !app_open(&app, c, e))
        return false;
    buf_init(&out, EXPIRE_TEXT_MAX);
    bool ok = app_job(&job, &app, c->args[0], e) &&
              (cli_opt(c, "log") ? lake_expire_log(&out, &app, job, spec.output, e)
                                 : lake_expire_go(&out, &app, job, &spec, e)) &&
              cli_print(&out, e);
    buf_fini(&out);
    app_close(&app);
    return ok;
}

static const struct cli_opt lake_expire_opts[] = {
    {"dry-run", NULL, "list what would be deleted, delete nothing"},
    {"older-than", "AGE", "of the stream OUTPUT, in place of its `retain`"},
    {"log", NULL, "list what was deleted, when and why, from the manifests"},
    {NULL, NULL, NULL},
};

const struct cmd cmd_lake_expire = {
    .name = "lake expire",
    .args = "JOB [OUTPUT]",
    .args_min = 1,
    .args_max = 2,
    .by_owner = true,
    .summary = "Delete what the policy does not keep: partitions of streams older than `retain`, "
               "versions of tables beyond `keep_versions`. A run does it by itself once a day.",
    .opts = lake_expire_opts,
    .run = lake_expire,
    .examples = "  sluice lake expire payments --dry-run\n"
                "  sluice lake expire payments PAYMENTS --older-than 90d\n",
};
