#include "jobs/run/expire.h"

#include "config/units.h"
#include "jobs/run/doc.h"
#include "lake/inspect.h"
#include "orchestrator/builtin.h"
#include "orchestrator/cli/app.h"
#include "orchestrator/cli/commands.h"

enum { EXPIRE_TEXT_MAX = 256 << 20 };

static bool lake_expire_spec(struct expire_spec *out, const struct cli *c, struct err *e)
{
    const char *age = cli_opt(c, "older-than");
    *out = (struct expire_spec){.output = STR(""),
                                .mode = cli_opt(c, "dry-run") ? EXPIRE_DRY_RUN : EXPIRE_DELETE};
    if (cli_opt(c, "log") && (age || cli_opt(c, "dry-run")))
        return cli_usage(c, e, "--log only reads: it goes without --older-than and --dry-run");
    if (!age)
        return true;
    if (!units_parse_duration(&out->older_than_ms, str_from(age)) || out->older_than_ms <= 0)
        return cli_usage(c, e, "--older-than %s is not a duration as in 90d", age);
    return true;
}

// An age without an output would be meant for streams that want another.
static bool lake_expire_age(const struct expire_spec *spec, struct str output, struct err *e)
{
    if (output.n > 0 || spec->older_than_ms == 0)
        return true;
    err_fail(e, ERR_USAGE, "--older-than needs the OUTPUT it is meant for");
    return err_hint(e, "the age of all outputs is the configuration's: lake: { retain: 90d }");
}

// What is told, in either way: rows of files, and their sum.
struct lake_expire {
    struct app *app;
    struct buf out;
    struct cli_table table;
    json_t *list; // --json; else NULL
    uint64_t files, rows, bytes;
};

static void lake_expire_file(struct lake_expire *x, const struct lake_file *f, uint64_t batch,
                             int64_t now_ms)
{
    struct arena *a = x->app->a;
    x->files++;
    x->rows += f->rows;
    x->bytes += f->bytes;
    if (x->list) {
        json_t *j = json_object();
        if (batch)
            json_object_set_new(j, "batch", doc_new_u64(batch));
        if (now_ms)
            json_object_set_new(j, "at", json_integer(now_ms));
        json_object_set_new(j, "path", doc_new_str(f->path));
        json_object_set_new(j, "rows", doc_new_u64(f->rows));
        json_object_set_new(j, "bytes", doc_new_u64(f->bytes));
        json_object_set_new(j, "reason", doc_new_str(f->reason));
        json_array_append_new(x->list, j);
        return;
    }
    const char *id = batch ? arena_printf(a, "%llu", (unsigned long long)batch).p : "-";
    const char *cells[] = {
        now_ms ? arena_printf(a, "%s, %s", id, cli_time(a, now_ms)).p : id,
        arena_str(a, f->path).p,
        cli_count(a, f->rows),
        cli_size(a, f->bytes),
        arena_str(a, f->reason).p,
    };
    cli_table_row(&x->table, cells);
}

static void lake_expire_open(struct lake_expire *x, struct app *app, const struct cli *c)
{
    static const char *const heads[] = {"BATCH", "FILE", "ROWS", "SIZE", "REASON"};
    *x = (struct lake_expire){.app = app, .list = cli_json(c) ? json_array() : NULL};
    buf_init(&x->out, EXPIRE_TEXT_MAX);
    cli_table_init(&x->table, app->a, heads, sizeof heads / sizeof heads[0]);
}

// done: NULL = the log.
static bool lake_expire_print(struct lake_expire *x, const char *done, struct err *e)
{
    struct arena *a = x->app->a;
    if (x->list) {
        doc_pretty(&x->out, x->list);
        buf_char(&x->out, '\n');
    } else if (x->files > 0 || !done) {
        cli_table_print(&x->out, &x->table);
    }
    if (done && !x->list)
        buf_printf(&x->out, "%s files, %s rows, %s %s\n", cli_count(a, x->files),
                   cli_count(a, x->rows), cli_size(a, x->bytes), done);
    return cli_print(&x->out, e);
}

