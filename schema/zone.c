// Time zones: fixed offsets, and TZif files (RFC 8536) of the system with the POSIX rule that continues them.
#include "schema/text_internal.h"

#include "base/clock.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define ZONE_DIR     "/usr/share/zoneinfo/"
#define FILE_MAX     (1 << 20) // the largest known is 4 KiB
#define NAME_MAX_LEN 64
#define DAY_S        86400

// A day of the year by POSIX: Mm.w.d, Jn (29 February never counted) or n (from 0), and seconds after its midnight.
struct rule_day {
    enum { RULE_MONTH, RULE_JULIAN, RULE_ZERO } kind;
    int month, week, day;
    int32_t time_s;
};

struct kind_of_time {
    int32_t offset_s;
    struct str abbreviation;
};

struct zone {
    struct str name;
    size_t count;                     // transitions
    const int64_t *at;                // Unix seconds, ascending
    const uint8_t *kind;              // per transition: what holds from then on
    const struct kind_of_time *kinds; // [0] holds before the first transition
    // The rule after the last transition.
    enum { TAIL_NONE, TAIL_STANDARD, TAIL_DAYLIGHT } tail;
    struct kind_of_time standard, daylight;
    struct rule_day start, end;
};

// --- the POSIX rule, "CET-1CEST,M3.5.0,M10.5.0/3" -----------------------------------------------------------------------

static bool take_char(struct str *s, char c)
{
    if (!s->n || s->p[0] != c)
        return false;
    *s = str_slice(*s, 1, s->n);
    return true;
}

static bool take_number(int *out, struct str *s)
{
    size_t n = 0;
    int v = 0;
    while (n < s->n && n < 4 && s->p[n] >= '0' && s->p[n] <= '9')
        v = v * 10 + (s->p[n++] - '0');
    *out = v;
    *s = str_slice(*s, n, s->n);
    return n > 0;
}

// [+-]h[h[h]][:mm[:ss]]
static bool take_seconds(int32_t *out, struct str *s)
{
    const bool negative = take_char(s, '-');
    if (!negative)
        (void)take_char(s, '+');
    int part[3] = {0};
    if (!take_number(&part[0], s) || part[0] > 167)
        return false;
    for (int i = 1; i < 3 && take_char(s, ':'); i++) {
        if (!take_number(&part[i], s) || part[i] > 59)
            return false;
    }
    const int32_t v = part[0] * 3600 + part[1] * 60 + part[2];
    *out = negative ? -v : v;
    return true;
}

// Letters, or anything between < and >.
static bool take_abbreviation(struct str *out, struct str *s)
{
    const bool quoted = take_char(s, '<');
    size_t n = 0;
    while (n < s->n &&
           (quoted ? s->p[n] != '>' : (s->p[n] | 0x20) >= 'a' && (s->p[n] | 0x20) <= 'z'))
        n++;
    *out = str_slice(*s, 0, n);
    *s = str_slice(*s, n, s->n);
    return n > 0 && (!quoted || take_char(s, '>'));
}

static bool take_rule_day(struct rule_day *out, struct str *s)
{
    *out = (struct rule_day){.time_s = 2 * 3600};
    if (!take_char(s, ','))
        return false;
    if (take_char(s, 'M')) {
        out->kind = RULE_MONTH;
        if (!take_number(&out->month, s) || !take_char(s, '.') || !take_number(&out->week, s) ||
            !take_char(s, '.') || !take_number(&out->day, s))
            return false;
        if (out->month < 1 || out->month > 12 || out->week < 1 || out->week > 5 || out->day > 6)
            return false;
    } else {
        out->kind = take_char(s, 'J') ? RULE_JULIAN : RULE_ZERO;
        if (!take_number(&out->day, s) || out->day > 365 ||
            (out->kind == RULE_JULIAN && out->day < 1))
            return false;
    }
    return !take_char(s, '/') || take_seconds(&out->time_s, s);
}

