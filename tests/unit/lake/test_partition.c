#include "tests/support/lake_rows.h"
#include "tests/support/test.h"

#include "base/clock.h"
#include "lake/layout/partition.h"
#include "schema/text.h"

// One row per value of V, partitioned as told.
struct rows {
    struct arena *a;
    struct schema_column column;
    struct schema schema;
    struct block *b;
    struct lake_output o;
    struct lake_part parts[5];
};

static void rows_init(struct rows *r, enum type_kind kind, uint32_t n)
{
    *r = (struct rows){.a = arena_new(NULL)};
    r->column = (struct schema_column){STR("V"), type_scalar(kind), false};
    r->schema = (struct schema){.count = 1, .columns = &r->column};
    r->b = block_new(r->a, &r->schema, n);
    r->o = (struct lake_output){
        .name = STR("S"), .schema = &r->schema, .parts = r->parts, .time_column = -1};
}

static void part(struct rows *r, enum lake_part_kind kind)
{
    r->parts[r->o.part_count++] = (struct lake_part){.kind = kind};
}

static void rows_fini(struct rows *r)
{
    arena_free(r->a);
}

// The path of every row, one per line; "+" before it when the partitioner said that it differs from the row before.
static void paths(struct buf *out, struct rows *r)
{
    struct err e = {0};
    struct partitioner *p;
    buf_clear(out);
    assert_ok(partitioner_new(&p, r->a, &r->o, &e), &e);
    int64_t *times = ARENA_ARRAY(r->a, int64_t, r->b->rows);
    uint8_t *valid = ARENA_ARRAY(r->a, uint8_t, r->b->rows);
    partitioner_times(times, valid, &r->o, r->b);
    for (uint32_t i = 0; i < r->b->rows; i++) {
        if (partitioner_row(p, r->b, i, times, valid) == PARTITION_OTHER)
            buf_char(out, '+');
        buf_str(out, partitioner_path(p));
        buf_char(out, '\n');
    }
    assert_false(partitioner_failed(p));
    partitioner_free(p);
}

static void expect(struct rows *r, const char *want)
{
    struct buf got;
    buf_init(&got, 1 << 20);
    paths(&got, r);
    assert_str(buf_view(&got), want);
    buf_fini(&got);
}

static int64_t ms(int64_t year, int month, int day, int hour, int minute)
{
    const struct civil c = {year, month, day, hour, minute, 0, 0};
    return civil_to_ms(&c);
}

TEST(rows_of_one_day_share_a_directory)
{
    struct rows r;
    rows_init(&r, TYPE_BIGINT, 4);
    part(&r, LAKE_PART_YEAR);
    part(&r, LAKE_PART_MONTH);
    part(&r, LAKE_PART_DAY);
    r.b->rowtime[0] = ms(2025, 10, 28, 0, 0);
    r.b->rowtime[1] = ms(2025, 10, 28, 23, 59) + 59999;
    r.b->rowtime[2] = ms(2025, 10, 29, 0, 0);
    r.b->rowtime[3] = ms(1969, 12, 31, 23, 59);
    expect(&r, "+year=2025/month=10/day=28\nyear=2025/month=10/day=28\n"
               "+year=2025/month=10/day=29\n+year=1969/month=12/day=31\n");
    rows_fini(&r);
}

TEST(hours_follow_the_zone)
{
    struct rows r;
    struct err e = {0};
    rows_init(&r, TYPE_BIGINT, 3);
    part(&r, LAKE_PART_DAY);
    part(&r, LAKE_PART_HOUR);
    assert_ok(zone_load(&r.o.zone, r.a, STR("Asia/Kolkata"), &e), &e); // +05:30
    r.b->rowtime[0] = ms(2025, 10, 28, 18, 29);
    r.b->rowtime[1] = ms(2025, 10, 28, 18, 30);
    r.b->rowtime[2] = ms(2025, 10, 28, 18, 59);
    expect(&r, "+day=28/hour=23\n+day=29/hour=00\nday=29/hour=00\n");
    rows_fini(&r);
}

