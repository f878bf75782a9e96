#include "warehouse/compare.h"
#include "warehouse/rejects_sql.h"
#include "warehouse/sqlite/sqlite_internal.h"

static bool sqlite_put(void *arg, const struct block *b, struct err *e)
{
    struct sqlite_sink *x = arg;
    rejects_block(x->plan.rejects, b);
    rejects_leave_out(x->plan.rejects);
    return sqlite_write_rows(x, b, e);
}

// x: the sink once more, writing to the temporary table of its connection.
static bool sqlite_fill(struct sqlite_sink *x, const struct sqlite_sink *s,
                        const struct sink_rows *want, struct err *e)
{
    struct buf sql;
    buf_init(&sql, SINK_SQL_MAX);
    compare_create(&sql, &dialect_sqlite, s->spec);
    buf_char(&sql, 0);
    bool ok = buf_ok(&sql, "the statement", e) &&
              sqlite_run(x, sql.p, "create the temporary table", e) &&
              rows_plan_init(&x->plan, x->arena, x->spec, x->targets, e);
    buf_clear(&sql);
    upsert_write(&sql, &dialect_sqlite, x->spec, 1);
    ok = ok && sqlite_prepare(&x->put, x, &sql, e) && sqlite_run(x, "BEGIN", "begin", e);
    buf_fini(&sql);
    if (!ok)
        return false;
    rejects_begin(x->plan.rejects, reject_span(0, 0));
    ok = rejects_sql_load(x->plan.rejects, &x->session.base, s->spec, e) &&
         want->feed(want->arg, sqlite_put, x, e);
    return ok ? sqlite_run(x, "COMMIT", "commit", e)
              : (sqlite3_exec(x->db, "ROLLBACK", NULL, NULL, NULL), false);
}

static bool sqlite_first(struct sqlite_sink *x, const struct compare_spec *what,
                         struct sink_differences *out, sqlite3_stmt *stmt, struct err *e)
{
    const int n = sqlite3_column_count(stmt), rc = sqlite3_step(stmt);
    struct str *values = ARENA_ZARRAY(x->arena, struct str, (size_t)n);
    if (rc != SQLITE_ROW)
        return rc == SQLITE_DONE || sqlite_err(e, x, rc, "compare");
    for (int i = 0; i < n; i++) {
        const char *v = sqlite3_column_blob(stmt, i); // before bytes: it may convert
        const bool null = sqlite3_column_type(stmt, i) == SQLITE_NULL;
        values[i] =
            null ? STR_NONE : (struct str){v ? v : "", (size_t)sqlite3_column_bytes(stmt, i)};
    }
    compare_key_text(out->first[what->kind], what, values);
    return true;
}

static bool sqlite_count_differences(struct sqlite_sink *x, const struct compare_spec *what,
                                     struct sink_differences *out, sqlite3_stmt *stmt,
                                     struct err *e)
{
    const int rc = sqlite3_step(stmt);
    out->rows[what->kind] = (uint64_t)sqlite3_column_int64(stmt, 0);
    return rc == SQLITE_ROW || sqlite_err(e, x, rc, "compare");
}

static bool sqlite_read(struct sqlite_sink *x, const struct compare_spec *what,
                        enum compare_what which, struct sink_differences *out, struct err *e)
{
    struct buf sql;
    sqlite3_stmt *stmt = NULL;
    buf_init(&sql, SINK_SQL_MAX);
    compare_select(&sql, what, which);
    bool ok = sqlite_prepare(&stmt, x, &sql, e) &&
              (which == COMPARE_COUNT ? sqlite_count_differences(x, what, out, stmt, e)
                                      : sqlite_first(x, what, out, stmt, e));
    sqlite3_finalize(stmt);
    buf_fini(&sql);
    return ok;
}

bool sqlite_compare(struct sink *base, const struct sink_rows *want, struct sink_differences *out,
                    struct err *e)
{
    const struct sqlite_sink *s = sqlite_from_base(base);
    struct sqlite_sink x = *s;
    struct sink_spec spec = *s->spec;
    assert(!s->in_transaction);
    *out = (struct sink_differences){0};
    spec.table = STR(SINK_COMPARE_TABLE);
    x.spec = &spec;
    x.arena = arena_new(NULL);
    x.put = NULL;
    bool ok = sqlite_fill(&x, s, want, e);
    out->refused = ok ? rejects_owed(x.plan.rejects) : 0;
    for (int i = 0; ok && i < SINK_DIFFERENCES; i++) {
        const struct compare_spec what = {&dialect_sqlite, s->spec, s->targets,
                                          (enum sink_difference)i, want->batch};
        ok = sqlite_read(&x, &what, COMPARE_COUNT, out, e) &&
             (out->rows[i] == 0 || sqlite_read(&x, &what, COMPARE_FIRST, out, e));
    }
    sqlite3_finalize(x.put);
    sqlite3_exec(x.db, "DROP TABLE IF EXISTS temp." SINK_COMPARE_TABLE, NULL, NULL, NULL);
    arena_free(x.arena);
    return ok || err_wrap(e, "compare table %.*s", STR_ARG(s->spec->table));
}
