#include "orchestrator/sched/cron_next.h"

#include "base/clock.h"
#include "schema/text.h"

#include <assert.h>

enum {
    MINUTE_MS = 60000,
    HOUR_MS = 3600000,
    DAY_MS = 86400000,
    DAYS_MAX = 40 * 366, // February 29 on a Monday is 28 years away at most, 40 around 2100
    ALL_HOURS = 0xFFFFFF,
};

static int64_t to_utc(const struct zone *z, int64_t local_ms)
{
    return z ? zone_to_utc_ms(z, local_ms) : local_ms;
}

static int64_t offset_ms(const struct zone *z, int64_t utc_ms)
{
    return z ? zone_offset_s(z, utc_ms) * INT64_C(1000) : 0;
}

static bool day_matches(const struct cron *c, int64_t day)
{
    const struct civil d = civil_from_ms(day * DAY_MS);
    const int64_t weekday = ((day + 4) % 7 + 7) % 7; // 1970-01-01 was a Thursday
    const bool by_day = c->days >> d.day & 1;
    const bool by_weekday = c->weekdays >> weekday & 1;
    if (!(c->months >> d.month & 1))
        return false;
    // cron's rule: when both are given, either suffices.
    return c->any_day || c->any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

// The second reading of a repeated local time, or the first again.
static int64_t second_reading(const struct zone *z, int64_t first, int64_t local)
{
    const int64_t back = offset_ms(z, first) - offset_ms(z, first + DAY_MS);
    const int64_t second = first + back;
    return back > 0 && second + offset_ms(z, second) == local ? second : first;
}

static void take_earliest(int64_t *best, int64_t instant, int64_t after_ms)
{
    if (instant > after_ms && instant < *best)
        *best = instant;
}

// A local time in the gap, of an expression that names every hour, has its own minute behind the gap anyway.
static bool is_skipped(const struct zone *z, int64_t instant, int64_t local)
{
    return instant + offset_ms(z, instant) != local;
}

static void minute_instants(int64_t *best, const struct cron *c, const struct zone *z,
                            int64_t local, int64_t after_ms)
{
    const bool every_hour = c->hours == ALL_HOURS;
    const int64_t first = to_utc(z, local);
    if (every_hour && is_skipped(z, first, local))
        return;
    take_earliest(best, first, after_ms);
    if (every_hour)
        take_earliest(best, second_reading(z, first, local), after_ms);
}

// All of the day's instants are looked at: around a clock change they do not come in the order of their local times.
static int64_t day_next(const struct cron *c, const struct zone *z, int64_t day, int64_t after_ms)
{
    int64_t best = CRON_NEVER;
    for (int64_t hour = 0; hour < 24; hour++) {
        if (!(c->hours >> hour & 1))
            continue;
        for (int64_t minute = 0; minute < 60; minute++)
            if (c->minutes >> minute & 1)
                minute_instants(&best, c, z, day * DAY_MS + hour * HOUR_MS + minute * MINUTE_MS,
                                after_ms);
    }
    return best;
}

int64_t cron_next(const struct cron *c, const struct zone *zone, int64_t after_ms)
{
    assert(c);
    const int64_t local = after_ms + offset_ms(zone, after_ms);
    const int64_t today = (local - (local % DAY_MS + DAY_MS) % DAY_MS) / DAY_MS;
    int64_t best = CRON_NEVER;
    // A change at midnight can put an instant of yesterday's date behind now, and one of tomorrow's before today's last.
    for (int64_t day = today - 1; day <= today + DAYS_MAX; day++) {
        if (best != CRON_NEVER && day > today + 1)
            break;
        if (!day_matches(c, day))
            continue;
        const int64_t found = day_next(c, zone, day, after_ms);
        if (found < best)
            best = found;
        if (day > today && best != CRON_NEVER)
            break;
    }
    return best;
}
