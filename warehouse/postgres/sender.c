#include "warehouse/postgres/postgres_internal.h"
#include "warehouse/refused.h"

#include <assert.h>
#include <limits.h>

#define ROWS_MAX   10000
#define COPY_BYTES ((size_t)64 << 10) // one message of a COPY
#define ROW_MAX    ((size_t)1 << 30)  // the server's own limit of a field

// By enum rows_kind.
struct statements {
    struct str copy;
    struct str apply; // "" = the rows were copied to where they belong
};

struct postgres_sender {
    struct postgres_session *session;
    const struct rows_plan *plan;
    struct statements of[ROWS_DELETE + 1];
    struct str empty; // the staging table
    struct arena *scratch;
    struct cell_array *cells;
    struct buf text; // of rows in COPY's text format
};

static void free_text(void *arg)
{
    struct postgres_sender *s = arg;
    buf_fini(&s->text);
}

static struct str keep(struct arena *a, struct buf *sql)
{
    const struct str text = arena_str(a, buf_view(sql));
    buf_clear(sql);
    return text;
}

static void write_statements(struct postgres_sender *s, struct arena *a, struct buf *sql)
{
    const struct sink_spec *spec = s->plan->spec;
    upsert_copy(sql, &dialect_postgres, spec, ROWS_PUT);
    s->of[ROWS_PUT].copy = keep(a, sql);
    if (spec->mode == SINK_APPEND)
        return;
    upsert_from_stage(sql, &dialect_postgres, spec, ROWS_PUT);
    s->of[ROWS_PUT].apply = keep(a, sql);
    upsert_copy(sql, &dialect_postgres, spec, ROWS_DELETE);
    s->of[ROWS_DELETE].copy = keep(a, sql);
    upsert_from_stage(sql, &dialect_postgres, spec, ROWS_DELETE);
    s->of[ROWS_DELETE].apply = keep(a, sql);
    s->empty = arena_printf(a, "TRUNCATE %s", dialect_postgres.staging);
}

bool postgres_prepare(struct sql_session *base, struct arena *a, const struct rows_plan *plan,
                      struct err *e)
{
    struct postgres_session *session = postgres_session_of(base);
    struct postgres_sender *s = session->sender = ARENA_NEW(a, struct postgres_sender);
    *s = (struct postgres_sender){
        .session = session,
        .plan = plan,
        .scratch = arena_new(a),
        .cells = ARENA_ZARRAY(a, struct cell_array, plan->put_params),
    };
    buf_init(&s->text, ROW_MAX + COPY_BYTES);
    arena_on_free(a, free_text, s);
    struct buf sql;
    buf_init(&sql, SINK_SQL_MAX);
    write_statements(s, a, &sql);
    bool ok = true;
    if (plan->spec->mode == SINK_UPSERT) {
        upsert_stage_create(&sql, &dialect_postgres, plan->spec);
        ok = postgres_run(base, buf_view(&sql), e);
    }
    buf_fini(&sql);
    return ok || err_wrap(e, "table %.*s", STR_ARG(plan->spec->table));
}

// COPY's text format (PostgreSQL's documentation of COPY): tab between fields, \N is NULL, backslash escapes.
static void put_text(struct buf *out, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        switch (p[i]) {
        case '\\':
            buf_text(out, "\\\\");
            break;
        case '\n':
            buf_text(out, "\\n");
            break;
        case '\r':
            buf_text(out, "\\r");
            break;
        case '\t':
            buf_text(out, "\\t");
            break;
        default:
            buf_char(out, p[i]);
        }
    }
}

static void put_cell(struct buf *out, const struct cell_array *v, enum cell_wire wire, uint32_t i)
{
    if (v->null[i]) {
        buf_text(out, "\\N");
        return;
    }
    switch (wire) {
    case WIRE_I64:
        buf_i64(out, v->i64[i]);
        break;
    case WIRE_F64:
        buf_printf(out, "%.17g", v->f64[i]);
        break;
    case WIRE_TEXT:
        put_text(out, v->text[i], v->length[i]);
        break;
    case WIRE_BYTES:
        buf_text(out, "\\\\x");
        buf_hex(out, v->text[i], v->length[i]);
        break;
    }
}

static bool put_data(struct postgres_sender *s, struct err *e)
{
    assert(s->text.n <= INT_MAX);
    if (!buf_ok(&s->text, "a row of the COPY", e))
        return false;
    const int rc = s->text.n ? PQputCopyData(s->session->db, s->text.p, (int)s->text.n) : 1;
    buf_clear(&s->text);
    return rc == 1 || postgres_err(e, s->session, NULL);
}

static bool put_rows(struct postgres_sender *s, const struct rows_run *run, uint32_t from,
                     uint32_t to, struct err *e)
{
    const size_t params = rows_params(s->plan, run->kind);
    for (uint32_t r = from; r < to; r++) {
        for (size_t i = 0; i < params; i++) {
            if (i)
                buf_char(&s->text, '\t');
            put_cell(&s->text, &s->cells[i], rows_wire(s->plan, run->kind, i), r);
        }
        buf_char(&s->text, '\n');
        if (s->text.n >= COPY_BYTES && !put_data(s, e))
            return false;
    }
    return put_data(s, e);
}

