#include "lake/archive.h"

#include "base/durable.h"
#include "jobs/run/doc.h"
#include "orchestrator/cli/app.h"
#include "orchestrator/cli/commands.h"

#include <stdio.h>

enum { LAKE_TEXT_MAX = 256 << 20 };

// What a command looks at: the lake of the configuration, or an archive, for which no configuration is needed.
struct lake_place {
    struct lake *lake; // NULL = the archive
    struct lake_archive *archive;
};
// What nothing was ever published to is not there yet, which is no mishap.
static bool lake_unborn(struct app *app)
{
    size_t count;
    const struct job_spec *jobs = app_jobs(app, &count);
    const struct str root = app->spec->lake.path;
    bool ran = root.n == 0 || file_exists(arena_printf(app->a, "%.*s/_sluice", STR_ARG(root)).p);
    for (size_t i = 0; !ran && i < count; i++)
        ran = file_exists(
            arena_printf(app->a, "%s/%s/0/data.mdb", app->spec->state.p, jobs[i].name.p).p);
    return !ran;
}

static bool lake_say_unborn(const struct cli *c, const struct app *app, struct err *e)
{
    struct buf out;
    buf_init(&out, 8192);
    if (cli_json(c))
        buf_text(&out, "[]\n");
    else
        buf_printf(&out, "nothing is published yet: the first run makes the lake %.*s\n",
                   STR_ARG(app->spec->lake.path));
    bool ok = cli_print(&out, e);
    buf_fini(&out);
    return ok;
}

typedef bool lake_cmd_fn(struct buf *out, struct cli *c, struct arena *a,
                         const struct lake_place *p, struct err *e);

// Findings are printed even when they make the command fail.
static bool lake_go(struct cli *c, struct arena *a, const struct lake_place *p, lake_cmd_fn *fn,
                    struct err *e)
{
    struct buf out;
    struct err ignored;
    buf_init(&out, LAKE_TEXT_MAX);
    bool ok = fn(&out, c, a, p, e);
    ok = cli_print(&out, ok ? e : &ignored) && ok;
    buf_fini(&out);
    return ok;
}

// Opens configuration and lake, or the archive, runs fn, prints what it put into out.
static bool lake_command(struct cli *c, lake_cmd_fn *fn, struct err *e)
{
    struct app app;
    struct lake_place p = {0};
    const char *archive = cli_opt(c, "archive");
    if (archive) {
        bool ok = lake_archive_open(&p.archive, archive, e) && lake_go(c, c->a, &p, fn, e);
        lake_archive_close(p.archive);
        return ok;
    }
    if (!app_open(&app, c, e))
        return false;
    bool ok = true;
    if (lake_unborn(&app) && c->cmd == &cmd_lake_cat) {
        ok = err_fail(e, ERR_CONFIG, "nothing is published yet: the first run makes the lake");
    } else if (lake_unborn(&app)) {
        ok = lake_say_unborn(c, &app, e);
    } else if (app_lake(&p.lake, &app, e)) {
        ok = lake_go(c, app.a, &p, fn, e);
        lake_close(p.lake);
    } else {
        ok = false;
    }
    app_close(&app);
    return ok;
}

static bool lake_place_list(struct lake_ls *out, struct arena *a, const struct lake_place *p,
                            struct str output, struct err *e)
{
    return p->lake ? lake_list(out, a, p->lake, output, e)
                   : lake_archive_list(out, a, p->archive, output, e);
}

static struct str lake_arg(const struct cli *c)
{
    return c->arg_count ? str_from(c->args[0]) : STR_NONE;
}

// A misspelt output is not one in which all is well.
static bool lake_known(struct lake_ls *out, const struct cli *c, struct arena *a,
                       const struct lake_place *p, struct err *e)
{
    if (!lake_place_list(out, a, p, lake_arg(c), e))
        return false;
    if (c->arg_count == 0 || out->output_count > 0)
        return true;
    err_fail(e, ERR_CONFIG, "the %s has no output %s", p->lake ? "lake" : "archive", c->args[0]);
    return err_hint(e, "`sluice lake ls` shows the outputs");
}

// --- ls --------------------------------------------------------------------------------------------------------------

