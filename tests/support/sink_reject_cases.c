#include "tests/support/sink_reject_cases.h"

#include "warehouse/memory/memory.h"

#include <stdio.h>

// id key, n, amount: the server takes n < 100; what does not fit DECIMAL(6, 2) is refused before it is sent.
static bool open_checked(struct world *w)
{
    world_column(w, "id", type_scalar(TYPE_STRING), "", COLUMN_KEY);
    world_column(w, "n", type_scalar(TYPE_BIGINT), "", COLUMN_VALUE);
    world_column(w, "amount", type_decimal(w->a, 18, 2),
                 w->store->kind == STORE_SQLITE ? "decimal_text(6,2)" : "decimal(6,2)",
                 COLUMN_VALUE);
    w->spec.rejects_max = 10;
    static const char *const tables[] = {
        [STORE_SQLITE] = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, n BIGINT,"
                         " amount DECIMAL_TEXT(6,2), CONSTRAINT small CHECK (n < 100))",
        [STORE_MYSQL] = "CREATE TABLE t (id VARCHAR(191) COLLATE utf8mb4_nopad_bin PRIMARY KEY,"
                        " n BIGINT, amount DECIMAL(6,2), CONSTRAINT small CHECK (n < 100))",
        [STORE_POSTGRES] = "CREATE TABLE t (id TEXT PRIMARY KEY, n BIGINT, amount DECIMAL(6,2),"
                           " CONSTRAINT small CHECK (n < 100))",
    };
    const bool checked = w->store->sql && !w->store->oracle_mysql;
    if (checked)
        assert_true(w->store->sql(w->store->arg, tables[w->store->kind]));
    assert_ok(world_open(w), &w->e);
    return checked;
}

static bool print_reject(void *arg, const struct reject *r, struct err *e)
{
    (void)e;
    buf_printf(arg, "%.*s/%.*s %llu/%llu %.*s %.*s\n", STR_ARG(r->output), STR_ARG(r->target),
               (unsigned long long)r->batch, (unsigned long long)r->seq, STR_ARG(r->key),
               STR_ARG(r->row.p ? r->row : STR("deleted")));
    assert_true(r->error.n > 0);
    return true;
}

static const char *rejects(struct world *w)
{
    struct buf out;
    const struct rejects_query query = {.job = w->spec.job, .limit = UINT64_MAX};
    buf_init(&out, 1 << 20);
    assert_ok(w->store->type->rejects(&w->url, &query, print_reject, &out, &w->e), &w->e);
    const char *text = arena_printf(w->a, "%.*s", STR_ARG(buf_view(&out))).p;
    buf_fini(&out);
    return text;
}
#define REJECTS_ARE(w, text) assert_string_equal(rejects(w), (text))
#define ROWS_ARE(w, text)    assert_string_equal(world_rows(w), (text))

static bool count_bad(void *arg, const struct reject *r, struct err *e)
{
    (void)e;
    (void)r;
    ++*(uint64_t *)arg;
    return true;
}

static uint64_t count_rejects(struct world *w, const struct rejects_query *query)
{
    uint64_t n = 0;
    assert_ok(w->store->type->rejects(&w->url, query, count_bad, &n, &w->e), &w->e);
    return n;
}

static struct block *thousand(struct world *w)
{
    struct block *b = world_block(w, 1000);
    for (uint32_t r = 0; r < 1000; r++) {
        b->columns[0].str[r] = arena_printf(w->a, "key-%04u", (unsigned)r);
        cell_i64(b, 1, r, 99);
        cell_decimal(b, 2, r, "1.00");
    }
    return b;
}

static void is_bad(struct block *b, uint32_t row, bool checked)
{
    if (checked)
        cell_i64(b, 1, row, 100);
    else
        cell_decimal(b, 2, row, "12345.00");
}

