// Text to instants by a compiled pattern: every step takes its part (java.time's strict parsing), then the fields found
// are completed and resolved (its SMART resolving: 31 April is 30 April, 24:00 is the next day's start).
#include "schema/time_pattern_internal.h"

#include "base/clock.h"

#include <assert.h>

#define YEAR_LIMIT INT64_C(200000000) // what milliseconds in 64 bits can hold, and some
#define NONE       (-1)

struct parsed {
    int64_t number[NUMBER_COUNT];
    uint32_t have; // bit per number
    int ampm;      // 0, 1, NONE
    int weekday;   // Monday 0, NONE
    bool has_offset;
    int32_t offset_s;
    const struct zone *zone; // from the text; lives in `arena`
    struct arena *arena;     // NULL until a zone is read
};

struct reader {
    struct str s;
    size_t at;
    struct parsed *p;
};

static bool have(const struct parsed *p, enum number number)
{
    return p->have >> number & 1;
}

static bool set_number(struct parsed *p, enum number number, int64_t v)
{
    if (have(p, number) && p->number[number] != v)
        return false; // said twice, differently
    p->number[number] = v;
    p->have |= UINT32_C(1) << number;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// A sign where the style allows one: 0 none, -1, +1; false when it is not allowed.
static bool take_sign(int *out, struct reader *r, const struct step *s)
{
    *out = 0;
    if (r->at == r->s.n || (r->s.p[r->at] != '-' && r->s.p[r->at] != '+'))
        return true;
    *out = r->s.p[r->at] == '-' ? -1 : 1;
    r->at++;
    return s->sign == SIGN_EXCEEDS_PAD || (s->sign == SIGN_NORMAL && *out < 0);
}

// How many digits this number takes: as many as there are, less those that fixed ones behind it need.
static size_t number_width(const struct reader *r, const struct step *s)
{
    const size_t reserved = s->subsequent > 0 ? (size_t)s->subsequent : 0;
    const size_t most = (size_t)s->max_width + reserved;
    size_t n = 0;
    while (n < most && r->at + n < r->s.n && is_digit(r->s.p[r->at + n]))
        n++;
    if (!reserved)
        return n;
    const size_t left = n > reserved ? n - reserved : 0;
    return left > (size_t)s->min_width ? left : (size_t)s->min_width;
}

static bool take_number(struct reader *r, const struct step *s)
{
    int sign;
    if (!take_sign(&sign, r, s))
        return false;
    const size_t width = number_width(r, s);
    int64_t v;
    if (width < (size_t)s->min_width || width > 18 || !datetime_take(&v, r->s, r->at, width))
        return false;
    if (sign < 0 && !v)
        return false;
    if (s->sign == SIGN_EXCEEDS_PAD && sign >= 0 && (sign > 0) != (width > (size_t)s->min_width))
        return false; // '+' exactly when there are more digits than the pattern has letters
    r->at += width;
    if (s->reduced)
        v += 2000;
    return set_number(r->p, s->number, sign < 0 ? -v : v);
}

static bool take_fraction(struct reader *r, const struct step *s)
{
    int64_t v;
    if (!datetime_take(&v, r->s, r->at, (size_t)s->min_width))
        return false;
    r->at += (size_t)s->min_width;
    for (int i = s->min_width; i < 9; i++)
        v *= 10;
    return set_number(r->p, NUMBER_NANO, v);
}

// In any case, names and quoted text alike: ksqlDB builds its formatters with parseCaseInsensitive().
static bool take_text(struct reader *r, struct str text)
{
    if (text.n == 1 && r->at < r->s.n && r->s.p[r->at] == text.p[0]) { // nearly all of them
        r->at++;
        return true;
    }
    if (!str_eq_nocase(str_slice(r->s, r->at, r->at + text.n), text))
        return false;
    r->at += text.n;
    return true;
}

static bool take_month(struct reader *r, const struct step *s)
{
    for (int m = 1; m <= 12; m++) {
        if (take_text(r, time_month_name(m, s->count)))
            return set_number(r->p, NUMBER_MONTH, m);
    }
    return false;
}

static bool take_weekday(struct reader *r, const struct step *s)
{
    for (int d = 0; d < 7; d++) {
        if (take_text(r, time_weekday_name(d, s->count))) {
            r->p->weekday = d;
            return true;
        }
    }
    return false;
}

// --- offsets and zones ---------------------------------------------------------------------------------------------------------

enum part { PART_NO, PART_OPTIONAL, PART_NEEDED };

struct offset_form {
    bool z, gmt, colon; // "Z" for zero; "GMT" in front
    bool short_hour;    // one digit is enough
    enum part minutes, seconds;
};

static struct offset_form offset_form(const struct step *s)
{
    if (s->letter == 'O' || (s->letter == 'Z' && s->count == 4))
        return (struct offset_form){.gmt = true,
                                    .colon = true,
                                    .short_hour = s->count == 1,
                                    .minutes = s->count == 1 ? PART_OPTIONAL : PART_NEEDED,
                                    .seconds = PART_OPTIONAL};
    if (s->letter == 'Z')
        return (struct offset_form){.z = s->count == 5,
                                    .colon = s->count == 5,
                                    .minutes = PART_NEEDED,
                                    .seconds = s->count == 5 ? PART_OPTIONAL : PART_NO};
    return (struct offset_form){.z = s->letter == 'X',
                                .colon = s->count == 3 || s->count == 5,
                                .minutes = s->count == 1 ? PART_OPTIONAL : PART_NEEDED,
                                .seconds = s->count > 3 ? PART_OPTIONAL : PART_NO};
}

// Minutes or seconds; true also when they are absent and may be.
static bool take_offset_part(int64_t *out, bool *found, struct reader *r, bool colon,
                             enum part needed)
{
    *out = 0;
    *found = false;
    if (needed == PART_NO)
        return true;
    const size_t at = r->at + colon;
    if ((colon && (r->at >= r->s.n || r->s.p[r->at] != ':')) || !datetime_take(out, r->s, at, 2) ||
        *out > 59) {
        *out = 0;
        return needed == PART_OPTIONAL;
    }
    r->at = at + 2;
    *found = true;
    return true;
}

// [+-]HH[:mm[:ss]], as far as the form has them.
static bool take_signed_offset(int32_t *out, struct reader *r, const struct offset_form *form)
{
    if (r->at == r->s.n || (r->s.p[r->at] != '+' && r->s.p[r->at] != '-'))
        return false;
    const bool negative = r->s.p[r->at++] == '-';
    int64_t hour;
    int64_t minute;
    int64_t second = 0;
    bool found;
    const size_t digits = datetime_take(&hour, r->s, r->at, 2) ? 2 : 1;
    if ((digits == 1 && !form->short_hour) || !datetime_take(&hour, r->s, r->at, digits))
        return false;
    r->at += digits;
    if (!take_offset_part(&minute, &found, r, form->colon, form->minutes) ||
        (found && !take_offset_part(&second, &found, r, form->colon, form->seconds)))
        return false;
    const int32_t v = (int32_t)(hour * 3600 + minute * 60 + second);
    *out = negative ? -v : v;
    return v <= 18 * 3600;
}

// What the form writes for no offset at all: "Z", or "GMT" alone. Takes the "GMT" in front of an offset, too.
static bool take_zero_offset(struct reader *r, const struct offset_form *form)
{
    if (form->z && take_text(r, STR("Z")))
        return true;
    return form->gmt && take_text(r, STR("GMT")) &&
           (r->at == r->s.n || (r->s.p[r->at] != '+' && r->s.p[r->at] != '-'));
}

static bool take_offset(struct reader *r, const struct step *s)
{
    const struct offset_form form = offset_form(s);
    int32_t offset_s = 0;
    if (!take_zero_offset(r, &form) && !take_signed_offset(&offset_s, r, &form))
        return false;
    if (r->p->has_offset && r->p->offset_s != offset_s)
        return false;
    r->p->has_offset = true;
    r->p->offset_s = offset_s;
    return true;
}

// Abbreviations mean the region that Java prefers for English.
static struct str region_of(struct str abbreviation)
{
    static const struct {
        const char *abbreviation, *region;
    } regions[] = {
        {"PST", "America/Los_Angeles"}, {"PDT", "America/Los_Angeles"},
        {"MST", "America/Denver"},      {"MDT", "America/Denver"},
        {"CST", "America/Chicago"},     {"CDT", "America/Chicago"},
        {"EST", "America/New_York"},    {"EDT", "America/New_York"},
        {"AKST", "America/Anchorage"},  {"AKDT", "America/Anchorage"},
        {"HST", "Pacific/Honolulu"},    {"BST", "Europe/London"},
        {"WET", "Europe/Lisbon"},       {"WEST", "Europe/Lisbon"},
        {"CET", "Europe/Paris"},        {"CEST", "Europe/Paris"},
        {"EET", "Europe/Bucharest"},    {"EEST", "Europe/Bucharest"},
        {"MSK", "Europe/Moscow"},       {"IST", "Asia/Kolkata"},
        {"JST", "Asia/Tokyo"},          {"KST", "Asia/Seoul"},
        {"AEST", "Australia/Sydney"},   {"AEDT", "Australia/Sydney"},
        {"NZST", "Pacific/Auckland"},   {"NZDT", "Pacific/Auckland"},
    };
    for (size_t i = 0; i < sizeof regions / sizeof *regions; i++) {
        if (str_eq(abbreviation, str_from(regions[i].abbreviation)))
            return str_from(regions[i].region);
    }
    return abbreviation;
}

static bool is_zone_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' ||
           c == '/' || c == '+' || c == '-' || c == ':';
}