static void lake_ls_json(struct buf *out, const struct lake_ls *ls)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ls->output_count; i++) {
        const struct lake_ls_output *o = &ls->outputs[i];
        for (size_t p = 0; p < o->partition_count; p++) {
            json_t *j = json_object();
            json_object_set_new(j, "output", doc_new_str(o->name));
            json_object_set_new(j, "kind",
                                json_string(o->kind == LAKE_STREAM ? "stream" : "table"));
            json_object_set_new(j, "partition", doc_new_str(o->partitions[p].path));
            json_object_set_new(j, "rows", doc_new_u64(o->partitions[p].rows));
            json_object_set_new(j, "bytes", doc_new_u64(o->partitions[p].bytes));
            json_object_set_new(j, "files", doc_new_u64(o->partitions[p].file_count));
            if (o->partitions[p].restored)
                json_object_set_new(j, "restored", doc_new_u64(o->partitions[p].restored));
            json_array_append_new(list, j);
        }
    }
    doc_pretty(out, list);
    buf_char(out, '\n');
    json_decref(list);
}

static bool lake_ls_run(struct buf *out, struct cli *c, struct arena *a, const struct lake_place *p,
                        struct err *e)
{
    static const char *const heads[] = {"OUTPUT", "PARTITION", "ROWS", "SIZE", "FILES"};
    struct lake_ls ls;
    struct cli_table table;
    if (!lake_known(&ls, c, a, p, e))
        return false;
    if (cli_json(c)) {
        lake_ls_json(out, &ls);
        return true;
    }
    cli_table_init(&table, a, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; i < ls.output_count; i++) {
        const struct lake_ls_output *o = &ls.outputs[i];
        for (size_t k = 0; k < o->partition_count; k++) {
            const struct lake_ls_partition *x = &o->partitions[k];
            const char *cells[] = {
                arena_printf(a, "%s/%.*s", o->kind == LAKE_STREAM ? "streams" : "tables",
                             STR_ARG(o->name))
                    .p,
                arena_str(a, x->path).p,
                cli_count(a, x->rows),
                cli_size(a, x->bytes),
                cli_count(a, x->file_count),
            };
            cli_table_row(&table, cells);
        }
    }
    cli_table_print(out, &table);
    return true;
}

static bool lake_ls(struct cli *c, struct err *e)
{
    return lake_command(c, lake_ls_run, e);
}

// --- stat ------------------------------------------------------------------------------------------------------------

static void lake_stat_json(struct buf *out, const struct lake_ls *ls)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ls->output_count; i++) {
        const struct lake_ls_output *o = &ls->outputs[i];
        json_t *j = json_object();
        json_object_set_new(j, "output", doc_new_str(o->name));
        json_object_set_new(j, "kind", json_string(o->kind == LAKE_STREAM ? "stream" : "table"));
        json_object_set_new(j, "job", doc_new_str(o->job));
        json_object_set_new(j, "format", doc_new_str(o->format));
        json_object_set_new(j, "partitioning", doc_new_str(o->partitioning));
        json_object_set_new(j, "rows", doc_new_u64(o->rows));
        json_object_set_new(j, "bytes", doc_new_u64(o->bytes));
        json_object_set_new(j, "files", doc_new_u64(o->files));
        json_object_set_new(j, "partitions", doc_new_u64(o->partition_count));
        json_object_set_new(j, "last_batch", doc_new_u64(o->last_batch));
        json_object_set_new(j, "last_export", json_integer(o->last_export_ms));
        json_object_set_new(j, "schema", doc_new_str(o->schema));
        json_array_append_new(list, j);
    }
    doc_pretty(out, list);
    buf_char(out, '\n');
    json_decref(list);
}

static bool lake_stat_run(struct buf *out, struct cli *c, struct arena *a,
                          const struct lake_place *p, struct err *e)
{
    struct lake_ls ls;
    if (!lake_known(&ls, c, a, p, e))
        return false;
    if (cli_json(c)) {
        lake_stat_json(out, &ls);
        return true;
    }
    for (size_t i = 0; i < ls.output_count; i++) {
        const struct lake_ls_output *o = &ls.outputs[i];
        buf_printf(out, "%s/%.*s\n", o->kind == LAKE_STREAM ? "streams" : "tables",
                   STR_ARG(o->name));
        buf_printf(out, "  job %.*s, %.*s, partitioned by %.*s\n", STR_ARG(o->job),
                   STR_ARG(o->format), STR_ARG(o->partitioning));
        buf_printf(out, "  %s rows, %s in %s files, %s partitions\n", cli_count(a, o->rows),
                   cli_size(a, o->bytes), cli_count(a, o->files), cli_count(a, o->partition_count));
        buf_printf(out, "  last batch %llu at %s UTC\n", (unsigned long long)o->last_batch,
                   cli_time(a, o->last_export_ms));
        buf_printf(out, "  columns: %.*s\n", STR_ARG(o->schema));
    }
    if (ls.output_count == 0)
        buf_text(out, "nothing published\n");
    return true;
}

static bool lake_stat(struct cli *c, struct err *e)
{
    return lake_command(c, lake_stat_run, e);
}

