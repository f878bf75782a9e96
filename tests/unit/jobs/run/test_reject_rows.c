#include "jobs/run/reject_rows.h"
#include "schema/decimal.h"
#include "schema/serde/serde.h"
#include "tests/support/test.h"

#include <math.h>

enum { COLUMNS_MAX = 16 };

struct table {
    struct arena *a;
    struct sink_column columns[COLUMNS_MAX];
    struct job_target target;
    struct err e;
    const struct column *got;
    enum row_op op;
};

static void open_table(struct table *t, enum sink_mode mode)
{
    *t = (struct table){.a = arena_new(NULL)};
    t->target.spec = (struct sink_spec){.mode = mode, .columns = t->columns, .table = STR("t")};
}

static void column(struct table *t, const char *name, const char *type, bool key)
{
    struct sink_column *c = &t->columns[t->target.spec.count++];
    c->name = str_from(name);
    c->key = key;
    assert_ok(type_parse(&c->type, t->a, str_from(type), &t->e), &t->e);
}

static bool rebuild(struct table *t, const char *key, const char *row)
{
    const struct reject r = {.target = STR("t"),
                             .batch = 7,
                             .seq = 2,
                             .key = str_from(key),
                             .row = row ? str_from(row) : STR_NONE};
    err_clear(&t->e);
    return reject_row(&t->got, &t->op, t->a, &t->target, &r, &t->e);
}

// As a store keeps it, and as a row of its own.
static void comes_back(struct table *t, const char *row)
{
    const struct encoder *encoder;
    struct serde_column columns[COLUMNS_MAX];
    struct buf out;
    for (size_t i = 0; i < t->target.spec.count; i++)
        columns[i] = (struct serde_column){t->columns[i].name, t->columns[i].type};
    const struct serde_spec spec = {
        .format = SERDE_JSON, .columns = columns, .count = t->target.spec.count};
    assert_ok(encoder_new(&encoder, t->a, &spec, &t->e), &t->e);
    assert_ok(rebuild(t, "", row), &t->e);
    buf_init(&out, 1 << 16);
    encoder_row(encoder, &out, t->got, 0);
    assert_str(buf_view(&out), row);
    buf_fini(&out);
}

static void fails(struct table *t, const char *key, const char *row, const char *part)
{
    assert_fails(rebuild(t, key, row), &t->e, ERR_DATA, part);
    assert_non_null(strstr(t->e.text, "table t, refused row 7/2: "));
}

TEST(values_of_all_types_come_back)
{
    struct table t;
    open_table(&t, SINK_APPEND);
    column(&t, "s", "STRING", false);
    column(&t, "i", "INTEGER", false);
    column(&t, "b", "BIGINT", false);
    column(&t, "o", "BOOLEAN", false);
    column(&t, "d", "DOUBLE", false);
    column(&t, "n", "DECIMAL(18, 2)", false);
    column(&t, "w", "DECIMAL(60, 3)", false);
    column(&t, "ts", "TIMESTAMP", false);
    column(&t, "day", "DATE", false);
    column(&t, "hour", "TIME", false);
    column(&t, "raw", "BYTES", false);
    column(&t, "list", "ARRAY<STRING>", false);
    column(&t, "map", "MAP<STRING, BIGINT>", false);
    column(&t, "sub", "STRUCT<`x` DOUBLE, `y` ARRAY<INTEGER>>", false);
    comes_back(&t, "{\"s\":\"it's \\\\ \\u0000 \\n é 😀 ?\",\"i\":-2147483648,"
                   "\"b\":9223372036854775807,\"o\":true,\"d\":-0.0,\"n\":-0.05,"
                   "\"w\":123456789012345678901234567890123456789012345678901234567.001,"
                   "\"ts\":-1,\"day\":-1,\"hour\":86399999,\"raw\":\"AP8=\","
                   "\"list\":[\"a\",null],\"map\":{\"a\":1,\"b\":null},"
                   "\"sub\":{\"x\":1.0E-5,\"y\":[1]}}");
    comes_back(&t, "{\"s\":null,\"i\":null,\"b\":null,\"o\":null,\"d\":\"NaN\",\"n\":null,"
                   "\"w\":null,\"ts\":null,\"day\":null,\"hour\":null,\"raw\":null,"
                   "\"list\":[],\"map\":{},\"sub\":null}");
    assert_int_equal(t.op, OP_INSERT);
    assert_true(isnan(t.got[4].f64[0]));
    arena_free(t.a);
}

TEST(columns_that_came_since_are_null_and_those_that_are_gone_are_named)
{
    struct table t;
    open_table(&t, SINK_APPEND);
    column(&t, "new", "STRING", false);
    column(&t, "b", "BIGINT", false);
    column(&t, "a", "BIGINT", false);
    assert_ok(rebuild(&t, "", "{\"a\":1,\"b\":2}"), &t.e);
    assert_false(column_is_valid(&t.got[0], 0));
    assert_int_equal(t.got[1].i64[0], 2);
    assert_int_equal(t.got[2].i64[0], 1);
    fails(&t, "", "{\"a\":1,\"c\":2}", "column c is none of the output's now");
    arena_free(t.a);
}

TEST(what_would_be_another_value_is_refused)
{
    struct table t;
    open_table(&t, SINK_APPEND);
    column(&t, "s", "STRING", false);
    column(&t, "n", "DECIMAL(6, 2)", false);
    column(&t, "i", "INTEGER", false);
    // Bytes that are no text; another scale, another type than then.
    fails(&t, "", "{\"s\":\"a\\u003f\"}", "its text does not give back what was refused");
    fails(&t, "", "{\"n\":1.5}", "its text does not give back");
    fails(&t, "", "{\"n\":1.505}", "refused row 7/2: ");
    fails(&t, "", "{\"i\":5000000000}", "its text does not give back");
    fails(&t, "", "{\"i\":", "refused row 7/2: ");
    fails(&t, "", "[1]", "no row");
    arena_free(t.a);
}

TEST(of_a_row_that_was_to_be_deleted_the_key_is_enough)
{
    struct table t;
    open_table(&t, SINK_UPSERT);
    column(&t, "v", "BIGINT", false);
    column(&t, "k", "STRING", true);
    assert_ok(rebuild(&t, "{\"k\":\"x\"}", NULL), &t.e);
    assert_int_equal(t.op, OP_DELETE);
    assert_false(column_is_valid(&t.got[0], 0));
    assert_str(t.got[1].str[0], "x");
    assert_ok(rebuild(&t, "{\"k\":\"x\"}", "{\"v\":1,\"k\":\"x\"}"), &t.e);
    assert_int_equal(t.op, OP_UPDATE_AFTER);
    fails(&t, "", "{\"v\":1,\"k\":\"x\"}", "it was appended to the table then");
    t.target.spec.mode = SINK_APPEND;
    fails(&t, "{\"k\":\"x\"}", "{\"v\":1,\"k\":\"x\"}", "it was put by key into the table then");
    arena_free(t.a);
}

TEST_MAIN(T(values_of_all_types_come_back),
          T(columns_that_came_since_are_null_and_those_that_are_gone_are_named),
          T(what_would_be_another_value_is_refused),
          T(of_a_row_that_was_to_be_deleted_the_key_is_enough))