// POSIX offsets are positive west of Greenwich.
static bool tail_parse(struct zone *z, struct str s)
{
    int32_t west;
    z->tail = TAIL_NONE;
    if (!s.n)
        return true;
    if (!take_abbreviation(&z->standard.abbreviation, &s) || !take_seconds(&west, &s))
        return false;
    z->standard.offset_s = -west;
    z->tail = TAIL_STANDARD;
    if (!s.n)
        return true;
    if (!take_abbreviation(&z->daylight.abbreviation, &s))
        return false;
    z->daylight.offset_s = z->standard.offset_s + 3600;
    if (s.n && s.p[0] != ',') {
        if (!take_seconds(&west, &s))
            return false;
        z->daylight.offset_s = -west;
    }
    z->tail = TAIL_DAYLIGHT;
    return take_rule_day(&z->start, &s) && take_rule_day(&z->end, &s) && !s.n;
}

// Days since the epoch of the rule's day in that year.
static int64_t rule_days(const struct rule_day *r, int64_t year)
{
    const int64_t january = civil_days(year, 1, 1);
    if (r->kind == RULE_ZERO)
        return january + r->day;
    if (r->kind == RULE_JULIAN)
        return january + r->day - 1 + (r->day > 59 && datetime_month_days(year, 2) == 29);
    const int64_t first = civil_days(year, r->month, 1);
    const int weekday = (int)(((first + 4) % 7 + 7) % 7); // 1970-01-01 was a Thursday
    int day = (r->day - weekday + 7) % 7 + (r->week - 1) * 7;
    while (day >= datetime_month_days(year, r->month))
        day -= 7; // week 5 is the last one there is
    return first + day;
}

static const struct kind_of_time *tail_kind(const struct zone *z, int64_t utc_s)
{
    if (z->tail == TAIL_STANDARD)
        return &z->standard;
    const int64_t year =
        civil_from_ms(datetime_add(utc_s * 1000, z->standard.offset_s * INT64_C(1000))).year;
    const int64_t start =
        rule_days(&z->start, year) * DAY_S + z->start.time_s - z->standard.offset_s;
    const int64_t end = rule_days(&z->end, year) * DAY_S + z->end.time_s - z->daylight.offset_s;
    const bool daylight =
        start < end ? utc_s >= start && utc_s < end : utc_s >= start || utc_s < end;
    return daylight ? &z->daylight : &z->standard;
}

// --- the file ------------------------------------------------------------------------------------------------------------

struct header {
    uint32_t isut, isstd, leap, times, types, chars;
    char version;
};

static uint32_t be32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return be32toh(v);
}

static int64_t be64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return (int64_t)be64toh(v);
}

static bool take_header(struct header *out, struct str *s)
{
    if (s->n < 44 || memcmp(s->p, "TZif", 4) != 0)
        return false;
    const char *p = s->p + 20;
    *out = (struct header){.version = s->p[4],
                           .isut = be32(p),
                           .isstd = be32(p + 4),
                           .leap = be32(p + 8),
                           .times = be32(p + 12),
                           .types = be32(p + 16),
                           .chars = be32(p + 20)};
    *s = str_slice(*s, 44, s->n);
    return out->isut <= 256 && out->isstd <= 256 && out->leap <= 1000 && out->times <= 100000 &&
           out->types >= 1 && out->types <= 256 && out->chars >= 1 && out->chars <= 10000;
}

static size_t body_bytes(const struct header *h, size_t time_bytes)
{
    return h->times * (time_bytes + 1) + h->types * 6 + h->chars + h->leap * (time_bytes + 4) +
           h->isstd + h->isut;
}