// Quarter of an hour by quarter, over the two changes of a year, against the zone itself.
TEST(the_cache_agrees_with_the_zone_around_clock_changes)
{
    enum { N = 4000 };
    struct rows r;
    struct err e = {0};
    struct buf got, want;
    buf_init(&got, 1 << 22);
    buf_init(&want, 1 << 22);
    static const char *const zones[] = {"Europe/Paris", "Australia/Lord_Howe", "Africa/Monrovia"};
    const int64_t starts[] = {ms(2025, 3, 30, 0, 0), ms(2025, 10, 4, 12, 0), ms(1972, 1, 6, 20, 0)};
    for (int z = 0; z < 3; z++) {
        rows_init(&r, TYPE_BIGINT, N);
        part(&r, LAKE_PART_YEAR);
        part(&r, LAKE_PART_MONTH);
        part(&r, LAKE_PART_DAY);
        part(&r, LAKE_PART_HOUR);
        assert_ok(zone_load(&r.o.zone, r.a, str_from(zones[z]), &e), &e);
        buf_clear(&want);
        int64_t last = INT64_MIN;
        for (uint32_t i = 0; i < N; i++) {
            int64_t t = starts[z] + (int64_t)i * 17000;
            r.b->rowtime[i] = t;
            struct civil c = civil_from_ms(t + (int64_t)zone_offset_s(r.o.zone, t) * 1000);
            int64_t hour = civil_days(c.year, c.month, c.day) * 24 + c.hour;
            buf_printf(&want, "%syear=%04lld/month=%02d/day=%02d/hour=%02d\n",
                       hour == last ? "" : "+", (long long)c.year, c.month, c.day, c.hour);
            last = hour;
        }
        paths(&got, &r);
        assert_true(str_eq(buf_view(&got), buf_view(&want)));
        rows_fini(&r);
    }
    buf_fini(&got);
    buf_fini(&want);
}

TEST(times_come_from_text_dates_and_numbers_and_the_rest_goes_to_the_default_partition)
{
    struct rows r;
    rows_init(&r, TYPE_STRING, 5);
    part(&r, LAKE_PART_YEAR);
    part(&r, LAKE_PART_MONTH);
    r.o.time_column = 0;
    r.b->columns[0].str[0] = STR("2025-05-01T00:00:00.123456Z");
    r.b->columns[0].str[1] = STR("yesterday");
    r.b->columns[0].str[2] = STR("2025-05-04");
    r.b->columns[0].str[3] = STR("");
    column_need_valid(&r.b->columns[0], r.a, 5);
    r.b->columns[0].valid[4] = 0;
    expect(&r, "+year=2025/month=05\n"
               "+year=__HIVE_DEFAULT_PARTITION__/month=__HIVE_DEFAULT_PARTITION__\n"
               "+year=2025/month=05\n"
               "+year=__HIVE_DEFAULT_PARTITION__/month=__HIVE_DEFAULT_PARTITION__\n"
               "year=__HIVE_DEFAULT_PARTITION__/month=__HIVE_DEFAULT_PARTITION__\n");
    rows_fini(&r);
    rows_init(&r, TYPE_BIGINT, 3);
    part(&r, LAKE_PART_YEAR);
    r.o.time_column = 0;
    r.b->columns[0].i64[0] = ms(2024, 2, 29, 0, 0);
    r.b->columns[0].i64[1] = INT64_MAX;
    r.b->columns[0].i64[2] = INT64_MIN;
    expect(&r, "+year=2024\n+year=__HIVE_DEFAULT_PARTITION__\nyear=__HIVE_DEFAULT_PARTITION__\n");
    rows_fini(&r);
    rows_init(&r, TYPE_DATE, 1);
    part(&r, LAKE_PART_DAY);
    r.o.time_column = 0;
    r.b->columns[0].i32[0] = -1;
    expect(&r, "+day=31\n");
    rows_fini(&r);
}

TEST(iso_instants_are_read_as_the_general_reader_reads_them)
{
    static const char *const texts[] = {
        "2025-05-01T00:00:00.123Z", "2024-02-29T23:59:59.999Z", "2023-02-29T00:00:00.000Z",
        "2025-13-01T00:00:00.000Z", "2025-00-01T00:00:00.000Z", "2025-04-31T00:00:00.000Z",
        "2025-05-01T24:00:00.000Z", "2025-05-01T00:60:00.000Z", "2025-05-01T00:00:00.000",
        "2025-05-01X00:00:00.000Z", "2025-05-01T00:00:0a.000Z", "0000-01-01T00:00:00.000Z"};
    struct rows r;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        rows_init(&r, TYPE_STRING, 1);
        r.o.time_column = 0;
        r.b->columns[0].str[0] = str_from(texts[i]);
        int64_t got = 0, want = 0;
        uint8_t valid = 0;
        partitioner_times(&got, &valid, &r.o, r.b);
        assert_int_equal(valid, text_parse_timestamp(&want, str_from(texts[i])));
        if (valid)
            assert_int_equal(got, want);
        rows_fini(&r);
    }
}

