#include "tests/support/sink_cases.h"

#include "schema/decimal.h"
#include "tests/support/sink_reject_cases.h"
#include "warehouse/memory/memory.h"

#include <stdio.h>

// Every case gets a fresh store and a world without columns.
#define CASE(name) static void name(struct world *w)

#define ROWS_ARE(w, text) assert_string_equal(world_rows(w), (text))

static void open_standard(struct world *w)
{
    world_standard(w);
    assert_ok(world_open(w), &w->e);
}

static void deliver(struct world *w, const struct block *b)
{
    assert_ok(world_deliver(w, b), &w->e);
}

// --- batches and heads ----------------------------------------------------------------------------

CASE(opening_creates_the_table_and_a_head_of_batch_zero)
{
    open_standard(w);
    ROWS_ARE(w, "");
    const struct head h = world_head(w);
    assert_int_equal(h.batch, 0);
    assert_int_equal(h.digest, 0);
    world_restart(w);
    assert_int_equal(world_head(w).batch, 0);
}

CASE(rows_are_inserted_updated_and_deleted_by_key)
{
    open_standard(w);
    deliver(w, BLOCK(w, {"a", 1, "1.10"}, {"b", 2, "2.20"}, {"c", 3, "3.30"}));
    ROWS_ARE(w, "a|1|1.10\nb|2|2.20\nc|3|3.30\n");
    deliver(w, BLOCK(w, {"a", 0, NULL}, {"x", 0, NULL}, {"b", 20, "-0.01"}, {"d", 4, "0.00"}));
    ROWS_ARE(w, "b|20|-0.01\nc|3|3.30\nd|4|0.00\n");
    world_restart(w);
    ROWS_ARE(w, "b|20|-0.01\nc|3|3.30\nd|4|0.00\n");
}

// As a stream is upserted: by columns that the SQL does not call its key, wherever they stand.
CASE(rows_are_put_by_whatever_columns_are_the_key)
{
    world_column(w, "id", type_scalar(TYPE_STRING), "", COLUMN_VALUE);
    world_column(w, "n", type_scalar(TYPE_BIGINT), "", COLUMN_KEY);
    world_column(w, "amount", type_decimal(w->a, 18, 2), "", COLUMN_VALUE);
    assert_ok(world_open(w), &w->e);
    deliver(w, BLOCK(w, {"a", 1, "1.10"}, {"b", 2, "2.20"}));
    deliver(w, BLOCK(w, {"b", 1, "3.30"}, {"b", 3, "4.40"}));
    ROWS_ARE(w, "b|1|3.30\nb|2|2.20\nb|3|4.40\n");
}

CASE(the_head_carries_batch_digest_previous_and_plan)
{
    open_standard(w);
    deliver(w, BLOCK(w, {"a", 1, "1.00"}));
    const uint64_t first = w->digest;
    deliver(w, BLOCK(w, {"a", 2, "1.00"}));
    world_restart(w);
    const struct head h = world_head(w);
    assert_int_equal(h.batch, 2);
    assert_true(h.digest == w->digest && h.prev == first);
    assert_string_equal(h.plan, "cluster abc; topic/0 [0,10)");
}

CASE(an_empty_batch_moves_the_head)
{
    open_standard(w);
    deliver(w, NULL);
    deliver(w, world_block(w, 0));
    assert_int_equal(world_head(w).batch, 2);
    ROWS_ARE(w, "");
}

CASE(the_same_batch_again_is_a_replay)
{
    open_standard(w);
    const struct commit_step first = world_step(w);
    deliver(w, BLOCK(w, {"a", 1, "1.00"}));
    assert_int_equal(world_begin(w, &first), HEAD_REPLAY);
    w->store->type->abort(w->sink);
    world_restart(w);
    assert_int_equal(world_begin(w, &first), HEAD_REPLAY);
    w->store->type->abort(w->sink);
    ROWS_ARE(w, "a|1|1.00\n");
}

CASE(a_store_that_lost_its_tail_is_older)
{
    open_standard(w);
    deliver(w, BLOCK(w, {"a", 1, "1.00"}));
    struct commit_step step = world_step(w);
    step.batch = 4;
    step.prev_batch = 3;
    step.prev_digest = 333;
    struct head found;
    enum head_state state;
    assert_ok(w->store->type->begin(w->sink, &step, &state, &found, &w->e), &w->e);
    assert_int_equal(state, HEAD_OLDER);
    assert_int_equal(found.batch, 1);
    w->store->type->abort(w->sink);
    // The lost batches are delivered in order after that.
    deliver(w, BLOCK(w, {"a", 2, "1.00"}));
    ROWS_ARE(w, "a|2|1.00\n");
}

CASE(another_owner_is_seen_by_its_digest)
{
    open_standard(w);
    deliver(w, BLOCK(w, {"a", 1, "1.00"}));
    struct commit_step step = world_step(w);
    step.batch = 1; // this batch, another digest
    step.prev_batch = 0;
    step.prev_digest = 0;
    step.digest = 77;
    assert_int_equal(world_begin(w, &step), HEAD_OTHER);
    w->store->type->abort(w->sink);
    step = world_step(w); // our previous batch, another digest
    step.prev_digest = 78;
    assert_int_equal(world_begin(w, &step), HEAD_OTHER);
    w->store->type->abort(w->sink);
    deliver(w, NULL); // a later batch than ours
    step = (struct commit_step){.batch = 1, .digest = 5, .plan = ""};
    assert_int_equal(world_begin(w, &step), HEAD_OTHER);
    w->store->type->abort(w->sink);
}

CASE(outputs_of_other_jobs_and_tables_have_their_own_heads)
{
    open_standard(w);
    deliver(w, BLOCK(w, {"a", 1, "1.00"}));
    world_close(w);
    w->spec.output = "OTHER";
    assert_ok(world_open(w), &w->e);
    assert_int_equal(world_head(w).batch, 0);
    world_close(w);
    w->spec.output = "OUT";
    w->spec.job = "other";
    assert_ok(world_open(w), &w->e);
    assert_int_equal(world_head(w).batch, 0);
    world_close(w);
    w->spec.job = "job";
    w->spec.task = 1;
    assert_ok(world_open(w), &w->e);
    assert_int_equal(world_head(w).batch, 0);
    world_close(w);
    w->spec.task = 0;
    w->spec.table = STR("other_table");
    assert_ok(world_open(w), &w->e);
    assert_int_equal(world_head(w).batch, 0);
    world_close(w);
    w->spec.table = STR("t");
    assert_ok(world_open(w), &w->e);
    assert_int_equal(world_head(w).batch, 1);
}

