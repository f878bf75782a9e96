#include "warehouse/sqlite/sqlite.h"

#include "base/durable.h"
#include "warehouse/params.h"
#include "warehouse/refused.h"
#include "warehouse/rejects_sql.h"
#include "warehouse/sqlite/sqlite_internal.h"

#include <assert.h>
#include <limits.h>

#define ROWS_MAX 1024 // converted at once

struct sqlite_settings {
    int64_t lock_wait_ms;
};

static const struct warehouse_param sqlite_params[] = {
    {"lock_wait_ms", 0, 3600000, offsetof(struct sqlite_settings, lock_wait_ms),
     "how long to wait while another process writes (30000)"},
};

bool sqlite_err(struct err *e, const struct sqlite_sink *s, int rc, const char *what)
{
    const char *text = s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc);
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        err_fail(e, ERR_REMOTE, "%s: %s: %s (another process writes)", s->path, what, text);
        return err_remedy(e, REMEDY_RETRY_RUN);
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
        return err_fail(e, ERR_DATA, "%s", text);
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
        err_fail(e, ERR_IO, "%s: %s: %s", s->path, what, text);
        return err_remedy(e, REMEDY_RETRY_RUN);
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_NOTADB:
        err_fail(e, ERR_IO, "%s: %s: %s", s->path, what, text);
        return err_hint(e, "the file and its directory must exist and be writable by this user");
    default:
        return err_fail(e, ERR_IO, "%s: %s: %s", s->path, what, text);
    }
}

bool sqlite_run(struct sqlite_sink *s, const char *sql, const char *what, struct err *e)
{
    const int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK || sqlite_err(e, s, rc, what);
}

static bool run_buf(struct sqlite_sink *s, struct buf *sql, const char *what, struct err *e)
{
    buf_char(sql, 0);
    return buf_ok(sql, what, e) && sqlite_run(s, sql->p, what, e);
}

bool sqlite_prepare(sqlite3_stmt **out, struct sqlite_sink *s, const struct buf *sql, struct err *e)
{
    if (!buf_ok(sql, "the statement", e))
        return false;
    assert(sql->n < INT_MAX);
    const int rc =
        sqlite3_prepare_v3(s->db, sql->p, (int)sql->n, SQLITE_PREPARE_PERSISTENT, out, NULL);
    return rc == SQLITE_OK || sqlite_err(e, s, rc, "prepare");
}

// job, task, output, target as parameters from `i` on.
static void bind_head_key(struct sqlite_sink *s, sqlite3_stmt *stmt, int i)
{
    sqlite_text(stmt, i, str_from(s->spec->job));
    sqlite3_bind_int64(stmt, i + 1, s->spec->task);
    sqlite_text(stmt, i + 2, str_from(s->spec->output));
    sqlite_text(stmt, i + 3, s->spec->table);
}

// --- open -----------------------------------------------------------------------------------------

struct ddl {
    struct sqlite_sink *s;
    struct buf *sql;
    enum table_need need;
};

static bool forget_head(struct sqlite_sink *s, struct buf *sql, struct err *e)
{
    sqlite3_stmt *update = NULL;
    buf_clear(sql);
    upsert_heads_update(sql, &dialect_sqlite);
    if (!sqlite_prepare(&update, s, sql, e))
        return false;
    sqlite3_bind_int64(update, 1, 0);
    sqlite_text(update, 2, STR("0000000000000000"));
    sqlite_text(update, 3, STR("0000000000000000"));
    sqlite_text(update, 4, STR(""));
    bind_head_key(s, update, 6);
    const int rc = sqlite3_step(update);
    sqlite3_finalize(update);
    return rc == SQLITE_DONE || sqlite_err(e, s, rc, "forget the head");
}