TEST(many_long_columns_still_make_a_path)
{
    struct rows r;
    char big[1000];
    memset(big, '/', sizeof big);
    rows_init(&r, TYPE_STRING, 1);
    struct lake_part parts[LAYOUT_PARTS_MAX + 1];
    for (size_t i = 0; i <= LAYOUT_PARTS_MAX; i++)
        parts[i] = (struct lake_part){.kind = LAKE_PART_COLUMN};
    r.o.parts = parts;
    r.o.part_count = LAYOUT_PARTS_MAX;
    r.b->columns[0].str[0] = (struct str){big, sizeof big};
    struct buf got;
    buf_init(&got, 1 << 20);
    paths(&got, &r);
    assert_true(got.n > 500 && got.n <= LAYOUT_NAMES_MAX + LAYOUT_PARTS_MAX + 1);
    buf_fini(&got);
    struct partitioner *p;
    struct err e = {0};
    r.o.part_count = LAYOUT_PARTS_MAX + 1;
    assert_fails(partitioner_new(&p, r.a, &r.o, &e), &e, ERR_CONFIG, "17 partition levels");
    rows_fini(&r);
}

TEST(columns_become_directories_and_hostile_values_stay_inside)
{
    struct rows r;
    rows_init(&r, TYPE_STRING, 8);
    part(&r, LAKE_PART_COLUMN);
    static const char *const v[] = {"a", "a", "../../etc", "x\ny", "", "a", ".", ".."};
    for (int i = 0; i < 8; i++)
        r.b->columns[0].str[i] = str_from(v[i]);
    expect(&r, "+V=a\nV=a\n+V=..%2F..%2Fetc\n+V=x%0Ay\n+V=__HIVE_DEFAULT_PARTITION__\n+V=a\n+V=.\n"
               "+V=..\n");
    rows_fini(&r);
    rows_init(&r, TYPE_BIGINT, 3);
    part(&r, LAKE_PART_COLUMN);
    r.b->columns[0].i64[0] = -5;
    r.b->columns[0].i64[1] = -5;
    column_need_valid(&r.b->columns[0], r.a, 3);
    r.b->columns[0].valid[2] = 0;
    expect(&r, "+V=-5\nV=-5\n+V=__HIVE_DEFAULT_PARTITION__\n");
    rows_fini(&r);
}

TEST(without_parts_everything_is_in_one_directory)
{
    struct rows r;
    rows_init(&r, TYPE_BIGINT, 2);
    expect(&r, "+\n\n");
    rows_fini(&r);
}

TEST(columns_that_cannot_be_a_time_or_a_directory_are_refused)
{
    struct rows r;
    struct err e = {0};
    struct partitioner *p;
    rows_init(&r, TYPE_DOUBLE, 1);
    r.o.time_column = 0;
    assert_fails(partitioner_new(&p, r.a, &r.o, &e), &e, ERR_CONFIG, "time column V is DOUBLE");
    err_clear(&e);
    r.o.time_column = -1;
    r.column.type = type_array(r.a, type_scalar(TYPE_STRING));
    part(&r, LAKE_PART_COLUMN);
    assert_fails(partitioner_new(&p, r.a, &r.o, &e), &e, ERR_CONFIG, "cannot partition by V");
    rows_fini(&r);
}

TEST_MAIN(T(rows_of_one_day_share_a_directory), T(hours_follow_the_zone),
          T(the_cache_agrees_with_the_zone_around_clock_changes),
          T(times_come_from_text_dates_and_numbers_and_the_rest_goes_to_the_default_partition),
          T(iso_instants_are_read_as_the_general_reader_reads_them),
          T(many_long_columns_still_make_a_path),
          T(columns_become_directories_and_hostile_values_stay_inside),
          T(without_parts_everything_is_in_one_directory),
          T(columns_that_cannot_be_a_time_or_a_directory_are_refused))
