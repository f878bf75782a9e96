// One row of text per case: the input as a STRING is cast to the source type first, then to the target, then printed.
#include "schema/cast.h"

#include "schema/decimal.h"
#include "schema/text.h"
#include "tests/support/random_column.h"
#include "tests/support/test.h"

#include <stdio.h>

static struct arena *a;

static int setup(void **state)
{
    (void)state;
    a = arena_new(NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(a);
    return 0;
}

static const struct type *type_of(const char *name)
{
    unsigned p;
    unsigned s;
    if (sscanf(name, "DECIMAL(%u,%u)", &p, &s) == 2)
        return type_decimal(a, p, s);
    for (int k = TYPE_BOOLEAN; k <= TYPE_TIMESTAMP; k++) {
        if (strcmp(type_kind_name((enum type_kind)k), name) == 0)
            return type_scalar((enum type_kind)k);
    }
    fail_msg("no type %s", name);
    return NULL;
}

static struct column one_string(const char *text)
{
    struct column c;
    column_init(&c, a, type_scalar(TYPE_STRING), 1);
    c.str[0] = str_from(text);
    return c;
}

static struct column casted(const struct column *in, const struct type *to, uint8_t *error)
{
    struct column out;
    column_init(&out, a, to, 1);
    *error = 0;
    cast_column(&out, a, in, NULL, 1, error);
    assert_int_equal(column_is_valid(&out, 0), !*error);
    return out;
}

// "error" when the second cast fails.
static struct str cast_text(const char *text, const char *from, const char *to)
{
    uint8_t error;
    const struct column string = one_string(text);
    const struct column in = casted(&string, type_of(from), &error);
    if (error)
        fail_msg("%s is not a %s", text, from);
    const struct column out = casted(&in, type_of(to), &error);
    if (error)
        return STR("error");
    struct buf b;
    buf_init(&b, 10000);
    text_cell(&b, &out, 0);
    const struct str s = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return s;
}

static const struct {
    const char *text, *from, *to, *want;
} cases[] = {
    {"5", "INTEGER", "BIGINT", "5"},
    {"-5", "INTEGER", "DOUBLE", "-5.0"},
    {"1", "INTEGER", "DECIMAL(2,1)", "1.0"},
    {"10", "INTEGER", "DECIMAL(2,1)", "error"},
    {"4294967297", "BIGINT", "INTEGER", "1"},
    {"1640317836271", "BIGINT", "INTEGER", "-359670801"},
    {"9223372036854775807", "BIGINT", "DOUBLE", "9.223372036854776E18"},
    {"2.9", "DOUBLE", "INTEGER", "2"},
    {"-2.9", "DOUBLE", "BIGINT", "-2"},
    {"1e300", "DOUBLE", "INTEGER", "2147483647"},
    {"-1e300", "DOUBLE", "BIGINT", "-9223372036854775808"},
    {"NaN", "DOUBLE", "INTEGER", "0"},
    {"NaN", "DOUBLE", "DECIMAL(5,2)", "error"},
    {"Infinity", "DOUBLE", "DECIMAL(5,2)", "error"},
    {"0.99", "DOUBLE", "DECIMAL(2,1)", "1.0"},
    {"0.01", "DOUBLE", "DECIMAL(2,1)", "0.0"},
    {"0.15", "DOUBLE", "DECIMAL(2,1)", "0.2"}, // exact value 0.1499…, first to two digits
    {"0.15", "DOUBLE", "DECIMAL(18,1)", "0.1"},
    {"1.005", "DOUBLE", "DECIMAL(10,2)",
     "1.01"}, // 1.004999999999999893 at 10 digits is 1.005000000
    {"1.005", "DOUBLE", "DECIMAL(20,2)", "1.00"}, // and at 20 digits it is not
    {"-1234.565", "DOUBLE", "DECIMAL(9,2)", "-1234.57"},
    {"99.995", "DOUBLE", "DECIMAL(4,2)", "error"},
    {"12345678901234567890", "DOUBLE", "DECIMAL(20,0)", "12345678901234567168"},
    {"1e30", "DOUBLE", "DECIMAL(38,0)", "1000000000000000019884624838656"},
    {"1e40", "DOUBLE", "DECIMAL(41,0)", "10000000000000000303786028427003666890752"},
    {"0.1", "DOUBLE", "DECIMAL(60,55)",
     "0.1000000000000000055511151231257827021181583404541015625"},
    {"12.345", "DECIMAL(5,3)", "DECIMAL(4,2)", "12.35"},
    {"-12.345", "DECIMAL(5,3)", "DECIMAL(4,2)", "-12.35"},
    {"12.345", "DECIMAL(5,3)", "DECIMAL(3,2)", "error"},
    {"9.99", "DECIMAL(3,2)", "DECIMAL(2,1)", "error"},
    {"12.999", "DECIMAL(5,3)", "INTEGER", "12"},
    {"-12.999", "DECIMAL(5,3)", "BIGINT", "-12"},
    {"4294967297.5", "DECIMAL(11,1)", "INTEGER", "1"},
    {"18446744073709551617", "DECIMAL(38,0)", "BIGINT", "1"},
    {"340282366920938463463374607431768211457", "DECIMAL(39,0)", "BIGINT", "1"},
    {"-340282366920938463463374607431768211457", "DECIMAL(39,0)", "BIGINT", "-1"},
    {"12.50", "DECIMAL(4,2)", "DOUBLE", "12.5"},
    {"12.50", "DECIMAL(4,2)", "STRING", "12.50"},
    {"0.00", "DECIMAL(4,2)", "STRING", "0.00"},
    {" 42 ", "STRING", "INTEGER", "42"},
    {"+42", "STRING", "INTEGER", "42"},
    {"2147483648", "STRING", "INTEGER", "error"},
    {"-2147483648", "STRING", "INTEGER", "-2147483648"},
    {"-9223372036854775808", "STRING", "BIGINT", "-9223372036854775808"},
    {"9223372036854775808", "STRING", "BIGINT", "error"},
    {"4.0", "STRING", "INTEGER", "error"},
    {"", "STRING", "INTEGER", "error"},
    {"-", "STRING", "BIGINT", "error"},
    {" 1.5e3 ", "STRING", "DOUBLE", "1500.0"},
    {"abc", "STRING", "DOUBLE", "error"},
    {" 1.255 ", "STRING", "DECIMAL(5,2)", "1.26"},
    {"1E3", "STRING", "DECIMAL(6,2)", "1000.00"},
    {"1E2000000000", "STRING", "DECIMAL(6,2)", "error"},
    {"1E-2000000000", "STRING", "DECIMAL(6,2)", "0.00"},
    {"x", "STRING", "DECIMAL(6,2)", "error"},
    {" TrU ", "STRING", "BOOLEAN", "true"},
    {"yes", "STRING", "BOOLEAN", "true"},
    {"truex", "STRING", "BOOLEAN", "false"},
    {"no", "STRING", "BOOLEAN", "false"},
    {"", "STRING", "BOOLEAN", "false"},
    {"true", "BOOLEAN", "STRING", "true"},
    {"5", "INTEGER", "STRING", "5"},
    {"-9223372036854775808", "BIGINT", "STRING", "-9223372036854775808"},
    {"1e7", "DOUBLE", "STRING", "1.0E7"},
    {"2020-01-02T03:04:05.678", "TIMESTAMP", "STRING", "2020-01-02T03:04:05.678"},
    {"2020-01-02T03:04:05.678", "TIMESTAMP", "DATE", "2020-01-02"},
    {"1969-12-31T23:59:59.999", "TIMESTAMP", "DATE", "1969-12-31"},
    {"1969-12-31T23:59:59.999", "TIMESTAMP", "TIME", "23:59:59"},
    {"2020-01-02", "DATE", "TIMESTAMP", "2020-01-02T00:00:00.000"},
    {"03:04:05.678", "TIME", "STRING", "03:04:05"},
    {"03:00", "TIME", "STRING", "03:00"},
    {"25:00", "STRING", "TIME", "error"},
    {"2020-13", "STRING", "DATE", "error"},
    {"x", "STRING", "TIMESTAMP", "error"},
    {"aGk=", "STRING", "BYTES", "aGk="},
    {"aGk", "STRING", "BYTES", "aGk="},
    {"aGk==", "STRING", "BYTES", "error"},
    {"a", "STRING", "BYTES", "error"},
    {"a_k=", "STRING", "BYTES", "error"},
    {"", "STRING", "BYTES", ""},
};

TEST(scalars_cast_as_javas_conversions_do)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct str got = cast_text(cases[i].text, cases[i].from, cases[i].to);
        if (!str_eq(got, str_from(cases[i].want)))
            fail_msg("CAST(CAST('%s' AS %s) AS %s) is %.*s, not %s", cases[i].text, cases[i].from,
                     cases[i].to, STR_ARG(got), cases[i].want);
    }
}