CASE(an_aborted_or_closed_batch_leaves_nothing)
{
    open_standard(w);
    deliver(w, BLOCK(w, {"a", 1, "1.00"}));
    const struct commit_step step = world_step(w);
    assert_int_equal(world_begin(w, &step), HEAD_NEXT);
    assert_ok(w->store->type->write(w->sink, BLOCK(w, {"a", 2, "2.00"}, {"b", 2, "2.00"}), &w->e),
              &w->e);
    w->store->type->abort(w->sink);
    ROWS_ARE(w, "a|1|1.00\n");
    assert_int_equal(world_begin(w, &step), HEAD_NEXT);
    assert_ok(w->store->type->write(w->sink, BLOCK(w, {"a", 0, NULL}), &w->e), &w->e);
    world_restart(w);
    ROWS_ARE(w, "a|1|1.00\n");
    assert_int_equal(world_head(w).batch, 1);
}

CASE(several_blocks_are_one_batch)
{
    open_standard(w);
    const struct commit_step step = world_step(w);
    assert_int_equal(world_begin(w, &step), HEAD_NEXT);
    assert_ok(w->store->type->write(w->sink, BLOCK(w, {"a", 1, "1.00"}), &w->e), &w->e);
    assert_ok(w->store->type->write(w->sink, BLOCK(w, {"b", 2, "2.00"}, {"c", 3, "3.00"}), &w->e),
              &w->e);
    assert_ok(w->store->type->commit(w->sink, &w->rejected, &w->e), &w->e);
    ROWS_ARE(w, "a|1|1.00\nb|2|2.00\nc|3|3.00\n");
}

CASE(a_table_of_keys_only_can_be_written_again)
{
    world_column(w, "x", type_scalar(TYPE_STRING), "", COLUMN_KEY);
    world_column(w, "y", type_scalar(TYPE_BIGINT), "", COLUMN_KEY);
    assert_ok(world_open(w), &w->e);
    for (int i = 0; i < 2; i++) {
        struct block *b = world_block(w, 2);
        cell_text(b, 0, 0, "k");
        cell_i64(b, 1, 0, 1);
        cell_text(b, 0, 1, "k");
        cell_i64(b, 1, 1, 2);
        deliver(w, b);
        ROWS_ARE(w, "k|1\nk|2\n");
    }
    struct block *b = world_block(w, 1);
    cell_text(b, 0, 0, "k");
    cell_i64(b, 1, 0, 1);
    row_op(b, 0, OP_DELETE);
    deliver(w, b);
    ROWS_ARE(w, "k|2\n");
}

CASE(appended_rows_carry_their_batch)
{
    w->spec.mode = SINK_APPEND;
    open_standard(w);
    deliver(w, BLOCK(w, {"a", 1, "1.00"}, {"a", 2, "1.00"}));
    struct block *b = BLOCK(w, {"b", 3, "1.00"});
    cell_null(b, 0, 0); // a stream's key may be NULL
    b->op = NULL;
    deliver(w, b);
    world_restart(w);
    deliver(w, BLOCK(w, {"a", 1, "1.00"}));
    if (w->store->kind == STORE_MEMORY)
        return;
    struct buf out;
    buf_init(&out, 4096);
    w->store->rows(&out, w->store->arg, "t", "_sluice_batch,id,n");
    assert_str(buf_view(&out), "1|a|1\n1|a|2\n2|NULL|3\n3|a|1\n");
    buf_fini(&out);
}

// The batch after the last one puts b in place of what `slot` appended.
static bool replace(struct world *w, uint64_t slot, const struct block *b)
{
    const struct commit_step step = world_step(w);
    const struct sink_type *type = w->store->type;
    if (world_begin(w, &step) != HEAD_NEXT || !type->replace(w->sink, slot, &w->e) ||
        (b && !type->write(w->sink, b, &w->e)) || !type->commit(w->sink, &w->rejected, &w->e))
        return false;
    w->batch = step.batch;
    w->digest = step.digest;
    return true;
}

CASE(a_batch_that_replaces_another_takes_its_rows_away_and_its_number)
{
    w->spec.mode = SINK_APPEND;
    open_standard(w);
    deliver(w, BLOCK(w, {"a", 1, "1.00"}, {"b", 2, "1.00"}));
    deliver(w, BLOCK(w, {"c", 3, "1.00"}));
    assert_ok(replace(w, 1, BLOCK(w, {"b", 4, "1.00"})), &w->e);
    assert_int_equal(world_head(w).batch, 3);
    ROWS_ARE(w, "b|4|1.00\nc|3|1.00\n");
    assert_ok(replace(w, 1, BLOCK(w, {"a", 5, "1.00"})), &w->e); // its number is still 1
    ROWS_ARE(w, "a|5|1.00\nc|3|1.00\n");
    assert_ok(replace(w, 2, NULL), &w->e);
    ROWS_ARE(w, "a|5|1.00\n");
    deliver(w, BLOCK(w, {"f", 6, "1.00"})); // and the next batch appends
    assert_ok(replace(w, 6, NULL), &w->e);
    ROWS_ARE(w, "a|5|1.00\n");
    const struct commit_step step = world_step(w);
    assert_int_equal(world_begin(w, &step), HEAD_NEXT);
    assert_ok(w->store->type->replace(w->sink, 1, &w->e), &w->e);
    w->store->type->abort(w->sink);
    ROWS_ARE(w, "a|5|1.00\n");
}