static void lake_expire_close(struct lake_expire *x)
{
    json_decref(x->list);
    buf_fini(&x->out);
}

// --- the log ---------------------------------------------------------------------------------------------------------

static bool lake_expire_log(struct lake_expire *x, const struct app_lake_job *of, struct err *e)
{
    struct lake *lake;
    const struct lake_deletion *d;
    size_t n;
    if (!app_lake(&lake, x->app, e))
        return false;
    bool ok = lake_deletions(&d, &n, x->app->a, lake, of->job, e);
    for (size_t i = 0; ok && i < n; i++)
        if (of->output.n == 0 || str_eq_nocase(d[i].file.output, of->output))
            lake_expire_file(x, &d[i].file, d[i].batch, d[i].now_ms);
    lake_close(lake);
    return ok;
}

// --- the deletion ----------------------------------------------------------------------------------------------------

static bool lake_expire_go(struct lake_expire *x, const struct app_lake_job *of,
                           const struct expire_spec *how, struct err *e)
{
    const struct job *job;
    struct expire_report r;
    struct expire_spec spec = *how;
    const struct run_env env = {.durable = x->app->durable,
                                .clock = clock_system(),
                                .source = builtin_source,
                                .topics = builtin_topics,
                                .cancel = app_signals()};
    spec.output = of->output;
    if (!app_job(&job, x->app, of->job, e) || !lake_expire_age(how, of->output, e) ||
        !run_expire(&r, x->app->a, job, &env, &spec, e))
        return false;
    for (size_t i = 0; i < r.count; i++)
        lake_expire_file(x, &r.files[i], r.batch, 0);
    return true;
}

// Told job by job, as a daemon does it: with --json one array each.
static bool lake_expire_job(struct app *app, const struct cli *c, const struct app_lake_job *of,
                            const struct expire_spec *spec, struct err *e)
{
    struct lake_expire x;
    bool log = cli_opt(c, "log") != NULL;
    const char *done = spec->mode == EXPIRE_DRY_RUN ? "would be deleted" : "deleted";
    lake_expire_open(&x, app, c);
    bool ok = log ? lake_expire_log(&x, of, e) : lake_expire_go(&x, of, spec, e);
    ok = ok && lake_expire_print(&x, log ? NULL : done, e);
    lake_expire_close(&x);
    return ok;
}

static bool lake_expire(struct cli *c, struct err *e)
{
    struct app app;
    struct expire_spec spec;
    const struct app_lake_job *jobs;
    size_t n;
    if (!lake_expire_spec(&spec, c, e) || !app_open(&app, c, e))
        return false;
    bool ok = app_lake_jobs(&jobs, &n, &app, c, e);
    for (size_t i = 0; ok && i < n; i++)
        ok = lake_expire_job(&app, c, &jobs[i], &spec, e);
    app_close(&app);
    return ok;
}

static const struct cli_opt lake_expire_opts[] = {
    {"dry-run", NULL, "list what would be deleted, delete nothing"},
    {"older-than", "AGE", "of the stream OUTPUT, in place of its `retain`"},
    {"log", NULL, "list what was deleted, when and why, from the manifests"},
    {"json", NULL, "as JSON"},
    {NULL, NULL, NULL},
};

const struct cmd cmd_lake_expire = {
    .name = "lake expire",
    .args = "[JOB|OUTPUT] [OUTPUT]",
    .args_max = 2,
    .by_owner = true,
    .of_lake = true,
    .summary = "Delete what the policy does not keep: partitions of streams older than `retain`, "
               "versions of tables beyond `keep_versions`; without an argument of every job. A run "
               "does it by itself once a day.",
    .opts = lake_expire_opts,
    .run = lake_expire,
    .examples = "  sluice lake expire --dry-run\n"
                "  sluice lake expire PAYMENTS --older-than 90d\n",
};