TEST(only_ksqldbs_casts_are_supported)
{
    static const char *const yes[][2] = {{"INTEGER", "DECIMAL(4,2)"}, {"DOUBLE", "INTEGER"},
                                         {"STRING", "BYTES"},         {"TIMESTAMP", "DATE"},
                                         {"DATE", "TIMESTAMP"},       {"BYTES", "BYTES"},
                                         {"STRING", "BOOLEAN"},       {"TIME", "STRING"}};
    static const char *const no[][2] = {{"BOOLEAN", "INTEGER"},  {"INTEGER", "BOOLEAN"},
                                        {"BYTES", "STRING"},     {"BIGINT", "TIMESTAMP"},
                                        {"TIME", "TIMESTAMP"},   {"DATE", "TIME"},
                                        {"TIMESTAMP", "BIGINT"}, {"DOUBLE", "DATE"}};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        assert_true(cast_supported(type_of(yes[i][0]), type_of(yes[i][1])));
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_false(cast_supported(type_of(no[i][0]), type_of(no[i][1])));
    const struct type *ints = type_array(a, type_scalar(TYPE_INTEGER));
    assert_true(cast_supported(ints, type_scalar(TYPE_STRING)));
    assert_false(cast_supported(type_scalar(TYPE_STRING), ints));
    assert_true(cast_supported(ints, type_array(a, type_scalar(TYPE_STRING))));
    assert_false(cast_supported(ints, type_array(a, type_scalar(TYPE_BOOLEAN))));
}

