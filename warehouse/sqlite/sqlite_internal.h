// The parts of the SQLite driver: describe.c what a table is, session.c SQL as text, compare.c audits; sqlite.c has the rest. Only included in
// warehouse/sqlite/.
#ifndef WAREHOUSE_SQLITE_SQLITE_INTERNAL_H
#define WAREHOUSE_SQLITE_SQLITE_INTERNAL_H

#include "warehouse/rows.h"
#include "warehouse/sql_sink.h"
#include "warehouse/sqlite/sqlite.h"
#include "warehouse/differences.h"
#include "warehouse/table.h"
#include "warehouse/upsert.h"

#include <assert.h>
#include <sqlite3.h>

#define SQLITE_LOOK_MS 30000 // a look from outside waits so long for a writer

struct sqlite_session {
    struct sql_session base;
    struct sqlite_sink *sink;
};

struct sqlite_sink {
    struct sink base;
    struct sqlite_session session;
    struct arena *arena, *scratch;
    const struct sink_spec *spec;
    const char *path;
    struct target *targets;
    struct rows_plan plan;
    struct cell_array *cells; // of one run
    sqlite3 *db;
    sqlite3_stmt *put, *delete, *head_select, *head_update;
    bool in_transaction;
    struct commit_step step;
    uint64_t slot;          // that appended rows belong to: the batch, or the one it replaces
    enum upsert_gone gone;  // what replace takes away
    struct head_texts head; // what commit writes
};

static inline struct sqlite_sink *sqlite_from_base(struct sink *s)
{
    assert(s->type == &sink_sqlite);
    return (struct sqlite_sink *)s;
}

// SQLite's own code and text: the adapter of this library. Returns false.
bool sqlite_err(struct err *e, const struct sqlite_sink *s, int rc, const char *what);
// A member of the session's transport.
bool sqlite_describe_table(struct table_info *out, struct sql_session *session, struct arena *a,
                           struct str table, struct err *e) ERR_CHECKED;

void sqlite_session_init(struct sqlite_session *out, struct sqlite_sink *s);
bool sqlite_has_table(bool *out, struct sqlite_sink *s, const char *table,
                      struct err *e) ERR_CHECKED;
bool sqlite_again(struct sink *base, const struct reject_set *set, struct err *e) ERR_CHECKED;
bool sqlite_rejects(const struct warehouse_url *url, const struct rejects_query *q, reject_fn *fn,
                    void *arg, struct err *e) ERR_CHECKED;
bool sqlite_drift(struct buf *out, const struct sink_spec *spec, struct err *e) ERR_CHECKED;

bool sqlite_prepare(sqlite3_stmt **out, struct sqlite_sink *s, const struct buf *sql,
                    struct err *e) ERR_CHECKED;
bool sqlite_run(struct sqlite_sink *s, const char *sql, const char *what,
                struct err *e) ERR_CHECKED;
// The block's rows through the statements `put` and `delete`.
bool sqlite_write_rows(struct sqlite_sink *s, const struct block *b, struct err *e) ERR_CHECKED;
bool sqlite_compare(struct sink *base, const struct sink_rows *want, struct sink_differences *out,
                    struct err *e) ERR_CHECKED;

static inline int sqlite_text(sqlite3_stmt *stmt, int i, struct str v)
{
    return sqlite3_bind_text64(stmt, i, v.n ? v.p : "", v.n, SQLITE_STATIC, SQLITE_UTF8);
}

#endif
