#include "warehouse/mysql/mysql_internal.h"
#include "warehouse/refused.h"

#include <assert.h>
#include <limits.h>

// Half of the server's packet: protocol overhead and our estimate of it never meet the limit.
#define PACKET_SHARE 2
#define PACKET_MOST  ((uint64_t)16 << 20)
#define CELL_BYTES   10 // of a number on the wire, length prefix or type included

static bool prepare(struct mysql_operation *op, struct mysql_sender *s, enum rows_kind kind,
                    size_t rows_in_sql, uint32_t rows, struct err *e)
{
    struct buf sql;
    buf_init(&sql, SINK_SQL_MAX);
    if (kind == ROWS_PUT)
        upsert_write(&sql, &dialect_mysql, s->plan->spec, rows_in_sql);
    else
        upsert_delete(&sql, &dialect_mysql, s->plan->spec, rows_in_sql);
    bool ok = buf_ok(&sql, "the statement", e);
    if (ok) {
        assert(op->n < MYSQL_STATEMENTS_MAX);
        struct mysql_statement *m = &op->v[op->n++];
        *m = (struct mysql_statement){mysql_stmt_init(s->session->db), rows};
        assert(m->stmt);
        ok = mysql_stmt_prepare(m->stmt, sql.p, sql.n) == 0 ||
             mysql_stmt_err(e, s->session, m->stmt);
    }
    buf_fini(&sql);
    return ok || err_wrap(e, "table %.*s", STR_ARG(s->plan->spec->table));
}

static uint32_t smaller(size_t x, size_t y)
{
    return (uint32_t)(x < y ? x : y);
}

static bool prepare_kind(struct mysql_sender *s, enum rows_kind kind, struct err *e)
{
    struct mysql_operation *op = &s->ops[kind];
    if (s->session->sending == MYSQL_BULK)
        return prepare(op, s, kind, 1, MYSQL_BULK_ROWS_MAX, e);
    const size_t fit = dialect_mysql.max_params / rows_params(s->plan, kind);
    uint32_t rows = smaller(fit, kind == ROWS_PUT ? MYSQL_MULTI_ROWS_MAX : MYSQL_DELETE_ROWS_MAX);
    for (; rows > 1 && op->n + 1 < MYSQL_STATEMENTS_MAX; rows /= 10) {
        if (!prepare(op, s, kind, rows, rows, e))
            return false;
    }
    return prepare(op, s, kind, 1, 1, e);
}

bool mysql_prepare(struct sql_session *base, struct arena *a, const struct rows_plan *plan,
                   struct err *e)
{
    struct mysql_session *session = mysql_session_of(base);
    struct mysql_sender *s = session->sender = ARENA_NEW(a, struct mysql_sender);
    *s = (struct mysql_sender){
        .session = session,
        .plan = plan,
        .scratch = arena_new(a),
        .cells = ARENA_ZARRAY(a, struct cell_array, plan->put_params),
    };
    return prepare_kind(s, ROWS_PUT, e) &&
           (plan->key_params == 0 || prepare_kind(s, ROWS_DELETE, e));
}

void mysql_sender_fini(struct mysql_sender *s)
{
    for (size_t k = 0; k <= ROWS_DELETE; k++) {
        for (size_t i = 0; i < s->ops[k].n; i++)
            mysql_stmt_close(s->ops[k].v[i].stmt);
        s->ops[k].n = 0;
    }
}

static uint64_t row_bytes(const struct mysql_sender *s, const struct rows_run *run, uint32_t i)
{
    uint64_t n = 0;
    for (size_t p = 0; p < rows_params(s->plan, run->kind); p++)
        n += CELL_BYTES + (s->cells[p].length ? s->cells[p].length[i] : 0);
    return n;
}

static enum enum_field_types field_type(enum cell_wire wire)
{
    switch (wire) {
    case WIRE_I64:
        return MYSQL_TYPE_LONGLONG;
    case WIRE_F64:
        return MYSQL_TYPE_DOUBLE;
    case WIRE_TEXT:
        return MYSQL_TYPE_STRING;
    case WIRE_BYTES:
        break;
    }
    return MYSQL_TYPE_BLOB;
}

// Below, rows count from run->from on, as the converted cells do.

