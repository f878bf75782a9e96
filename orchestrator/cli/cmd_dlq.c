#include "base/durable.h"
#include "jobs/run/doc.h"
#include "jobs/run/late.h"
#include "orchestrator/cli/app.h"
#include "orchestrator/cli/commands.h"
#include "orchestrator/cli/dlq_rejects.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

enum { DLQ_FILE_MAX = 512 << 20, DLQ_TEXT_MAX = 1 << 30 };

struct dlq_file {
    uint64_t batch;
    const char *path;
    bool skipped; // rows that job deliver --skip left out
};

struct dlq {
    struct dlq_file *files;
    size_t count, cap;
};

// Records: with a lake <lake>/_dead_letters/<job>/<batch>.jsonl, else <state>/<job>/0/dead_letters/. Rows that were skipped by
// job deliver are always in the latter: <batch>.skipped.jsonl.
static const char *dlq_dir(struct app *app, const struct job_spec *j, bool lake)
{
    if (lake)
        return arena_printf(app->a, "%s/_dead_letters/%s", app->spec->lake.path.p, j->name.p).p;
    return arena_printf(app->a, "%s/%s/0/dead_letters", app->spec->state.p, j->name.p).p;
}

static int dlq_order(const void *x, const void *y)
{
    const struct dlq_file *p = x, *q = y;
    if (p->batch != q->batch)
        return (p->batch > q->batch) - (p->batch < q->batch);
    return p->skipped != q->skipped ? p->skipped - q->skipped : strcmp(p->path, q->path);
}

static void dlq_add(struct dlq *out, struct arena *a, struct dlq_file f)
{
    if (out->count == out->cap) {
        out->cap = out->cap ? out->cap * 2 : 16;
        struct dlq_file *more = ARENA_ARRAY(a, struct dlq_file, out->cap);
        if (out->count)
            memcpy(more, out->files, out->count * sizeof *more);
        out->files = more;
    }
    out->files[out->count++] = f;
}

static bool dlq_scan(struct dlq *out, struct app *app, const char *path, bool records,
                     struct err *e)
{
    DIR *dir = opendir(path);
    if (!dir)
        return errno == ENOENT || err_sys(e, "cannot list %s", path);
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        struct str head, tail;
        uint64_t batch;
        bool late = late_path_read(&batch, &tail, str_from(entry->d_name));
        if (!late && (!str_split_once(&head, &tail, str_from(entry->d_name), '.') ||
                      !str_to_u64(&batch, head)))
            continue;
        bool skipped = !late && str_eq(tail, STR("skipped.jsonl"));
        if (skipped || (records && (late || str_eq(tail, STR("jsonl")))))
            dlq_add(out, app->a,
                    (struct dlq_file){batch, arena_printf(app->a, "%s/%s", path, entry->d_name).p,
                                      skipped});
    }
    closedir(dir);
    return true;
}

static bool dlq_list(struct dlq *out, struct app *app, const struct job_spec *j, struct err *e)
{
    bool lake = app->spec->lake.path.n > 0;
    *out = (struct dlq){0};
    if ((lake && !dlq_scan(out, app, dlq_dir(app, j, true), true, e)) ||
        !dlq_scan(out, app, dlq_dir(app, j, false), !lake, e))
        return false;
    if (out->count)
        qsort(out->files, out->count, sizeof *out->files, dlq_order);
    return true;
}

static uint64_t dlq_lines(struct str text)
{
    uint64_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '\n';
    return n;
}

static json_t *dlq_json(struct str job, const struct dlq_file *f, struct str text)
{
    json_t *j = json_object();
    json_object_set_new(j, "job", doc_new_str(job));
    json_object_set_new(j, "batch", doc_new_u64(f->batch));
    json_object_set_new(j, "records", doc_new_u64(dlq_lines(text)));
    json_object_set_new(j, "bytes", doc_new_u64(text.n));
    json_object_set_new(j, "file", json_string(f->path));
    if (f->skipped)
        json_object_set_new(j, "skipped", json_true());
    return j;
}

static bool dlq_ls_job(struct cli_table *t, json_t *list, struct app *app, const struct job_spec *j,
                       struct err *e)
{
    struct dlq files;
    if (!dlq_list(&files, app, j, e))
        return false;
    for (size_t i = 0; i < files.count; i++) {
        struct str text;
        if (!file_read(&text, app->a, files.files[i].path, DLQ_FILE_MAX, e))
            return false;
        const char *cells[] = {j->name.p, cli_count(app->a, files.files[i].batch),
                               cli_count(app->a, dlq_lines(text)), cli_size(app->a, text.n),
                               files.files[i].path};
        cli_table_row(t, cells);
        json_array_append_new(list, dlq_json(j->name, &files.files[i], text));
    }
    return dlq_rejects_ls(t, list, app, j, e);
}