static bool take_zone(struct reader *r, const struct step *s)
{
    size_t n = 0;
    while (r->at + n < r->s.n && is_zone_char(r->s.p[r->at + n]))
        n++;
    struct str name = str_slice(r->s, r->at, r->at + n);
    if (s->kind == STEP_ZONE_TEXT)
        name = region_of(name);
    if (!r->p->arena)
        r->p->arena = arena_new(NULL);
    struct err ignored = {0}; // a row's text: only whether it is a zone matters
    if (!n || !zone_load(&r->p->zone, r->p->arena, name, &ignored))
        return false;
    r->at += n;
    return true;
}

// --- the walk ------------------------------------------------------------------------------------------------------------------

static bool take_ampm(struct reader *r)
{
    r->p->ampm = take_text(r, STR("AM")) ? 0 : take_text(r, STR("PM")) ? 1 : NONE;
    return r->p->ampm != NONE;
}

static bool take_step(struct reader *r, const struct step *s)
{
    switch (s->kind) {
    case STEP_LITERAL:
        return take_text(r, s->literal);
    case STEP_QUARTER_TEXT:
    case STEP_ERA:
        return false;
    case STEP_NUMBER:
        return (s->number < NUMBER_QUARTER || s->number > NUMBER_WEEKDAY) && take_number(r, s);
    case STEP_FRACTION:
        return take_fraction(r, s);
    case STEP_MONTH_TEXT:
        return take_month(r, s);
    case STEP_WEEKDAY_TEXT:
        return take_weekday(r, s);
    case STEP_AMPM:
        return take_ampm(r);
    case STEP_OFFSET:
        return take_offset(r, s);
    case STEP_ZONE_TEXT:
    case STEP_ZONE_ID:
        return take_zone(r, s);
    case STEP_OPTIONAL_START:
    case STEP_OPTIONAL_END:
        return true; // take_steps handles them
    }
    assert(!"pattern step out of range");
    return false;
}