CASE(a_batch_that_replaces_everything_leaves_what_it_writes)
{
    open_standard(w);
    deliver(w, BLOCK(w, {"a", 1, "1.00"}, {"b", 2, "1.00"}));
    assert_ok(replace(w, 0, BLOCK(w, {"b", 3, "1.00"}, {"c", 4, "1.00"})), &w->e);
    ROWS_ARE(w, "b|3|1.00\nc|4|1.00\n");
    deliver(w, BLOCK(w, {"b", 5, "1.00"}));
    ROWS_ARE(w, "b|5|1.00\nc|4|1.00\n");
}

// --- crashes --------------------------------------------------------------------------------------

struct crash {
    const char *site;
    enum fault_action action;
    bool done;
};

// The batch, then what every crash, error and lost reply must leave, then the same batch again.
static void crash_once(struct world *w, const struct crash *c)
{
    struct fault_spec fault = {.occurrence = 1, .action = c->action};
    strncpy(fault.site, c->site, sizeof fault.site - 1);
    durable_set_fault(w->durable, &fault);
    const struct commit_step step = world_step(w);
    char id[16];
    snprintf(id, sizeof id, "k%u", (unsigned)step.batch);
    const struct standard_row row = {id, (int64_t)step.batch, "1.00"};
    const uint64_t before = w->batch;
    if (world_deliver(w, world_standard_block(w, &row, 1)))
        fail_msg("%s, action %d: succeeded", c->site, (int)c->action);
    assert_true(durable_fired(w->durable));
    if (c->action == FAULT_CRASH_BEFORE || c->action == FAULT_CRASH_AFTER) {
        assert_int_equal(w->e.kind, ERR_CANCELLED);
    } else {
        assert_true(w->e.kind == ERR_REMOTE || w->e.kind == ERR_IO);
    }
    world_restart(w);
    assert_int_equal(world_head(w).batch, c->done ? step.batch : before);
    const enum head_state state = world_begin(w, &step);
    assert_int_equal(state, c->done ? HEAD_REPLAY : HEAD_NEXT);
    w->store->type->abort(w->sink);
    if (c->done) {
        w->batch = step.batch;
        w->digest = step.digest;
    } else {
        deliver(w, world_standard_block(w, &row, 1));
    }
}

CASE(a_crash_error_or_lost_reply_is_all_or_nothing)
{
    open_standard(w);
    const struct crash crashes[] = {
        {w->store->commit_site, FAULT_CRASH_BEFORE, false},
        {w->store->commit_site, FAULT_CRASH_AFTER, true},
        {w->store->commit_site, FAULT_ERROR, false},
        {w->store->commit_site, FAULT_REPLY_LOST, true},
        {w->store->write_site, FAULT_CRASH_BEFORE, false},
        {w->store->write_site, FAULT_CRASH_AFTER, false},
        {w->store->write_site, FAULT_ERROR, false},
        {w->store->write_site, FAULT_REPLY_LOST, false},
    };
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        crash_once(w, &crashes[i]);
    ROWS_ARE(
        w,
        "k1|1|1.00\nk2|2|1.00\nk3|3|1.00\nk4|4|1.00\nk5|5|1.00\nk6|6|1.00\nk7|7|1.00\nk8|8|1.00\n");
}

CASE(a_crash_while_creating_can_be_opened_again)
{
    world_standard(w);
    static const enum fault_action actions[] = {FAULT_CRASH_BEFORE, FAULT_ERROR, FAULT_CRASH_AFTER,
                                                FAULT_REPLY_LOST};
    for (uint64_t nth = 1; nth <= 3; nth++) {
        for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
            struct fault_spec fault = {.occurrence = nth, .action = actions[i]};
            strncpy(fault.site, w->store->ddl_site, sizeof fault.site - 1);
            w->store->setup(w->store->arg);
            durable_set_fault(w->durable, &fault);
            const bool opened = world_open(w);
            assert_int_equal(opened, !durable_fired(w->durable));
            world_restart(w);
            deliver(w, BLOCK(w, {"a", 1, "1.00"}));
            ROWS_ARE(w, "a|1|1.00\n");
            w->batch = w->digest = 0;
            world_close(w);
        }
    }
}

CASE(a_second_owner_waits_for_the_lock_and_then_sees_the_head)
{
    open_standard(w);
    const struct commit_step step = world_step(w);
    struct sink *second;
    assert_ok(w->store->type->open(&second, &w->spec, &w->e), &w->e);
    assert_int_equal(world_begin(w, &step), HEAD_NEXT);
    enum head_state state;
    assert_fails(w->store->type->begin(second, &step, &state, NULL, &w->e), &w->e, ERR_REMOTE, "");
    assert_int_equal(w->e.remedy, REMEDY_RETRY_RUN);
    err_clear(&w->e);
    assert_ok(w->store->type->write(w->sink, BLOCK(w, {"a", 1, "1.00"}), &w->e), &w->e);
    assert_ok(w->store->type->commit(w->sink, &w->rejected, &w->e), &w->e);
    struct commit_step other = step;
    other.digest++;
    assert_ok(w->store->type->begin(second, &other, &state, NULL, &w->e), &w->e);
    assert_int_equal(state, HEAD_OTHER);
    w->store->type->abort(second);
    assert_ok(w->store->type->begin(second, &step, &state, NULL, &w->e), &w->e);
    assert_int_equal(state, HEAD_REPLAY);
    w->store->type->close(second);
}

// --- values ---------------------------------------------------------------------------------------

