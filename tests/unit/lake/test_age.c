#include "tests/support/test.h"

#include "base/clock.h"
#include "lake/layout/age.h"
#include "schema/text.h"

enum { HOUR = 3600000 };
#define DAY  (INT64_C(24) * HOUR)
#define NOON INT64_C(1761652800000) // 2025-10-28T12:00:00Z

static struct lake_output output(struct lake_part *parts, const enum lake_part_kind *kinds,
                                 size_t n)
{
    for (size_t i = 0; i < n; i++)
        parts[i] = (struct lake_part){kinds[i], kinds[i] == LAKE_PART_COLUMN ? 0 : -1};
    return (struct lake_output){.name = STR("S"), .parts = parts, .part_count = n};
}

static int64_t at(const char *text)
{
    int64_t ms;
    assert_true(text_parse_timestamp(&ms, str_from(text)));
    return ms;
}

static const enum lake_part_kind all[] = {LAKE_PART_YEAR, LAKE_PART_MONTH, LAKE_PART_DAY,
                                          LAKE_PART_HOUR};

TEST(whole_days_are_kept)
{
    struct lake_part parts[4];
    const struct lake_output o = output(parts, all, 3);
    assert_int_equal(age_cutoff(&o, NOON, DAY), at("2025-10-27T00:00:00.000"));
    assert_int_equal(age_cutoff(&o, NOON, DAY + 12 * HOUR), at("2025-10-27T00:00:00.000"));
    assert_int_equal(age_cutoff(&o, NOON, DAY + 12 * HOUR + 1), at("2025-10-26T00:00:00.000"));
    assert_int_equal(age_cutoff(&o, -1, 1), -DAY);
}

// A partition is over when all of it is, not the row alone.
TEST(a_partition_is_over_with_its_last_instant)
{
    static const struct {
        size_t parts;
        const char *last_over, *first_kept;
    } cases[] = {
        {1, "2024-12-31T23:59:59.999", "2025-01-01T00:00:00.000"},
        {2, "2025-09-30T23:59:59.999", "2025-10-01T00:00:00.000"},
        {3, "2025-10-26T23:59:59.999", "2025-10-27T00:00:00.000"},
        {4, "2025-10-26T23:59:59.999", "2025-10-27T00:00:00.000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct lake_part parts[4];
        const struct lake_output o = output(parts, all, cases[i].parts);
        int64_t cutoff = age_cutoff(&o, NOON, DAY);
        assert_true(age_over(&o, at(cases[i].last_over), cutoff));
        assert_false(age_over(&o, at(cases[i].first_kept), cutoff));
    }
    struct lake_part parts[4];
    const struct lake_output months = output(parts, all, 2);
    assert_true(age_over(&months, at("2025-12-31T23:59:59.999"), at("2026-01-01T00:00:00.000")));
    assert_false(age_over(&months, at("2025-12-01T00:00:00.000"), at("2025-12-31T00:00:00.000")));
}

// The day on which clocks go back has 25 hours.
TEST(days_are_those_of_the_zone)
{
    struct lake_part parts[4];
    struct arena *a = arena_new(NULL);
    struct err e = {0};
    struct lake_output o = output(parts, all, 3);
    assert_ok(zone_load(&o.zone, a, STR("Europe/Berlin"), &e), &e);
    int64_t cutoff = age_cutoff(&o, NOON, DAY);
    assert_int_equal(cutoff, at("2025-10-26T23:00:00.000"));
    assert_true(age_over(&o, cutoff - 1, cutoff));
    assert_false(age_over(&o, cutoff, cutoff));
    cutoff = age_cutoff(&o, NOON, 2 * DAY);
    assert_int_equal(cutoff, at("2025-10-25T22:00:00.000"));
    assert_true(age_over(&o, cutoff - 1, cutoff));
    assert_false(age_over(&o, cutoff, cutoff));
    arena_free(a);
}

TEST(only_parts_that_are_a_time_tell_an_age)
{
    static const struct {
        enum lake_part_kind kinds[3];
        size_t n;
        bool tell;
    } cases[] = {
        {{LAKE_PART_YEAR}, 1, true},
        {{LAKE_PART_COLUMN, LAKE_PART_YEAR, LAKE_PART_MONTH}, 3, true},
        {{LAKE_PART_MONTH, LAKE_PART_YEAR, LAKE_PART_DAY}, 3, true},
        {{LAKE_PART_DAY}, 1, false},
        {{LAKE_PART_YEAR, LAKE_PART_DAY}, 2, false},
        {{LAKE_PART_COLUMN}, 1, false},
        {{LAKE_PART_COLUMN}, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct lake_part parts[4];
        const struct lake_output o = output(parts, cases[i].kinds, cases[i].n);
        assert_int_equal(age_told(&o), cases[i].tell);
    }
}

TEST_MAIN(T(whole_days_are_kept), T(a_partition_is_over_with_its_last_instant),
          T(days_are_those_of_the_zone), T(only_parts_that_are_a_time_tell_an_age))
