// Cases of the warehouse contract: an existing table that is not as the output is, under every policy of `schema:`.
#include "tests/support/sink_cases.h"

#include <stdio.h>

// A table of the store's own types: `n` is what the standard column n BIGINT goes to, amount is missing.
static bool has_table(struct world *w, enum sink_schema schema, const char *n)
{
    const char *key =
        w->store->kind == STORE_MYSQL
            ? (w->store->oracle_mysql ? "VARCHAR(40) COLLATE utf8mb4_bin NOT NULL"
                                      : "VARCHAR(40) COLLATE utf8mb4_nopad_bin NOT NULL")
            : "VARCHAR(40) NOT NULL";
    char sql[512];
    if (!w->store->sql)
        return false;
    (void)snprintf(sql, sizeof sql,
                   "CREATE TABLE t (id %s, n %s, note VARCHAR(10) DEFAULT 'x', PRIMARY KEY (id))",
                   key, n);
    assert_true(w->store->sql(w->store->arg, sql));
    assert_true(w->store->sql(w->store->arg, "INSERT INTO t (id, n) VALUES ('old', 7)"));
    world_standard(w);
    w->spec.create = SINK_CREATE_NEVER;
    w->spec.schema = schema;
    return true;
}

static void rows_are(struct world *w, const char *columns, const char *want)
{
    struct buf out;
    buf_init(&out, 4096);
    w->store->rows(&out, w->store->arg, "t", columns);
    assert_str(buf_view(&out), want);
    buf_fini(&out);
}

static uint64_t ddl_calls(const struct world *w)
{
    for (size_t i = 0; i < durable_site_count(w->durable); i++) {
        uint64_t calls;
        if (strcmp(durable_site(w->durable, i, &calls), w->store->ddl_site) == 0)
            return calls;
    }
    return 0;
}

void sink_case_evolve(struct world *w)
{
    if (!has_table(w, SINK_SCHEMA_EVOLVE, "INT DEFAULT NULL"))
        return;
    assert_ok(world_open(w), &w->e);
    assert_ok(world_deliver(w, BLOCK(w, {"a", 5000000000, "1.25"})), &w->e);
    rows_are(w, "id, n, amount, note", "a|5000000000|1.25|x\nold|7|NULL|x\n");
    world_restart(w); // nothing is left to change
    assert_int_equal(ddl_calls(w), 0);
    assert_ok(world_deliver(w, BLOCK(w, {"old", 8, "0.50"}, {"a", 0, NULL})), &w->e);
    rows_are(w, "id, n, amount, note", "old|8|0.50|x\n");
}

void sink_case_evolve_cut_short(struct world *w)
{
    static const enum fault_action actions[] = {FAULT_CRASH_BEFORE, FAULT_CRASH_AFTER, FAULT_ERROR,
                                                FAULT_REPLY_LOST};
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (i > 0 && w->store->sql)
            assert_true(w->store->sql(w->store->arg, "DROP TABLE t"));
        w->spec.count = 0;
        if (!has_table(w, SINK_SCHEMA_EVOLVE, "INT DEFAULT NULL"))
            return;
        durable_free(w->durable);
        w->durable = durable_new(DURABLE_DEAD);
        w->spec.durable = w->durable;
        struct fault_spec fault = {.occurrence = 1, .action = actions[i]};
        (void)snprintf(fault.site, sizeof fault.site, "%s", w->store->ddl_site);
        durable_set_fault(w->durable, &fault);
        assert_false(world_open(w));
        world_restart(w);
        assert_int_equal(world_head(w).batch, 0);
        world_close(w);
        rows_are(w, "id, n, amount, note", "old|7|NULL|x\n");
    }
}

void sink_case_evolve_refuses(struct world *w)
{
    if (!has_table(w, SINK_SCHEMA_EVOLVE, "INT DEFAULT NULL"))
        return;
    world_column(w, "note", type_scalar(TYPE_DATE), "", COLUMN_VALUE);
    world_column(w, "other", type_scalar(TYPE_STRING), "", COLUMN_KEY);
    assert_fails(world_open(w), &w->e, ERR_CONFIG, "primary key is (id), must be (id, other)");
    assert_non_null(strstr(w->e.text, "column note is "));
    assert_non_null(strstr(w->e.text, "column other is missing"));
}

void sink_case_ignore(struct world *w)
{
    if (!has_table(w, SINK_SCHEMA_IGNORE, "BIGINT"))
        return;
    assert_ok(world_open(w), &w->e);
    assert_ok(world_deliver(w, BLOCK(w, {"a", 1, "1.25"}, {"b", 2, "2.50"})), &w->e);
    assert_ok(world_deliver(w, BLOCK(w, {"old", 0, NULL}, {"b", 3, "3.00"})), &w->e);
    rows_are(w, "id, n, note", "a|1|x\nb|3|x\n");
    world_close(w);
    world_column(w, "note", type_scalar(TYPE_STRING), "", COLUMN_VALUE); // behind the one left out
    assert_ok(world_open(w), &w->e);
    struct block *b = world_block(w, 1);
    cell_text(b, 0, 0, "c");
    cell_i64(b, 1, 0, 4);
    cell_decimal(b, 2, 0, "4.00");
    cell_text(b, 3, 0, "y");
    assert_ok(world_deliver(w, b), &w->e);
    rows_are(w, "id, n, note", "a|1|x\nb|3|x\nc|4|y\n");
    world_close(w);
    w->spec.count--;
    // What is left out must not be a key, and a type is no column that is lacking.
    world_column(w, "other", type_scalar(TYPE_STRING), "", COLUMN_KEY);
    assert_fails(world_open(w), &w->e, ERR_CONFIG, "column other is missing");
    w->spec.count--;
    world_column(w, "note", type_scalar(TYPE_DATE), "", COLUMN_VALUE);
    assert_fails(world_open(w), &w->e, ERR_CONFIG, "column note is ");
}