CASE(every_type_round_trips_at_its_extremes)
{
    world_column(w, "k", type_scalar(TYPE_INTEGER), "", COLUMN_KEY);
    world_column(w, "boolean_", type_scalar(TYPE_BOOLEAN), "", COLUMN_VALUE);
    world_column(w, "bigint_", type_scalar(TYPE_BIGINT), "", COLUMN_VALUE);
    world_column(w, "double_", type_scalar(TYPE_DOUBLE), "", COLUMN_VALUE);
    world_column(w, "decimal_", type_decimal(w->a, 38, 10), "", COLUMN_VALUE);
    world_column(w, "string_", type_scalar(TYPE_STRING), "", COLUMN_VALUE);
    world_column(w, "bytes_", type_scalar(TYPE_BYTES), "", COLUMN_VALUE);
    world_column(w, "date_", type_scalar(TYPE_DATE), "", COLUMN_VALUE);
    world_column(w, "time_", type_scalar(TYPE_TIME), "", COLUMN_VALUE);
    world_column(w, "timestamp_", type_scalar(TYPE_TIMESTAMP), "", COLUMN_VALUE);
    assert_ok(world_open(w), &w->e);
    struct block *b = world_block(w, 4);
    for (uint32_t r = 0; r < 2; r++) {
        cell_i64(b, 0, r, r ? INT32_MAX : INT32_MIN);
        cell_i64(b, 1, r, r);
        cell_i64(b, 2, r, r ? INT64_MAX : INT64_MIN);
        cell_f64(b, 3, r, r ? 1.7976931348623157e308 : -2.2250738585072014e-308);
        cell_decimal(b, 4, r,
                     r ? "9999999999999999999999999999.9999999999"
                       : "-9999999999999999999999999999.9999999999");
        cell_str(b, 5, r, r ? STR("quote ' \" ` \\ \xF0\x9F\x8E\x89 %") : STR(""));
        cell_str(b, 6, r, r ? (struct str){"\0\xFF'\\", 4} : STR(""));
        cell_i64(b, 7, r, r ? 2932896 : -354285); // 9999-12-31, 1000-01-01
        cell_i64(b, 8, r, r ? 86399999 : 0);
        cell_i64(b, 9, r, r ? INT64_C(253402300799999) : INT64_C(-30610224000000));
    }
    cell_i64(b, 0, 2, 5);
    cell_i64(b, 1, 2, 0);
    cell_f64(b, 3, 2, 0.1);
    cell_decimal(b, 4, 2, "0.0000000001");
    cell_str(b, 5, 2, STR("line\nbreak\ttab"));
    cell_str(b, 6, 2, STR("abc"));
    cell_i64(b, 9, 2, INT64_C(1761638400123));
    cell_i64(b, 0, 3, 6);
    for (size_t i = 1; i < w->spec.count; i++)
        cell_null(b, i, 3);
    deliver(w, b);
    const char *rows = world_rows(w);
    const char *expected[] = {
        "-2147483648|0|-9223372036854775808|-2.2250738585072014E-308|"
        "-9999999999999999999999999999.9999999999|||1000-01-01|00:00:00.000|1000-01-01 "
        "00:00:00.000\n",
        "5|0|0|0.1|0.0000000001|line\nbreak\ttab|616263|1970-01-01|00:00:00.000|"
        "2025-10-28 08:00:00.123\n",
        "6|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL\n",
        "2147483647|1|9223372036854775807|1.7976931348623157E308|"
        "9999999999999999999999999999.9999999999|quote ' \" ` \\ \xF0\x9F\x8E\x89 "
        "%|00ff275c|9999-12-31|"
        "23:59:59.999|9999-12-31 23:59:59.999\n"};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        if (!strstr(rows, expected[i]))
            fail_msg("row\n%sis not in\n%s", expected[i], rows);
    }
}

CASE(decimals_and_doubles_are_rescaled_half_up)
{
    world_column(w, "k", type_scalar(TYPE_STRING), "", COLUMN_KEY);
    world_column(w, "d", type_decimal(w->a, 18, 4), "decimal(6,2)", COLUMN_VALUE);
    world_column(w, "f", type_scalar(TYPE_DOUBLE), "decimal(6,2)", COLUMN_VALUE);
    world_column(w, "i", type_scalar(TYPE_INTEGER), "decimal(6,2)", COLUMN_VALUE);
    assert_ok(world_open(w), &w->e);
    struct block *b = world_block(w, 2);
    cell_text(b, 0, 0, "a");
    cell_decimal(b, 1, 0, "1234.5650");
    cell_f64(b, 2, 0, 0.125);
    cell_i64(b, 3, 0, 1234);
    cell_text(b, 0, 1, "b");
    cell_decimal(b, 1, 1, "-0.0050");
    cell_f64(b, 2, 1, -1.005); // the shortest digits decide, not the binary value below
    cell_i64(b, 3, 1, -9999);
    deliver(w, b);
    ROWS_ARE(
        w, w->store->kind == STORE_SQLITE
               ? "a|1234.57|0.13|1234\nb|-0.01|-1.01|-9999\n" // declared DECIMAL: NUMERIC affinity
               : "a|1234.57|0.13|1234.00\nb|-0.01|-1.01|-9999.00\n");
    cell_decimal(b, 1, 1, "9999.9950");
    assert_fails(world_deliver(w, b), &w->e, ERR_DATA, "does not fit DECIMAL(6, 2)");
    assert_non_null(strstr(w->e.text, "k='b'"));
    cell_decimal(b, 1, 1, "0.0000");
    cell_f64(b, 2, 1, 0.0 / 1.0 - 1e300);
    assert_fails(world_deliver(w, b), &w->e, ERR_DATA, "column f");
}