TEST(implicit_casts_lose_nothing)
{
    assert_true(cast_implicit(type_of("INTEGER"), type_of("BIGINT")));
    assert_true(cast_implicit(type_of("BIGINT"), type_of("DOUBLE")));
    assert_true(cast_implicit(type_of("INTEGER"), type_of("DECIMAL(12,2)")));
    assert_false(cast_implicit(type_of("INTEGER"), type_of("DECIMAL(11,2)")));
    assert_true(cast_implicit(type_of("DECIMAL(4,2)"), type_of("DECIMAL(5,3)")));
    assert_false(cast_implicit(type_of("DECIMAL(4,2)"), type_of("DECIMAL(4,3)")));
    assert_true(cast_implicit(type_of("DECIMAL(4,2)"), type_of("DOUBLE")));
    assert_false(cast_implicit(type_of("DOUBLE"), type_of("DECIMAL(38,2)")));
    assert_false(cast_implicit(type_of("BIGINT"), type_of("INTEGER")));
    assert_false(cast_implicit(type_of("STRING"), type_of("INTEGER")));
    assert_true(cast_implicit(type_of("STRING"), type_of("STRING")));
    assert_true(cast_implicit(type_array(a, type_of("INTEGER")), type_array(a, type_of("BIGINT"))));
    assert_false(cast_implicit(type_array(a, type_of("STRING")), type_array(a, type_of("BIGINT"))));
}

TEST(only_selected_rows_are_cast_and_only_their_errors_marked)
{
    struct column in;
    column_init(&in, a, type_scalar(TYPE_STRING), 6);
    static const char *const texts[] = {"1", "x", "3", "y", "5", "z"};
    for (uint32_t i = 0; i < 6; i++)
        in.str[i] = str_from(texts[i]);
    column_set_null(&in, a, 4, 6);
    const uint32_t sel[] = {0, 3, 4};
    uint8_t error[6] = {0};
    struct column out;
    column_init(&out, a, type_scalar(TYPE_INTEGER), 6);
    cast_column(&out, a, &in, sel, 3, error);
    assert_int_equal(out.i32[0], 1);
    assert_memory_equal(error, "\0\0\0\1\0\0", 6);
    assert_true(column_is_valid(&out, 0));
    assert_false(column_is_valid(&out, 3));
    assert_false(column_is_valid(&out, 4));
}

TEST(a_cast_to_the_same_type_keeps_the_inputs_nulls_its_own)
{
    struct column in;
    column_init(&in, a, type_scalar(TYPE_BIGINT), 3);
    column_set_null(&in, a, 1, 3);
    struct column out;
    column_init(&out, a, type_scalar(TYPE_BIGINT), 3);
    uint8_t error[3] = {0};
    cast_column(&out, a, &in, NULL, 3, error);
    column_set_null(&out, a, 0, 3);
    assert_true(column_is_valid(&in, 0));
    assert_false(column_is_valid(&out, 1));
    assert_true(column_is_valid(&out, 2));
}

// {"x": 1}, null, {"x": 3000000000}, {} as MAP<STRING, BIGINT>
static struct column map_column(void)
{
    struct column c;
    column_init(&c, a, type_map(a, type_scalar(TYPE_STRING), type_scalar(TYPE_BIGINT)), 4);
    column_set_null(&c, a, 1, 4);
    const uint32_t first = column_append_items(&c, a, 2);
    c.children[0].str[first] = c.children[0].str[first + 1] = STR("x");
    c.children[1].i64[first] = 1;
    c.children[1].i64[first + 1] = 3000000000;
    c.offsets[1] = 1;
    c.offsets[2] = 1;
    c.offsets[3] = c.offsets[4] = 2;
    return c;
}

static struct str cell(const struct column *c, uint32_t row)
{
    struct buf b;
    buf_init(&b, 10000);
    if (column_is_valid(c, row))
        text_cell(&b, c, row);
    else
        buf_text(&b, "NULL");
    const struct str s = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return s;
}