// Rows a (n 0) and b (n as given); the columns behind them are NULL in the first `nulls` rows.
static struct block *misfits(struct world *w, int64_t n, uint32_t nulls)
{
    struct block *b = world_block(w, 2);
    for (uint32_t r = 0; r < 2; r++) {
        cell_text(b, 0, r, r ? "b" : "a");
        cell_i64(b, 1, r, r ? n : 0);
        cell_null(b, 3, r);
        if (r < nulls)
            cell_null(b, 2, r);
    }
    return b;
}

void sink_case_quarantine(struct world *w)
{
    if (!has_table(w, SINK_SCHEMA_QUARANTINE, "INT DEFAULT NULL"))
        return;
    world_column(w, "note", type_scalar(TYPE_DATE), "", COLUMN_VALUE);
    assert_ok(world_open(w), &w->e);
    assert_ok(world_deliver(w, misfits(w, 1, 2)), &w->e);
    rows_are(w, "id, n, note", "a|0|x\nb|1|x\nold|7|x\n");
    struct block *b = misfits(w, 1, 1);
    cell_decimal(b, 2, 1, "1.00");
    assert_fails(world_deliver(w, b), &w->e, ERR_DATA, "row id='b'");
    assert_non_null(
        strstr(w->e.text, "column amount: the row has a value and the table no column"));
    struct block *gone = world_block(w, 1);
    cell_text(gone, 0, 0, "b");
    cell_decimal(gone, 2, 0, "1.00");
    row_op(gone, 0, OP_DELETE); // has a key only
    assert_ok(world_deliver(w, gone), &w->e);
    rows_are(w, "id, n, note", "a|0|x\nold|7|x\n");
    if (w->store->kind == STORE_SQLITE) // whose INT has 64 bits
        return;
    assert_fails(world_deliver(w, misfits(w, 5000000000, 2)), &w->e, ERR_DATA, "row id='b'");
}

// A column of the table's own that wants a value: every row that is put is refused, by the store.
void sink_case_quarantine_all(struct world *w)
{
    if (!has_table(w, SINK_SCHEMA_QUARANTINE, "BIGINT"))
        return;
    assert_true(w->store->sql(w->store->arg, "DROP TABLE t"));
    assert_true(w->store->sql(
        w->store->arg,
        w->store->kind == STORE_MYSQL && !w->store->oracle_mysql
            ? "CREATE TABLE t (id VARCHAR(40) COLLATE utf8mb4_nopad_bin NOT NULL, n BIGINT,"
              " amount DECIMAL(18,2), must INT NOT NULL, PRIMARY KEY (id))"
        : w->store->kind == STORE_MYSQL
            ? "CREATE TABLE t (id VARCHAR(40) COLLATE utf8mb4_bin NOT NULL, n BIGINT,"
              " amount DECIMAL(18,2), must INT NOT NULL, PRIMARY KEY (id))"
        : w->store->kind == STORE_SQLITE
            ? "CREATE TABLE t (id TEXT NOT NULL, n BIGINT, amount DECIMAL_TEXT(18,2),"
              " must INT NOT NULL, PRIMARY KEY (id))"
            : "CREATE TABLE t (id TEXT NOT NULL, n BIGINT, amount DECIMAL(18,2), must INT "
              "NOT NULL, PRIMARY KEY (id))"));
    assert_ok(world_open(w), &w->e);
    assert_fails(world_deliver(w, BLOCK(w, {"a", 1, "1.00"})), &w->e, ERR_DATA, "row id='a'");
    assert_non_null(strstr(w->e.text, "must"));
    rows_are(w, "id, n", "");
}

static void drift_is(struct world *w, enum sink_schema schema, const char *part)
{
    struct buf out;
    buf_init(&out, 1 << 16);
    w->spec.schema = schema;
    assert_ok(w->store->type->drift(&out, &w->spec, &w->e), &w->e);
    buf_char(&out, '\0');
    if (!strstr(out.p, part) || (part[0] == '\0' && out.n > 1))
        fail_msg("\"%s\" is not \"%s\"", out.p, part);
    buf_fini(&out);
}

void sink_case_drift(struct world *w)
{
    if (!has_table(w, SINK_SCHEMA_FAIL, "INT DEFAULT NULL"))
        return;
    drift_is(w, SINK_SCHEMA_FAIL, "column amount is missing; refused");
    drift_is(w, SINK_SCHEMA_EVOLVE, "; evolves by: ALTER TABLE ");
    drift_is(w, SINK_SCHEMA_QUARANTINE, "rows with a value that has no place would be refused");
    rows_are(w, "id, n, note", "old|7|x\n"); // nothing was changed
    w->spec.table = STR("u");
    drift_is(w, SINK_SCHEMA_FAIL, "table u does not exist");
    w->spec.create = SINK_CREATE_IF_ABSENT;
    drift_is(w, SINK_SCHEMA_FAIL, "it would be created");
    assert_ok(world_open(w), &w->e);
    drift_is(w, SINK_SCHEMA_FAIL, "");
}
