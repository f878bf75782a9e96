#include "warehouse/cells.h"

#include "schema/decimal.h"
#include "tests/support/test.h"

#include <math.h>

struct fixture {
    struct arena *a;
    struct sink_column column;
    struct target target;
    struct cells *cells;
    struct column values;
    struct err e;
};

static void init(struct fixture *f, const struct type *type, const char *mapping,
                 const char *target)
{
    *f = (struct fixture){.a = arena_new(NULL)};
    f->column = (struct sink_column){STR("c"), type, str_from(mapping), false, 0};
    assert_true(target_parse(&f->target, &dialect_mysql, str_from(target)));
    assert_ok(cells_new(&f->cells, f->a, &f->column, &f->target, &f->e), &f->e);
    column_init(&f->values, f->a, type, 1);
}

static bool fill(struct fixture *f, struct cell_array *out)
{
    struct cell_range range = {.column = &f->values, .from = 0, .to = 1};
    return cells_fill(out, f->cells, f->a, &range, &f->e);
}

static void gives(struct fixture *f, const char *text)
{
    struct cell_array out;
    assert_ok(fill(f, &out), &f->e);
    assert_int_equal(out.null[0], 0);
    assert_str(((struct str){out.text[0], out.length[0]}), text);
}

static void is_refused(struct fixture *f, const char *why)
{
    struct cell_array out;
    assert_fails(fill(f, &out), &f->e, ERR_DATA, why);
    assert_non_null(strstr(f->e.text, "column c: value "));
}

TEST(timestamps_keep_what_the_column_keeps_and_cut_the_rest)
{
    struct fixture f;
    init(&f, type_scalar(TYPE_STRING), "timestamp", "timestamp(6)");
    const char *const texts[][2] = {
        {"2025-10-28T08:00:00.123456789Z", "2025-10-28 08:00:00.123456"},
        {"2025-10-28T08:00:00.1234Z", "2025-10-28 08:00:00.123400"},
        {"2025-10-28T08:00:00.5+02:00", "2025-10-28 06:00:00.500"},
        {"1969-12-31T23:59:59.999999Z", "1969-12-31 23:59:59.999999"},
        {"2025-10-28", "2025-10-28 00:00:00.000"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        f.values.str[0] = str_from(texts[i][0]);
        gives(&f, texts[i][1]);
    }
    f.values.str[0] = STR("10000-01-01T00:00:00Z");
    is_refused(&f, "");
    arena_free(f.a);
    init(&f, type_scalar(TYPE_TIMESTAMP), "", "timestamp");
    f.values.i64[0] = INT64_C(1761638400999);
    gives(&f, "2025-10-28 08:00:00"); // not rounded into the next second
    f.values.i64[0] = -1;
    gives(&f, "1969-12-31 23:59:59");
    f.values.i64[0] = INT64_MAX;
    is_refused(&f, "outside the years");
    arena_free(f.a);
}

TEST(decimals_are_rounded_half_up_or_refused)
{
    struct fixture f;
    init(&f, type_scalar(TYPE_DOUBLE), "", "decimal(5,2)");
    f.values.f64[0] = 1.005;
    gives(&f, "1.01");
    f.values.f64[0] = -0.005;
    gives(&f, "-0.01");
    f.values.f64[0] = 999.994;
    gives(&f, "999.99");
    f.values.f64[0] = 999.995;
    is_refused(&f, "does not fit DECIMAL(5, 2)");
    f.values.f64[0] = NAN;
    is_refused(&f, "no decimal number");
    f.values.f64[0] = -INFINITY;
    is_refused(&f, "no decimal number");
    arena_free(f.a);
}

TEST(doubles_that_are_no_numbers_are_refused)
{
    struct fixture f;
    init(&f, type_scalar(TYPE_DOUBLE), "", "double");
    f.values.f64[0] = INFINITY;
    is_refused(&f, "no number");
    arena_free(f.a);
}

TEST(texts_are_measured_in_the_columns_unit)
{
    struct fixture f;
    init(&f, type_scalar(TYPE_STRING), "", "varchar(3)");
    f.values.str[0] = STR("\xE6\x97\xA5\xE6\x9C\xAC\xC3\xA9");
    gives(&f, "\xE6\x97\xA5\xE6\x9C\xAC\xC3\xA9");
    f.values.str[0] = STR("abcd");
    is_refused(&f, "too long: 4 characters, at most 3");
    arena_free(f.a);
    init(&f, type_scalar(TYPE_STRING), "", "varbinary(3)");
    f.values.str[0] = STR("\xE6\x97\xA5\xC3\xA9");
    is_refused(&f, "too long: 5 bytes, at most 3");
    arena_free(f.a);
    init(&f, type_scalar(TYPE_STRING), "", "char(3)");
    f.values.str[0] = STR("a ");
    is_refused(&f, "ends with a space");
    arena_free(f.a);
    init(&f, type_scalar(TYPE_BYTES), "", "binary(3)");
    f.values.str[0] = STR("ab");
    is_refused(&f, "would pad");
    arena_free(f.a);
}

TEST(nulls_need_a_column_that_takes_them)
{
    struct fixture f;
    struct cell_array out;
    init(&f, type_scalar(TYPE_BIGINT), "", "bigint");
    column_need_valid(&f.values, f.a, 1);
    f.values.valid[0] = 0;
    assert_ok(fill(&f, &out), &f.e);
    assert_int_equal(out.null[0], 1);
    f.target.nullable = false;
    assert_fails(fill(&f, &out), &f.e, ERR_DATA, "column c: NULL, but the column is NOT NULL");
    arena_free(f.a);
}

TEST(keys_in_messages_are_cut)
{
    struct arena *a = arena_new(NULL);
    const struct sink_column columns[] = {{STR("id"), type_scalar(TYPE_STRING), STR_NONE, true, 0},
                                          {STR("v"), type_scalar(TYPE_BIGINT), STR_NONE, false, 1},
                                          {STR("n"), type_scalar(TYPE_BIGINT), STR_NONE, true, 2}};
    struct column values[3];
    for (size_t i = 0; i < 3; i++)
        column_init(&values[i], a, columns[i].type, 1);
    char text[200];
    memset(text, 'x', sizeof text);
    values[0].str[0] = (struct str){text, sizeof text};
    values[2].i64[0] = -7;
    struct buf b;
    buf_init(&b, 4096);
    cells_key_text(&b, columns, values, 3, 0);
    assert_true(str_starts(buf_view(&b), STR("id='xxxxx")) &&
                str_ends(buf_view(&b), STR("x...', n='-7'")));
    assert_int_equal(b.n, strlen("id=''") + 80 + strlen("..., n='-7'"));
    buf_fini(&b);
    arena_free(a);
}

TEST_MAIN(T(timestamps_keep_what_the_column_keeps_and_cut_the_rest),
          T(decimals_are_rounded_half_up_or_refused), T(doubles_that_are_no_numbers_are_refused),
          T(texts_are_measured_in_the_columns_unit), T(nulls_need_a_column_that_takes_them),
          T(keys_in_messages_are_cut))