// Ends the COPY, with or without success, and takes the server's verdict.
static bool end_copy(struct postgres_sender *s, const char *failure, struct err *e)
{
    PGconn *db = s->session->db;
    if (PQputCopyEnd(db, failure) != 1 && !failure)
        return postgres_err(e, s->session, NULL);
    bool ok = !failure;
    for (PGresult *r; (r = PQgetResult(db)) != NULL; PQclear(r)) {
        if (ok && PQresultStatus(r) != PGRES_COMMAND_OK)
            ok = postgres_err(e, s->session, r);
    }
    return ok;
}

static bool begin_copy(struct postgres_sender *s, enum rows_kind kind, struct err *e)
{
    PGresult *r = PQexec(s->session->db, s->of[kind].copy.p);
    const bool started = PQresultStatus(r) == PGRES_COPY_IN || postgres_err(e, s->session, r);
    PQclear(r);
    return started;
}

// From the staging table to where the rows belong.
static bool apply(struct postgres_sender *s, enum rows_kind kind, struct err *e)
{
    const struct str sql = s->of[kind].apply;
    return !sql.n || (postgres_run(&s->session->base, sql, e) &&
                      postgres_run(&s->session->base, s->empty, e));
}

static bool execute(void *arg, const struct rows_run *run, uint32_t from, uint32_t to,
                    struct err *e)
{
    struct postgres_sender *s = arg;
    if (!begin_copy(s, run->kind, e))
        return false;
    if (!put_rows(s, run, from, to, e)) {
        buf_clear(&s->text);
        return end_copy(s, "given up", e);
    }
    return end_copy(s, NULL, e) && apply(s, run->kind, e);
}

// Text with a NUL is no text to the server: refused here, by row, instead of cut or misread.
static bool check_text(void *arg, const struct rows_run *run, uint32_t *bad, struct err *e)
{
    const struct postgres_sender *s = arg;
    for (size_t i = 0; i < rows_params(s->plan, run->kind); i++) {
        if (rows_wire(s->plan, run->kind, i) != WIRE_TEXT)
            continue;
        for (uint32_t r = 0; r < run->to - run->from; r++) {
            if (!memchr(s->cells[i].text[r], 0, s->cells[i].length[r]))
                continue;
            *bad = run->from + r;
            return err_fail(e, ERR_DATA,
                            "a text has a NUL character, which PostgreSQL cannot store");
        }
    }
    return true;
}

static struct rows_walk walk_of(struct postgres_sender *s, uint64_t batch)
{
    return (struct rows_walk){
        .plan = s->plan,
        .cells = s->cells,
        .scratch = s->scratch,
        .max = ROWS_MAX,
        .batch = batch,
        .check = check_text,
        .arg = s,
    };
}

static bool put_run(void *arg, const struct rows_run *run, struct err *e)
{
    return put_rows(arg, run, 0, run->to - run->from, e);
}

// All rows of one kind in one COPY, however kinds alternate: a block has one change per key.
static bool send_kind(struct postgres_sender *s, const struct block *b, enum rows_kind kind,
                      uint64_t batch, struct err *e)
{
    struct rows_walk walk = walk_of(s, batch);
    walk.only = kind == ROWS_PUT ? WALK_PUTS : WALK_DELETES;
    walk.send = put_run;
    if (!begin_copy(s, kind, e))
        return false;
    if (!rows_walk(&walk, b, e)) {
        buf_clear(&s->text);
        return end_copy(s, "given up", e);
    }
    return end_copy(s, NULL, e) && apply(s, kind, e);
}

static bool find_in_run(void *arg, const struct rows_run *run, struct err *e)
{
    struct postgres_sender *s = arg;
    const struct part_sender part = {&s->session->base, s->plan, execute, s};
    return refused_send(&part, run, 0, run->to - run->from, e);
}

// The rows that the server refuses, run by run.
static bool find_rows(struct postgres_sender *s, const struct block *b, uint64_t batch,
                      struct err *e)
{
    struct rows_walk walk = walk_of(s, batch);
    walk.send = find_in_run;
    return rows_walk(&walk, b, e);
}

static bool has_kind(const struct block *b, enum rows_kind kind)
{
    for (uint32_t row = 0; row < b->rows; row++)
        if (rows_kind_of(b, row) == kind)
            return true;
    return false;
}

bool postgres_send(struct sql_session *base, const struct block *b, uint64_t batch, struct err *e)
{
    struct postgres_sender *s = postgres_session_of(base)->sender;
    if (!postgres_run(base, STR("SAVEPOINT sluice_block"), e))
        return false;
    static const enum rows_kind kinds[] = {ROWS_DELETE, ROWS_PUT};
    bool ok = true;
    for (size_t i = 0; ok && i < 2; i++)
        ok = !has_kind(b, kinds[i]) || send_kind(s, b, kinds[i], batch, e);
    if (ok || e->kind != ERR_DATA)
        return ok || err_wrap(e, "table %.*s", STR_ARG(s->plan->spec->table));
    err_clear(e);
    return postgres_run(base, STR("ROLLBACK TO SAVEPOINT sluice_block"), e) &&
           find_rows(s, b, batch, e);
}