static void refused_among(struct world *w, bool checked, const struct block *b)
{
    REJECTS_ARE(w, "");
    assert_ok(world_deliver(w, b), &w->e);
    assert_int_equal(w->rejected, 5);
    const char *row = checked ? "100,\"amount\":1.00" : "99,\"amount\":12345.00";
    char want[1024];
    snprintf(
        want, sizeof want,
        "OUT/t 1/0 {\"id\":\"key-0000\"} {\"id\":\"key-0000\",\"n\":%s}\n"
        "OUT/t 1/500 {\"id\":\"key-0500\"} {\"id\":\"key-0500\",\"n\":99,\"amount\":-99999.99}\n"
        "OUT/t 1/613 {\"id\":\"key-0613\"} {\"id\":\"key-0613\",\"n\":%s}\n"
        "OUT/t 1/614 {\"id\":\"key-0614\"} {\"id\":\"key-0614\",\"n\":%s}\n"
        "OUT/t 1/999 {\"id\":\"key-0999\"} {\"id\":\"key-0999\",\"n\":%s}\n",
        row, row, row, row);
    REJECTS_ARE(w, want);
    uint64_t rows;
    assert_ok(w->store->type->count(w->sink, 0, &rows, &w->e), &w->e);
    assert_int_equal(rows, 995);
    struct rejects_query query = {.job = w->spec.job, .of.batch = 1, .limit = 2};
    assert_int_equal(count_rejects(w, &query), 2);
    query.of.batch = 2;
    assert_int_equal(count_rejects(w, &query), 0);
    query = (struct rejects_query){.job = w->spec.job, .output = "OUT", .target = "t", .limit = 9};
    assert_int_equal(count_rejects(w, &query), 5);
    query.target = "u";
    assert_int_equal(count_rejects(w, &query), 0);
    query = (struct rejects_query){.job = "another", .limit = 9};
    assert_int_equal(count_rejects(w, &query), 0);
}

void refused_rows_are_kept_and_the_others_are_written(struct world *w)
{
    w->spec.output = "OUT";
    const bool checked = open_checked(w);
    struct block *b = thousand(w);
    static const uint32_t bad[] = {0, 613, 614, 999};
    for (size_t i = 0; i < 4; i++)
        is_bad(b, bad[i], checked);
    cell_decimal(b, 2, 500, "-99999.99");
    refused_among(w, checked, b);
    world_restart(w);
    assert_int_equal(world_head(w).batch, 1);
}

void more_refused_rows_than_allowed_hold_the_batch(struct world *w)
{
    const bool checked = open_checked(w);
    struct block *b = thousand(w);
    is_bad(b, 0, checked);
    is_bad(b, 700, checked);
    is_bad(b, 701, checked);
    world_close(w);
    w->spec.rejects_max = 2;
    assert_ok(world_open(w), &w->e);
    for (int i = 0; i < 2; i++) {
        assert_fails(world_deliver(w, b), &w->e, ERR_DATA, "table t, row id='key-0701'");
        assert_non_null(strstr(w->e.hint, "more than rejects_max: 2 rows"));
        ROWS_ARE(w, "");
        REJECTS_ARE(w, "");
        assert_int_equal(world_head(w).batch, 0);
    }
    world_close(w);
    w->spec.rejects_max = 3;
    assert_ok(world_open(w), &w->e);
    assert_ok(world_deliver(w, b), &w->e);
    assert_int_equal(w->rejected, 3);
    assert_int_equal(world_head(w).batch, 1);
}

void a_reject_goes_when_its_key_is_stored_or_refused_again(struct world *w)
{
    w->spec.output = "OUT";
    (void)open_checked(w);
#define GOOD "{\"id\":\"a\",\"n\":1,\"amount\":77777.00}"
    assert_ok(world_deliver(w, BLOCK(w, {"a", 1, "77777.00"}, {"b", 1, "77777.00"},
                                     {"c", 1, "77777.00"}, {"d", 1, "1.00"})),
              &w->e);
    assert_int_equal(w->rejected, 3);
    // Stored, deleted, refused again, left alone.
    assert_ok(world_deliver(w, BLOCK(w, {"b", 0, NULL}, {"c", 5, "88888.00"}, {"d", 2, "2.00"})),
              &w->e);
    assert_int_equal(w->rejected, 1);
    REJECTS_ARE(w, "OUT/t 1/0 {\"id\":\"a\"} " GOOD "\n"
                   "OUT/t 2/1 {\"id\":\"c\"} {\"id\":\"c\",\"n\":5,\"amount\":88888.00}\n");
    assert_ok(world_deliver(w, BLOCK(w, {"a", 3, "3.00"})), &w->e);
    assert_int_equal(w->rejected, 0);
    REJECTS_ARE(w, "OUT/t 2/1 {\"id\":\"c\"} {\"id\":\"c\",\"n\":5,\"amount\":88888.00}\n");
    ROWS_ARE(w, "a|3|3.00\nd|2|2.00\n");
#undef GOOD
}

