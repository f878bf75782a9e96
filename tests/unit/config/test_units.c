#include "config/units.h"

#include "tests/support/test.h"

TEST(durations_take_units_in_falling_order)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"0", 0},           {"0s", 0},         {"5ms", 5},      {"30s", 30000},
                {"1h30m", 5400000}, {"7d", 604800000}, {"1m1ms", 60001}};
    int64_t ms = -1;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(units_parse_duration(&ms, str_from(good[i].text)));
        assert_int_equal(ms, good[i].ms);
    }
    const char *bad[] = {"",
                         "5",
                         "s",
                         "5 s",
                         "-5s",
                         "1m1h",
                         "1m1m",
                         "5sec",
                         "1.5h",
                         "5s ",
                         "9223372036854775808ms",
                         "106751991168d"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(units_parse_duration(&ms, str_from(bad[i])));
}

TEST(sizes_take_both_kinds_of_units)
{
    uint64_t n = 0;
    assert_true(units_parse_bytes(&n, STR("500")) && n == 500);
    assert_true(units_parse_bytes(&n, STR("64MiB")) && n == 64 << 20);
    assert_true(units_parse_bytes(&n, STR("1 GB")) && n == 1000000000);
    assert_true(units_parse_bytes(&n, STR("2kB")) && n == 2000);
    const char *bad[] = {"",      "MiB", "-1",    "1.5GiB",
                         "64mib", "64M", "1  GB", "18446744073709551615kB"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(units_parse_bytes(&n, str_from(bad[i])));
}

TEST(shares_are_exact_to_a_millionth)
{
    int64_t ppm = 0;
    assert_true(units_parse_ratio(&ppm, STR("0.5%")) && ppm == 5000);
    assert_true(units_parse_ratio(&ppm, STR("0.005")) && ppm == 5000);
    assert_true(units_parse_ratio(&ppm, STR("100%")) && ppm == 1000000);
    assert_true(units_parse_ratio(&ppm, STR("1")) && ppm == 1000000);
    assert_true(units_parse_ratio(&ppm, STR("0.000001")) && ppm == 1);
    const char *bad[] = {"", "%", "101%", "1.1", "0.0000001", "-1%", "5", ".5", "0.", "1e-3"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(units_parse_ratio(&ppm, str_from(bad[i])));
}

TEST(printing_reads_back)
{
    struct buf b;
    buf_init(&b, 1000);
    units_print_duration(&b, 5400001);
    buf_char(&b, ' ');
    units_print_duration(&b, 0);
    buf_char(&b, ' ');
    units_print_bytes(&b, 64 << 20);
    buf_char(&b, ' ');
    units_print_bytes(&b, 1500);
    buf_char(&b, ' ');
    units_print_ratio(&b, 5050);
    buf_char(&b, ' ');
    units_print_ratio(&b, 1000000);
    assert_str(buf_view(&b), "1h30m1ms 0 64MiB 1500 0.505% 100%");
    buf_fini(&b);
}

TEST_MAIN(T(durations_take_units_in_falling_order), T(sizes_take_both_kinds_of_units),
          T(shares_are_exact_to_a_millionth), T(printing_reads_back))