CASE(text_and_milliseconds_become_timestamps)
{
    world_column(w, "id", type_scalar(TYPE_STRING), "", COLUMN_KEY);
    world_column(w, "window_start_time", type_scalar(TYPE_BIGINT), "timestamp", COLUMN_KEY);
    world_column(w, "seen", type_scalar(TYPE_STRING), "timestamp", COLUMN_VALUE);
    world_column(w, "day", type_scalar(TYPE_STRING), "date", COLUMN_VALUE);
    assert_ok(world_open(w), &w->e);
    struct block *b = world_block(w, 2);
    cell_text(b, 0, 0, "a");
    cell_i64(b, 1, 0, INT64_C(1761638400000));
    cell_text(b, 2, 0, "2025-10-28T08:00:00.123456Z");
    cell_text(b, 3, 0, "2025-10-28");
    cell_text(b, 0, 1, "b");
    cell_i64(b, 1, 1, INT64_C(1761638460000));
    cell_text(b, 2, 1, "2025-10-28T08:00:00+02:00");
    cell_null(b, 3, 1);
    deliver(w, b);
    // MySQL prints a column's digits, SQLite a value's, PostgreSQL no zeros at the end.
    const bool mysql = w->store->kind == STORE_MYSQL;
    if (w->store->kind == STORE_POSTGRES)
        ROWS_ARE(w, "a|2025-10-28 08:00:00|2025-10-28 08:00:00.123456|2025-10-28\n"
                    "b|2025-10-28 08:01:00|2025-10-28 06:00:00|NULL\n");
    else
        ROWS_ARE(w, mysql ? "a|2025-10-28 08:00:00.000|2025-10-28 08:00:00.123456|2025-10-28\n"
                            "b|2025-10-28 08:01:00.000|2025-10-28 06:00:00.000000|NULL\n"
                          : "a|2025-10-28 08:00:00.000|2025-10-28 08:00:00.123456|2025-10-28\n"
                            "b|2025-10-28 08:01:00.000|2025-10-28 06:00:00.000|NULL\n");
    row_op(b, 0, OP_DELETE);
    static const char *const wrong[] = {"yesterday", "", "2025-10-28T08:00:00.", "2025-13-28",
                                        "2025-10-28T08:00:00.12.34Z"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cell_text(b, 2, 1, wrong[i]);
        assert_fails(world_deliver(w, b), &w->e, ERR_DATA, "is not a timestamp");
    }
    cell_text(b, 2, 1, "2025-10-28T08:00:00.5Z");
    deliver(w, b);
    if (w->store->kind == STORE_POSTGRES)
        ROWS_ARE(w, "b|2025-10-28 08:01:00|2025-10-28 08:00:00.5|NULL\n");
    else
        ROWS_ARE(w, mysql ? "b|2025-10-28 08:01:00.000|2025-10-28 08:00:00.500000|NULL\n"
                          : "b|2025-10-28 08:01:00.000|2025-10-28 08:00:00.500|NULL\n");
}

CASE(nested_values_become_json_text)
{
    const struct field fields[] = {{STR("A"), type_scalar(TYPE_INTEGER)},
                                   {STR("B"), type_scalar(TYPE_STRING)}};
    world_column(w, "id", type_scalar(TYPE_STRING), "", COLUMN_KEY);
    world_column(w, "list", type_array(w->a, type_scalar(TYPE_STRING)), "", COLUMN_VALUE);
    world_column(w, "struct_", type_struct(w->a, fields, 2), "", COLUMN_VALUE);
    assert_ok(world_open(w), &w->e);
    struct block *b = world_block(w, 2);
    cell_text(b, 0, 0, "a");
    cell_text(b, 0, 1, "b");
    struct column *list = &b->columns[1];
    column_init(&list->children[0], w->a, type_scalar(TYPE_STRING), 2);
    list->children[0].str[0] = STR("com\"pleted");
    list->children[0].str[1] = STR("p\xC3\xA9nding");
    list->child_rows = 2;
    list->offsets[0] = 0;
    list->offsets[1] = list->offsets[2] = 2;
    struct column *st = &b->columns[2];
    st->children[0].i32[0] = 7;
    st->children[1].str[0] = STR("x");
    cell_null(b, 2, 1);
    deliver(w, b);
    if (w->store->oracle_mysql || w->store->kind == STORE_POSTGRES) // their own JSON
        ROWS_ARE(w,
                 "a|[\"com\\\"pleted\", \"p\xC3\xA9nding\"]|{\"A\": 7, \"B\": \"x\"}\nb|[]|NULL\n");
    else
        ROWS_ARE(w, "a|[\"com\\\"pleted\",\"p\xC3\xA9nding\"]|{\"A\":7,\"B\":\"x\"}\nb|[]|NULL\n");
}

CASE(keys_differing_in_case_accent_or_trailing_space_are_different)
{
    open_standard(w);
    const struct block *b =
        BLOCK(w, {"", 1, "0.00"}, {" ", 2, "0.00"}, {"A", 3, "0.00"}, {"a", 4, "0.00"},
              {"a ", 5, "0.00"}, {"e\xCC\x81", 6, "0.00"}, {"\xC3\xA9", 7, "0.00"},
              {"\xE6\x97\xA5\xE6\x9C\xAC", 8, "0.00"}, {"\xF0\x9F\x8E\x89", 9, "0.00"});
    if (w->store->oracle_mysql) { // 'a' and 'a ' would be one key there: never merged, but refused
        assert_fails(world_deliver(w, b), &w->e, ERR_DATA, "ends with a space");
        return;
    }
    deliver(w, b);
    deliver(w, b);
    const char *rows = world_rows(w);
    size_t lines = 0;
    for (const char *p = rows; (p = strchr(p, '\n')); p++)
        lines++;
    assert_int_equal(lines, b->rows);
    assert_non_null(strstr(rows, "a |5|0.00\n"));
    deliver(w, BLOCK(w, {"a ", 0, NULL}));
    assert_null(strstr(world_rows(w), "a |5|0.00\n"));
    assert_non_null(strstr(world_rows(w), "a|4|0.00\n"));
}

CASE(long_keys_fit_or_are_refused_by_name)
{
    open_standard(w);
    char key[1200];
    memset(key, 'k', sizeof key);
    key[255] = 0;
    deliver(w, BLOCK(w, {key, 1, "1.00"}));
    // 255 characters of four bytes each.
    char wide[1021];
    for (size_t i = 0; i < 255; i++)
        memcpy(wide + 4 * i, "\xF0\x9F\x8E\x89", 4);
    wide[1020] = 0;
    deliver(w, BLOCK(w, {wide, 2, "1.00"}));
    key[255] = 'k';
    key[1100] = 0;
    if (w->store->kind == STORE_MYSQL) {
        assert_fails(world_deliver(w, BLOCK(w, {"short", 3, "1.00"}, {key, 4, "1.00"})), &w->e,
                     ERR_DATA, "column id: value kkkk");
        assert_non_null(strstr(w->e.text, "1100 characters, at most 255"));
        assert_null(strstr(world_rows(w), "short"));
    } else {
        deliver(w, BLOCK(w, {key, 3, "1.00"}));
    }
    assert_int_equal(world_head(w).batch, w->batch);
}