TEST(maps_and_arrays_are_cast_item_by_item)
{
    const struct column in = map_column();
    struct column out;
    uint8_t error[4] = {0};
    column_init(&out, a, type_map(a, type_scalar(TYPE_STRING), type_decimal(a, 6, 2)), 4);
    cast_column(&out, a, &in, NULL, 4, error);
    assert_str(cell(&out, 0), "{x=1.00}");
    assert_str(cell(&out, 1), "NULL");
    assert_str(cell(&out, 2), "NULL");
    assert_str(cell(&out, 3), "{}");
    assert_memory_equal(error, "\0\0\1\0", 4);
    const uint32_t sel[] = {2, 3};
    memset(error, 0, sizeof error);
    column_init(&out, a, type_map(a, type_scalar(TYPE_STRING), type_scalar(TYPE_STRING)), 4);
    cast_column(&out, a, &in, sel, 2, error);
    assert_str(cell(&out, 0), "NULL");
    assert_str(cell(&out, 2), "{x=3000000000}");
    assert_str(cell(&out, 3), "{}");
}

TEST(struct_fields_are_cast_by_name)
{
    const struct field from[] = {{STR("F0"), type_scalar(TYPE_BIGINT)},
                                 {STR("F1"), type_scalar(TYPE_STRING)}};
    const struct field to[] = {{STR("F1"), type_scalar(TYPE_INTEGER)},
                               {STR("F3"), type_scalar(TYPE_STRING)},
                               {STR("F0"), type_scalar(TYPE_STRING)}};
    struct column in;
    column_init(&in, a, type_struct(a, from, 2), 3);
    in.children[0].i64[0] = 1;
    in.children[1].str[0] = STR("7");
    in.children[1].str[2] = STR("seven");
    column_set_null(&in, a, 1, 3);
    struct column out;
    column_init(&out, a, type_struct(a, to, 3), 3);
    uint8_t error[3] = {0};
    cast_column(&out, a, &in, NULL, 3, error);
    assert_str(cell(&out, 0), "Struct{F1=7,F0=1}");
    assert_str(cell(&out, 1), "NULL");
    assert_false(column_is_valid(&out.children[2], 1));
    assert_str(cell(&out, 2), "NULL");
    assert_memory_equal(error, "\0\0\1", 3);
}

TEST(nested_values_print_as_java_prints_them)
{
    const struct field fields[] = {{STR("A"), type_array(a, type_scalar(TYPE_DOUBLE))},
                                   {STR("B"), type_scalar(TYPE_BOOLEAN)},
                                   {STR("C"), type_scalar(TYPE_STRING)}};
    struct column c;
    column_init(&c, a, type_struct(a, fields, 3), 1);
    struct column *items = &c.children[0];
    column_append_items(items, a, 3);
    items->children[0].f64[0] = 1;
    items->children[0].f64[2] = 1e10;
    column_set_null(&items->children[0], a, 1, items->children[0].cap);
    items->offsets[1] = 3;
    column_set_null(&c.children[1], a, 0, 1);
    c.children[2].str[0] = STR("x, y");
    assert_str(cell(&c, 0), "Struct{A=[1.0, null, 1.0E10],C=x, y}");
}

TEST(every_supported_cast_of_random_columns_keeps_nulls_and_ends)
{
    for (unsigned seed = 0; seed < (test_is_long() ? 20000 : 2000); seed++) {
        struct random_state r = {seed};
        struct arena *scratch = arena_new(NULL);
        const struct type *from = random_type(&r, scratch, 2);
        const struct type *to = random_type(&r, scratch, 2);
        if (cast_supported(from, to)) {
            struct column in;
            struct column out;
            uint8_t error[20] = {0};
            random_column(&in, &r, scratch, from, 20, RANDOM_NULLS);
            column_init(&out, scratch, to, 20);
            cast_column(&out, scratch, &in, NULL, 20, error);
            for (uint32_t row = 0; row < 20; row++)
                assert_int_equal(column_is_valid(&out, row),
                                 column_is_valid(&in, row) && !error[row]);
        }
        arena_free(scratch);
    }
}

#define C(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
TEST_MAIN(C(scalars_cast_as_javas_conversions_do), C(only_ksqldbs_casts_are_supported),
          C(implicit_casts_lose_nothing),
          C(only_selected_rows_are_cast_and_only_their_errors_marked),
          C(a_cast_to_the_same_type_keeps_the_inputs_nulls_its_own),
          C(maps_and_arrays_are_cast_item_by_item), C(struct_fields_are_cast_by_name),
          C(nested_values_print_as_java_prints_them),
          C(every_supported_cast_of_random_columns_keeps_nulls_and_ends))