static const enum fault_action actions[] = {FAULT_CRASH_BEFORE, FAULT_CRASH_AFTER, FAULT_ERROR,
                                            FAULT_REPLY_LOST};

void the_same_batch_again_doubles_no_reject(struct world *w)
{
    const bool checked = open_checked(w);
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        const struct commit_step step = world_step(w);
        struct fault_spec fault = {.occurrence = 1, .action = actions[i]};
        struct rejects_query query = {.job = w->spec.job, .of.batch = step.batch, .limit = 9};
        strncpy(fault.site, w->store->commit_site, sizeof fault.site - 1);
        durable_set_fault(w->durable, &fault);
        struct block *b = thousand(w);
        is_bad(b, 7, checked);
        is_bad(b, 8, checked);
        assert_false(world_deliver(w, b));
        const bool done = actions[i] == FAULT_CRASH_AFTER || actions[i] == FAULT_REPLY_LOST;
        world_restart(w);
        assert_int_equal(count_rejects(w, &query), done ? 2 : 0);
        if (done) {
            assert_int_equal(world_begin(w, &step), HEAD_REPLAY);
            w->store->type->abort(w->sink);
            w->batch = step.batch;
            w->digest = step.digest;
        } else {
            assert_ok(world_deliver(w, b), &w->e);
        }
        assert_int_equal(count_rejects(w, &query), 2);
        query.of.batch = 0;
        assert_int_equal(count_rejects(w, &query),
                         2); // those of the batch before went: refused again
    }
}

static bool put_in_place(struct world *w, uint64_t slot, const struct block *b)
{
    const struct commit_step step = world_step(w);
    const struct sink_type *type = w->store->type;
    if (world_begin(w, &step) != HEAD_NEXT || !type->replace(w->sink, slot, &w->e) ||
        !type->write(w->sink, b, &w->e) || !type->commit(w->sink, &w->rejected, &w->e))
        return false;
    w->batch = step.batch;
    w->digest = step.digest;
    return true;
}

void rejects_go_with_the_rows_that_are_replaced(struct world *w)
{
    w->spec.output = "OUT";
    (void)open_checked(w);
    assert_ok(world_deliver(w, BLOCK(w, {"a", 1, "77777.00"}, {"b", 1, "1.00"})), &w->e);
    assert_ok(put_in_place(w, 0, BLOCK(w, {"b", 2, "99999.00"}, {"c", 1, "1.00"})), &w->e);
    ROWS_ARE(w, "c|1|1.00\n");
    REJECTS_ARE(w, "OUT/t 2/0 {\"id\":\"b\"} {\"id\":\"b\",\"n\":2,\"amount\":99999.00}\n");
}

static void open_appended(struct world *w)
{
    w->spec.output = "OUT";
    w->spec.mode = SINK_APPEND;
    w->spec.rejects_max = 2;
    world_column(w, "id", type_scalar(TYPE_STRING), "", COLUMN_KEY);
    world_column(w, "n", type_scalar(TYPE_BIGINT), "", COLUMN_VALUE);
    world_column(w, "amount", type_decimal(w->a, 18, 2),
                 w->store->kind == STORE_SQLITE || w->store->kind == STORE_MEMORY
                     ? "decimal_text(6,2)"
                     : "decimal(6,2)",
                 COLUMN_VALUE);
    assert_ok(world_open(w), &w->e);
}

void rejects_of_appended_rows_go_with_their_slot(struct world *w)
{
    open_appended(w);
    const struct block *b = BLOCK(w, {"a", 1, "77777.00"}, {"a", 2, "1.00"});
    assert_ok(world_deliver(w, b), &w->e);
    assert_ok(world_deliver(w, b), &w->e);
    REJECTS_ARE(w, "OUT/t 1/0  {\"id\":\"a\",\"n\":1,\"amount\":77777.00}\n"
                   "OUT/t 2/0  {\"id\":\"a\",\"n\":1,\"amount\":77777.00}\n");
    assert_ok(put_in_place(w, 1, BLOCK(w, {"a", 0, "5.00"}, {"a", 6, "66666.00"})), &w->e);
    REJECTS_ARE(w, "OUT/t 1/1  {\"id\":\"a\",\"n\":6,\"amount\":66666.00}\n"
                   "OUT/t 2/0  {\"id\":\"a\",\"n\":1,\"amount\":77777.00}\n");
    ROWS_ARE(w, "a|0|5.00\na|2|1.00\n");
}

