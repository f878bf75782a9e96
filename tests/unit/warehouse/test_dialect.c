#include "warehouse/dialect.h"

#include "tests/support/test.h"

static struct target parsed(const struct dialect *d, const char *text)
{
    struct target t;
    if (!target_parse(&t, d, str_from(text)))
        fail_msg("%s: %s is not understood", d->name, text);
    return t;
}

TEST(names_are_quoted_and_quotes_doubled)
{
    struct buf b;
    buf_init(&b, 256);
    dialect_name(&b, &dialect_mysql, STR("a`b"));
    buf_char(&b, ' ');
    dialect_name(&b, &dialect_sqlite, STR("a\"b"));
    assert_str(buf_view(&b), "`a``b` \"a\"\"b\"");
    buf_fini(&b);
}

TEST(types_are_read_as_the_server_prints_them)
{
    struct target t = parsed(&dialect_mysql, "int(11)");
    assert_true(t.kind == TARGET_INTEGER && t.min == INT32_MIN && t.max == INT32_MAX);
    t = parsed(&dialect_mysql, "int(10) unsigned zerofill");
    assert_true(t.min == 0 && t.max == UINT32_MAX);
    t = parsed(&dialect_mysql, "bigint(20) unsigned");
    assert_true(t.min == 0 && t.max == INT64_MAX);
    t = parsed(&dialect_mysql, "tinyint(1)");
    assert_true(t.min == -128 && t.max == 127);
    t = parsed(&dialect_mysql, "DECIMAL( 15 , 2 )");
    assert_true(t.kind == TARGET_DECIMAL && t.precision == 15 && t.scale == 2);
    t = parsed(&dialect_mysql, "decimal(7)");
    assert_true(t.precision == 7 && t.scale == 0);
    t = parsed(&dialect_mysql, "double precision");
    assert_int_equal(t.kind, TARGET_DOUBLE);
    t = parsed(&dialect_mysql, "varchar(64)");
    assert_true(t.kind == TARGET_TEXT && t.length_max == 64 && t.unit == TARGET_CHARACTERS);
    t = parsed(&dialect_mysql, "text");
    assert_true(t.length_max == 65535 && t.unit == TARGET_OCTETS);
    t = parsed(&dialect_mysql, "char(3)");
    assert_true(t.fixed && t.length_max == 3);
    t = parsed(&dialect_mysql, "timestamp(6)");
    assert_true(t.kind == TARGET_TIMESTAMP && t.scale == 6);
    assert_int_equal(parsed(&dialect_mysql, "timestamp").scale, 0);
}

TEST(types_that_are_not_written_are_not_understood)
{
    static const char *const wrong[] = {
        "enum('a','b')", "float",        "bit(1)",       "geometry", "",
        "varchar(",      "decimal(a,2)", "int(11) auto", "(1)",      "year(4)"};
    struct target t;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (target_parse(&t, &dialect_mysql, str_from(wrong[i])))
            fail_msg("%s is understood", wrong[i]);
    }
    // NUMERIC affinity makes a REAL of it: 15 digits.
    assert_true(target_parse(&t, &dialect_sqlite, STR("DECIMAL(15,2)")));
    assert_false(target_parse(&t, &dialect_sqlite, STR("DECIMAL(16,2)")));
    assert_true(target_parse(&t, &dialect_sqlite, STR("DECIMAL_TEXT(38,2)")));
}

struct fits {
    enum type_kind from;
    const char *mapping, *target;
    bool fits;
};

TEST(what_a_column_can_hold_is_decided_by_type_and_mapping)
{
    static const struct fits cases[] = {
        {TYPE_BOOLEAN, "", "tinyint(1)", true},
        {TYPE_INTEGER, "", "int", true},
        {TYPE_INTEGER, "", "bigint", true},
        {TYPE_INTEGER, "", "int unsigned", false},
        {TYPE_INTEGER, "smallint", "smallint", true},
        {TYPE_BIGINT, "", "int", false},
        {TYPE_BIGINT, "int", "int", true},
        {TYPE_BIGINT, "", "double", false},
        {TYPE_BIGINT, "", "timestamp", false},
        {TYPE_BIGINT, "timestamp", "timestamp", true},
        {TYPE_BIGINT, "", "decimal(19,0)", true},
        {TYPE_DOUBLE, "", "decimal(15,2)", true},
        {TYPE_DOUBLE, "", "bigint", false},
        {TYPE_STRING, "", "varchar(10)", true},
        {TYPE_STRING, "", "varbinary(10)", true},
        {TYPE_STRING, "", "timestamp", false},
        {TYPE_STRING, "timestamp", "datetime", true},
        {TYPE_STRING, "", "int", false},
        {TYPE_STRING, "int", "int", false},
        {TYPE_BYTES, "", "longblob", true},
        {TYPE_BYTES, "", "text", false},
        {TYPE_TIMESTAMP, "", "datetime(3)", true},
        {TYPE_TIMESTAMP, "", "date", false},
        {TYPE_DATE, "", "date", true},
        {TYPE_TIME, "", "time", true},
        {TYPE_BIGINT, "varchar(20)", "varchar(20)", true},
        {TYPE_BIGINT, "", "varchar(20)", false},
        {TYPE_STRING, "json", "json", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct target t = parsed(&dialect_mysql, cases[i].target);
        const struct sink_column c = {.name = STR("c"),
                                      .type = type_scalar(cases[i].from),
                                      .sql_type = str_from(cases[i].mapping)};
        if ((target_refuses(&t, &c) == NULL) != cases[i].fits)
            fail_msg("%s into %s, mapped \"%s\"", type_kind_name(cases[i].from), cases[i].target,
                     cases[i].mapping);
    }
}

TEST(created_columns_have_types_that_keep_the_values)
{
    struct arena *a = arena_new(NULL);
    struct buf b;
    struct err e = {0};
    struct target t;
    buf_init(&b, 4096);
    struct sink_column c = {.name = STR("c"), .type = type_scalar(TYPE_STRING), .key = true};
    assert_ok(target_for_column(&t, &b, &dialect_mysql, &c, &e), &e);
    assert_str(buf_view(&b), "varchar(255)");
    buf_clear(&b);
    c.sql_type = STR("timestamp");
    c.key = false;
    assert_ok(target_for_column(&t, &b, &dialect_mysql, &c, &e), &e);
    assert_str(buf_view(&b), "timestamp(6)"); // ISO text has microseconds
    buf_clear(&b);
    c.type = type_scalar(TYPE_BIGINT);
    assert_ok(target_for_column(&t, &b, &dialect_mysql, &c, &e), &e);
    assert_str(buf_view(&b), "timestamp(3)");
    buf_clear(&b);
    c.sql_type = STR_NONE;
    c.type = type_decimal(a, 66, 2);
    assert_fails(target_for_column(&t, &b, &dialect_mysql, &c, &e), &e, ERR_CONFIG,
                 "no DECIMAL(66, 2), at most (65, 30)");
    buf_clear(&b);
    c.type = type_array(a, type_scalar(TYPE_STRING));
    c.key = true;
    assert_fails(target_for_column(&t, &b, &dialect_mysql, &c, &e), &e, ERR_CONFIG, "nested");
    buf_fini(&b);
    arena_free(a);
}

TEST_MAIN(T(names_are_quoted_and_quotes_doubled), T(types_are_read_as_the_server_prints_them),
          T(types_that_are_not_written_are_not_understood),
          T(what_a_column_can_hold_is_decided_by_type_and_mapping),
          T(created_columns_have_types_that_keep_the_values))
