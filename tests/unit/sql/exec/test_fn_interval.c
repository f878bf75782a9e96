#include "tests/support/engine.h"
#include "tests/support/engine_eval.h"
#include "tests/support/test.h"

#define ALL(cases) engine_eval_all((cases), sizeof(cases) / sizeof *(cases))

TEST(times_are_moved_by_intervals)
{
    static const struct engine_case cases[] = {
        {"TIMESTAMPADD(MILLISECONDS, -5, FROM_UNIXTIME(3))", "1969-12-31T23:59:59.998"},
        {"TIMESTAMPADD(DAYS, n, ts)", "null"},
        {"TIMESTAMPSUB(MINUTES, 58, ts)", "2018-05-11T21:00:33.000"},
        {"DATEADD(DAYS, -5, FROM_DAYS(2))", "1969-12-29"},
        {"DATEADD(HOURS, 47, dt)", "2018-05-12"},
        {"DATESUB(DAYS, 2147483647, FROM_DAYS(-2147483647))", "null"},
        {"TIMEADD(MILLISECONDS, -5, PARSE_TIME('00:00:00', 'HH:mm:ss'))", "23:59:59"},
        {"TIMESUB(DAYS, 3, PARSE_TIME('01:02', 'HH:mm'))", "01:02"},
    };
    ALL(cases);
}

TEST(wall_clocks_of_two_zones)
{
    static const struct engine_case cases[] = {
        {"CONVERT_TZ(FROM_UNIXTIME(100), '+0200', '+0500')", "1970-01-01T03:00:00.100"},
        {"CONVERT_TZ(ts, 'Europe/Paris', 'America/New_York')", "2018-05-11T15:58:33.000"},
        {"CONVERT_TZ(ts, 'Mars/Olympus', 'UTC')", "null"},
    };
    ALL(cases);
}

TEST(patterns_of_dates_have_no_times_and_the_other_way_round)
{
    static const struct engine_case cases[] = {
        {"FORMAT_DATE(dt, 'yyyy HH')", "null"},
        {"DATETOSTRING(0, 'HH')", "null"},
        {"FORMAT_TIME(PARSE_TIME('01:02', 'HH:mm'), 'yyyy')", "null"},
        {"PARSE_DATE('2018-05-11 01', 'yyyy-MM-dd HH')", "null"},
        {"PARSE_TIME('2018 01', 'yyyy HH')", "null"},
        {"PARSE_DATE('2018-05-11-and-more', 'yyyy-MM-dd')", "2018-05-11"},
        {"PARSE_DATE('2018-05', 'yyyy-MM-dd')", "null"},
        {"PARSE_TIMESTAMP('2018-05-11 x', 'yyyy-MM-dd')", "null"},
        {"STRINGTODATE('2018-05-11 x', 'yyyy-MM-dd')", "null"},
    };
    ALL(cases);
}

// Weeks begin on Sunday, the first one has 1 January.
TEST(weeks_quarters_and_eras)
{
    static const struct engine_case cases[] = {
        {"FORMAT_DATE(dt, 'YYYY w W e QQ')", "2018 19 2 6 02"},
        {"FORMAT_DATE(PARSE_DATE('2018-12-30', 'yyyy-MM-dd'), 'YYYY-ww YY')", "2019-01 19"},
        {"FORMAT_DATE(PARSE_DATE('2018-12-29', 'yyyy-MM-dd'), 'YYYY-ww')", "2018-52"},
        {"FORMAT_DATE(PARSE_DATE('2017-01-01', 'yyyy-MM-dd'), 'YYYY-ww-e')", "2017-01-1"},
        {"FORMAT_DATE(dt, 'QQQ QQQQ qqqqq G GGGG GGGGG')", "Q2 2nd quarter 2 AD Anno Domini A"},
        {"FORMAT_DATE(dt, 'WW')", "null"},
        {"FORMAT_DATE(dt, 'ccc eeee')", "Fri Friday"},
    };
    ALL(cases);
}

TEST(uuids_have_their_form)
{
    static const struct engine_case cases[] = {
        {"REGEXP_EXTRACT('[0-9a-f]{8}-([0-9a-f]{4})-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}', "
         "UUID()) IS NOT NULL",
         "true"},
        {"UUID() = UUID()", "false"}, // two call sites
        {"UUID(TO_BYTES('00', 'hex'))", "null"},
    };
    ALL(cases);
}