// A warehouse that does not answer hides nothing of the others: *e is the first failure.
static bool dlq_ls_jobs(struct cli_table *t, json_t *list, struct app *app, const struct cli *c,
                        struct err *e)
{
    const struct job_spec *only = NULL;
    size_t count;
    const struct job_spec *jobs = app_jobs(app, &count);
    bool ok = c->arg_count == 0 || app_job_spec(&only, app, c->args[0], e);
    for (size_t i = 0; i < count && (only || c->arg_count == 0); i++) {
        struct err failure = {0};
        if ((only && only != &jobs[i]) || dlq_ls_job(t, list, app, &jobs[i], &failure))
            continue;
        if (ok)
            *e = failure;
        ok = false;
    }
    return ok;
}

static bool dlq_ls(struct cli *c, struct err *e)
{
    static const char *const heads[] = {"JOB", "BATCH", "RECORDS", "SIZE", "PLACE"};
    struct app app;
    struct cli_table table;
    struct err printing;
    struct buf out;
    if (!app_open(&app, c, e))
        return false;
    buf_init(&out, DLQ_TEXT_MAX);
    cli_table_init(&table, app.a, heads, sizeof heads / sizeof heads[0]);
    json_t *list = json_array();
    bool ok = dlq_ls_jobs(&table, list, &app, c, e);
    if (cli_json(c)) {
        doc_pretty(&out, list);
        buf_char(&out, '\n');
    } else if (table.rows > 0) {
        cli_table_print(&out, &table);
    } else if (ok) {
        buf_text(&out, "no dead letters\n");
    }
    json_decref(list);
    if (!cli_print(&out, &printing) && ok) {
        *e = printing;
        ok = false;
    }
    buf_fini(&out);
    app_close(&app);
    return ok;
}

static bool dlq_show_all(struct buf *out, struct app *app, const struct job_spec *j,
                         const struct cli *c, struct err *e)
{
    uint64_t batch = 0, limit;
    struct dlq files;
    if ((c->arg_count > 1 && !str_to_u64(&batch, str_from(c->args[1]))))
        return cli_usage(c, e, "not a batch number: %s", c->args[1]);
    if (!cli_opt_u64(&limit, c, "limit", UINT64_MAX, e) || !dlq_list(&files, app, j, e))
        return false;
    for (size_t i = 0; i < files.count; i++) {
        struct str text, line;
        if (batch && files.files[i].batch != batch)
            continue;
        if (!file_read(&text, app->a, files.files[i].path, DLQ_FILE_MAX, e))
            return false;
        for (; limit > 0 && str_split_once(&line, &text, text, '\n'); limit--) {
            buf_str(out, line);
            buf_char(out, '\n');
        }
    }
    return limit == 0 || dlq_rejects_show(out, app, j, batch, &limit, e);
}

static bool dlq_show(struct cli *c, struct err *e)
{
    struct app app;
    const struct job_spec *j;
    struct buf out;
    if (!app_open(&app, c, e))
        return false;
    buf_init(&out, DLQ_TEXT_MAX);
    bool ok = app_job_spec(&j, &app, c->args[0], e) && dlq_show_all(&out, &app, j, c, e) &&
              cli_print(&out, e);
    buf_fini(&out);
    app_close(&app);
    return ok;
}

static const struct cli_opt json[] = {{"json", NULL, "as JSON"}, {NULL, NULL, NULL}};
static const struct cli_opt limit[] = {{"limit", "N", "at most so many records"},
                                       {NULL, NULL, NULL}};

const struct cmd cmd_dlq_ls = {
    .name = "dlq ls",
    .args = "[JOB]",
    .args_max = 1,
    .summary = "Dead letters by job and batch: records that could not be decoded, rows that came "
               "too late for their partition of the lake, rows that warehouses refused or that "
               "were skipped.",
    .opts = json,
    .run = dlq_ls,
    .examples = "  sluice dlq ls\n  sluice dlq ls transactions --json\n",
};

const struct cmd cmd_dlq_show = {
    .name = "dlq show",
    .args = "JOB [BATCH]",
    .args_min = 1,
    .args_max = 2,
    .summary = "Dead letters as JSON lines: topic, partition, offset, reason, key and value; of "
               "rows that came too late output and row, of refused and skipped rows table, reason "
               "and row.",
    .opts = limit,
    .run = dlq_show,
    .examples = "  sluice dlq show transactions --limit 3\n  sluice dlq show transactions 12 | jq "
                ".reason\n",
};
