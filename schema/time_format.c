// Instants as text by a compiled pattern, in a zone.
#include "schema/time_pattern_internal.h"

#include "base/clock.h"

#include <assert.h>

static struct str styled(struct str full, int count)
{
    return str_slice(full, 0, count == 4 ? full.n : count == 5 ? 1 : 3);
}

struct str time_month_name(int month, int count)
{
    static const struct str months[12] = {{"January", 7}, {"February", 8}, {"March", 5},
                                          {"April", 5},   {"May", 3},      {"June", 4},
                                          {"July", 4},    {"August", 6},   {"September", 9},
                                          {"October", 7}, {"November", 8}, {"December", 8}};
    assert(month >= 1 && month <= 12);
    return styled(months[month - 1], count);
}

struct str time_weekday_name(int weekday, int count)
{
    static const struct str weekdays[7] = {{"Monday", 6},   {"Tuesday", 7}, {"Wednesday", 9},
                                           {"Thursday", 8}, {"Friday", 6},  {"Saturday", 8},
                                           {"Sunday", 6}};
    assert(weekday >= 0 && weekday < 7);
    return styled(weekdays[weekday], count);
}

int time_weekday(int64_t days)
{
    return (int)(((days + 3) % 7 + 7) % 7); // 1970-01-01 was a Thursday
}

struct moment {
    struct civil c;
    int64_t days;
    int64_t ms_of_day;
    int32_t offset_s;
    int64_t utc_ms;
    const struct zone *zone;
};

// Weeks as in the United States: from Sunday; the first one of a year or month is the one that has its first day.
static int64_t week_of(int64_t days, int64_t first)
{
    const int64_t first_weekday = (time_weekday(first) + 1) % 7; // Sunday is 0
    return (days - first + first_weekday) / 7 + 1;
}

// The last days of December belong to the next year's first week when that has begun.
static bool in_next_year(const struct moment *m)
{
    const int64_t saturday = m->days + 6 - (time_weekday(m->days) + 1) % 7;
    return saturday >= civil_days(m->c.year + 1, 1, 1);
}

static int64_t week_number(const struct moment *m, enum number number)
{
    switch ((int)number) {
    case NUMBER_QUARTER:
        return (m->c.month + 2) / 3;
    case NUMBER_WEEK_YEAR:
        return m->c.year + (in_next_year(m) ? 1 : 0);
    case NUMBER_WEEK:
        return in_next_year(m) ? 1 : week_of(m->days, civil_days(m->c.year, 1, 1));
    case NUMBER_MONTH_WEEK:
        return week_of(m->days, civil_days(m->c.year, m->c.month, 1));
    default:
        assert(number == NUMBER_WEEKDAY);
        return (time_weekday(m->days) + 1) % 7 + 1;
    }
}

static int64_t number_of(const struct moment *m, enum number number)
{
    switch (number) {
    case NUMBER_YEAR:
        return m->c.year;
    case NUMBER_YEAR_OF_ERA:
        return m->c.year > 0 ? m->c.year : 1 - m->c.year;
    case NUMBER_MONTH:
        return m->c.month;
    case NUMBER_DAY:
        return m->c.day;
    case NUMBER_DAY_OF_YEAR:
        return m->days - civil_days(m->c.year, 1, 1) + 1;
    case NUMBER_QUARTER:
    case NUMBER_WEEK_YEAR:
    case NUMBER_WEEK:
    case NUMBER_MONTH_WEEK:
    case NUMBER_WEEKDAY:
        return week_number(m, number);
    case NUMBER_HOUR:
        return m->c.hour;
    case NUMBER_CLOCK_HOUR:
        return m->c.hour ? m->c.hour : 24;
    case NUMBER_HOUR_AMPM:
        return m->c.hour % 12;
    case NUMBER_CLOCK_AMPM:
        return m->c.hour % 12 ? m->c.hour % 12 : 12;
    case NUMBER_MINUTE:
        return m->c.minute;
    case NUMBER_SECOND:
        return m->c.second;
    case NUMBER_NANO:
        return m->c.ms * NS_PER_MS;
    case NUMBER_MILLI_OF_DAY:
        return m->ms_of_day;
    case NUMBER_NANO_OF_DAY:
        return m->ms_of_day * NS_PER_MS;
    }
    assert(!"number field out of range");
    return 0;
}

static char *put_number(char *p, const struct step *s, int64_t v)
{
    if (s->reduced)
        return datetime_put(p, (v < 0 ? -v : v) % 100, 2);
    if (v < 0) {
        *p++ = '-';
        v = -v;
    } else if (s->sign == SIGN_EXCEEDS_PAD && s->min_width < DIGITS_MAX) {
        int64_t limit = 1;
        for (int i = 0; i < s->min_width; i++)
            limit *= 10;
        if (v >= limit)
            *p++ = '+';
    }
    return datetime_put(p, v, (unsigned)s->min_width);
}

