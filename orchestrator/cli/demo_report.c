#include "orchestrator/cli/demo_report.h"

#include "jobs/run/control.h"
#include "lake/inspect.h"

#include <errno.h>
#include <sqlite3.h>

typedef unsigned long long ull;

// --- what is where ---------------------------------------------------------------------------------------------------

static bool report_count(uint64_t *out, sqlite3 *db, const char *sql, struct err *e)
{
    sqlite3_stmt *stmt;
    *out = 0;
    bool ok = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
              sqlite3_step(stmt) == SQLITE_ROW;
    if (ok)
        *out = (uint64_t)sqlite3_column_int64(stmt, 0);
    else
        err_fail(e, ERR_IO, "%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_finalize(stmt);
    return ok;
}

// The warehouse table of an output with the number of its rows, "" when it has none.
struct report_table {
    const char *name, *rows;
};

static bool report_table(struct report_table *out, struct arena *a, sqlite3 *db,
                         const struct job *job, struct str output, struct err *e)
{
    *out = (struct report_table){"", ""};
    for (size_t i = 0; i < job->target_count; i++) {
        const struct job_target *t = &job->targets[i];
        uint64_t n;
        if (!str_eq(job->outputs[t->output].name, output))
            continue;
        out->name = arena_str(a, t->spec.table).p;
        if (!report_count(&n, db, arena_printf(a, "SELECT count(*) FROM \"%s\"", out->name).p, e))
            return false;
        out->rows = cli_count(a, n);
    }
    return true;
}

static bool report_outputs(struct buf *out, struct arena *a, const struct lake_ls *ls, sqlite3 *db,
                           const struct job *job, struct err *e)
{
    static const char *const heads[] = {"LAKE OUTPUT", "PARTITIONS",   "ROWS",
                                        "SIZE",        "SQLITE TABLE", "ROWS"};
    struct cli_table table;
    cli_table_init(&table, a, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; i < ls->output_count; i++) {
        const struct lake_ls_output *o = &ls->outputs[i];
        bool stream = o->kind == LAKE_STREAM;
        // Of a table the newest version is the table.
        const struct lake_ls_partition *last =
            o->partition_count ? &o->partitions[o->partition_count - 1] : NULL;
        struct report_table stored;
        if (!report_table(&stored, a, db, job, o->name, e))
            return false;
        const char *partitions =
            o->partition_count == 1 || !stream
                ? (last ? arena_str(a, last->path).p : "")
                : arena_printf(a, "%zu by %.*s", o->partition_count, STR_ARG(o->partitioning)).p;
        const char *cells[] = {
            arena_printf(a, "%s/%.*s", stream ? "streams" : "tables", STR_ARG(o->name)).p,
            partitions,
            cli_count(a, stream || !last ? o->rows : last->rows),
            cli_size(a, stream || !last ? o->bytes : last->bytes),
            stored.name,
            stored.rows,
        };
        cli_table_row(&table, cells);
    }
    cli_table_print(out, &table);
    return true;
}

static bool report_where(struct buf *out, struct app *app, const struct job *job,
                         const struct lake_ls *ls, struct err *e)
{
    sqlite3 *db = NULL;
    const char *path = job->targets[0].spec.url->path.p;
    bool ok = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK;
    if (!ok)
        err_fail(e, ERR_IO, "%s: %s", path, sqlite3_errmsg(db));
    ok = ok && report_outputs(out, app->a, ls, db, job, e);
    sqlite3_close(db);
    return ok;
}

// --- receipts --------------------------------------------------------------------------------------------------------

static void report_receipt(struct buf *out, struct arena *a, const struct batch_record *r)
{
    struct batch_range sum = {0};
    uint64_t upserts = 0, deletes = 0;
    for (size_t i = 0; i < r->range_count; i++) {
        const struct batch_range *x = &r->ranges[i];
        sum.delivered += x->delivered;
        sum.decoded += x->decoded;
        sum.null_values += x->null_values;
        sum.dead += x->dead;
        sum.absent += x->absent;
        sum.lost += x->lost;
    }
    for (size_t i = 0; i < r->target_count; i++) {
        upserts += r->targets[i].upserts;
        deletes += r->targets[i].deletes;
    }
    buf_printf(out,
               "batch %llu: %zu partitions, %s records = %s decoded + %llu null + %llu dead; %llu "
               "absent, %llu lost; %s upserts, %llu deletes\n",
               (ull)r->batch, r->range_count, cli_count(a, sum.delivered),
               cli_count(a, sum.decoded), (ull)sum.null_values, (ull)sum.dead, (ull)sum.absent,
               (ull)sum.lost, cli_count(a, upserts), (ull)deletes);
}

static bool report_batches(struct buf *out, struct arena *a, struct kv_txn *t, uint64_t last,
                           struct err *e)
{
    for (uint64_t b = 1; b <= last; b++) {
        struct batch_record r;
        switch (control_get_record(&r, a, t, b, e)) {
        case KV_FAILED:
            return false;
        case KV_ABSENT:
            break;
        case KV_FOUND:
            report_receipt(out, a, &r);
            break;
        }
    }
    return true;
}

static bool report_receipts(struct buf *out, struct app *app, const struct demo_report *r,
                            struct err *e)
{
    struct kv *kv;
    struct kv_txn *t;
    if (!app_state(&kv, app, r->spec, e))
        return false;
    bool ok = kv_begin_read(&t, kv, e);
    if (ok) {
        ok = report_batches(out, app->a, t, r->runs[DEMO_RUNS - 1].report.batch_last, e);
        kv_abort(t);
    }
    kv_close(kv);
    return ok;
}

// --- the whole -------------------------------------------------------------------------------------------------------

static void report_runs(struct buf *out, struct arena *a, const struct demo_report *r)
{
    for (size_t i = 0; i < DEMO_RUNS; i++) {
        const struct run_report *x = &r->runs[i].report;
        buf_printf(out,
                   "run %llu: %s records in %lld.%03lld s, %s lake rows in %s files, %s warehouse "
                   "rows, then the offsets\n",
                   (ull)x->run, cli_count(a, x->records), (long long)(r->runs[i].ms / 1000),
                   (long long)(r->runs[i].ms % 1000), cli_count(a, x->lake_rows),
                   cli_count(a, x->lake_files), cli_count(a, x->warehouse_rows));
    }
}

// Commands that need no broker: the embedded one ends with the demo.
static void report_next(struct buf *out, const char *dir)
{
    static const struct {
        const char *command, *what;
    } next[] = {
        {"lake ls TRANSACTIONS_FLAT", "partitions with rows, sizes, files"},
        {"lake cat TOTAL_PAR_TRANSACTION_TYPE", "the newest version of a table"},
        {"lake verify", "every file against its manifest"},
        {"run list", "what ran, when, how long"},
        {"run show transactions 2", "the receipts: ranges, files, checksums"},
        {"job show transactions", "positions and snapshot versions"},
        {"job explain transactions", "the plan made of the SQL"},
    };
    const char *program = program_invocation_name;
    buf_text(out, "\ntry next (these need no broker; the demo's has ended):\n");
    for (size_t i = 0; i < sizeof next / sizeof next[0]; i++)
        buf_printf(out, "  %s -c %s/sluice.yaml %-36s %s\n", program, dir, next[i].command,
                   next[i].what);
}

bool demo_report(struct buf *out, struct app *app, const struct demo_report *r, struct err *e)
{
    struct lake *lake;
    struct lake_ls ls;
    struct lake_verify verify;
    if (!app_lake(&lake, app, e))
        return false;
    bool ok = lake_list(&ls, app->a, lake, STR_NONE, e) &&
              lake_verify(&verify, app->a, lake, STR_NONE, e);
    lake_close(lake);
    if (!ok)
        return false;
    buf_printf(out,
               "%s transactions through an embedded Kafka broker, in two runs; everything is in "
               "%s/\n",
               cli_count(app->a, r->records), r->dir);
    report_runs(out, app->a, r);
    buf_printf(out, "\nin %s/data_lake and %s/warehouse.db:\n", r->dir, r->dir);
    if (!report_where(out, app, r->job, &ls, e))
        return false;
    buf_text(out, "\nreceipts:\n");
    if (!report_receipts(out, app, r, e))
        return false;
    buf_printf(out, "lake verify: %s files with %s rows read again, %s\n",
               cli_count(app->a, verify.files), cli_count(app->a, verify.rows),
               verify.count ? "SOME DIFFER" : "all as their manifests say");
    report_next(out, r->dir);
    return true;
}
