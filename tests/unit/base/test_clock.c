#include "base/clock.h"

#include "tests/support/test.h"

TEST(known_days_convert_both_ways)
{
    assert_int_equal(civil_days(1970, 1, 1), 0);
    assert_int_equal(civil_days(2000, 3, 1), 11017);
    assert_int_equal(civil_days(1969, 12, 31), -1);
    assert_int_equal(civil_days(0, 1, 1), -719528);
    const struct civil c = civil_from_ms(INT64_C(1761609599999)); // 2025-10-27T23:59:59.999Z
    assert_int_equal(c.year, 2025);
    assert_int_equal(c.month, 10);
    assert_int_equal(c.day, 27);
    assert_int_equal(c.hour, 23);
    assert_int_equal(c.minute, 59);
    assert_int_equal(c.second, 59);
    assert_int_equal(c.ms, 999);
}

TEST(times_before_the_epoch_round_down)
{
    const struct civil c = civil_from_ms(-1);
    assert_int_equal(c.year, 1969);
    assert_int_equal(c.day, 31);
    assert_int_equal(c.ms, 999);
    assert_int_equal(civil_to_ms(&c), -1);
}

TEST(every_day_of_eight_centuries_follows_the_one_before)
{
    struct civil last = civil_from_ms(civil_days(1600, 1, 1) * 86400000);
    for (int64_t day = civil_days(1600, 1, 2); day < civil_days(2400, 1, 1); day++) {
        const struct civil c = civil_from_ms(day * 86400000);
        const int follows = c.day == last.day + 1 || (c.day == 1 && c.month == last.month + 1) ||
                            (c.day == 1 && c.month == 1 && c.year == last.year + 1);
        if (!follows || civil_days(c.year, c.month, c.day) != day)
            fail_msg("day %lld", (long long)day);
        last = c;
    }
}

TEST(sleeping_on_a_virtual_clock_moves_both_times_at_once)
{
    struct clock_virtual v = {.wall_ms = 1000, .mono_ms = 5};
    const struct clock c = clock_from_virtual(&v);
    c.sleep_ms(c.arg, 250);
    assert_int_equal(c.now_ms(c.arg), 1250);
    assert_int_equal(c.mono_ms(c.arg), 255);
}

TEST(the_system_clock_is_after_the_day_it_was_written)
{
    const struct clock c = clock_system();
    assert_true(c.now_ms(c.arg) > INT64_C(1700000000000));
    const int64_t first = c.mono_ms(c.arg);
    assert_true(c.mono_ms(c.arg) >= first);
}

TEST_MAIN(T(known_days_convert_both_ways), T(times_before_the_epoch_round_down),
          T(every_day_of_eight_centuries_follows_the_one_before),
          T(sleeping_on_a_virtual_clock_moves_both_times_at_once),
          T(the_system_clock_is_after_the_day_it_was_written))
