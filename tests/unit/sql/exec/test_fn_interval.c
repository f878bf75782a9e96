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

static void run_rows(struct buf *out, uint32_t window)
{
    struct engine s;
    const char *sql = "CREATE STREAM a (k STRING KEY, v INT) WITH (KAFKA_TOPIC='a', "
                      "VALUE_FORMAT='JSON');\n"
                      "CREATE STREAM o AS SELECT k, UUID() AS u, RANDOM() AS r FROM a;";
    engine_open(&s, &(struct engine_spec){.sql = sql, .outputs = {"O"}});
    engine_begin(&s);
    for (int i = 0; i < 8; i++)
        engine_add(&s, 0, "k", "{\"v\":1}", 1000);
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
    run_rows(&one, 1);
    run_rows(&many, 64);
    assert_true(str_eq(buf_view(&one), buf_view(&many)));
    size_t at;
    struct str first, rest;
    assert_true(str_split_once(&first, &rest, buf_view(&one), '\n'));
    assert_false(str_find(&at, rest, str_slice(first, 10, 40))); // no two records alike
    buf_fini(&one);
    buf_fini(&many);
}

TEST_MAIN(T(times_are_moved_by_intervals), T(wall_clocks_of_two_zones),
          T(patterns_of_dates_have_no_times_and_the_other_way_round), T(weeks_quarters_and_eras),
          T(uuids_have_their_form), T(random_values_are_those_of_the_record_whenever_it_is_read))
