#include "orchestrator/sched/cron_next.h"

#include "base/clock.h"
#include "schema/text.h"
#include "tests/support/test.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static struct cron cron(const char *text)
{
    struct cron c;
    struct err e;
    assert_ok(cron_parse(&c, str_from(text), &e), &e);
    return c;
}

static const struct zone *zone(struct arena *a, const char *name)
{
    const struct zone *z = NULL;
    struct err e;
    assert_ok(zone_load(&z, a, str_from(name), &e), &e);
    return z;
}

static int64_t utc(int year, int month, int day, int hour, int minute)
{
    return civil_days(year, month, day) * DAY + hour * HOUR + minute * MINUTE;
}

static bool matches(const struct cron *c, int64_t local)
{
    const struct civil d = civil_from_ms(local);
    const int64_t weekday = (civil_days(d.year, d.month, d.day) + 4) % 7;
    const bool day = c->days >> d.day & 1;
    const bool week = c->weekdays >> weekday & 1;
    const bool dated = c->any_day || c->any_weekday ? day && week : day || week;
    return (c->minutes >> d.minute & 1) && (c->hours >> d.hour & 1) && (c->months >> d.month & 1) &&
           dated;
}

// The same question answered minute by minute: which minutes of real time show a local time that matches and was not shown before?
static bool fires(const struct cron *c, const struct zone *z, int64_t t)
{
    const int64_t local = t + zone_offset_s(z, t) * INT64_C(1000);
    if (matches(c, local)) {
        const int64_t first = zone_to_utc_ms(z, local);
        return first == t || c->hours == 0xFFFFFF;
    }
    // Or a skipped local time that comes as much later as it was skipped.
    const int64_t before = zone_offset_s(z, t - 3 * HOUR) * INT64_C(1000);
    const int64_t skipped = t + before;
    return c->hours != 0xFFFFFF && matches(c, skipped) && zone_to_utc_ms(z, skipped) == t &&
           t + zone_offset_s(z, t) * INT64_C(1000) != skipped;
}

// In a short test the days around both clock changes of both hemispheres, the turn of a month, and the year's end.
static bool is_interesting(int64_t t)
{
    static const struct {
        int month, day;
    } from[] = {{2, 27}, {3, 8}, {3, 29}, {4, 5}, {6, 12}, {10, 4}, {10, 25}, {11, 1}, {12, 30}};
    for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
        const int64_t start = utc(2025, from[i].month, from[i].day, 0, 0);
        if (t >= start && t < start + 3 * DAY)
            return true;
    }
    return false;
}

TEST(a_year_of_every_expression_is_what_looking_at_every_minute_finds)
{
    static const char *const texts[] = {
        "*/10 * * * *",  "30 2 * * *",    "0 2,3 * * *", "15 */6 * * *",       "0 0 1 * *",
        "0 12 13 * fri", "59 23 31 12 *", "0 0 29 2 *",  "5-8 1-3 * 3,10 sun", "45 1 * * mon-fri"};
    static const char *const zones[] = {"Europe/Paris", "America/New_York", "Australia/Lord_Howe",
                                        "UTC"};
    struct arena *a = arena_new(NULL);
    for (size_t k = 0; k < sizeof zones / sizeof *zones; k++) {
        const struct zone *z = zone(a, zones[k]);
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
            const struct cron c = cron(texts[i]);
            int64_t next = cron_next(&c, z, utc(2024, 12, 31, 23, 59));
            for (int64_t t = utc(2025, 1, 1, 0, 0); t < utc(2026, 1, 1, 0, 0); t += MINUTE) {
                if (!test_is_long() && !is_interesting(t)) {
                    t += DAY - MINUTE;
                    continue;
                }
                if (next < t) // days were left out
                    next = cron_next(&c, z, t - 1);
                if (fires(&c, z, t) != (next == t))
                    fail_msg("%s in %s at %lld", texts[i], zones[k], (long long)t);
                if (next == t)
                    next = cron_next(&c, z, t);
            }
        }
    }
    arena_free(a);
}

TEST(both_clock_changes_of_paris)
{
    struct arena *a = arena_new(NULL);
    const struct zone *z = zone(a, "Europe/Paris");
    const struct cron night = cron("30 2 * * *");
    const struct cron ten = cron("*/30 * * * *");
    // 2025-03-30: 02:00 becomes 03:00 at 01:00 UTC; 02:30 comes as 03:30.
    assert_true(cron_next(&night, z, utc(2025, 3, 29, 12, 0)) == utc(2025, 3, 30, 1, 30));
    assert_true(cron_next(&night, z, utc(2025, 3, 30, 1, 30)) == utc(2025, 3, 31, 0, 30));
    assert_true(cron_next(&ten, z, utc(2025, 3, 30, 0, 30)) == utc(2025, 3, 30, 1, 0));
    // 2025-10-26: 03:00 becomes 02:00 at 01:00 UTC; 02:30 is at 00:30 and 01:30 UTC.
    assert_true(cron_next(&night, z, utc(2025, 10, 25, 12, 0)) == utc(2025, 10, 26, 0, 30));
    assert_true(cron_next(&night, z, utc(2025, 10, 26, 0, 30)) == utc(2025, 10, 27, 1, 30));
    assert_true(cron_next(&ten, z, utc(2025, 10, 26, 0, 30)) == utc(2025, 10, 26, 1, 0));
    assert_true(cron_next(&ten, z, utc(2025, 10, 26, 1, 0)) == utc(2025, 10, 26, 1, 30));
    arena_free(a);
}

TEST(the_next_instant_is_later_than_the_one_given)
{
    const struct cron c = cron("*/5 * * * *");
    assert_true(cron_next(&c, NULL, utc(2025, 5, 5, 5, 5)) == utc(2025, 5, 5, 5, 10));
    assert_true(cron_next(&c, NULL, utc(2025, 5, 5, 5, 5) - 1) == utc(2025, 5, 5, 5, 5));
    assert_true(cron_next(&c, NULL, utc(2025, 5, 5, 5, 5) + 1) == utc(2025, 5, 5, 5, 10));
    assert_true(cron_next(&c, NULL, -DAY - 1) == -DAY);
}

TEST(a_leap_day_is_found_across_a_century_that_has_none)
{
    const struct cron c = cron("0 0 29 feb *");
    assert_true(cron_next(&c, NULL, utc(2096, 3, 1, 0, 0)) == utc(2104, 2, 29, 0, 0));
}

TEST_MAIN(T(a_year_of_every_expression_is_what_looking_at_every_minute_finds),
          T(both_clock_changes_of_paris), T(the_next_instant_is_later_than_the_one_given),
          T(a_leap_day_is_found_across_a_century_that_has_none))