void rejects_of_rows_that_come_to_a_slot_go_with_it(struct world *w)
{
    open_appended(w);
    const struct block *b = BLOCK(w, {"a", 1, "77777.00"}, {"b", 2, "1.00"});
    assert_ok(world_deliver(w, b), &w->e);
    assert_ok(world_deliver(w, b), &w->e);
    // Twice to the first: a replay, and another one.
    for (int i = 0; i < 2; i++) {
        w->slot = 1;
        assert_ok(world_deliver(w, BLOCK(w, {"c", 3, "1.00"}, {"d", 4, "88888.00"})), &w->e);
        assert_int_equal(w->rejected, 1);
        w->slot = 0;
    }
    REJECTS_ARE(w, "OUT/t 1/0  {\"id\":\"a\",\"n\":1,\"amount\":77777.00}\n"
                   "OUT/t 1/3298534883329  {\"id\":\"d\",\"n\":4,\"amount\":88888.00}\n"
                   "OUT/t 1/4398046511105  {\"id\":\"d\",\"n\":4,\"amount\":88888.00}\n"
                   "OUT/t 2/0  {\"id\":\"a\",\"n\":1,\"amount\":77777.00}\n");
    struct rejects_query query = {.job = w->spec.job, .of = reject_span(3, 1), .limit = 9};
    assert_int_equal(count_rejects(w, &query), 1); // what a lost reply is counted by
    query.of = reject_span(1, 0);
    assert_int_equal(count_rejects(w, &query), 3);
    assert_ok(put_in_place(w, 1, BLOCK(w, {"a", 0, "5.00"}, {"d", 6, "66666.00"})), &w->e);
    REJECTS_ARE(w, "OUT/t 1/1  {\"id\":\"d\",\"n\":6,\"amount\":66666.00}\n"
                   "OUT/t 2/0  {\"id\":\"a\",\"n\":1,\"amount\":77777.00}\n");
    ROWS_ARE(w, "a|0|5.00\nb|2|1.00\n");
}

static bool write_again(struct world *w, uint64_t batch, const uint64_t *seqs,
                        const struct block *b)
{
    const struct reject_set set = {batch, seqs, b->rows};
    const struct commit_step step = world_step(w);
    const struct sink_type *type = w->store->type;
    if (world_begin(w, &step) != HEAD_NEXT || !type->again(w->sink, &set, &w->e) ||
        !type->write(w->sink, b, &w->e) || !type->commit(w->sink, &w->rejected, &w->e))
        return false;
    w->batch = step.batch;
    w->digest = step.digest;
    return true;
}

static bool find_88888(void *arg, const struct reject *r, struct err *e)
{
    (void)e;
    size_t at;
    *(int *)arg += str_find(&at, r->error, STR("88888"));
    return true;
}

void rejects_that_are_written_again_go_or_stay_in_their_place(struct world *w)
{
    w->spec.output = "OUT";
    (void)open_checked(w);
    assert_ok(world_deliver(w, BLOCK(w, {"a", 1, "77777.00"}, {"b", 1, "77777.00"},
                                     {"c", 1, "77777.00"}, {"d", 1, "1.00"})),
              &w->e);
    assert_int_equal(w->rejected, 3);
#define KEPT(seq, id) \
    "OUT/t 1/" seq " {\"id\":\"" id "\"} {\"id\":\"" id "\",\"n\":1,\"amount\":77777.00}\n"
    // Stored; refused for another reason; deleted since by hand, with one of the same key left alone.
    const uint64_t seqs[] = {0, 1, 7};
    assert_ok(
        write_again(w, 1, seqs, BLOCK(w, {"a", 2, "2.00"}, {"b", 2, "88888.00"}, {"c", 2, "2.00"})),
        &w->e);
    assert_int_equal(w->rejected, 2);
    ROWS_ARE(w, "a|2|2.00\nd|1|1.00\n");
    REJECTS_ARE(w, KEPT("1", "b") KEPT("2", "c"));
    int found = 0;
    const struct rejects_query query = {.job = w->spec.job, .limit = UINT64_MAX};
    assert_ok(w->store->type->rejects(&w->url, &query, find_88888, &found, &w->e), &w->e);
    assert_int_equal(found, 1);
    // The transaction after it is one like any other.
    assert_ok(world_deliver(w, BLOCK(w, {"c", 0, NULL}, {"b", 3, "3.00"})), &w->e);
    REJECTS_ARE(w, "");
    ROWS_ARE(w, "a|2|2.00\nb|3|3.00\nd|1|1.00\n");
#undef KEPT
}