CASE(a_null_key_is_refused)
{
    open_standard(w);
    struct block *b = BLOCK(w, {"a", 1, "1.00"}, {"b", 1, "1.00"});
    cell_null(b, 0, 1);
    assert_fails(world_deliver(w, b), &w->e, ERR_DATA, "column id: NULL");
    ROWS_ARE(w, "");
}

CASE(a_megabyte_of_text_is_kept)
{
    world_column(w, "id", type_scalar(TYPE_STRING), "", COLUMN_KEY);
    world_column(w, "v", type_scalar(TYPE_STRING), "", COLUMN_VALUE);
    assert_ok(world_open(w), &w->e);
    struct block *b = world_block(w, 3);
    char *text = arena_alloc(w->a, 1 << 20);
    memset(text, 'x', 1 << 20);
    for (uint32_t r = 0; r < 3; r++) {
        cell_text(b, 0, r, r == 0 ? "a" : r == 1 ? "b" : "c");
        cell_str(b, 1, r, (struct str){text, (1 << 20) - r});
    }
    deliver(w, b);
    assert_int_equal(strlen(world_rows(w)), 3 * (1 << 20) - 3 + 3 * 3);
}

CASE(a_hundred_thousand_rows_are_written_and_updated)
{
    open_standard(w);
    const uint32_t total = 100000, each = 4096;
    for (int round = 0; round < 2; round++) {
        const struct commit_step step = world_step(w);
        assert_int_equal(world_begin(w, &step), HEAD_NEXT);
        for (uint32_t at = 0; at < total; at += each) {
            const uint32_t n = total - at < each ? total - at : each;
            struct block *b = world_block(w, n);
            for (uint32_t r = 0; r < n; r++) {
                b->columns[0].str[r] = arena_printf(w->a, "USER-%07u", (unsigned)(at + r));
                cell_i64(b, 1, r, round);
                cell_decimal(b, 2, r, "12.50");
                if (round && (at + r) % 10 == 0)
                    row_op(b, r, OP_DELETE);
            }
            assert_ok(w->store->type->write(w->sink, b, &w->e), &w->e);
        }
        assert_ok(w->store->type->commit(w->sink, &w->rejected, &w->e), &w->e);
        w->batch = step.batch;
        w->digest = step.digest;
        const char *rows = world_rows(w);
        const char *end = rows + strlen(rows);
        size_t lines = 0, updated = 0;
        for (const char *p = rows; (p = memchr(p, '\n', (size_t)(end - p))); p++) {
            lines++;
            updated += p - rows > 8 && memcmp(p - 7, "1|12.50", 7) == 0;
        }
        assert_int_equal(lines, round ? 90000 : 100000);
        assert_int_equal(updated, round ? 90000 : 0);
    }
}

CASE(a_missing_table_is_not_created_unasked)
{
    world_standard(w);
    w->spec.create = SINK_CREATE_NEVER;
    if (w->store->kind == STORE_SQLITE) {
        assert_ok(w->store->sql(w->store->arg, "CREATE TABLE other(x)"), &w->e);
    }
    assert_fails(world_open(w), &w->e, ERR_CONFIG, "table t does not exist");
}

static void drop_table(struct world *w)
{
    world_close(w);
    if (w->store->kind == STORE_MEMORY)
        assert_true(memory_drop("w", "t"));
    else
        assert_true(w->store->sql(w->store->arg, "DROP TABLE t"));
}

CASE(a_table_that_is_gone_with_its_rows_is_not_created_unless_it_is_to_be_filled_again)
{
    open_standard(w);
    drop_table(w); // nothing was delivered: nothing is lost
    assert_ok(world_open(w), &w->e);
    deliver(w, BLOCK(w, {"a", 1, "1.00"}));
    drop_table(w);
    for (int i = 0; i < 2; i++) {
        assert_fails(world_open(w), &w->e, ERR_BEHIND,
                     "table t does not exist any more, but batch 1 was delivered to it");
        assert_non_null(strstr(w->e.hint, "sluice job resync"));
    }
    w->spec.create = SINK_CREATE_AGAIN;
    assert_ok(world_open(w), &w->e);
    assert_int_equal(world_head(w).batch, 0);
    world_close(w);
    w->spec.create = SINK_CREATE_IF_ABSENT;
    w->batch = w->digest = 0;
    assert_ok(world_open(w), &w->e);
    deliver(w, BLOCK(w, {"a", 2, "2.00"}));
    ROWS_ARE(w, "a|2|2.00\n");
}

CASE(names_that_cannot_be_are_refused)
{
    world_standard(w);
    w->spec.table = STR("sluice_heads");
    assert_fails(world_open(w), &w->e, ERR_CONFIG, "Sluice's own");
    w->spec.table = STR("t");
    world_column(w, "N", type_scalar(TYPE_BIGINT), "", COLUMN_VALUE);
    assert_fails(world_open(w), &w->e, ERR_CONFIG, "column N twice");
    w->spec.count--;
    world_column(w, "_sluice_batch", type_scalar(TYPE_BIGINT), "", COLUMN_VALUE);
    assert_fails(world_open(w), &w->e, ERR_CONFIG, "Sluice's own");
}

CASE(hostile_names_are_quoted)
{
    w->spec.table = STR("t`\"'; DROP TABLE x; --");
    world_column(w, "select", type_scalar(TYPE_STRING), "", COLUMN_KEY);
    world_column(w, "a`b\"c", type_scalar(TYPE_BIGINT), "", COLUMN_VALUE);
    if (w->store->kind == STORE_MEMORY)
        return;
    assert_ok(world_open(w), &w->e);
    struct block *b = world_block(w, 1);
    cell_text(b, 0, 0, "'; --");
    cell_i64(b, 1, 0, 1);
    deliver(w, b);
    deliver(w, b);
    row_op(b, 0, OP_DELETE);
    deliver(w, b);
    assert_int_equal(world_head(w).batch, 3);
}