// Steps from..to; an optional section that does not match is as if it were not there.
static bool take_steps(struct reader *r, const struct time_pattern *p, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        const struct step *s = &p->steps[i];
        if (s->kind != STEP_OPTIONAL_START) {
            if (!take_step(r, s))
                return false;
            continue;
        }
        const size_t at = r->at;
        const struct parsed before = *r->p;
        if (!take_steps(r, p, i + 1, s->end)) {
            struct arena *arena = r->p->arena;
            *r->p = before;
            r->p->arena = arena;
            r->at = at;
        }
        i = s->end;
    }
    return true;
}

// --- resolving -----------------------------------------------------------------------------------------------------------------

static bool in_range(const struct parsed *p, enum number number, int64_t min, int64_t max)
{
    return !have(p, number) || (p->number[number] >= min && p->number[number] <= max);
}

static int64_t number_or(const struct parsed *p, enum number number, int64_t absent)
{
    return have(p, number) ? p->number[number] : absent;
}

static bool resolve_hour(int64_t *hour, const struct parsed *p)
{
    if (!in_range(p, NUMBER_HOUR, 0, 24) || !in_range(p, NUMBER_CLOCK_HOUR, 1, 24) ||
        !in_range(p, NUMBER_HOUR_AMPM, 0, 11) || !in_range(p, NUMBER_CLOCK_AMPM, 1, 12))
        return false;
    const int pm = p->ampm == 1;
    if (have(p, NUMBER_HOUR) || have(p, NUMBER_CLOCK_HOUR)) {
        *hour = have(p, NUMBER_HOUR) ? p->number[NUMBER_HOUR] : p->number[NUMBER_CLOCK_HOUR] % 24;
        return p->ampm == NONE || *hour / 12 == pm;
    }
    *hour = number_or(p, NUMBER_HOUR_AMPM, number_or(p, NUMBER_CLOCK_AMPM, 0) % 12) + 12 * pm;
    return true;
}