static char *put_fraction(char *p, int64_t nano, int digits)
{
    for (int64_t unit = 100000000; digits > 0; digits--, unit /= 10)
        *p++ = (char)('0' + nano / unit % 10);
    return p;
}

// [+-]HH, then minutes and seconds as the form wants them.
static char *put_offset(char *p, int32_t offset_s, const struct step *s)
{
    const int32_t v = offset_s < 0 ? -offset_s : offset_s;
    const int count = s->count;
    const bool gmt = s->letter == 'O' || (s->letter == 'Z' && count == 4);
    if (!v && (s->letter == 'X' || (s->letter == 'Z' && count == 5))) {
        *p++ = 'Z';
        return p;
    }
    if (gmt) {
        memcpy(p, "GMT", 3);
        p += 3;
        if (!v)
            return p;
    }
    *p++ = offset_s < 0 ? '-' : '+';
    p = datetime_put(p, v / 3600, s->letter == 'O' && count == 1 ? 1 : 2);
    const bool colon = gmt || count == 5 || (count == 3 && s->letter != 'Z');
    const bool minutes = count > 1 || s->letter == 'Z' || v / 60 % 60;
    const bool seconds = v % 60 && (gmt || count > 3);
    if (!minutes || (s->letter == 'O' && count == 1 && !(v / 60 % 60) && !seconds))
        return p;
    if (colon)
        *p++ = ':';
    p = datetime_put(p, v / 60 % 60, 2);
    if (!seconds)
        return p;
    if (colon)
        *p++ = ':';
    return datetime_put(p, v % 60, 2);
}

static void put_quarter(struct buf *out, int quarter, int count)
{
    static const char *const ordinals[] = {"1st", "2nd", "3rd", "4th"};
    if (count == 4)
        buf_printf(out, "%s quarter", ordinals[quarter - 1]);
    else
        buf_printf(out, "%s%d", count == 3 ? "Q" : "", quarter);
}

static void put_era(struct buf *out, bool before, int count)
{
    if (count == 4)
        buf_text(out, before ? "Before Christ" : "Anno Domini");
    else
        buf_put(out, before ? "BC" : "AD", count == 5 ? 1 : 2);
}

static void format_step(struct buf *out, const struct step *s, const struct moment *m)
{
    char text[48];
    char *p = text;
    switch (s->kind) {
    case STEP_LITERAL:
        buf_str(out, s->literal);
        return;
    case STEP_NUMBER:
        p = put_number(p, s, number_of(m, s->number));
        break;
    case STEP_FRACTION:
        p = put_fraction(p, m->c.ms * NS_PER_MS, s->min_width);
        break;
    case STEP_MONTH_TEXT:
        buf_str(out, time_month_name(m->c.month, s->count));
        return;
    case STEP_WEEKDAY_TEXT:
        buf_str(out, time_weekday_name(time_weekday(m->days), s->count));
        return;
    case STEP_QUARTER_TEXT:
        put_quarter(out, (int)week_number(m, NUMBER_QUARTER), s->count);
        return;
    case STEP_ERA:
        put_era(out, m->c.year < 1, s->count);
        return;
    case STEP_AMPM:
        buf_text(out, m->c.hour < 12 ? "AM" : "PM");
        return;
    case STEP_OFFSET:
        p = put_offset(p, m->offset_s, s);
        break;
    case STEP_ZONE_TEXT:
        buf_str(out, m->zone ? zone_abbreviation(m->zone, m->utc_ms) : STR("UTC"));
        return;
    case STEP_ZONE_ID:
        buf_str(out, m->zone ? zone_name(m->zone) : STR("UTC"));
        return;
    case STEP_OPTIONAL_START:
    case STEP_OPTIONAL_END:
        return;
    }
    buf_put(out, text, (size_t)(p - text));
}

void time_pattern_format(struct buf *out, const struct time_pattern *p, int64_t utc_ms,
                         const struct zone *z)
{
    struct moment m = {.utc_ms = utc_ms, .zone = z, .offset_s = z ? zone_offset_s(z, utc_ms) : 0};
    const int64_t local = datetime_add(utc_ms, m.offset_s * INT64_C(1000));
    m.c = civil_from_ms(local);
    m.days = local / DAY_MS - (local % DAY_MS < 0);
    m.ms_of_day = local % DAY_MS + (local % DAY_MS < 0 ? DAY_MS : 0);
    for (size_t i = 0; i < p->n; i++)
        format_step(out, &p->steps[i], &m);
}