CASE(types_that_cannot_hold_a_value_are_refused)
{
    world_column(w, "id", type_scalar(TYPE_STRING), "", COLUMN_KEY);
    world_column(w, "v", type_scalar(TYPE_STRING), "bigint", COLUMN_VALUE);
    assert_fails(world_open(w), &w->e, ERR_CONFIG, "cannot hold STRING");
    w->spec.count--;
    world_column(w, "v", type_scalar(TYPE_STRING), "rectangle", COLUMN_VALUE);
    assert_fails(world_open(w), &w->e, ERR_CONFIG, "rectangle is not a type");
}

CASE(unknown_url_parameters_are_refused)
{
    if (w->store->kind == STORE_MEMORY)
        return;
    world_standard(w);
    const struct str params[] = {STR("lock_wit"), STR("1")};
    w->url.params = params;
    w->url.param_count = 1;
    assert_fails(world_open(w), &w->e, ERR_CONFIG, "unknown parameter lock_wit");
    assert_non_null(strstr(w->e.hint, "lock_wait"));
}

static bool has_sql(struct world *w, const char *sql)
{
    if (!w->store->sql)
        return false;
    world_standard(w);
    assert_true(w->store->sql(w->store->arg, sql));
    w->spec.create = SINK_CREATE_NEVER;
    return true;
}

CASE(differences_of_an_existing_table_are_listed)
{
    if (!has_sql(w, "CREATE TABLE t (id VARCHAR(20) NOT NULL, n DATE, extra INT NOT NULL, PRIMARY "
                    "KEY (n, id))"))
        return;
    assert_fails(world_open(w), &w->e, ERR_CONFIG, "primary key is (n, id), must be (id)");
    assert_non_null(strstr(w->e.text, "column n is "));
    assert_non_null(strstr(w->e.text, "cannot hold BIGINT"));
    assert_non_null(strstr(w->e.text, "column amount is missing"));
    assert_non_null(strstr(w->e.text, "column extra is NOT NULL without a default"));
}

CASE(a_table_without_primary_key_is_refused)
{
    if (!has_sql(w, "CREATE TABLE t (id VARCHAR(20), n BIGINT, amount DECIMAL(15,2))"))
        return;
    assert_fails(world_open(w), &w->e, ERR_CONFIG, "there is no primary key, must be (id)");
}

CASE(a_view_is_refused)
{
    if (!has_sql(w, "CREATE VIEW t AS SELECT 'a' AS id, 1 AS n, 2 AS amount"))
        return;
    assert_fails(world_open(w), &w->e, ERR_CONFIG, "a view");
}

CASE(columns_that_are_not_written_are_left_alone)
{
    const bool mysql = w->store->kind == STORE_MYSQL;
    if (!has_sql(w, mysql
                        ? "CREATE TABLE t (id VARCHAR(255) COLLATE utf8mb4_nopad_bin PRIMARY KEY,"
                          " amount DECIMAL(15,2), n BIGINT NOT NULL DEFAULT 0, note VARCHAR(20) "
                          "DEFAULT 'x',"
                          " last_updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP ON UPDATE "
                          "CURRENT_TIMESTAMP)"
                        : "CREATE TABLE t (id VARCHAR(255) PRIMARY KEY, amount DECIMAL_TEXT(15,2),"
                          " n BIGINT NOT NULL DEFAULT 0, note VARCHAR(20) DEFAULT 'x')"))
        return;
    assert_ok(world_open(w), &w->e);
    deliver(w, BLOCK(w, {"a", 1, "1.00"}));
    assert_true(w->store->sql(w->store->arg, "UPDATE t SET note = 'mine'"));
    deliver(w, BLOCK(w, {"a", 2, "1.50"}));
    struct buf out;
    buf_init(&out, 4096);
    w->store->rows(&out, w->store->arg, "t", "id,n,amount,note");
    assert_str(buf_view(&out), "a|2|1.50|mine\n");
    buf_fini(&out);
    struct block *b = BLOCK(w, {"a", 3, "1.50"});
    cell_null(b, 1, 0); // n is NOT NULL in this table
    assert_fails(world_deliver(w, b), &w->e, ERR_DATA, "column n: NULL");
}

CASE(a_row_that_the_store_refuses_is_named_with_the_stores_words)
{
    if (w->store->oracle_mysql)
        skip();
    if (!has_sql(
            w,
            w->store->kind == STORE_MYSQL
                ? "CREATE TABLE t (id VARCHAR(255) COLLATE utf8mb4_nopad_bin PRIMARY KEY, n BIGINT,"
                  " amount DECIMAL(18,2), CONSTRAINT small CHECK (n < 100))"
                : "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, n BIGINT,"
                  " amount DECIMAL_TEXT(18,2), CONSTRAINT small CHECK (n < 100))"))
        return;
    assert_ok(world_open(w), &w->e);
    deliver(w, BLOCK(w, {"a", 1, "1.00"}));
    struct block *b = world_block(w, 1000);
    for (uint32_t r = 0; r < 1000; r++) {
        b->columns[0].str[r] = arena_printf(w->a, "key-%04u", (unsigned)r);
        cell_i64(b, 1, r, r == 613 || r == 800 ? 100 : 99);
        cell_decimal(b, 2, r, "1.00");
    }
    assert_fails(world_deliver(w, b), &w->e, ERR_DATA, "table t, row id='key-0613'");
    if (!strstr(w->e.text, "small"))
        fail_msg("the store's words are not in: %s", w->e.text);
    ROWS_ARE(w, "a|1|1.00\n");
    assert_int_equal(world_head(w).batch, 1);
    cell_i64(b, 1, 613, 1);
    cell_i64(b, 1, 800, 1);
    deliver(w, b);
    assert_int_equal(world_head(w).batch, 2);
}

