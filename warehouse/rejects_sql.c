#include "warehouse/rejects_sql.h"

#include <assert.h>

enum rejects_column {
    COLUMN_JOB, // COLUMN_JOB … COLUMN_SEQ are the primary key
    COLUMN_TASK,
    COLUMN_OUTPUT,
    COLUMN_TARGET,
    COLUMN_BATCH,
    COLUMN_SEQ,
    COLUMN_ERROR,
    COLUMN_KEY,
    COLUMN_ROW,
    COLUMNS,
};
static const char *const names[COLUMNS] = {"job", "task",  "output", "target", "batch",
                                           "seq", "error", "key",    "row"};
enum { SETTLED_AT_ONCE = 100 };

static void name(struct buf *out, const struct dialect *d, enum rejects_column c)
{
    dialect_name(out, d, str_from(names[c]));
}

static void name_list(struct buf *out, const struct dialect *d, enum rejects_column from,
                      enum rejects_column to)
{
    for (enum rejects_column c = from; c <= to; c++) {
        if (c > from)
            buf_text(out, ", ");
        name(out, d, c);
    }
}

static void table(struct buf *out, const struct dialect *d)
{
    dialect_name(out, d, STR(SINK_REJECTS_TABLE));
}

static void number(struct buf *out, uint64_t v)
{
    buf_printf(out, "%llu", (unsigned long long)v);
}

static void is(struct buf *out, struct sql_session *s, enum rejects_column c, struct str value)
{
    name(out, s->transport->dialect, c);
    buf_text(out, " = ");
    s->transport->literal(s, out, value);
}

static void is_number(struct buf *out, const struct dialect *d, enum rejects_column c, uint64_t v)
{
    name(out, d, c);
    buf_text(out, " = ");
    number(out, v);
}

// WHERE job … target.
static void of_output(struct buf *out, struct sql_session *s, const struct sink_spec *spec)
{
    buf_text(out, " WHERE ");
    is(out, s, COLUMN_JOB, str_from(spec->job));
    buf_text(out, " AND ");
    is_number(out, s->transport->dialect, COLUMN_TASK, spec->task);
    buf_text(out, " AND ");
    is(out, s, COLUMN_OUTPUT, str_from(spec->output));
    buf_text(out, " AND ");
    is(out, s, COLUMN_TARGET, spec->table);
}

static bool run(struct sql_session *s, const struct buf *sql, struct err *e)
{
    return (buf_ok(sql, "the statement", e) && s->transport->run(s, buf_view(sql), e)) ||
           err_wrap(e, SINK_REJECTS_TABLE);
}

void rejects_sql_create(struct buf *out, const struct dialect *d)
{
    buf_text(out, "CREATE TABLE IF NOT EXISTS ");
    table(out, d);
    buf_text(out, " (");
    for (enum rejects_column c = COLUMN_JOB; c < COLUMNS; c++) {
        buf_text(out, "\n  ");
        name(out, d, c);
        // Up to the batch as in sluice_heads.
        const char *type = c <= COLUMN_BATCH ? d->head_types[c] : d->reject_types[c - COLUMN_SEQ];
        buf_printf(out, " %s,", type);
    }
    buf_text(out, "\n  PRIMARY KEY (");
    name_list(out, d, COLUMN_JOB, COLUMN_SEQ);
    buf_text(out, ")\n)");
    buf_text(out, d->table_suffix);
}

static bool place_of(struct reject_place *out, const struct str v[2], struct err *e)
{
    return (str_to_u64(&out->batch, v[0]) && str_to_u64(&out->seq, v[1])) ||
           err_fail(e, ERR_DATA,
                    SINK_REJECTS_TABLE ": batch %.*s, seq %.*s: not what Sluice writes",
                    STR_ARG(v[0]), STR_ARG(v[1]));
}

