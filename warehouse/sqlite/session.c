// SQL as text over a SQLite file: what warehouse/refused.h and rejects_sql.h want of a connection.
#include "warehouse/rejects_sql.h"
#include "warehouse/sqlite/sqlite_internal.h"

#include <assert.h>
#include <limits.h>

static struct sqlite_sink *sink_of(struct sql_session *base)
{
    return ((struct sqlite_session *)base)->sink;
}

static bool session_run(struct sql_session *base, struct str sql, struct err *e)
{
    struct sqlite_sink *s = sink_of(base);
    sqlite3_stmt *stmt = NULL;
    assert(sql.n < INT_MAX);
    int rc = sqlite3_prepare_v2(s->db, sql.p, (int)sql.n, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    const bool ok = rc == SQLITE_DONE || sqlite_err(e, s, rc, "run a statement");
    sqlite3_finalize(stmt);
    return ok;
}

static struct str cell(struct arena *a, sqlite3_stmt *stmt, int i)
{
    const char *text = (const char *)sqlite3_column_text(stmt, i);
    if (!text)
        return STR_NONE;
    return arena_str(a, (struct str){text, (size_t)sqlite3_column_bytes(stmt, i)});
}

static bool session_fetch(struct sql_result *out, struct sql_session *base, struct arena *a,
                          struct str sql, struct err *e)
{
    struct sqlite_sink *s = sink_of(base);
    sqlite3_stmt *stmt = NULL;
    size_t cap = 0;
    assert(sql.n < INT_MAX);
    *out = (struct sql_result){0};
    int rc = sqlite3_prepare_v2(s->db, sql.p, (int)sql.n, &stmt, NULL);
    if (rc == SQLITE_OK) {
        out->columns = (unsigned)sqlite3_column_count(stmt);
        while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
            const size_t n = out->rows * out->columns;
            if (out->rows == cap) {
                cap = cap ? cap * 2 : 16;
                struct str *more = ARENA_ARRAY(a, struct str, cap * out->columns);
                if (n)
                    memcpy(more, out->v, n * sizeof *more);
                out->v = more;
            }
            for (unsigned i = 0; i < out->columns; i++)
                out->v[n + i] = cell(a, stmt, (int)i);
            out->rows++;
        }
    }
    const bool ok = rc == SQLITE_DONE || sqlite_err(e, s, rc, "read");
    sqlite3_finalize(stmt);
    return ok;
}

static void session_literal(struct sql_session *base, struct buf *out, struct str value)
{
    (void)base;
    assert(value.n == 0 || !memchr(value.p, 0, value.n));
    buf_char(out, '\'');
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == '\'')
            buf_char(out, '\'');
        buf_char(out, value.p[i]);
    }
    buf_char(out, '\'');
}

static const struct sql_transport transport = {
    .dialect = &dialect_sqlite,
    .run = session_run,
    .fetch = session_fetch,
    .literal = session_literal,
    .describe_table = sqlite_describe_table,
};

void sqlite_session_init(struct sqlite_session *out, struct sqlite_sink *s)
{
    *out = (struct sqlite_session){.base = {&transport, s->path}, .sink = s};
}

bool sqlite_has_table(bool *out, struct sqlite_sink *s, const char *table, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(
        s->db, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", -1, &stmt, NULL);
    if (rc == SQLITE_OK) {
        sqlite_text(stmt, 1, str_from(table));
        rc = sqlite3_step(stmt);
    }
    *out = rc == SQLITE_ROW;
    const bool ok =
        rc == SQLITE_ROW || rc == SQLITE_DONE || sqlite_err(e, s, rc, "look for tables");
    sqlite3_finalize(stmt);
    return ok;
}

bool sqlite_again(struct sink *base, const struct reject_set *set, struct err *e)
{
    struct sqlite_sink *s = sqlite_from_base(base);
    assert(s->in_transaction);
    rejects_again(s->plan.rejects, set);
    return rejects_sql_again(s->plan.rejects, &s->session.base, s->spec, e);
}

bool sqlite_rejects(const struct warehouse_url *url, const struct rejects_query *q, reject_fn *fn,
                    void *arg, struct err *e)
{
    struct arena *a = arena_new(NULL);
    struct sqlite_sink s = {.path = arena_str(a, url->path).p};
    struct sqlite_session session;
    bool there = false;
    sqlite_session_init(&session, &s);
    // Without a file there is nothing in it.
    const int rc =
        sqlite3_open_v2(s.path, &s.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    bool ok = rc == SQLITE_OK || rc == SQLITE_CANTOPEN || sqlite_err(e, &s, rc, "open");
    if (rc == SQLITE_OK) {
        sqlite3_busy_timeout(s.db, SQLITE_LOOK_MS);
        ok = sqlite_has_table(&there, &s, SINK_REJECTS_TABLE, e) &&
             (!there || rejects_sql_read(&session.base, q, fn, arg, e));
    }
    sqlite3_close(s.db);
    arena_free(a);
    return ok;
}

// Read only, and no file is made.
bool sqlite_drift(struct buf *out, const struct sink_spec *spec, struct err *e)
{
    struct arena *a = arena_new(NULL);
    struct sqlite_sink s = {.arena = a, .path = arena_str(a, spec->url->path).p};
    struct table_info t = {.exists = false};
    sqlite_session_init(&s.session, &s);
    const int rc = sqlite3_open_v2(s.path, &s.db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    bool ok = rc == SQLITE_OK || rc == SQLITE_CANTOPEN || sqlite_err(e, &s, rc, "open");
    if (rc == SQLITE_OK)
        ok = sqlite_describe_table(&t, &s.session.base, a, spec->table, e);
    if (ok)
        table_drift(out, &t, &dialect_sqlite, spec);
    sqlite3_close(s.db);
    arena_free(a);
    return ok;
}