// All rows of the range in one execution, column by column.
static bool execute_bulk(struct mysql_sender *s, const struct rows_run *run, MYSQL_STMT *stmt,
                         uint32_t from, uint32_t to, struct err *e)
{
    const size_t params = rows_params(s->plan, run->kind);
    MYSQL_BIND *binds = ARENA_ZARRAY(s->scratch, MYSQL_BIND, params);
    for (size_t i = 0; i < params; i++) {
        const struct cell_array *v = &s->cells[i];
        binds[i].buffer_type = field_type(rows_wire(s->plan, run->kind, i));
        if (v->i64)
            binds[i].buffer = v->i64 + from;
        else if (v->f64)
            binds[i].buffer = v->f64 + from;
        else
            binds[i].buffer = v->text + from;
        binds[i].length = v->length ? v->length + from : NULL;
        binds[i].u.indicator = v->null + from; // 1 = STMT_INDICATOR_NULL
    }
    const unsigned rows = to - from;
    if (mysql_stmt_attr_set(stmt, STMT_ATTR_ARRAY_SIZE, &rows) ||
        mysql_stmt_bind_param(stmt, binds) || mysql_stmt_execute(stmt))
        return mysql_stmt_err(e, s->session, stmt);
    return true;
}

static void bind_cell(MYSQL_BIND *out, const struct cell_array *v, enum cell_wire wire, uint32_t i)
{
    out->buffer_type = v->null[i] ? MYSQL_TYPE_NULL : field_type(wire);
    if (v->i64)
        out->buffer = &v->i64[i];
    else if (v->f64)
        out->buffer = &v->f64[i];
    else
        memcpy(&out->buffer, &v->text[i], sizeof out->buffer); // only read, though not const
    if (v->length) {
        out->length = &v->length[i];
        out->buffer_length = v->length[i];
    }
}

// Row after row as the parameters of one statement.
static bool execute_multi(struct mysql_sender *s, const struct rows_run *run, MYSQL_STMT *stmt,
                          uint32_t from, uint32_t to, struct err *e)
{
    const size_t params = rows_params(s->plan, run->kind);
    MYSQL_BIND *binds = ARENA_ZARRAY(s->scratch, MYSQL_BIND, params * (to - from));
    for (uint32_t r = from; r < to; r++) {
        for (size_t i = 0; i < params; i++)
            bind_cell(&binds[(r - from) * params + i], &s->cells[i],
                      rows_wire(s->plan, run->kind, i), r);
    }
    if (mysql_stmt_bind_param(stmt, binds) || mysql_stmt_execute(stmt))
        return mysql_stmt_err(e, s->session, stmt);
    return true;
}

static bool execute(struct mysql_sender *s, const struct rows_run *run, uint32_t from, uint32_t to,
                    struct err *e)
{
    const struct mysql_operation *op = &s->ops[run->kind];
    if (s->session->sending == MYSQL_BULK)
        return execute_bulk(s, run, op->v[0].stmt, from, to, e);
    for (size_t i = 0; i < op->n; i++) {
        for (; to - from >= op->v[i].rows; from += op->v[i].rows) {
            if (!execute_multi(s, run, op->v[i].stmt, from, from + op->v[i].rows, e))
                return false;
        }
    }
    assert(from == to);
    return true;
}

static bool execute_part(void *arg, const struct rows_run *run, uint32_t from, uint32_t to,
                         struct err *e)
{
    return execute(arg, run, from, to, e);
}

static bool send_part(struct mysql_sender *s, const struct rows_run *run, uint32_t from,
                      uint32_t to, struct err *e)
{
    const struct part_sender part = {&s->session->base, s->plan, execute_part, s};
    return refused_send(&part, run, from, to, e);
}

static bool check_packets(void *arg, const struct rows_run *run, uint32_t *bad, struct err *e)
{
    const struct mysql_sender *s = arg;
    for (uint32_t i = 0; i < run->to - run->from; i++) {
        const uint64_t n = row_bytes(s, run, i);
        if (n + 1024 <= s->session->packet_max)
            continue;
        *bad = run->from + i;
        return err_fail(e, ERR_DATA, "the row has %llu bytes, max_allowed_packet is %llu",
                        (unsigned long long)n, (unsigned long long)s->session->packet_max);
    }
    return true;
}

// Parts that fit the server's packet.
static bool send_run(void *arg, const struct rows_run *run, struct err *e)
{
    struct mysql_sender *s = arg;
    const uint64_t half = s->session->packet_max / PACKET_SHARE;
    const uint64_t most = half < PACKET_MOST ? half : PACKET_MOST;
    const uint32_t count = run->to - run->from;
    uint32_t from = 0;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t n = row_bytes(s, run, i);
        if (i > from && bytes + n > most) {
            if (!send_part(s, run, from, i, e))
                return false;
            from = i;
            bytes = 0;
        }
        bytes += n;
    }
    return send_part(s, run, from, count, e);
}

bool mysql_send(struct sql_session *base, const struct block *b, uint64_t batch, struct err *e)
{
    struct mysql_sender *s = mysql_session_of(base)->sender;
    const struct rows_walk walk = {
        .plan = s->plan,
        .cells = s->cells,
        .scratch = s->scratch,
        .max = MYSQL_BULK_ROWS_MAX,
        .batch = batch,
        .check = check_packets,
        .send = send_run,
        .arg = s,
    };
    return rows_walk(&walk, b, e);
}