bool rejects_sql_load(struct rejects *r, struct sql_session *s, const struct sink_spec *spec,
                      struct err *e)
{
    if (!rejects_by_key(r))
        return true;
    struct arena *a = arena_new(NULL);
    struct sql_result found = {0};
    struct buf sql;
    buf_init(&sql, SINK_SQL_MAX);
    buf_text(&sql, "SELECT ");
    name_list(&sql, s->transport->dialect, COLUMN_BATCH, COLUMN_SEQ);
    buf_text(&sql, ", ");
    name(&sql, s->transport->dialect, COLUMN_KEY);
    buf_text(&sql, " FROM ");
    table(&sql, s->transport->dialect);
    of_output(&sql, s, spec);
    bool ok =
        s->transport->fetch(&found, s, a, buf_view(&sql), e) || err_wrap(e, SINK_REJECTS_TABLE);
    for (size_t i = 0; ok && i < found.rows; i++) {
        struct reject_place place;
        ok = place_of(&place, &found.v[i * 3], e);
        if (ok)
            rejects_owe(r, place, found.v[i * 3 + 2]);
    }
    buf_fini(&sql);
    arena_free(a);
    return ok;
}

static void in_span(struct buf *out, const struct dialect *d, struct reject_span span)
{
    if (span.batch) {
        buf_text(out, " AND ");
        is_number(out, d, COLUMN_BATCH, span.batch);
    }
    if (span.from == 0)
        return;
    buf_text(out, " AND ");
    name(out, d, COLUMN_SEQ);
    buf_text(out, " >= ");
    number(out, span.from);
    buf_text(out, " AND ");
    name(out, d, COLUMN_SEQ);
    buf_text(out, " < ");
    number(out, span.to);
}

static bool remove_span(struct sql_session *s, const struct sink_spec *spec,
                        struct reject_span span, struct err *e)
{
    struct buf sql;
    buf_init(&sql, SINK_SQL_MAX);
    buf_text(&sql, "DELETE FROM ");
    table(&sql, s->transport->dialect);
    of_output(&sql, s, spec);
    in_span(&sql, s->transport->dialect, span);
    const bool ok = run(s, &sql, e);
    buf_fini(&sql);
    return ok;
}

bool rejects_sql_replace(struct sql_session *s, const struct sink_spec *spec, uint64_t slot,
                         struct err *e)
{
    return remove_span(s, spec, (struct reject_span){.batch = slot}, e);
}

static bool remove_settled(const struct rejects *r, struct sql_session *s,
                           const struct sink_spec *spec, struct err *e)
{
    const struct dialect *d = s->transport->dialect;
    size_t count;
    const struct reject_place *places = rejects_settled(r, &count);
    struct buf sql;
    bool ok = true;
    buf_init(&sql, SINK_SQL_MAX);
    for (size_t i = 0; ok && i < count; i += SETTLED_AT_ONCE) {
        buf_clear(&sql);
        buf_text(&sql, "DELETE FROM ");
        table(&sql, d);
        of_output(&sql, s, spec);
        for (size_t k = i; k < count && k < i + SETTLED_AT_ONCE; k++) {
            buf_text(&sql, k == i ? " AND (" : " OR ");
            is_number(&sql, d, COLUMN_BATCH, places[k].batch);
            buf_text(&sql, " AND ");
            is_number(&sql, d, COLUMN_SEQ, places[k].seq);
        }
        buf_char(&sql, ')');
        ok = run(s, &sql, e);
    }
    buf_fini(&sql);
    return ok;
}

static void insert(struct buf *out, struct sql_session *s, const struct sink_spec *spec,
                   const struct reject *r)
{
    const struct sql_transport *t = s->transport;
    buf_text(out, "INSERT INTO ");
    table(out, t->dialect);
    buf_text(out, " (");
    name_list(out, t->dialect, COLUMN_JOB, COLUMN_ROW);
    buf_text(out, ") VALUES (");
    t->literal(s, out, str_from(spec->job));
    buf_printf(out, ", %u, ", spec->task);
    t->literal(s, out, r->output);
    buf_text(out, ", ");
    t->literal(s, out, r->target);
    buf_printf(out, ", %llu, %llu, ", (unsigned long long)r->batch, (unsigned long long)r->seq);
    t->literal(s, out, r->error);
    buf_text(out, ", ");
    t->literal(s, out, r->key);
    buf_text(out, ", ");
    if (r->row.p)
        t->literal(s, out, r->row);
    else
        buf_text(out, "NULL");
    buf_char(out, ')');
}

static void update(struct buf *out, struct sql_session *s, const struct sink_spec *spec,
                   const struct reject *r)
{
    const struct dialect *d = s->transport->dialect;
    buf_text(out, "UPDATE ");
    table(out, d);
    buf_text(out, " SET ");
    is(out, s, COLUMN_ERROR, r->error);
    of_output(out, s, spec);
    buf_text(out, " AND ");
    is_number(out, d, COLUMN_BATCH, r->batch);
    buf_text(out, " AND ");
    is_number(out, d, COLUMN_SEQ, r->seq);
}