// All DDL and the head's row in one transaction: a crash leaves either nothing or all of it.
static bool ddl_effect(void *arg, struct err *e)
{
    struct ddl *d = arg;
    struct sqlite_sink *s = d->s;
    if (!sqlite_run(s, "BEGIN IMMEDIATE", "begin", e))
        return false;
    bool ok = run_buf(s, d->sql, "create the table", e) &&
              (d->need != TABLE_CREATE || forget_head(s, d->sql, e)); // a new table holds nothing
    sqlite3_stmt *insert = NULL;
    buf_clear(d->sql);
    upsert_heads_insert(d->sql, &dialect_sqlite);
    ok = ok && sqlite_prepare(&insert, s, d->sql, e);
    if (ok) {
        bind_head_key(s, insert, 1);
        sqlite3_bind_int64(insert, 5, 0);
        sqlite_text(insert, 6, STR("0000000000000000"));
        sqlite_text(insert, 7, STR("0000000000000000"));
        sqlite_text(insert, 8, STR(""));
        const int rc = sqlite3_step(insert);
        // There already: another output of the batch, or an earlier run, came first.
        if (rc != SQLITE_DONE && (sqlite3_extended_errcode(s->db) & 0xff) != SQLITE_CONSTRAINT)
            ok = sqlite_err(e, s, rc, "insert the head");
    }
    sqlite3_finalize(insert);
    if (ok && sqlite_run(s, "COMMIT", "commit", e))
        return true;
    sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return false;
}

static bool head_of_row(struct head *out, sqlite3_stmt *row, struct err *e)
{
    struct str texts[4];
    for (int i = 0; i < 4; i++)
        texts[i] = (struct str){(const char *)sqlite3_column_text(row, i),
                                (size_t)sqlite3_column_bytes(row, i)};
    return head_parse(out, texts, e);
}

static bool head_exists(bool *out, struct sqlite_sink *s, enum table_need need, struct err *e)
{
    struct head held;
    sqlite3_stmt *stmt;
    if (!sqlite_has_table(out, s, SINK_HEADS_TABLE, e))
        return false;
    if (!*out)
        return true;
    struct buf sql;
    buf_init(&sql, SINK_SQL_MAX);
    upsert_heads_select(&sql, &dialect_sqlite);
    bool ok = sqlite_prepare(&stmt, s, &sql, e);
    buf_fini(&sql);
    if (!ok)
        return err_wrap(e, SINK_HEADS_TABLE);
    bind_head_key(s, stmt, 1);
    *out = sqlite3_step(stmt) == SQLITE_ROW;
    if (*out && need == TABLE_CREATE)
        ok = head_of_row(&held, stmt, e) && head_lost_table(&held, s->spec, e);
    sqlite3_finalize(stmt);
    return ok;
}

static bool create_missing(struct sqlite_sink *s, enum table_need need, struct str evolution,
                           struct err *e)
{
    const struct sink_spec *spec = s->spec;
    struct buf sql;
    buf_init(&sql, SINK_SQL_MAX);
    bool ok = true;
    if (need == TABLE_CREATE)
        ok = upsert_create(&sql, s->targets, &dialect_sqlite, spec, NULL, e);
    else if (need == TABLE_ADD_BATCH)
        upsert_add_batch_column(&sql, &dialect_sqlite, spec);
    if (spec->mode == SINK_APPEND && need != TABLE_READY) {
        buf_text(&sql, ";\n");
        upsert_create_batch_index(&sql, &dialect_sqlite, spec);
    }
    if (sql.n)
        buf_text(&sql, ";\n");
    buf_str(&sql, evolution);
    if (evolution.n)
        buf_text(&sql, ";\n");
    upsert_heads_create(&sql, &dialect_sqlite);
    buf_text(&sql, ";\n");
    rejects_sql_create(&sql, &dialect_sqlite);
    struct ddl d = {s, &sql, need};
    ok = ok && durable_call(spec->durable, "sqlite.ddl", ddl_effect, &d, e);
    buf_fini(&sql);
    return ok;
}

