#include "schema/type.h"

#include "tests/support/test.h"

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

static struct str printed(const struct type *t)
{
    struct buf b;
    buf_init(&b, 10000);
    type_print(&b, t);
    const struct str s = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return s;
}

static const struct type *sample_struct(void)
{
    const struct field fields[] = {{STR("A"), type_scalar(TYPE_INTEGER)},
                                   {STR("b`c"), type_array(a, type_decimal(a, 18, 2))}};
    return type_struct(a, fields, 2);
}

TEST(types_print_as_ksqldb_prints_them)
{
    assert_str(printed(type_scalar(TYPE_INTEGER)), "INTEGER");
    assert_str(printed(type_decimal(a, 18, 2)), "DECIMAL(18, 2)");
    assert_str(printed(type_map(a, type_scalar(TYPE_STRING), type_scalar(TYPE_BYTES))),
               "MAP<STRING, BYTES>");
    assert_str(printed(sample_struct()), "STRUCT<`A` INTEGER, `b``c` ARRAY<DECIMAL(18, 2)>>");
    assert_str(printed(type_struct(a, NULL, 0)), "STRUCT< >");
}

TEST(equal_types_are_equal_wherever_they_were_built)
{
    assert_true(type_equal(sample_struct(), sample_struct()));
    assert_true(type_equal(type_decimal(a, 5, 2), type_decimal(a, 5, 2)));
    assert_false(type_equal(type_decimal(a, 5, 2), type_decimal(a, 5, 1)));
    assert_false(
        type_equal(type_array(a, type_scalar(TYPE_DATE)), type_array(a, type_scalar(TYPE_TIME))));
    const struct field other = {STR("a"), type_scalar(TYPE_INTEGER)};
    const struct field upper = {STR("A"), type_scalar(TYPE_INTEGER)};
    assert_false(type_equal(type_struct(a, &other, 1), type_struct(a, &upper, 1)));
    assert_false(type_equal(sample_struct(), type_struct(a, &upper, 1)));
}

TEST(kinds_are_classed)
{
    static const enum type_kind numbers[] = {TYPE_INTEGER, TYPE_BIGINT, TYPE_DOUBLE};
    for (int k = TYPE_BOOLEAN; k <= TYPE_TIMESTAMP; k++) {
        if (k == TYPE_DECIMAL)
            continue;
        bool number = false;
        for (size_t i = 0; i < 3; i++)
            number = number || numbers[i] == (enum type_kind)k;
        assert_int_equal(type_is_number(type_scalar((enum type_kind)k)), number);
        assert_false(type_is_nested(type_scalar((enum type_kind)k)));
    }
    assert_true(type_is_number(type_decimal(a, 1, 0)));
    assert_true(type_is_nested(sample_struct()));
}

TEST(fields_and_columns_are_found_by_exact_name)
{
    assert_int_equal(type_field(sample_struct(), STR("b`c")), 1);
    assert_int_equal(type_field(sample_struct(), STR("a")), -1);
    const struct schema_column columns[] = {{STR("K"), type_scalar(TYPE_STRING), true},
                                            {STR("V"), type_scalar(TYPE_INTEGER), false}};
    const struct schema s = {.count = 2, .key_count = 1, .columns = columns};
    assert_int_equal(schema_find(&s, STR("V")), 1);
    assert_int_equal(schema_find(&s, STR("v")), -1);
    struct buf b;
    buf_init(&b, 1000);
    schema_print(&b, &s);
    assert_str(buf_view(&b), "`K` STRING KEY, `V` INTEGER");
    buf_fini(&b);
    struct schema other = s;
    assert_true(schema_equal(&s, &other));
    other.windowed = true;
    assert_false(schema_equal(&s, &other));
}

#define C(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
TEST_MAIN(C(types_print_as_ksqldb_prints_them), C(equal_types_are_equal_wherever_they_were_built),
          C(kinds_are_classed), C(fields_and_columns_are_found_by_exact_name))
