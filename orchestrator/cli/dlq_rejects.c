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
