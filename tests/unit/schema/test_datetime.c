#include "schema/text_internal.h"

#include "base/arena.h"
#include "base/clock.h"
#include "tests/support/random_column.h"
#include "tests/support/test.h"

static const char *timestamp_text(char out[64], int64_t ms)
{
    struct buf b;
    buf_init(&b, 64);
    text_timestamp(&b, ms);
    memcpy(out, b.p, b.n);
    out[b.n] = 0;
    buf_fini(&b);
    return out;
}

TEST(timestamps_print_in_iso_form)
{
    char text[64];
    assert_string_equal(timestamp_text(text, 0), "1970-01-01T00:00:00.000");
    assert_string_equal(timestamp_text(text, 1577934245678), "2020-01-02T03:04:05.678");
    assert_string_equal(timestamp_text(text, -1), "1969-12-31T23:59:59.999");
    assert_string_equal(timestamp_text(text, 253402300800000), "+10000-01-01T00:00:00.000");
    assert_string_equal(timestamp_text(text, -62135596800001),
                        "0001-12-31T23:59:59.999"); // of the era before
    timestamp_text(text, INT64_MAX);
    timestamp_text(text, INT64_MIN);
}

TEST(dates_and_times_print_as_java_time)
{
    struct buf b;
    buf_init(&b, 1000);
    text_date(&b, 18263);
    buf_char(&b, ' ');
    text_date(&b, -719529);
    buf_char(&b, ' ');
    text_date(&b, 2932897);
    buf_char(&b, ' ');
    text_time(&b, 11045678);
    buf_char(&b, ' ');
    text_time(&b, 11045000);
    buf_char(&b, ' ');
    text_time(&b, 11040000);
    buf_char(&b, ' ');
    text_time(&b, 0);
    assert_str(buf_view(&b),
               "2020-01-02 -0001-12-31 +10000-01-01 03:04:05.678 03:04:05 03:04 00:00");
    buf_fini(&b);
}

TEST(partial_timestamps_are_completed)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"2020", 1577836800000},
        {"2020-02", 1580515200000},
        {"2020-01-02", 1577923200000},
        {"2020-01-02T", 1577923200000},
        {"2020-01-02TZ", 1577923200000},
        {"2020-01-02T03", 1577934000000},
        {"2020-01-02T03:04", 1577934240000},
        {"2020-01-02T03:04:05", 1577934245000},
        {"2020-01-02T03:04:05.6", 1577934245600},
        {"2020-01-02T03:04:05.678", 1577934245678},
        {"2020-01-02T03:04:05.678Z", 1577934245678},
        {"2020-01-02T03:04:05.678+0200", 1577934245678 - 7200000},
        {"2020-01-02T03:04:05.678+02:00", 1577934245678 - 7200000},
        {"2020-01-02T03:04-0700", 1577934240000 + 25200000},
        {"2019-03-17T03:00-0700", 1552816800000},
        {"2020-02-31", 1582934400000},
        {"2020-01-02T24:00", 1578009600000},
        {"1969-12-31T23:59:59.999", -1},
        {"-0001-01-01", -62198755200000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ms;
        if (!text_parse_timestamp(&ms, str_from(cases[i].text)))
            fail_msg("\"%s\" is not a timestamp", cases[i].text);
        if (ms != cases[i].ms)
            fail_msg("\"%s\" is %lld, not %lld", cases[i].text, (long long)ms,
                     (long long)cases[i].ms);
    }
}

TEST(other_text_is_not_a_timestamp)
{
    static const char *const cases[] = {"",
                                        "abc",
                                        "2019-03-17 03:00",
                                        "2020-1-1",
                                        "20200102",
                                        "2020-01T00",
                                        "2020-13-01",
                                        "2020-01-32",
                                        "2020-01-02T25",
                                        "2020-01-02T03:60",
                                        "2020-01-02T24:01",
                                        "2020-01-02T03:04:05.6789",
                                        "2020-01-02T03:04:05.678+1900",
                                        "2020-01-02T03:04:05.678+02:0",
                                        "2020-01-02T03:04:05.678 Z",
                                        "12020-01-02",
                                        "T",
                                        "2020-01-02T03:04:05.678+0200+0200"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ms;
        if (text_parse_timestamp(&ms, str_from(cases[i])))
            fail_msg("\"%s\" was a timestamp", cases[i]);
    }
}

