#include "orchestrator/cli/dlq_rejects.h"

#include "jobs/run/doc.h"
#include "jobs/run/job_url.h"
#include "orchestrator/builtin.h"
#include "warehouse/sink.h"

static bool rejects_writes_to(const struct job_spec *j, struct str warehouse)
{
    const struct output_spec *outputs = j->outputs.v;
    for (size_t i = 0; i < j->outputs.n; i++) {
        const struct target_spec *targets = outputs[i].warehouse.v;
        for (size_t t = 0; t < outputs[i].warehouse.n; t++)
            if (str_eq(targets[t].to, warehouse))
                return true;
    }
    return false;
}

static bool rejects_read(struct app *app, const struct warehouse_spec *w,
                         const struct rejects_query *query, reject_fn *fn, void *arg, struct err *e)
{
    struct warehouse_url url;
    const struct sink_type *type = job_sink_type(builtin_sinks, w->url.scheme);
    job_url(&url, app->a, &w->url);
    if (!type)
        return err_fail(e, ERR_CONFIG, "warehouse %.*s: this program has no driver for %.*s://",
                        STR_ARG(w->name), STR_ARG(w->url.scheme));
    return type->rejects(&url, query, fn, arg, e) ||
           err_wrap(e, "refused rows in warehouse %.*s", STR_ARG(w->name));
}

// --- ls --------------------------------------------------------------------------------------------------------------

// One line per table and batch: rejects come in this order.
struct rejects_lines {
    struct app *app;
    struct cli_table *table;
    json_t *list;
    const struct job_spec *job;
    struct str warehouse, output, target;
    uint64_t batch, rows, bytes;
};

static void rejects_line(struct rejects_lines *x)
{
    struct arena *a = x->app->a;
    if (x->rows == 0)
        return;
    const char *cells[] = {
        x->job->name.p, cli_count(a, x->batch), cli_count(a, x->rows), cli_size(a, x->bytes),
        arena_printf(a, "refused by %.*s/%.*s", STR_ARG(x->warehouse), STR_ARG(x->target)).p};
    cli_table_row(x->table, cells);
    json_t *j = json_object();
    json_object_set_new(j, "job", doc_new_str(x->job->name));
    json_object_set_new(j, "batch", doc_new_u64(x->batch));
    json_object_set_new(j, "records", doc_new_u64(x->rows));
    json_object_set_new(j, "bytes", doc_new_u64(x->bytes));
    json_object_set_new(j, "warehouse", doc_new_str(x->warehouse));
    json_object_set_new(j, "table", doc_new_str(x->target));
    json_object_set_new(j, "output", doc_new_str(x->output));
    json_array_append_new(x->list, j);
    x->rows = x->bytes = 0;
}

static bool rejects_count(void *arg, const struct reject *r, struct err *e)
{
    struct rejects_lines *x = arg;
    (void)e;
    if (x->rows == 0 || x->batch != r->batch || !str_eq(x->target, r->target) ||
        !str_eq(x->output, r->output)) {
        rejects_line(x);
        x->output = arena_str(x->app->a, r->output);
        x->target = arena_str(x->app->a, r->target);
        x->batch = r->batch;
    }
    x->rows++;
    x->bytes += r->row.n;
    return true;
}

bool dlq_rejects_ls(struct cli_table *t, json_t *list, struct app *app, const struct job_spec *j,
                    struct err *e)
{
    const struct warehouse_spec *w = app->spec->warehouses.v;
    const struct rejects_query query = {.job = j->name.p, .limit = UINT64_MAX};
    struct rejects_lines x = {.app = app, .table = t, .list = list, .job = j};
    bool ok = true;
    for (size_t i = 0; i < app->spec->warehouses.n; i++) {
        if (!rejects_writes_to(j, w[i].name))
            continue;
        struct err failure = {0};
        x.warehouse = w[i].name;
        if (!rejects_read(app, &w[i], &query, rejects_count, &x, &failure) && ok) {
            *e = failure;
            ok = false;
        }
        rejects_line(&x);
    }
    return ok;
}

// --- show ------------------------------------------------------------------------------------------------------------

struct rejects_rows {
    struct buf *out;
    struct str warehouse;
    uint64_t *limit;
};

// Key and row are JSON already: their numbers keep every digit.
static bool rejects_row(void *arg, const struct reject *r, struct err *e)
{
    const struct rejects_rows *x = arg;
    (void)e;
    json_t *j = json_object();
    json_object_set_new(j, "reason", doc_new_str(r->error));
    json_object_set_new(j, "batch", doc_new_u64(r->batch));
    json_object_set_new(j, "seq", doc_new_u64(r->seq));
    json_object_set_new(j, "output", doc_new_str(r->output));
    json_object_set_new(j, "warehouse", doc_new_str(x->warehouse));
    json_object_set_new(j, "table", doc_new_str(r->target));
    json_object_set_new(j, "op", json_string(r->row.p ? "put" : "delete"));
    doc_print(x->out, j);
    json_decref(j);
    x->out->n--; // the closing brace
    buf_printf(x->out, ",\"key\":%.*s,\"row\":%.*s}\n", STR_ARG(r->key.n ? r->key : STR("null")),
               STR_ARG(r->row.p ? r->row : STR("null")));
    --*x->limit;
    return true;
}