// --- cat -------------------------------------------------------------------------------------------------------------

static bool lake_cat_line(void *arg, struct str line, struct err *e)
{
    (void)arg;
    if (fwrite(line.p, 1, line.n, stdout) != line.n || putchar('\n') == EOF)
        return err_fail(e, ERR_IO, "cannot write to standard output");
    return true;
}

static bool lake_cat_run(struct buf *out, struct cli *c, struct arena *a,
                         const struct lake_place *p, struct err *e)
{
    (void)out;
    (void)a;
    struct lake_cat_spec spec = {.output = str_from(c->args[0]),
                                 .partition = c->arg_count > 1 ? str_from(c->args[1]) : STR_NONE};
    return cli_opt_u64(&spec.limit, c, "limit", 0, e) &&
           (p->lake ? lake_cat(p->lake, &spec, lake_cat_line, NULL, e)
                    : lake_archive_cat(p->archive, &spec, lake_cat_line, NULL, e));
}

static bool lake_cat_cmd(struct cli *c, struct err *e)
{
    return lake_command(c, lake_cat_run, e);
}

// --- verify ----------------------------------------------------------------------------------------------------------

static bool lake_verify_run(struct buf *out, struct cli *c, struct arena *a,
                            const struct lake_place *p, struct err *e)
{
    struct lake_verify v;
    struct lake_ls ls;
    if (c->arg_count > 0 && !lake_known(&ls, c, a, p, e))
        return false;
    if (!(p->lake ? lake_verify(&v, a, p->lake, lake_arg(c), e)
                  : lake_archive_verify(&v, a, p->archive, lake_arg(c), e)))
        return false;
    for (size_t i = 0; i < v.count; i++)
        buf_printf(out, "%s %.*s: %.*s\n", lake_finding_name(v.findings[i].kind),
                   STR_ARG(v.findings[i].path), STR_ARG(v.findings[i].text));
    buf_printf(out, "%s files, %s rows, %s checked, %s wrong\n", cli_count(a, v.files),
               cli_count(a, v.rows), cli_size(a, v.bytes), cli_count(a, v.count));
    return v.count == 0 || err_fail(e, ERR_DATA,
                                    p->lake ? "the lake does not agree with its manifests"
                                            : "the archive does not agree with its manifest");
}

static bool lake_verify_cmd(struct cli *c, struct err *e)
{
    return lake_command(c, lake_verify_run, e);
}

#define LAKE_ARCHIVE_OPT                                                \
    {                                                                   \
        "archive", "FILE", "of an archive that lake export has written" \
    }
static const struct cli_opt verify[] = {LAKE_ARCHIVE_OPT, {NULL, NULL, NULL}};
static const struct cli_opt json[] = {
    {"json", NULL, "as JSON"}, LAKE_ARCHIVE_OPT, {NULL, NULL, NULL}};
static const struct cli_opt limit[] = {
    {"limit", "N", "at most so many rows"}, LAKE_ARCHIVE_OPT, {NULL, NULL, NULL}};

const struct cmd cmd_lake_ls = {
    .name = "lake ls",
    .args = "[OUTPUT]",
    .args_max = 1,
    .summary = "Partitions of the lake with rows, sizes and files, from the manifests.",
    .opts = json,
    .run = lake_ls,
    .examples = "  sluice lake ls\n  sluice lake ls TRANSACTIONS_PROCESSED --json\n",
};

const struct cmd cmd_lake_stat = {
    .name = "lake stat",
    .args = "[OUTPUT]",
    .args_max = 1,
    .summary = "Outputs of the lake: format, columns, totals, last batch.",
    .opts = json,
    .run = lake_stat,
    .examples = "  sluice lake stat\n  sluice lake stat TRANSACTION_LIFECYCLE --json\n",
};

const struct cmd cmd_lake_cat = {
    .name = "lake cat",
    .args = "OUTPUT [PARTITION]",
    .args_min = 1,
    .args_max = 2,
    .summary = "Print rows of an output, decompressed; of a table the newest version.",
    .opts = limit,
    .run = lake_cat_cmd,
    .examples = "  sluice lake cat TRANSACTIONS_PROCESSED year=2025/month=10 --limit 5\n"
                "  sluice lake cat TRANSACTION_LIFECYCLE version=3\n",
};

const struct cmd cmd_lake_verify = {
    .name = "lake verify",
    .args = "[OUTPUT]",
    .args_max = 1,
    .summary = "Read every published file and compare sizes, checksums and rows with the "
               "manifests; exit 1 on a difference.",
    .opts = verify,
    .run = lake_verify_cmd,
    .examples = "  sluice lake verify\n  sluice lake verify TRANSACTIONS_PROCESSED\n",
};