// The 64-bit body: times, their kinds, the kinds, abbreviations.
static bool body_read(struct zone *z, struct arena *a, const struct header *h, struct str s)
{
    int64_t *at = ARENA_ARRAY(a, int64_t, h->times + 1);
    uint8_t *kind = ARENA_ARRAY(a, uint8_t, h->times + 1);
    struct kind_of_time *kinds = ARENA_ARRAY(a, struct kind_of_time, h->types);
    const char *kind_p = s.p + (size_t)h->times * 8;
    const char *type_p = kind_p + h->times;
    const struct str chars = {type_p + (size_t)h->types * 6, h->chars};
    for (uint32_t i = 0; i < h->times; i++) {
        at[i] = be64(s.p + (size_t)i * 8);
        kind[i] = (uint8_t)kind_p[i];
        if (kind[i] >= h->types || (i && at[i] <= at[i - 1]))
            return false;
    }
    for (uint32_t i = 0; i < h->types; i++) {
        const char *p = type_p + (size_t)i * 6;
        const uint8_t name = (uint8_t)p[5];
        const char *nul = name < chars.n ? memchr(chars.p + name, 0, chars.n - name) : NULL;
        kinds[i].offset_s = (int32_t)be32(p);
        if (!nul || kinds[i].offset_s <= -26 * 3600 || kinds[i].offset_s >= 26 * 3600)
            return false;
        kinds[i].abbreviation = (struct str){chars.p + name, (size_t)(nul - chars.p) - name};
    }
    z->count = h->times;
    z->at = at;
    z->kind = kind;
    z->kinds = kinds;
    return true;
}

static bool file_parse(struct zone *z, struct arena *a, struct str s)
{
    struct header h;
    if (!take_header(&h, &s) || h.version < '2' || s.n < body_bytes(&h, 4))
        return false; // files of before 2005 have 32-bit times only
    s = str_slice(s, body_bytes(&h, 4), s.n);
    if (!take_header(&h, &s) || s.n < body_bytes(&h, 8) || !body_read(z, a, &h, s))
        return false;
    s = str_slice(s, body_bytes(&h, 8), s.n);
    if (s.n < 2 || s.p[0] != '\n' || s.p[s.n - 1] != '\n')
        return false;
    return tail_parse(z, str_slice(s, 1, s.n - 1));
}

static bool unknown(struct str name, struct err *e)
{
    err_fail(e, ERR_CONFIG, "time zone %.*s is not known", STR_ARG(name));
    return err_hint(
        e, "use a name such as Europe/Paris or an offset such as +02:00; the system's tzdata "
           "package holds the names");
}

static bool file_read(struct str *out, struct arena *a, const char *path, struct str name,
                      struct err *e)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? unknown(name, e)
                                                   : err_sys(e, "cannot open %s", path);
    char *p = arena_alloc(a, FILE_MAX);
    size_t n = 0;
    ssize_t got;
    while ((got = read(fd, p + n, FILE_MAX - n)) > 0)
        n += (size_t)got;
    const bool ok = got == 0;
    if (!ok)
        (void)(errno == EISDIR ? unknown(name, e) : err_sys(e, "cannot read %s", path));
    close(fd);
    *out = (struct str){p, n};
    return ok;
}

static bool name_is_safe(struct str name)
{
    if (!name.n || name.n > NAME_MAX_LEN || name.p[0] == '/' || name.p[0] == '.')
        return false;
    for (size_t i = 0; i < name.n; i++) {
        const char c = name.p[i];
        const bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '+' || c == '/';
        if (!ok)
            return false;
    }
    return true;
}

// Z, UTC, GMT, UT, an offset, or one of these names followed by an offset (ZoneId.of).
static bool fixed_offset(int32_t *out, struct str name)
{
    static const struct str utc[] = {
        {"UTC", 3}, {"GMT", 3}, {"UT", 2}, {"Etc/UTC", 7}, {"Etc/GMT", 7}};
    for (size_t i = 0; i < sizeof utc / sizeof *utc; i++) {
        *out = 0;
        if (str_eq(name, utc[i]))
            return true;
        if (i < 3 && str_starts(name, utc[i]) && name.n > utc[i].n && name.p[utc[i].n] != 'Z' &&
            datetime_parse_offset(out, str_slice(name, utc[i].n, name.n)))
            return true;
    }
    return datetime_parse_offset(out, name);
}

