#include "lake/layout/age.h"

#include "base/clock.h"
#include "schema/text.h"

#include <assert.h>

enum { AGE_HOUR_MS = 3600000, AGE_DAY_MS = 24 * AGE_HOUR_MS };

static int64_t age_local(const struct lake_output *o, int64_t utc_ms)
{
    return utc_ms + (o->zone ? (int64_t)zone_offset_s(o->zone, utc_ms) * 1000 : 0);
}

static int64_t age_floor(int64_t ms, int64_t unit)
{
    return ms - (ms % unit + unit) % unit;
}

int64_t age_cutoff(const struct lake_output *o, int64_t now_ms, int64_t keep_ms)
{
    int64_t day = age_floor(age_local(o, now_ms - keep_ms), AGE_DAY_MS);
    return o->zone ? zone_to_utc_ms(o->zone, day) : day;
}

// The finest part; LAKE_PART_COLUMN = the parts do not tell a time.
static enum lake_part_kind age_part(const struct lake_output *o)
{
    static const enum lake_part_kind order[] = {LAKE_PART_YEAR, LAKE_PART_MONTH, LAKE_PART_DAY,
                                                LAKE_PART_HOUR};
    size_t n = 0;
    bool has[sizeof order / sizeof order[0]] = {false};
    for (size_t i = 0; i < o->part_count; i++)
        for (size_t k = 0; k < sizeof order / sizeof order[0]; k++)
            has[k] = has[k] || o->parts[i].kind == order[k];
    while (n < sizeof order / sizeof order[0] && has[n])
        n++;
    for (size_t k = n; k < sizeof order / sizeof order[0]; k++)
        if (has[k])
            return LAKE_PART_COLUMN; // a day without its month
    return n > 0 ? order[n - 1] : LAKE_PART_COLUMN;
}

bool age_told(const struct lake_output *o)
{
    return age_part(o) != LAKE_PART_COLUMN;
}

// Where the period of local time ends.
static int64_t age_end(enum lake_part_kind part, int64_t local)
{
    struct civil c = civil_from_ms(local);
    switch (part) {
    case LAKE_PART_YEAR:
        return civil_days(c.year + 1, 1, 1) * AGE_DAY_MS;
    case LAKE_PART_MONTH:
        return civil_days(c.month == 12 ? c.year + 1 : c.year, c.month % 12 + 1, 1) * AGE_DAY_MS;
    case LAKE_PART_DAY:
        return age_floor(local, AGE_DAY_MS) + AGE_DAY_MS;
    case LAKE_PART_HOUR:
        return age_floor(local, AGE_HOUR_MS) + AGE_HOUR_MS;
    case LAKE_PART_COLUMN:
        break;
    }
    assert(!"a partition without an age");
    return local;
}

bool age_over(const struct lake_output *o, int64_t time_ms, int64_t cutoff_ms)
{
    return time_ms < cutoff_ms &&
           age_end(age_part(o), age_local(o, time_ms)) <= age_local(o, cutoff_ms);
}
