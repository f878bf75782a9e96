// DATE, TIME and TIMESTAMP as text: the forms of CAST, java.time's ISO ones and ksqlDB's completion of partial ones.
#include "schema/text_internal.h"

#include "base/clock.h"

#include <assert.h>

#define DAY_MS     86400000
#define TEXT_MAX   64 // no timestamp that means something is longer
#define OFFSET_MAX (18 * 3600)

char *datetime_put(char *p, int64_t v, unsigned width)
{
    assert(v >= 0);
    char reversed[20];
    unsigned n = 0;
    do {
        reversed[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    for (unsigned i = n; i < width; i++)
        *p++ = '0';
    while (n)
        *p++ = reversed[--n];
    return p;
}

static char *put2(char *p, int v)
{
    p[0] = (char)('0' + v / 10);
    p[1] = (char)('0' + v % 10);
    return p + 2;
}

// SignStyle.EXCEEDS_PAD at width 4: "2020", "-0044", "+12020".
static char *put_year(char *p, int64_t year)
{
    if (year < 0)
        *p++ = '-';
    else if (year > 9999)
        *p++ = '+';
    return datetime_put(p, year < 0 ? -year : year, 4);
}

static char *put_date(char *p, const struct civil *c)
{
    *p++ = '-';
    p = put2(p, c->month);
    *p++ = '-';
    return put2(p, c->day);
}

void text_timestamp(struct buf *out, int64_t ms)
{
    char *start = buf_room(out, TEXT_MAX);
    if (!start)
        return;
    const struct civil c = civil_from_ms(ms);
    // The pattern says yyyy, the year of the era: before year 1 it counts backwards.
    char *p = put_date(put_year(start, c.year > 0 ? c.year : 1 - c.year), &c);
    *p++ = 'T';
    p = put2(p, c.hour);
    *p++ = ':';
    p = put2(p, c.minute);
    *p++ = ':';
    p = put2(p, c.second);
    *p++ = '.';
    p = datetime_put(p, c.ms, 3);
    out->n += (size_t)(p - start);
}

void text_date(struct buf *out, int32_t days)
{
    char *start = buf_room(out, TEXT_MAX);
    if (!start)
        return;
    const struct civil c = civil_from_ms((int64_t)days * DAY_MS);
    char *p = put_date(put_year(start, c.year), &c);
    out->n += (size_t)(p - start);
}

// LocalTime.toString: seconds only when something is behind the minutes, milliseconds likewise.
void text_time(struct buf *out, int32_t ms)
{
    char *start = buf_room(out, TEXT_MAX);
    if (!start)
        return;
    const struct civil c = civil_from_ms(ms);
    char *p = put2(start, c.hour);
    *p++ = ':';
    p = put2(p, c.minute);
    if (c.second || c.ms) {
        *p++ = ':';
        p = put2(p, c.second);
    }
    if (c.ms) {
        *p++ = '.';
        p = datetime_put(p, c.ms, 3);
    }
    out->n += (size_t)(p - start);
}

int64_t datetime_add(int64_t ms, int64_t add)
{
    int64_t sum;
    if (__builtin_add_overflow(ms, add, &sum))
        return add < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

// --- parsing -------------------------------------------------------------------------------------------------------

bool datetime_take(int64_t *out, struct str s, size_t at, size_t n)
{
    if (at > s.n || s.n - at < n)
        return false;
    int64_t v = 0;
    for (size_t i = at; i < at + n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        v = v * 10 + (s.p[i] - '0');
    }
    *out = v;
    return true;
}

int datetime_month_days(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    assert(month >= 1 && month <= 12);
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

bool datetime_parse_offset(int32_t *out, struct str s)
{
    if (str_eq(s, STR("Z"))) {
        *out = 0;
        return true;
    }
    if (s.n < 2 || (s.p[0] != '+' && s.p[0] != '-'))
        return false;
    int64_t part[3] = {0};
    size_t at = s.n == 2 ? 2 : 3;
    if (!datetime_take(&part[0], s, 1, at - 1))
        return false;
    const size_t colon = at < s.n && s.p[at] == ':';
    for (int i = 1; i < 3 && at < s.n; i++) {
        if (colon && s.p[at] != ':')
            return false;
        if (!datetime_take(&part[i], s, at + colon, 2) || part[i] > 59)
            return false;
        at += 2 + colon;
    }
    const int64_t v = part[0] * 3600 + part[1] * 60 + part[2];
    if (at != s.n || v > OFFSET_MAX)
        return false;
    *out = (int32_t)(s.p[0] == '-' ? -v : v);
    return true;
}

enum resolver { RESOLVE_STRICT, RESOLVE_SMART }; // SMART: 31 April is its last day

// "yyyy-MM-dd" with a year of four digits, or a sign and more; *used = its length.
static bool take_date(int64_t *days, size_t *used, struct str s, enum resolver resolver)
{
    const bool negative = s.n && s.p[0] == '-';
    const bool positive = s.n && s.p[0] == '+';
    size_t at = negative || positive;
    size_t digits = 0;
    while (at + digits < s.n && s.p[at + digits] >= '0' && s.p[at + digits] <= '9')
        digits++;
    if (digits < 4 || digits > 9 || (digits > 4 && !negative && !positive) ||
        (positive && digits == 4))
        return false;
    int64_t year;
    int64_t month;
    int64_t day;
    if (!datetime_take(&year, s, at, digits))
        return false;
    at += digits;
    if (!datetime_take(&month, s, at + 1, 2) || !datetime_take(&day, s, at + 4, 2) ||
        s.p[at] != '-' || s.p[at + 3] != '-')
        return false;
    if (month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    if (negative)
        year = -year;
    const int last = datetime_month_days(year, (int)month);
    if (day > last && resolver == RESOLVE_STRICT)
        return false;
    *days = civil_days(year, (int)month, day > last ? last : (int)day);
    *used = at + 6;
    return true;
}

// Number of parts that String.split("-") makes: empty ones at the end do not count.
static size_t dash_parts(struct str s)
{
    while (s.n && s.p[s.n - 1] == '-')
        s.n--;
    size_t parts = 1;
    for (size_t i = 0; i < s.n; i++)
        parts += s.p[i] == '-';
    return parts;
}

// "2020" and "2020-05" completed to their first day.
static struct str complete_date(char out[TEXT_MAX], struct str s)
{
    const size_t parts = dash_parts(s);
    const struct str tail = parts == 1 ? STR("-01-01") : parts == 2 ? STR("-01") : STR("");
    assert(s.n + tail.n <= TEXT_MAX);
    memcpy(out, s.p, s.n);
    memcpy(out + s.n, tail.p, tail.n);
    return (struct str){out, s.n + tail.n};
}

bool text_parse_date(int32_t *out, struct str s)
{
    char text[TEXT_MAX];
    int64_t days;
    size_t used;
    if (!s.n || s.n > TEXT_MAX - 8)
        return false;
    const struct str date = complete_date(text, s);
    if (!take_date(&days, &used, date, RESOLVE_STRICT) || used != date.n)
        return false;
    if (days < INT32_MIN || days > INT32_MAX)
        return false;
    *out = (int32_t)days;
    return true;
}

// DateTimeFormatter.ISO_LOCAL_TIME: HH:mm[:ss[.up to nine digits]]
bool text_parse_time(int32_t *out, struct str s)
{
    int64_t hour;
    int64_t minute;
    int64_t second = 0;
    int64_t ms = 0;
    if (!datetime_take(&hour, s, 0, 2) || !datetime_take(&minute, s, 3, 2) || s.p[2] != ':')
        return false;
    if (s.n > 5 && (s.p[5] != ':' || !datetime_take(&second, s, 6, 2)))
        return false;
    if (s.n > 8) {
        int64_t ignored;
        if (s.p[8] != '.' || s.n > 18 || !datetime_take(&ignored, s, 9, s.n - 9))
            return false;
        for (size_t i = 9; i < 12; i++)
            ms = ms * 10 + (i < s.n ? s.p[i] - '0' : 0);
    }
    if (hour > 23 || minute > 59 || second > 59)
        return false;
    *out = (int32_t)(((hour * 60 + minute) * 60 + second) * 1000 + ms);
    return true;
}

// "HH:mm:ss.SSS" exactly; 24:00:00.000 is the end of the day.
static bool take_full_time(int64_t *ms, struct str s)
{
    int64_t hour;
    int64_t minute;
    int64_t second;
    int64_t fraction;
    if (s.n != 12 || s.p[2] != ':' || s.p[5] != ':' || s.p[8] != '.')
        return false;
    if (!datetime_take(&hour, s, 0, 2) || !datetime_take(&minute, s, 3, 2) ||
        !datetime_take(&second, s, 6, 2) || !datetime_take(&fraction, s, 9, 3))
        return false;
    const bool end = hour == 24 && !minute && !second && !fraction;
    if ((hour > 23 && !end) || minute > 59 || second > 59)
        return false;
    *ms = ((hour * 60 + minute) * 60 + second) * 1000 + fraction;
    return true;
}

// What stands behind the T: partial time, then nothing, Z, or an offset from the first + (else -) on.
static bool take_time_and_offset(int64_t *ms, int32_t *offset_s, struct str s)
{
    static const char zeros[] = "00:00:00.000";
    const char *sign = memchr(s.p, '+', s.n);
    if (!sign)
        sign = memchr(s.p, '-', s.n);
    struct str time = str_slice(s, 0, sign ? (size_t)(sign - s.p) : s.n);
    const struct str zone = str_slice(s, time.n, s.n);
    *offset_s = 0;
    if (zone.n && !datetime_parse_offset(offset_s, zone))
        return false;
    if (time.n && time.p[time.n - 1] == 'Z')
        time.n--;
    char text[sizeof zeros];
    if (time.n > sizeof zeros - 1)
        return false;
    memcpy(text, zeros, sizeof zeros);
    if (time.n)
        memcpy(text, time.p, time.n);
    return take_full_time(ms, (struct str){text, sizeof zeros - 1});
}

bool text_parse_timestamp(int64_t *out, struct str s)
{
    if (!s.n || s.n > TEXT_MAX - 8)
        return false;
    const char *t = memchr(s.p, 'T', s.n);
    char text[TEXT_MAX];
    struct str date;
    int64_t ms = 0;
    int32_t offset_s = 0;
    if (t) {
        const size_t at = (size_t)(t - s.p);
        date = str_slice(s, 0, at);
        if (!take_time_and_offset(&ms, &offset_s, str_slice(s, at + 1, s.n)))
            return false;
    } else {
        date = complete_date(text, s);
    }
    int64_t days;
    size_t used;
    if (!take_date(&days, &used, date, RESOLVE_SMART) || used != date.n)
        return false;
    return !__builtin_mul_overflow(days, (int64_t)DAY_MS, out) &&
           !__builtin_add_overflow(*out, ms - offset_s * INT64_C(1000), out);
}