CASE(an_append_table_without_the_batch_column_gets_it_when_it_may)
{
    if (!has_sql(w, "CREATE TABLE t (id VARCHAR(255), n BIGINT, amount DECIMAL(15,2))"))
        return;
    w->spec.mode = SINK_APPEND;
    struct sink_column *columns = (struct sink_column *)(uintptr_t)w->spec.columns;
    columns[2].type = type_decimal(w->a, 15, 2);
    assert_fails(world_open(w), &w->e, ERR_CONFIG, "column _sluice_batch is missing");
    assert_non_null(strstr(w->e.hint, "ALTER TABLE t ADD COLUMN _sluice_batch"));
    w->spec.create = SINK_CREATE_IF_ABSENT;
    assert_ok(world_open(w), &w->e);
    deliver(w, BLOCK(w, {"a", 1, "1.25"}));
    struct buf out;
    buf_init(&out, 4096);
    w->store->rows(&out, w->store->arg, "t", "_sluice_batch,id");
    assert_str(buf_view(&out), "1|a\n");
    buf_fini(&out);
}

CASE(describe_prints_the_statements_without_a_connection)
{
    world_standard(w);
    struct warehouse_url nowhere = {.scheme = w->url.scheme, .host = STR("nowhere.invalid")};
    w->spec.url = &nowhere;
    struct buf out;
    buf_init(&out, 1 << 16);
    assert_ok(w->store->type->describe(&out, &w->spec, &w->e), &w->e);
    buf_char(&out, 0);
    assert_non_null(strstr(out.p, "CREATE TABLE IF NOT EXISTS"));
    assert_non_null(strstr(out.p, "sluice_heads"));
    assert_non_null(
        strstr(out.p, w->store->kind == STORE_MYSQL ? "ON DUPLICATE KEY" : "ON CONFLICT"));
    buf_fini(&out);
    w->spec.url = &w->url;
}

struct sink_case {
    const char *name;
    void (*run)(struct world *w);
};
#define C(name)     \
    {               \
#name, name \
    }

static const struct sink_case cases[] = {
    C(opening_creates_the_table_and_a_head_of_batch_zero),
    C(rows_are_inserted_updated_and_deleted_by_key),
    C(rows_are_put_by_whatever_columns_are_the_key),
    C(the_head_carries_batch_digest_previous_and_plan),
    C(an_empty_batch_moves_the_head),
    C(the_same_batch_again_is_a_replay),
    C(a_store_that_lost_its_tail_is_older),
    C(another_owner_is_seen_by_its_digest),
    C(outputs_of_other_jobs_and_tables_have_their_own_heads),
    C(an_aborted_or_closed_batch_leaves_nothing),
    C(several_blocks_are_one_batch),
    C(a_table_of_keys_only_can_be_written_again),
    C(appended_rows_carry_their_batch),
    C(a_batch_that_replaces_another_takes_its_rows_away_and_its_number),
    C(a_batch_that_replaces_everything_leaves_what_it_writes),
    {"rows_are_counted_by_batch", sink_case_count},
    {"a_table_is_compared_with_the_rows_that_it_should_have", sink_case_compare},
    {"what_a_batch_appended_is_compared_with_the_rows_that_it_should_have",
     sink_case_compare_appended},
    {"appended_rows_are_compared_byte_by_byte_whatever_their_types",
     sink_case_compare_appended_types},
    C(a_crash_error_or_lost_reply_is_all_or_nothing),
    C(a_crash_while_creating_can_be_opened_again),
    C(a_second_owner_waits_for_the_lock_and_then_sees_the_head),
    C(every_type_round_trips_at_its_extremes),
    C(decimals_and_doubles_are_rescaled_half_up),
    C(text_and_milliseconds_become_timestamps),
    C(nested_values_become_json_text),
    C(keys_differing_in_case_accent_or_trailing_space_are_different),
    C(long_keys_fit_or_are_refused_by_name),
    C(a_null_key_is_refused),
    C(a_megabyte_of_text_is_kept),
    C(a_hundred_thousand_rows_are_written_and_updated),
    C(a_missing_table_is_not_created_unasked),
    C(a_table_that_is_gone_with_its_rows_is_not_created_unless_it_is_to_be_filled_again),
    C(names_that_cannot_be_are_refused),
    C(hostile_names_are_quoted),
    C(types_that_cannot_hold_a_value_are_refused),
    C(unknown_url_parameters_are_refused),
    C(differences_of_an_existing_table_are_listed),
    C(a_table_without_primary_key_is_refused),
    C(a_view_is_refused),
    C(columns_that_are_not_written_are_left_alone),
    C(a_row_that_the_store_refuses_is_named_with_the_stores_words),
    {"evolve_adds_columns_and_widens_narrower_ones", sink_case_evolve},
    {"an_evolution_cut_short_is_made_whole", sink_case_evolve_cut_short},
    {"what_cannot_evolve_is_refused_with_every_difference", sink_case_evolve_refuses},
    {"ignore_leaves_columns_out_that_the_table_lacks", sink_case_ignore},
    {"quarantine_writes_what_fits_and_refuses_the_rest_row_by_row", sink_case_quarantine},
    {"differences_and_what_would_be_done_are_said_without_doing_it", sink_case_drift},
    {"quarantine_of_a_table_that_takes_no_row", sink_case_quarantine_all},
    SINK_REJECT_CASES,
    C(an_append_table_without_the_batch_column_gets_it_when_it_may),
    C(describe_prints_the_statements_without_a_connection),
};
#define CASES (sizeof cases / sizeof *cases)

struct running {
    const struct store *store;
    const struct sink_case *c;
    struct world *world;
};

static int setup_case(void **state)
{
    struct running *r = *state;
    r->store->setup(r->store->arg);
    r->world = world_new(r->store);
    return 0;
}

static int teardown_case(void **state)
{
    struct running *r = *state;
    world_free(r->world);
    r->store->teardown(r->store->arg);
    return 0;
}

static void run_case(void **state)
{
    struct running *r = *state;
    r->c->run(r->world);
}

int sink_cases_run(const struct store *store)
{
    struct running running[CASES];
    struct CMUnitTest tests[CASES];
    struct arena *a = arena_new(NULL);
    for (size_t i = 0; i < CASES; i++) {
        running[i] = (struct running){store, &cases[i], NULL};
        const char *name = arena_printf(a, "%s: %s", store->name, cases[i].name).p;
        tests[i] = (struct CMUnitTest){name, run_case, setup_case, teardown_case, &running[i]};
    }
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(a);
    return failed;
}