#define RECORDS \
    "CREATE STREAM a (k STRING KEY, v INT) WITH (KAFKA_TOPIC='a', VALUE_FORMAT='JSON');\n"

static const char simple_rows[] =
    RECORDS "CREATE STREAM o AS SELECT k, UUID() AS u, RANDOM() AS r FROM a;";

// Every row of a record that comes by joins, table functions, windows and several writers has a value of its own.
static const char derived_rows[] = RECORDS
    "CREATE STREAM b (k STRING KEY, v INT) WITH (KAFKA_TOPIC='b', VALUE_FORMAT='JSON');\n"
    "CREATE STREAM j AS SELECT x.k AS k, EXPLODE(ARRAY[1, 2]) AS i FROM a x JOIN b y WITHIN 1 HOUR "
    "GRACE PERIOD 1 HOUR ON x.k = y.k;\n"
    "CREATE STREAM p AS SELECT k, 1 AS i FROM a PARTITION BY k;\n"
    "INSERT INTO p SELECT k, i FROM j;\n"
    "INSERT INTO p SELECT k, i + 1 AS i FROM j;\n"
    "CREATE TABLE w AS SELECT k, COUNT(*) AS n FROM p WINDOW HOPPING (SIZE 3 SECONDS, ADVANCE BY 1 "
    "SECOND) GROUP BY k;\n"
    "CREATE TABLE o AS SELECT k, n, TRANSFORM(ARRAY[1, 2], x => UUID()) AS us, REDUCE(ARRAY[1, 2], "
    "'', (s, x) => s + UUID()) AS u FROM w;";

static void run_rows(struct buf *out, const char *sql, uint32_t window)
{
    struct engine s;
    engine_open(&s, &(struct engine_spec){.sql = sql, .outputs = {"O"}});
    engine_begin(&s);
    for (int i = 0; i < 8; i++)
        for (size_t k = 0; k < program_source_count(s.program); k++)
            engine_add(&s, k, "k", "{\"v\":1}", 1000);
    engine_run(&s, window);
    engine_end(&s);
    buf_text(out, engine_text(&s));
    engine_close(&s);
}

TEST(random_values_are_those_of_the_record_whenever_it_is_read)
{
    struct buf one;
    struct buf many;
    buf_init(&one, 1 << 16);
    buf_init(&many, 1 << 16);
    run_rows(&one, simple_rows, 1);
    run_rows(&many, simple_rows, 64);
    assert_true(str_eq(buf_view(&one), buf_view(&many)));
    size_t at;
    struct str first, rest;
    assert_true(str_split_once(&first, &rest, buf_view(&one), '\n'));
    assert_false(str_find(&at, rest, str_slice(first, 10, 40))); // no two records alike
    buf_fini(&one);
    buf_fini(&many);
}

static int compare_text(const void *x, const void *y)
{
    return memcmp(x, y, 36);
}

TEST(random_values_of_derived_rows_are_their_own_in_any_windows)
{
    struct buf one;
    struct buf many;
    buf_init(&one, 1 << 24);
    buf_init(&many, 1 << 24);
    run_rows(&one, derived_rows, 1);
    run_rows(&many, derived_rows, 5);
    assert_true(str_eq(buf_view(&one), buf_view(&many)));
    buf_char(&one, '\0');
    static char uuids[8192][36];
    size_t n = 0;
    for (const char *at = one.p; (at = strchr(at, '-')) != NULL && n < 8192; at += 28)
        memcpy(uuids[n++], at - 8, 36);
    assert_true(n > 1000 && n < 8192);
    qsort(uuids, n, sizeof *uuids, compare_text);
    for (size_t i = 1; i < n; i++)
        assert_memory_not_equal(uuids[i - 1], uuids[i], 36);
    buf_fini(&one);
    buf_fini(&many);
}

TEST_MAIN(T(times_are_moved_by_intervals), T(wall_clocks_of_two_zones),
          T(patterns_of_dates_have_no_times_and_the_other_way_round), T(weeks_quarters_and_eras),
          T(uuids_have_their_form), T(random_values_are_those_of_the_record_whenever_it_is_read),
          T(random_values_of_derived_rows_are_their_own_in_any_windows))
