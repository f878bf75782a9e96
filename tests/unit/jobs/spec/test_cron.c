#include "jobs/spec/cron.h"

#include "tests/support/test.h"

static struct cron good(const char *text)
{
    struct cron c;
    struct err e;
    assert_ok(cron_parse(&c, str_from(text), &e), &e);
    return c;
}

TEST(steps_ranges_lists_and_names_become_bits)
{
    const struct cron c = good("*/15 8-10,22 1,15 jan-mar,DEC mon-fri");
    assert_true(c.minutes == (1ULL | 1ULL << 15 | 1ULL << 30 | 1ULL << 45));
    assert_int_equal(c.hours, 1U << 8 | 1U << 9 | 1U << 10 | 1U << 22);
    assert_int_equal(c.days, 1U << 1 | 1U << 15);
    assert_int_equal(c.months, 1U << 1 | 1U << 2 | 1U << 3 | 1U << 12);
    assert_int_equal(c.weekdays, 0x3E);
    assert_false(c.any_day || c.any_weekday);
}

TEST(sunday_is_zero_and_seven)
{
    assert_int_equal(good("0 0 * * 7").weekdays, 1);
    assert_int_equal(good("0 0 * * 0").weekdays, 1);
    assert_int_equal(good("0 0 * * 5-7").weekdays, 1 | 1 << 5 | 1 << 6);
    assert_int_equal(good("0 0 * * *").weekdays, 0x7F);
}

TEST(a_start_with_a_step_runs_to_the_end)
{
    assert_true(good("50/5 * * * *").minutes == (1ULL << 50 | 1ULL << 55));
    assert_true(good("59 23 31 12 *").minutes == 1ULL << 59);
}

TEST(shorthands_are_expressions)
{
    const struct cron c = good("@daily");
    assert_true(c.minutes == 1 && c.hours == 1 && c.any_day && c.any_weekday);
}

TEST(mistakes_name_the_field)
{
    static const struct {
        const char *text, *want;
    } bad[] = {{"* * * *", "has 4 fields"},
               {"* * * * * *", "has at least 6 fields"},
               {"", "has 0 fields"},
               {"60 * * * *", "minute \"60\" is not in 0 to 59"},
               {"* 24 * * *", "hour \"24\""},
               {"* * 0 * *", "day of month \"0\" is not in 1 to 31"},
               {"* * * 13 *", "month \"13\""},
               {"* * * foo *", "month \"foo\""},
               {"* * * * 8", "day of week \"8\""},
               {"5-1 * * * *", "runs backwards"},
               {"*/0 * * * *", "step \"0\""},
               {"1,,2 * * * *", "minute \"\""},
               {"@never", "has 1 fields"},
               {"0 0 30 2 *", "never meet"},
               {"-5 * * * *", "minute \"\""}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct cron c;
        struct err e;
        assert_fails(cron_parse(&c, str_from(bad[i].text), &e), &e, ERR_CONFIG, bad[i].want);
    }
}

TEST_MAIN(T(steps_ranges_lists_and_names_become_bits), T(sunday_is_zero_and_seven),
          T(a_start_with_a_step_runs_to_the_end), T(shorthands_are_expressions),
          T(mistakes_name_the_field))