static bool open_file(struct sqlite_sink *s, const struct sqlite_settings *settings, struct err *e)
{
    const int create = s->spec->create == SINK_CREATE_NEVER ? 0 : SQLITE_OPEN_CREATE;
    const int rc = sqlite3_open_v2(s->path, &s->db,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | create, NULL);
    if (rc != SQLITE_OK) {
        sqlite_err(e, s, rc, "open");
        if ((rc & 0xff) == SQLITE_CANTOPEN) // no such directory or file: the URL is wrong
            e->kind = ERR_CONFIG;
        return false;
    }
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_timeout(s->db, (int)settings->lock_wait_ms);
    // FULL: a commit is on the disk when it returns (WAL alone would give the last ones up at a power cut).
    return sqlite_run(s, "PRAGMA journal_mode=WAL", "set WAL", e) &&
           sqlite_run(s, "PRAGMA synchronous=FULL", "set synchronous", e);
}

// Before anything is created: what is there must be right, and after it, what we made is checked as well.
static bool check_table(struct sqlite_sink *s, struct err *e)
{
    struct table_info t;
    bool has_head = false, has_rejects = false;
    s->targets = ARENA_ZARRAY(s->arena, struct target, s->spec->count);
    if (!sqlite_describe_table(&t, &s->session.base, s->arena, s->spec->table, e))
        return false;
    const enum table_need need = table_needs(&t, s->spec);
    struct buf sql;
    buf_init(&sql, SINK_SQL_MAX);
    bool ok = table_evolve(&sql, &t, &dialect_sqlite, s->spec, e);
    const bool changes = need != TABLE_READY || sql.n > 0;
    ok = ok && (changes || table_check(s->targets, &t, &dialect_sqlite, s->spec, e)) &&
         head_exists(&has_head, s, need, e) &&
         sqlite_has_table(&has_rejects, s, SINK_REJECTS_TABLE, e) &&
         ((!changes && has_head && has_rejects) || create_missing(s, need, buf_view(&sql), e)) &&
         (!changes || (sqlite_describe_table(&t, &s->session.base, s->arena, s->spec->table, e) &&
                       table_check(s->targets, &t, &dialect_sqlite, s->spec, e)));
    buf_fini(&sql);
    if (ok)
        s->spec = sink_spec_leave(s->arena, s->spec, s->targets);
    return ok;
}

static bool prepare_all(struct sqlite_sink *s, struct err *e)
{
    struct buf sql;
    buf_init(&sql, SINK_SQL_MAX);
    upsert_write(&sql, &dialect_sqlite, s->spec, 1);
    bool ok = sqlite_prepare(&s->put, s, &sql, e);
    buf_clear(&sql);
    if (ok && s->spec->mode == SINK_UPSERT) {
        upsert_delete(&sql, &dialect_sqlite, s->spec, 1);
        ok = sqlite_prepare(&s->delete, s, &sql, e);
        buf_clear(&sql);
    }
    upsert_heads_select(&sql, &dialect_sqlite);
    ok = ok && sqlite_prepare(&s->head_select, s, &sql, e);
    buf_clear(&sql);
    upsert_heads_update(&sql, &dialect_sqlite);
    ok = ok && sqlite_prepare(&s->head_update, s, &sql, e);
    buf_fini(&sql);
    return ok;
}

static void sqlite_close(struct sink *base)
{
    struct sqlite_sink *s = sqlite_from_base(base);
    sqlite3_finalize(s->put);
    sqlite3_finalize(s->delete);
    sqlite3_finalize(s->head_select);
    sqlite3_finalize(s->head_update);
    const int rc = sqlite3_close(s->db); // an open transaction is rolled back
    assert(rc == SQLITE_OK);
    arena_free(s->arena);
}