bool zone_load(const struct zone **out, struct arena *a, struct str name, struct err *e)
{
    struct zone *z = ARENA_NEW(a, struct zone);
    z->name = arena_str(a, name);
    int32_t offset_s;
    if (fixed_offset(&offset_s, name)) {
        z->tail = TAIL_STANDARD;
        z->standard =
            (struct kind_of_time){offset_s, str_eq(name, STR("Etc/UTC")) ? STR("UTC") : z->name};
        *out = z;
        return true;
    }
    if (!name_is_safe(name)) {
        err_fail(e, ERR_CONFIG, "\"%.*s\" is not the name of a time zone",
                 STR_ARG(str_slice(name, 0, 80)));
        return err_hint(e, "use a name such as Europe/Paris or an offset such as +02:00");
    }
    char path[sizeof ZONE_DIR + NAME_MAX_LEN];
    const int n = snprintf(path, sizeof path, ZONE_DIR "%.*s", STR_ARG(name));
    assert(n > 0 && (size_t)n < sizeof path);
    struct arena *scratch = arena_new(NULL);
    struct str file = STR_NONE;
    bool ok = file_read(&file, scratch, path, name, e);
    if (ok) {
        file = arena_str(a, file);
        ok = file_parse(z, a, file) ||
             err_fail(e, ERR_CONFIG, "%s is not a time zone file (TZif 2 or later)", path);
    }
    arena_free(scratch);
    if (ok)
        *out = z;
    return ok;
}

// --- looking up --------------------------------------------------------------------------------------------------------

static int64_t floor_div(int64_t v, int64_t d)
{
    return v / d - (v % d < 0);
}

static const struct kind_of_time *kind_at(const struct zone *z, int64_t utc_s)
{
    if (!z->count || utc_s < z->at[0])
        return z->kinds ? &z->kinds[0] : &z->standard;
    if (z->tail != TAIL_NONE && utc_s >= z->at[z->count - 1])
        return tail_kind(z, utc_s);
    size_t lo = 0; // at[lo] <= utc_s < at[hi]
    size_t hi = z->count;
    while (hi - lo > 1) {
        const size_t mid = lo + (hi - lo) / 2;
        if (z->at[mid] <= utc_s)
            lo = mid;
        else
            hi = mid;
    }
    return &z->kinds[z->kind[lo]];
}

int32_t zone_offset_s(const struct zone *z, int64_t utc_ms)
{
    return kind_at(z, floor_div(utc_ms, 1000))->offset_s;
}

struct str zone_abbreviation(const struct zone *z, int64_t utc_ms)
{
    return kind_at(z, floor_div(utc_ms, 1000))->abbreviation;
}

struct str zone_name(const struct zone *z)
{
    return z->name;
}

static int64_t offset_ms(const struct zone *z, int64_t utc_ms)
{
    return zone_offset_s(z, utc_ms) * INT64_C(1000);
}

int64_t zone_to_utc_ms(const struct zone *z, int64_t local_ms)
{
    // No zone changes twice within two days: these are the offsets before and after a change that is near.
    const int64_t before = offset_ms(z, datetime_add(local_ms, -DAY_S * INT64_C(1000)));
    const int64_t after = offset_ms(z, datetime_add(local_ms, DAY_S * INT64_C(1000)));
    const int64_t first = datetime_add(local_ms, -before);
    const int64_t second = datetime_add(local_ms, -after);
    if (offset_ms(z, first) == before)
        return first; // the only reading, or the earlier one of an overlap
    if (offset_ms(z, second) == after)
        return second;
    return first; // in a gap: as far behind it as it was in it
}
