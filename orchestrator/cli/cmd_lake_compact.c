#include "jobs/run/compact.h"

#include "config/units.h"
#include "jobs/run/doc.h"
#include "orchestrator/builtin.h"
#include "orchestrator/cli/app.h"
#include "orchestrator/cli/commands.h"

enum { COMPACT_TEXT_MAX = 256 << 20 };

static bool lake_compact_spec(struct compact_spec *out, const struct cli *c, struct err *e)
{
    const char *bytes = cli_opt(c, "max-bytes");
    uint64_t files;
    *out = (struct compact_spec){.output = STR(""),
                                 .mode = cli_opt(c, "dry-run") ? COMPACT_DRY_RUN : COMPACT_EXECUTE};
    if (!cli_opt_u64(&files, c, "min-files", 2, e))
        return false;
    if (files < 2)
        return cli_usage(c, e, "--min-files %llu: one file is one already",
                         (unsigned long long)files);
    out->min_files = (size_t)files;
    return !bytes || (units_parse_bytes(&out->max_bytes, str_from(bytes)) && out->max_bytes > 0) ||
           cli_usage(c, e, "--max-bytes %s is not a size as in 128MB", bytes);
}

// --- what is told ----------------------------------------------------------------------------------------------------

static void lake_compact_json(struct buf *out, const struct compact_merge *v, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *j = json_object();
        json_object_set_new(j, "output", doc_new_str(v[i].output));
        json_object_set_new(j, "partition", doc_new_str(v[i].partition));
        json_object_set_new(j, "files", doc_new_u64(v[i].files));
        json_object_set_new(j, "rows", doc_new_u64(v[i].rows));
        json_object_set_new(j, "bytes_before", doc_new_u64(v[i].bytes_before));
        if (v[i].batch) {
            json_object_set_new(j, "batch", doc_new_u64(v[i].batch));
            json_object_set_new(j, "path", doc_new_str(v[i].path));
            json_object_set_new(j, "bytes", doc_new_u64(v[i].bytes));
        }
        json_array_append_new(list, j);
    }
    doc_pretty(out, list);
    buf_char(out, '\n');
    json_decref(list);
}

static void lake_compact_text(struct buf *out, struct arena *a, const struct compact_merge *v,
                              size_t n, const struct app_lake_job *of,
                              const struct compact_spec *spec)
{
    bool dry = spec->mode == COMPACT_DRY_RUN;
    static const char *const heads[] = {"BATCH", "OUTPUT", "PARTITION", "FILES", "ROWS", "SIZE"};
    struct cli_table table;
    uint64_t files = 0, before = 0, after = 0;
    cli_table_init(&table, a, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; i < n; i++) {
        const char *cells[] = {
            v[i].batch ? arena_printf(a, "%llu", (unsigned long long)v[i].batch).p : "-",
            arena_str(a, v[i].output).p,
            arena_str(a, v[i].partition).p,
            cli_count(a, v[i].files),
            cli_count(a, v[i].rows),
            cli_size(a, v[i].bytes_before),
        };
        cli_table_row(&table, cells);
        files += v[i].files;
        before += v[i].bytes_before;
        after += v[i].bytes;
    }
    if (n > 0)
        cli_table_print(out, &table);
    if (n == 0)
        buf_printf(out,
                   "%s: nothing to compact: no partition has %zu files in a row of one format and "
                   "below the size\n",
                   of->output.n ? arena_str(a, of->output).p : arena_printf(a, "job %s", of->job).p,
                   spec->min_files);
    else if (dry)
        buf_printf(out, "%s files of %s would become %s\n", cli_count(a, files),
                   cli_size(a, before), cli_count(a, n));
    else
        buf_printf(out, "%s files of %s became %s of %s\n", cli_count(a, files),
                   cli_size(a, before), cli_count(a, n), cli_size(a, after));
}

// --- the command -----------------------------------------------------------------------------------------------------

// Told job by job, as a daemon does it: with --json one array each.
static bool lake_compact_job(struct app *app, const struct cli *c, const struct app_lake_job *of,
                             const struct compact_spec *how, struct err *e)
{
    const struct job *job;
    struct compact_report r = {0};
    struct compact_spec spec = *how;
    struct buf out;
    struct err ignored; // of a failure: what was done before it is told
    const struct run_env env = {.durable = app->durable,
                                .clock = clock_system(),
                                .source = builtin_source,
                                .topics = builtin_topics,
                                .cancel = app_signals()};
    spec.output = of->output;
    if (!app_job(&job, app, of->job, e))
        return false;
    bool ok = run_compact(&r, app->a, job, &env, &spec, e);
    buf_init(&out, COMPACT_TEXT_MAX);
    if (cli_json(c))
        lake_compact_json(&out, r.merges, r.count);
    else if (ok || r.count > 0)
        lake_compact_text(&out, app->a, r.merges, r.count, of, &spec);
    ok = cli_print(&out, ok ? e : &ignored) && ok;
    buf_fini(&out);
    return ok;
}

static bool lake_compact(struct cli *c, struct err *e)
{
    struct app app;
    struct compact_spec spec;
    const struct app_lake_job *jobs;
    size_t n;
    if (!lake_compact_spec(&spec, c, e) || !app_open(&app, c, e))
        return false;
    bool ok = app_lake_jobs(&jobs, &n, &app, c, e);
    for (size_t i = 0; ok && i < n; i++)
        ok = lake_compact_job(&app, c, &jobs[i], &spec, e);
    app_close(&app);
    return ok;
}

static const struct cli_opt lake_compact_opts[] = {
    {"dry-run", NULL, "list what would become one file, change nothing"},
    {"min-files", "N", "leave fewer files in a row alone (2)"},
    {"max-bytes", "SIZE", "of what becomes one file, in place of the output's `compact:`"},
    {"json", NULL, "as JSON"},
    {NULL, NULL, NULL},
};

const struct cmd cmd_lake_compact = {
    .name = "lake compact",
    .args = "[JOB|OUTPUT] [OUTPUT]",
    .args_max = 2,
    .by_owner = true,
    .of_lake = true,
    .summary = "Make one file of a stream partition's small ones; without an argument of every "
               "job. With `compact:` in the configuration a run does it by itself.",
    .opts = lake_compact_opts,
    .run = lake_compact,
    .examples = "  sluice lake compact PAYMENTS --dry-run\n"
                "  sluice lake compact --min-files 10 --max-bytes 256MB\n",
};