void rejects_of_appended_rows_are_written_again_into_their_slot(struct world *w)
{
    uint64_t rows;
    const uint64_t first[] = {1, 2}, last[] = {2};
    open_appended(w);
    assert_ok(
        world_deliver(w, BLOCK(w, {"a", 1, "1.00"}, {"b", 2, "77777.00"}, {"c", 3, "66666.00"})),
        &w->e);
    assert_ok(world_deliver(w, BLOCK(w, {"d", 1, "77777.00"})), &w->e);
    w->slot = 1;
    assert_ok(write_again(w, 1, first, BLOCK(w, {"b", 2, "7.00"}, {"c", 3, "66666.00"})), &w->e);
    assert_int_equal(w->rejected, 1);
    ROWS_ARE(w, "a|1|1.00\nb|2|7.00\n");
    REJECTS_ARE(w, "OUT/t 1/2  {\"id\":\"c\",\"n\":3,\"amount\":66666.00}\n"
                   "OUT/t 2/0  {\"id\":\"d\",\"n\":1,\"amount\":77777.00}\n");
    assert_ok(w->store->type->count(w->sink, 1, &rows, &w->e), &w->e);
    assert_int_equal(rows, 2);
    // What goes away goes with the rows, or not at all.
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        const struct commit_step step = world_step(w);
        struct fault_spec fault = {.occurrence = 1, .action = actions[i]};
        strncpy(fault.site, w->store->commit_site, sizeof fault.site - 1);
        durable_set_fault(w->durable, &fault);
        assert_false(write_again(w, 1, last, BLOCK(w, {"c", 3, "6.00"})));
        const bool done = actions[i] == FAULT_CRASH_AFTER || actions[i] == FAULT_REPLY_LOST;
        world_restart(w);
        ROWS_ARE(w, done ? "a|1|1.00\nb|2|7.00\nc|3|6.00\n" : "a|1|1.00\nb|2|7.00\n");
        const struct rejects_query query = {.job = w->spec.job, .of.batch = 1, .limit = 9};
        assert_int_equal(count_rejects(w, &query), done ? 0 : 1);
        if (!done)
            continue;
        assert_int_equal(world_begin(w, &step), HEAD_REPLAY);
        w->store->type->abort(w->sink);
        break;
    }
}

void more_rejects_than_may_come_are_written_again(struct world *w)
{
    const uint64_t seqs[] = {0, 1};
    (void)open_checked(w);
    const struct block *b = BLOCK(w, {"a", 1, "77777.00"}, {"b", 1, "77777.00"});
    assert_ok(world_deliver(w, b), &w->e);
    world_close(w);
    w->spec.rejects_max = 0; // of today
    assert_ok(world_open(w), &w->e);
    assert_ok(write_again(w, 1, seqs, b), &w->e);
    assert_int_equal(w->rejected, 2);
    ROWS_ARE(w, "");
}

void a_row_without_a_key_is_named_by_its_values(struct world *w)
{
    open_appended(w);
    world_close(w);
    w->spec.rejects_max = 0;
    assert_ok(world_open(w), &w->e);
    assert_fails(world_deliver(w, BLOCK(w, {"a", 1, "1.00"}, {"it's", 2, "77777.00"})), &w->e,
                 ERR_DATA,
                 "table t, row 2 of the batch, {\"id\":\"it's\",\"n\":2,\"amount\":77777.00}: ");
    char text[1001];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    assert_fails(world_deliver(w, BLOCK(w, {text, 2, "77777.00"})), &w->e, ERR_DATA,
                 "row 1 of the batch, {\"id\":\"xxx");
    assert_non_null(strstr(w->e.text, "xxx...: column amount"));
}