// Nanoseconds of the day; 24:00 with nothing behind is one whole day.
static bool resolve_time(int64_t *nano, const struct parsed *p)
{
    if (have(p, NUMBER_NANO_OF_DAY) || have(p, NUMBER_MILLI_OF_DAY)) {
        *nano = have(p, NUMBER_NANO_OF_DAY) ? p->number[NUMBER_NANO_OF_DAY]
                                            : p->number[NUMBER_MILLI_OF_DAY];
        if (!have(p, NUMBER_NANO_OF_DAY) &&
            (*nano >= DAY_MS || __builtin_mul_overflow(*nano, NS_PER_MS, nano)))
            return false;
        return *nano < DAY_MS * NS_PER_MS;
    }
    int64_t hour;
    if (!resolve_hour(&hour, p) || !in_range(p, NUMBER_MINUTE, 0, 59) ||
        !in_range(p, NUMBER_SECOND, 0, 59) || !in_range(p, NUMBER_NANO, 0, 999999999))
        return false;
    const int64_t rest =
        (number_or(p, NUMBER_MINUTE, 0) * 60 + number_or(p, NUMBER_SECOND, 0)) * 1000 * NS_PER_MS +
        number_or(p, NUMBER_NANO, 0);
    *nano = hour * 3600000 * NS_PER_MS + rest;
    return hour < 24 || rest == 0;
}

static bool resolve_year(int64_t *year, const struct parsed *p)
{
    if (!in_range(p, NUMBER_YEAR, -YEAR_LIMIT, YEAR_LIMIT) ||
        !in_range(p, NUMBER_YEAR_OF_ERA, 1, YEAR_LIMIT))
        return false;
    *year = number_or(p, NUMBER_YEAR, number_or(p, NUMBER_YEAR_OF_ERA, 1970));
    return true;
}

static bool resolve_date(int64_t *days, const struct parsed *p)
{
    int64_t year;
    if (!resolve_year(&year, p) || !in_range(p, NUMBER_MONTH, 1, 12) ||
        !in_range(p, NUMBER_DAY, 1, 31) || !in_range(p, NUMBER_DAY_OF_YEAR, 1, 366))
        return false;
    const bool year_known = have(p, NUMBER_YEAR) || have(p, NUMBER_YEAR_OF_ERA);
    const bool by_day_of_year =
        have(p, NUMBER_DAY_OF_YEAR) && !(have(p, NUMBER_MONTH) && have(p, NUMBER_DAY));
    if (by_day_of_year) {
        const int64_t day = p->number[NUMBER_DAY_OF_YEAR];
        if (day == 366 && datetime_month_days(year, 2) != 29)
            return false;
        *days = civil_days(year, 1, 1) + day - 1;
    } else {
        const int month = (int)number_or(p, NUMBER_MONTH, 1);
        const int day = (int)number_or(p, NUMBER_DAY, 1);
        const int last = datetime_month_days(year, month);
        *days = civil_days(year, month, day > last ? last : day);
    }
    // The weekday can only contradict a date that the text gives in full.
    const bool full =
        year_known && (by_day_of_year || (have(p, NUMBER_MONTH) && have(p, NUMBER_DAY)));
    return p->weekday == NONE || !full || time_weekday(*days) == p->weekday;
}

static bool resolve(int64_t *out, const struct parsed *p, const struct zone *z)
{
    int64_t days;
    int64_t nano;
    if (!resolve_date(&days, p) || !resolve_time(&nano, p))
        return false;
    const int64_t local = days * DAY_MS + nano / NS_PER_MS;
    if (p->zone)
        z = p->zone;
    if (p->has_offset && !p->zone)
        *out = local - p->offset_s * INT64_C(1000);
    else
        *out = z ? zone_to_utc_ms(z, local) : local;
    return true;
}

static bool parse(int64_t *out, size_t *used, const struct time_pattern *p, struct str s,
                  const struct zone *z)
{
    struct parsed parsed = {.ampm = NONE, .weekday = NONE};
    struct reader r = {.s = s, .p = &parsed};
    const bool ok = take_steps(&r, p, 0, p->n) && resolve(out, &parsed, z);
    arena_free(parsed.arena);
    *used = r.at;
    return ok;
}

bool time_pattern_parse(int64_t *out, const struct time_pattern *p, struct str s,
                        const struct zone *z)
{
    size_t used;
    int64_t v;
    if (!parse(&v, &used, p, s, z) || used != s.n)
        return false;
    *out = v;
    return true;
}

bool time_pattern_parse_start(int64_t *out, const struct time_pattern *p, struct str s,
                              const struct zone *z)
{
    size_t used;
    return parse(out, &used, p, s, z);
}
