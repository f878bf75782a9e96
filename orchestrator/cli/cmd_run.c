#include "jobs/run/doc.h"
#include "jobs/run/history.h"
#include "orchestrator/cli/app.h"
#include "orchestrator/cli/commands.h"

enum { RUN_TEXT_MAX = 64 << 20, RUN_LIST_DEFAULT = 20 };

struct run_list {
    struct cli_table table;
    struct arena *a;
    json_t *json;
};

static json_t *run_json(const struct history_run *r)
{
    json_t *j = json_object();
    json_object_set_new(j, "job", doc_new_str(r->job));
    json_object_set_new(j, "run", doc_new_u64(r->run));
    json_object_set_new(j, "outcome", doc_new_str(r->outcome));
    json_object_set_new(j, "started", json_integer(r->started_ms));
    json_object_set_new(j, "finished", json_integer(r->finished_ms));
    json_object_set_new(j, "batch_first", doc_new_u64(r->batch_first));
    json_object_set_new(j, "batch_last", doc_new_u64(r->batch_last));
    json_object_set_new(j, "records", doc_new_u64(r->records));
    json_object_set_new(j, "dead", doc_new_u64(r->dead));
    json_object_set_new(j, "late_partition", doc_new_u64(r->late_partition));
    json_object_set_new(j, "lake_rows", doc_new_u64(r->lake_rows));
    json_object_set_new(j, "warehouse_rows", doc_new_u64(r->warehouse_rows));
    json_object_set_new(j, "rejected", doc_new_u64(r->rejected));
    json_object_set_new(j, "topic_rows", doc_new_u64(r->topic_rows));
    json_object_set_new(j, "error", doc_new_str(r->error));
    return j;
}

static bool run_list_row(void *arg, const struct history_run *r, struct err *e)
{
    (void)e;
    struct run_list *s = arg;
    struct arena *a = s->a;
    json_array_append_new(s->json, run_json(r));
    int64_t ms = r->finished_ms - r->started_ms;
    const char *cells[] = {
        arena_str(a, r->job).p,
        cli_count(a, r->run),
        cli_time(a, r->started_ms),
        arena_printf(a, "%lld.%03lld s", (long long)(ms / 1000), (long long)(ms % 1000)).p,
        arena_str(a, r->outcome).p,
        r->batches ? arena_printf(a, "%llu-%llu", (unsigned long long)r->batch_first,
                                  (unsigned long long)r->batch_last)
                         .p
                   : "",
        cli_count(a, r->records),
        cli_count(a, r->dead),
        cli_count(a, r->rejected),
        arena_str(a, str_slice(r->error, 0, 80)).p,
    };
    cli_table_row(&s->table, cells);
    return true;
}

static bool run_list_jobs(struct run_list *s, struct app *app, const struct cli *c, struct err *e)
{
    uint64_t most;
    const struct job_spec *only = NULL;
    if (!cli_opt_u64(&most, c, "last", RUN_LIST_DEFAULT, e) ||
        (c->arg_count && !app_job_spec(&only, app, c->args[0], e)))
        return false;
    size_t count;
    const struct job_spec *jobs = app_jobs(app, &count);
    for (size_t i = 0; i < count; i++) {
        const struct job_spec *j = &jobs[i];
        struct kv *kv;
        if (only && j != only)
            continue;
        if (!app_state(&kv, app, j, e))
            return false;
        bool ok = !kv || history_runs(kv, most, run_list_row, s, e);
        kv_close(kv);
        if (!ok)
            return false;
    }
    return true;
}

static bool run_list(struct cli *c, struct err *e)
{
    static const char *const heads[] = {"JOB",     "RUN",     "STARTED", "TOOK",     "OUTCOME",
                                        "BATCHES", "RECORDS", "DEAD",    "REJECTED", "ERROR"};
    struct app app;
    struct buf out;
    if (!app_open(&app, c, e))
        return false;
    buf_init(&out, RUN_TEXT_MAX);
    struct run_list s = {.a = app.a, .json = json_array()};
    cli_table_init(&s.table, app.a, heads, sizeof heads / sizeof heads[0]);
    bool ok = run_list_jobs(&s, &app, c, e);
    if (ok && cli_json(c)) {
        doc_pretty(&out, s.json);
        buf_char(&out, '\n');
    } else if (ok) {
        cli_table_print(&out, &s.table);
    }
    ok = ok && cli_print(&out, e);
    json_decref(s.json);
    buf_fini(&out);
    app_close(&app);
    return ok;
}