bool dlq_rejects_show(struct buf *out, struct app *app, const struct job_spec *j, uint64_t batch,
                      uint64_t *limit, struct err *e)
{
    const struct warehouse_spec *w = app->spec->warehouses.v;
    bool ok = true;
    for (size_t i = 0; ok && i<app->spec->warehouses.n && * limit> 0; i++) {
        const struct rejects_query query = {
            .job = j->name.p, .of = reject_span(batch, 0), .limit = *limit};
        struct rejects_rows x = {out, w[i].name, limit};
        ok = !rejects_writes_to(j, w[i].name) ||
             rejects_read(app, &w[i], &query, rejects_row, &x, e);
    }
    return ok;
}

// --- replay ----------------------------------------------------------------------------------------------------------

struct rejects_print {
    struct buf out;
    struct arena *a;
    json_t *slots; // --json
    uint64_t rows, refused;
    bool dry;
};

static bool rejects_told(void *arg, const struct rejected_slot *s, struct err *e)
{
    struct rejects_print *p = arg;
    p->rows += s->rows;
    p->refused += s->refused;
    if (p->slots) {
        json_t *j = json_object();
        json_object_set_new(j, "batch", doc_new_u64(s->slot));
        json_object_set_new(j, "rows", doc_new_u64(s->rows));
        json_object_set_new(j, "rejected", doc_new_u64(s->refused));
        json_array_append_new(p->slots, j);
        return true;
    }
    buf_printf(&p->out, "batch %llu (%zu of %zu): %s refused rows", (unsigned long long)s->slot,
               s->index + 1, s->count, cli_count(p->a, s->rows));
    if (!p->dry)
        buf_printf(&p->out, ", %s written", cli_count(p->a, s->rows - s->refused));
    if (s->refused)
        buf_printf(&p->out, ", %s refused again", cli_count(p->a, s->refused));
    buf_char(&p->out, '\n');
    const bool ok = cli_print(&p->out, e); // as it goes on
    buf_clear(&p->out);
    return ok;
}

static void rejects_result_json(struct rejects_print *p, const struct job *job,
                                const struct run_report *r, uint64_t older)
{
    json_t *j = json_object();
    json_object_set_new(j, "job", json_string(job->name));
    json_object_set_new(j, "dry_run", json_boolean(p->dry));
    json_object_set_new(j, "batches", doc_new_u64(r->batches));
    json_object_set_new(j, "rows", doc_new_u64(p->rows));
    json_object_set_new(j, "rejected", doc_new_u64(p->refused));
    json_object_set_new(j, "older", doc_new_u64(older));
    json_object_set_new(j, "replayed", p->slots);
    doc_pretty(&p->out, j);
    buf_char(&p->out, '\n');
    json_decref(j);
    p->slots = NULL;
}

static void rejects_result(struct rejects_print *p, const struct job *job,
                           const struct run_report *r, uint64_t older)
{
    if (p->slots) {
        rejects_result_json(p, job, r, older);
        return;
    }
    if (p->rows == 0)
        buf_printf(&p->out, "job %s: no refused rows\n", job->name);
    else if (p->dry)
        buf_text(&p->out, "nothing was changed (--dry-run)\n");
    else
        buf_printf(
            &p->out, "job %s: run %llu: %s of %s refused rows were written%s (batches %llu-%llu)\n",
            job->name, (unsigned long long)r->run, cli_count(p->a, p->rows - p->refused),
            cli_count(p->a, p->rows), p->refused ? ", the others stay with their new reasons" : "",
            (unsigned long long)r->batch_first, (unsigned long long)r->batch_last);
    if (older)
        buf_printf(
            &p->out,
            "%s refused rows from before a reset stay: their records may have been read again\n",
            cli_count(p->a, older));
}

bool dlq_rejects_replay(const struct cli *c, struct app *app, const struct job *job,
                        const struct run_env *env, struct rejected_spec how, struct err *e)
{
    struct run_report report;
    uint64_t older;
    struct rejects_print print = {.a = app->a,
                                  .slots = cli_json(c) ? json_array() : NULL,
                                  .dry = how.mode == REJECTED_DRY_RUN};
    buf_init(&print.out, (size_t)64 << 20);
    how.slot = rejects_told;
    how.slot_arg = &print;
    bool ok = run_rejected(&report, &older, job, env, &how, e);
    app_progress_end(env->progress_arg);
    if (ok) {
        rejects_result(&print, job, &report, older);
        ok = cli_print(&print.out, e);
    }
    json_decref(print.slots);
    buf_fini(&print.out);
    return ok;
}