TEST(dates_and_times_parse_strictly)
{
    int32_t v;
    assert_true(text_parse_date(&v, STR("2020-01-02")) && v == 18263);
    assert_true(text_parse_date(&v, STR("2020-05")) && v == 18383);
    assert_true(text_parse_date(&v, STR("2020")) && v == 18262);
    assert_true(text_parse_date(&v, STR("+10000-01-01")) && v == 2932897);
    assert_false(text_parse_date(&v, STR("2021-02-29")));
    assert_false(text_parse_date(&v, STR("2020-01-02T")));
    assert_false(text_parse_date(&v, STR("2020-")));
    assert_false(text_parse_date(&v, STR("")));
    assert_true(text_parse_time(&v, STR("03:04")) && v == 11040000);
    assert_true(text_parse_time(&v, STR("03:04:05")) && v == 11045000);
    assert_true(text_parse_time(&v, STR("03:04:05.6")) && v == 11045600);
    assert_true(text_parse_time(&v, STR("03:04:05.678999999")) && v == 11045678);
    assert_false(text_parse_time(&v, STR("3:04")));
    assert_false(text_parse_time(&v, STR("03")));
    assert_false(text_parse_time(&v, STR("24:00")));
    assert_false(text_parse_time(&v, STR("03:04:05.6789999999")));
    assert_false(text_parse_time(&v, STR("03:04:05x")));
}

TEST(random_values_come_back)
{
    struct random_state r = {3};
    struct buf b;
    buf_init(&b, 1000);
    for (int i = 0; i < 100000; i++) {
        int64_t back;
        int32_t small;
        const int64_t ms = (int64_t)random_below(&r, UINT64_C(315532800000000)) -
                           62135596800000; // years 1 to 9999
        buf_clear(&b);
        text_timestamp(&b, ms);
        assert_true(text_parse_timestamp(&back, buf_view(&b)) && back == ms);
        const int32_t days = (int32_t)random_u64(&r) >> random_below(&r, 32);
        buf_clear(&b);
        text_date(&b, days);
        assert_true(text_parse_date(&small, buf_view(&b)) && small == days);
        const int32_t time = (int32_t)random_below(&r, 86400000);
        buf_clear(&b);
        text_time(&b, time);
        assert_true(text_parse_time(&small, buf_view(&b)) && small == time);
    }
    buf_fini(&b);
}

TEST(offsets_are_zoneoffsets)
{
    int32_t v;
    assert_true(datetime_parse_offset(&v, STR("Z")) && v == 0);
    assert_true(datetime_parse_offset(&v, STR("+2")) && v == 7200);
    assert_true(datetime_parse_offset(&v, STR("-07")) && v == -25200);
    assert_true(datetime_parse_offset(&v, STR("+0530")) && v == 19800);
    assert_true(datetime_parse_offset(&v, STR("+05:30:15")) && v == 19815);
    assert_true(datetime_parse_offset(&v, STR("-18:00")) && v == -64800);
    static const char *const bad[] = {"",       "+",        "2",        "+19", "+18:01", "+05:3",
                                      "+05:60", "+0530:15", "+05:3015", "z",   "+5:30"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(datetime_parse_offset(&v, str_from(bad[i])));
}

TEST_MAIN(T(timestamps_print_in_iso_form), T(dates_and_times_print_as_java_time),
          T(partial_timestamps_are_completed), T(other_text_is_not_a_timestamp),
          T(dates_and_times_parse_strictly), T(random_values_come_back), T(offsets_are_zoneoffsets))