bool rejects_sql_again(struct rejects *r, struct sql_session *s, const struct sink_spec *spec,
                       struct err *e)
{
    struct arena *a = arena_new(NULL);
    struct sql_result found = {0};
    struct buf sql;
    buf_init(&sql, SINK_SQL_MAX);
    buf_text(&sql, "SELECT ");
    name(&sql, s->transport->dialect, COLUMN_SEQ);
    buf_text(&sql, " FROM ");
    table(&sql, s->transport->dialect);
    of_output(&sql, s, spec);
    in_span(&sql, s->transport->dialect, rejects_span(r));
    bool ok =
        s->transport->fetch(&found, s, a, buf_view(&sql), e) || err_wrap(e, SINK_REJECTS_TABLE);
    for (size_t i = 0; ok && i < found.rows; i++) {
        uint64_t seq;
        if (str_to_u64(&seq, found.v[i]))
            rejects_there(r, seq);
    }
    buf_fini(&sql);
    arena_free(a);
    return ok;
}

bool rejects_sql_write(uint64_t *count, const struct rejects *r, struct sql_session *s,
                       const struct sink_spec *spec, struct err *e)
{
    size_t n;
    const struct reject *taken = rejects_taken(r, &n);
    struct buf sql;
    const bool again = rejects_kind(r) == TAKEN_AGAIN;
    *count = rejects_missing(r);
    // What stands there under these numbers was left by a job of this name whose heads were thrown away.
    if (!remove_settled(r, s, spec, e) ||
        (n > 0 && !again && !remove_span(s, spec, rejects_span(r), e)))
        return false;
    bool ok = true;
    buf_init(&sql, SINK_SQL_MAX);
    for (size_t i = 0; ok && i < n; i++) {
        buf_clear(&sql);
        (again ? update : insert)(&sql, s, spec, &taken[i]);
        ok = run(s, &sql, e);
    }
    buf_fini(&sql);
    return ok;
}

// --- reading ---------------------------------------------------------------------------------------

static void select_rows(struct buf *out, struct sql_session *s, const struct rejects_query *q)
{
    const struct dialect *d = s->transport->dialect;
    buf_text(out, "SELECT ");
    name_list(out, d, COLUMN_OUTPUT, COLUMN_ROW);
    buf_text(out, " FROM ");
    table(out, d);
    buf_text(out, " WHERE ");
    is(out, s, COLUMN_JOB, str_from(q->job));
    buf_text(out, " AND ");
    is_number(out, d, COLUMN_TASK, q->task);
    if (q->output) {
        buf_text(out, " AND ");
        is(out, s, COLUMN_OUTPUT, str_from(q->output));
    }
    if (q->target) {
        buf_text(out, " AND ");
        is(out, s, COLUMN_TARGET, str_from(q->target));
    }
    in_span(out, d, q->of);
    buf_text(out, " ORDER BY ");
    name_list(out, d, COLUMN_OUTPUT, COLUMN_SEQ);
    buf_printf(out, " LIMIT %llu",
               (unsigned long long)(q->limit < INT64_MAX ? q->limit : INT64_MAX));
}

bool rejects_sql_read(struct sql_session *s, const struct rejects_query *q, reject_fn *fn,
                      void *arg, struct err *e)
{
    enum { READ_COLUMNS = COLUMN_ROW - COLUMN_OUTPUT + 1 };
    struct arena *a = arena_new(NULL);
    struct sql_result found = {0};
    struct buf sql;
    buf_init(&sql, SINK_SQL_MAX);
    select_rows(&sql, s, q);
    bool ok =
        s->transport->fetch(&found, s, a, buf_view(&sql), e) || err_wrap(e, SINK_REJECTS_TABLE);
    for (size_t i = 0; ok && i < found.rows; i++) {
        const struct str *v = &found.v[i * READ_COLUMNS];
        struct reject_place place;
        ok = place_of(&place, &v[2], e);
        const struct reject r = {v[0], v[1], place.batch, place.seq, v[4], v[5], v[6]};
        ok = ok && fn(arg, &r, e);
    }
    buf_fini(&sql);
    arena_free(a);
    return ok;
}