static bool sqlite_open(struct sink **out, const struct sink_spec *spec, struct err *e)
{
    assert(spec->durable && spec->url);
    struct sqlite_settings settings = {.lock_wait_ms = 30000};
    if (!upsert_check_spec(spec, &dialect_sqlite, e) ||
        !warehouse_params(&settings, sqlite_params, sizeof sqlite_params / sizeof *sqlite_params,
                          spec->url, e))
        return false;
    if (spec->url->path.n == 0)
        return err_fail(e, ERR_CONFIG, "%.*s: names no file", STR_ARG(spec->url->display));
    struct arena *a = arena_new(NULL);
    struct sqlite_sink *s = ARENA_NEW(a, struct sqlite_sink);
    s->base.type = &sink_sqlite;
    s->arena = a;
    s->scratch = arena_new(a);
    s->spec = sink_spec_copy(a, spec);
    s->path = arena_str(a, spec->url->path).p;
    sqlite_session_init(&s->session, s);
    if (!open_file(s, &settings, e) || !check_table(s, e) ||
        !rows_plan_init(&s->plan, a, s->spec, s->targets, e) || !prepare_all(s, e)) {
        sqlite_close(&s->base);
        return false;
    }
    s->cells = ARENA_ZARRAY(a, struct cell_array, s->plan.put_params);
    *out = &s->base;
    return true;
}

// --- transactions ---------------------------------------------------------------------------------

static bool read_head(struct sqlite_sink *s, struct head *out, struct err *e)
{
    bind_head_key(s, s->head_select, 1);
    const int rc = sqlite3_step(s->head_select);
    bool ok;
    if (rc == SQLITE_ROW) {
        ok = head_of_row(out, s->head_select, e);
    } else if (rc == SQLITE_DONE) {
        ok = err_fail(e, ERR_BEHIND, "%s: the row of %s in " SINK_HEADS_TABLE " is gone", s->path,
                      s->spec->output);
        err_hint(e, "the store was restored or edited: see the recovery handbook, \"behind\"");
    } else {
        ok = sqlite_err(e, s, rc, "read the head");
    }
    sqlite3_reset(s->head_select);
    return ok;
}

static void roll_back(struct sqlite_sink *s)
{
    if (s->in_transaction)
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    s->in_transaction = false;
}

static bool lock_head(struct sqlite_sink *s, struct head *out, struct err *e)
{
    assert(!s->in_transaction);
    if (!sqlite_run(s, "BEGIN IMMEDIATE", "begin", e))
        return false;
    s->in_transaction = true;
    if (read_head(s, out, e))
        return true;
    roll_back(s);
    return false;
}

static bool sqlite_head(struct sink *base, struct head *out, struct err *e)
{
    struct sqlite_sink *s = sqlite_from_base(base);
    if (!lock_head(s, out, e))
        return false;
    roll_back(s);
    return true;
}

static bool sqlite_begin(struct sink *base, const struct commit_step *step, enum head_state *out,
                         struct head *found, struct err *e)
{
    struct sqlite_sink *s = sqlite_from_base(base);
    struct head held;
    assert(step->batch <= INT64_MAX);
    if (!lock_head(s, &held, e))
        return false;
    s->step = *step;
    s->slot = step->slot ? step->slot : step->batch;
    head_print(&s->head, step);
    *out = head_compare(&held, step);
    if (found)
        *found = held;
    rejects_begin(s->plan.rejects, reject_span(step->batch, step->slot));
    if (*out != HEAD_NEXT || rejects_sql_load(s->plan.rejects, &s->session.base, s->spec, e))
        return true;
    roll_back(s);
    return false;
}

static void bind_cell(sqlite3_stmt *stmt, int at, const struct cell_array *c, enum cell_wire wire,
                      size_t i)
{
    if (c->null[i]) {
        sqlite3_bind_null(stmt, at);
        return;
    }
    switch (wire) {
    case WIRE_I64:
        sqlite3_bind_int64(stmt, at, c->i64[i]);
        break;
    case WIRE_F64:
        sqlite3_bind_double(stmt, at, c->f64[i]);
        break;
    case WIRE_TEXT:
        sqlite_text(stmt, at, (struct str){c->text[i], c->length[i]});
        break;
    case WIRE_BYTES:
        sqlite3_bind_blob64(stmt, at, c->text[i], c->length[i], SQLITE_STATIC);
        break;
    }
}