void a_delete_that_the_store_refuses_is_kept_without_a_row(struct world *w)
{
    static const char *const children[] = {
        [STORE_SQLITE] = "CREATE TRIGGER keep BEFORE DELETE ON t WHEN old.id = 'a' BEGIN SELECT"
                         " RAISE(ABORT, 'still used'); END",
        [STORE_MYSQL] = "CREATE TABLE child (id VARCHAR(191) COLLATE utf8mb4_nopad_bin, FOREIGN KEY"
                        " (id) REFERENCES t (id))",
        [STORE_POSTGRES] = "CREATE TABLE child (id TEXT REFERENCES t (id))",
    };
    w->spec.output = "OUT";
    if (!open_checked(w))
        return;
    assert_ok(world_deliver(w, BLOCK(w, {"a", 1, "1.00"}, {"b", 1, "1.00"}, {"c", 1, "1.00"})),
              &w->e);
    assert_true(w->store->sql(w->store->arg, children[w->store->kind]));
    if (w->store->kind != STORE_SQLITE)
        assert_true(w->store->sql(w->store->arg, "INSERT INTO child VALUES ('a')"));
    assert_ok(world_deliver(w, BLOCK(w, {"a", 0, NULL}, {"b", 0, NULL}, {"c", 2, "2.00"})), &w->e);
    ROWS_ARE(w, "a|1|1.00\nc|2|2.00\n");
    REJECTS_ARE(w, "OUT/t 2/0 {\"id\":\"a\"} deleted\n");
    const uint64_t seqs[] = {0};
    assert_ok(write_again(w, 2, seqs, BLOCK(w, {"a", 0, NULL})), &w->e);
    REJECTS_ARE(w, "OUT/t 2/0 {\"id\":\"a\"} deleted\n");
    assert_true(w->store->sql(w->store->arg, w->store->kind == STORE_SQLITE ? "DROP TRIGGER keep"
                                                                            : "DROP TABLE child"));
    assert_ok(write_again(w, 2, seqs, BLOCK(w, {"a", 0, NULL})), &w->e);
    REJECTS_ARE(w, "");
    ROWS_ARE(w, "c|2|2.00\n");
}

void hostile_text_in_a_refused_row_is_kept_as_it_is(struct world *w)
{
    static const char text[] = "it's \\ \"q\"; -- \n\t é € 😀 %s ?";
    w->spec.output = "OUT";
    (void)open_checked(w);
    assert_ok(world_deliver(w, BLOCK(w, {text, 1, "77777.00"}, {"b", 1, "1.00"})), &w->e);
    REJECTS_ARE(w, "OUT/t 1/0 {\"id\":\"it's \\\\ \\\"q\\\"; -- \\n\\t é € 😀 %s ?\"} "
                   "{\"id\":\"it's \\\\ \\\"q\\\"; -- \\n\\t é € 😀 %s ?\",\"n\":1,"
                   "\"amount\":77777.00}\n");
    // Bytes that are no text.
    struct block *b = BLOCK(w, {"x", 1, "77777.00"}, {"y", 1, "77777.00"});
    cell_str(b, 0, 0, (struct str){"a\xFF\xC3", 3});
    cell_str(b, 0, 1, (struct str){"a\0b", 3});
    assert_ok(world_deliver(w, b), &w->e);
    assert_int_equal(w->rejected, 2);
    assert_ok(world_deliver(w, BLOCK(w, {text, 1, "1.00"})), &w->e);
    struct rejects_query query = {.job = w->spec.job, .of.batch = 1, .limit = 9};
    assert_int_equal(count_rejects(w, &query), 0);
    query.of.batch = 2;
    assert_int_equal(count_rejects(w, &query), 2);
    assert_non_null(strstr(rejects(w), "{\"id\":\"a\\u003f\\u003f\",")); // told from a '?'
}

void what_is_wrong_with_the_table_holds_the_batch(struct world *w)
{
    (void)open_checked(w);
    assert_ok(world_deliver(w, BLOCK(w, {"a", 1, "1.00"})), &w->e);
    if (!w->store->sql)
        return;
    assert_true(w->store->sql(w->store->arg, "ALTER TABLE t RENAME TO elsewhere"));
    assert_false(world_deliver(w, BLOCK(w, {"a", 2, "1.00"}, {"b", 2, "2.00"})));
    assert_int_not_equal(w->e.kind, ERR_DATA);
    REJECTS_ARE(w, "");
    assert_true(w->store->sql(w->store->arg, "ALTER TABLE elsewhere RENAME TO t"));
    world_restart(w);
    assert_int_equal(world_head(w).batch, 1);
    // The table has a column now that must be given.
    if (w->store->kind != STORE_SQLITE) {
        assert_true(w->store->sql(w->store->arg, "DELETE FROM t"));
        assert_true(w->store->sql(w->store->arg, "ALTER TABLE t ADD COLUMN must INT NOT NULL"));
        assert_false(world_deliver(w, BLOCK(w, {"a", 2, "1.00"}, {"b", 2, "2.00"})));
        assert_int_not_equal(w->e.kind, ERR_DATA);
        REJECTS_ARE(w, "");
    }
}