// --- show: the receipts of a run's batches ---------------------------------------------------------------------------

static bool run_show_batch(struct buf *out, struct kv_txn *t, uint64_t batch, struct err *e)
{
    char key[8];
    struct str text;
    control_id_key(key, batch);
    enum kv_found found = kv_get(&text, t, KV_BATCH, (struct str){key, sizeof key}, e);
    if (found == KV_FAILED)
        return false;
    json_t *j = NULL;
    if (found == KV_ABSENT)
        return true;
    if (!doc_parse(&j, text, "batch record", e))
        return false;
    // The lake manifest is a document inside the document: show it as one.
    json_error_t why;
    const char *manifest = json_string_value(json_object_get(j, "manifest"));
    json_t *inner = manifest && manifest[0] ? json_loads(manifest, 0, &why) : NULL;
    json_object_set_new(j, "manifest", inner ? inner : json_null());
    doc_pretty(out, j);
    buf_char(out, '\n');
    json_decref(j);
    return true;
}

static bool run_show_text(struct buf *out, struct app *app, struct kv *kv, uint64_t id,
                          struct err *e)
{
    struct kv_txn *t;
    struct history_run r = {0};
    if (!kv_begin_read(&t, kv, e))
        return false;
    enum kv_found found = history_run(&r, app->a, t, id, e);
    bool ok = found == KV_FOUND;
    if (found == KV_ABSENT) {
        err_fail(e, ERR_CONFIG, "no run %llu", (unsigned long long)id);
        err_hint(e, "sluice run list shows the runs");
    }
    if (ok) {
        json_t *j = run_json(&r);
        doc_pretty(out, j);
        buf_char(out, '\n');
        json_decref(j);
    }
    for (uint64_t b = r.batch_first; ok && b && b <= r.batch_last; b++)
        ok = run_show_batch(out, t, b, e);
    kv_abort(t);
    return ok;
}

static bool run_show(struct cli *c, struct err *e)
{
    struct app app;
    const struct job_spec *j;
    struct kv *kv = NULL;
    struct buf out;
    uint64_t id;
    if (!str_to_u64(&id, str_from(c->args[1])))
        return cli_usage(c, e, "not a run number: %s", c->args[1]);
    if (!app_open(&app, c, e))
        return false;
    buf_init(&out, RUN_TEXT_MAX);
    bool ok = app_job_spec(&j, &app, c->args[0], e) && app_state(&kv, &app, j, e);
    if (ok && !kv)
        ok = err_fail(e, ERR_CONFIG, "job %s never ran", j->name.p);
    ok = ok && run_show_text(&out, &app, kv, id, e) && cli_print(&out, e);
    kv_close(kv);
    buf_fini(&out);
    app_close(&app);
    return ok;
}

static const struct cli_opt run_list_opts[] = {
    {"last", "N", "how many of each job (default 20)"},
    {"json", NULL, "as JSON"},
    {NULL, NULL, NULL},
};
static const struct cli_opt run_show_opts[] = {{NULL, NULL, NULL}};

const struct cmd cmd_run_list = {
    .name = "run list",
    .args = "[JOB]",
    .args_max = 1,
    .summary = "Past runs, newest first: when, how long, outcome, batches, records.",
    .opts = run_list_opts,
    .run = run_list,
    .examples = "  sluice run list\n  sluice run list transactions --last 5\n",
};

const struct cmd cmd_run_show = {
    .name = "run show",
    .args = "JOB RUN",
    .args_min = 2,
    .args_max = 2,
    .summary = "One run with the receipts of its batches: ranges, counts, files with checksums, "
               "rows written (JSON).",
    .opts = run_show_opts,
    .run = run_show,
    .examples = "  sluice run show transactions 3\n  sluice run show transactions 3 | jq .ranges\n",
};