// What a constraint's conflict clause or a trigger may do to a transaction that is not theirs.
static bool rolled_back(const struct sqlite_sink *s, struct err *e)
{
    if (!sqlite3_get_autocommit(s->db))
        return false;
    e->kind = ERR_CONFIG;
    err_wrap(e, "the table rolled the whole transaction back");
    err_hint(e, "RAISE(ROLLBACK) and ON CONFLICT ROLLBACK cannot be used here: take ABORT");
    return true;
}

// Rows [from, to) of the run, one by one: the first that is refused ends it.
static bool execute(void *arg, const struct rows_run *run, uint32_t from, uint32_t to,
                    struct err *e)
{
    struct sqlite_sink *s = arg;
    sqlite3_stmt *stmt = run->kind == ROWS_PUT ? s->put : s->delete;
    const size_t params = rows_params(&s->plan, run->kind);
    for (uint32_t r = from; r < to; r++) {
        for (size_t i = 0; i < params; i++)
            bind_cell(stmt, (int)i + 1, &s->cells[i], rows_wire(&s->plan, run->kind, i), r);
        const int rc = sqlite3_step(stmt);
        sqlite3_reset(stmt);
        if (rc != SQLITE_DONE) {
            sqlite_err(e, s, rc, "write");
            (void)rolled_back(s, e);
            return false;
        }
    }
    return true;
}

static bool send_run(void *arg, const struct rows_run *run, struct err *e)
{
    struct sqlite_sink *s = arg;
    const struct part_sender part = {&s->session.base, &s->plan, execute, s};
    return refused_send(&part, run, 0, run->to - run->from, e);
}

bool sqlite_write_rows(struct sqlite_sink *s, const struct block *b, struct err *e)
{
    const struct rows_walk walk = {
        .plan = &s->plan,
        .cells = s->cells,
        .scratch = s->scratch,
        .max = ROWS_MAX,
        .batch = s->slot,
        .send = send_run,
        .arg = s,
    };
    return rows_walk(&walk, b, e);
}

static bool replace_effect(void *arg, struct err *e)
{
    struct sqlite_sink *s = arg;
    struct buf sql;
    sqlite3_stmt *stmt = NULL;
    buf_init(&sql, SINK_SQL_MAX);
    upsert_delete_rows(&sql, &dialect_sqlite, s->spec, s->gone);
    bool ok = sqlite_prepare(&stmt, s, &sql, e);
    if (ok) {
        if (s->gone == UPSERT_BATCH_GONE)
            sqlite3_bind_int64(stmt, 1, (int64_t)s->slot);
        const int rc = sqlite3_step(stmt);
        ok = rc == SQLITE_DONE || sqlite_err(e, s, rc, "delete the batch's rows");
        sqlite3_finalize(stmt);
    }
    buf_fini(&sql);
    return ok && rejects_sql_replace(&s->session.base, s->spec,
                                     s->gone == UPSERT_BATCH_GONE ? s->slot : 0, e);
}

static bool sqlite_replace(struct sink *base, uint64_t slot, struct err *e)
{
    struct sqlite_sink *s = sqlite_from_base(base);
    assert(s->in_transaction && (s->spec->mode == SINK_APPEND || slot == 0) && slot <= INT64_MAX);
    s->gone = slot ? UPSERT_BATCH_GONE : UPSERT_ALL_GONE;
    s->slot = slot ? slot : s->step.batch;
    rejects_begin(s->plan.rejects, reject_span(s->slot, 0)); // what is kept goes with the rows
    if (durable_call(s->spec->durable, "sqlite.replace", replace_effect, s, e))
        return true;
    roll_back(s);
    return false;
}

struct write_call {
    struct sqlite_sink *s;
    const struct block *b;
};

static bool write_effect(void *arg, struct err *e)
{
    const struct write_call *w = arg;
    rejects_block(w->s->plan.rejects, w->b);
    if (!sqlite_write_rows(w->s, w->b, e))
        return false;
    rejects_stored(w->s->plan.rejects);
    return true;
}

static bool sqlite_write(struct sink *base, const struct block *b, struct err *e)
{
    struct sqlite_sink *s = sqlite_from_base(base);
    assert(s->in_transaction);
    struct write_call call = {s, b};
    if (durable_call(s->spec->durable, "sqlite.write", write_effect, &call, e))
        return true;
    roll_back(s);
    return false;
}

static bool write_head(struct sqlite_sink *s, struct err *e)
{
    sqlite3_stmt *u = s->head_update;
    sqlite3_bind_int64(u, 1, (int64_t)s->step.batch);
    sqlite_text(u, 2, str_from(s->head.digest));
    sqlite_text(u, 3, str_from(s->head.prev));
    sqlite_text(u, 4, str_from(s->head.plan));
    sqlite_text(u, 5, str_from(s->head.updated_at));
    bind_head_key(s, u, 6);
    const int rc = sqlite3_step(u);
    sqlite3_reset(u);
    if (rc != SQLITE_DONE)
        return sqlite_err(e, s, rc, "write the head");
    assert(sqlite3_changes(s->db) == 1); // read under this transaction's lock
    return true;
}

static bool commit_effect(void *arg, struct err *e)
{
    struct sqlite_sink *s = arg;
    return sqlite_run(s, "COMMIT", "commit", e);
}

static bool sqlite_commit(struct sink *base, uint64_t *rejected, struct err *e)
{
    struct sqlite_sink *s = sqlite_from_base(base);
    assert(s->in_transaction);
    if (rejects_sql_write(rejected, s->plan.rejects, &s->session.base, s->spec, e) &&
        write_head(s, e) && durable_call(s->spec->durable, "sqlite.commit", commit_effect, s, e)) {
        s->in_transaction = false;
        return true;
    }
    // Whether it happened or not, the head will tell: the same spool again is always safe.
    if (e->kind == ERR_IO && e->remedy == REMEDY_FATAL)
        err_remedy(e, REMEDY_RETRY_RUN);
    roll_back(s);
    return false;
}

static void sqlite_abort(struct sink *base)
{
    roll_back(sqlite_from_base(base));
}

static bool sqlite_count(struct sink *base, uint64_t batch, uint64_t *rows, struct err *e)
{
    struct sqlite_sink *s = sqlite_from_base(base);
    struct buf sql;
    sqlite3_stmt *stmt = NULL;
    buf_init(&sql, SINK_SQL_MAX);
    upsert_count(&sql, &dialect_sqlite, s->spec, batch);
    bool ok = sqlite_prepare(&stmt, s, &sql, e);
    if (ok) {
        const int rc = sqlite3_step(stmt);
        *rows = (uint64_t)sqlite3_column_int64(stmt, 0);
        ok = rc == SQLITE_ROW || sqlite_err(e, s, rc, "count the rows");
        sqlite3_finalize(stmt);
    }
    buf_fini(&sql);
    return ok;
}

static bool sqlite_describe(struct buf *out, const struct sink_spec *spec, struct err *e)
{
    return upsert_describe(out, &dialect_sqlite, spec, e);
}

const struct sink_type sink_sqlite = {
    .name = "sqlite",
    .features = SINK_EXACT | SINK_DELETES,
    .open = sqlite_open,
    .head = sqlite_head,
    .begin = sqlite_begin,
    .replace = sqlite_replace,
    .again = sqlite_again,
    .write = sqlite_write,
    .commit = sqlite_commit,
    .count = sqlite_count,
    .compare = sqlite_compare,
    .abort = sqlite_abort,
    .close = sqlite_close,
    .rejects = sqlite_rejects,
    .drift = sqlite_drift,
    .describe = sqlite_describe,
};
