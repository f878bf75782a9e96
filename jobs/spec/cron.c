#include "jobs/spec/cron.h"

#include <assert.h>

struct field {
    const char *what;
    unsigned min, max;
    const char *const *names; // of min, min + 1, …; NULL = numbers only
};

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                          "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

enum { FIELDS = 5 };
static const struct field fields[FIELDS] = {{"minute", 0, 59, NULL},
                                            {"hour", 0, 23, NULL},
                                            {"day of month", 1, 31, NULL},
                                            {"month", 1, 12, month_names},
                                            {"day of week", 0, 7, day_names}};

static const struct {
    const char *name, *text;
} shorthands[] = {{"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
                  {"@weekly", "0 0 * * 0"},  {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
                  {"@annually", "0 0 1 1 *"}};

static bool parse_value(unsigned *out, const struct field *f, struct str s, struct err *e)
{
    uint64_t v = 0;
    for (unsigned i = 0; f->names && f->names[i]; i++) {
        if (str_eq_nocase(s, str_from(f->names[i]))) {
            *out = f->min + i;
            return true;
        }
    }
    if (!str_to_u64(&v, s) || v < f->min || v > f->max)
        return err_fail(e, ERR_CONFIG, "cron %s \"%.*s\" is not in %u to %u", f->what, STR_ARG(s),
                        f->min, f->max);
    *out = (unsigned)v;
    return true;
}

// "*", "5", "1-5", each with an optional "/step"; "5/10" means from 5 to the end.
static bool parse_item(uint64_t *bits, const struct field *f, struct str s, struct err *e)
{
    struct str range = s;
    struct str step_text = STR_NONE;
    struct str low = STR_NONE;
    struct str high = STR_NONE;
    uint64_t step = 1;
    unsigned from = f->min;
    unsigned to = f->max;
    const bool stepped = str_split_once(&range, &step_text, s, '/');
    if (stepped && (!str_to_u64(&step, step_text) || step == 0 || step > f->max))
        return err_fail(e, ERR_CONFIG, "cron %s step \"%.*s\" is not in 1 to %u", f->what,
                        STR_ARG(step_text), f->max);
    if (str_split_once(&low, &high, range, '-')) {
        if (!parse_value(&from, f, low, e) || !parse_value(&to, f, high, e))
            return false;
    } else if (!str_eq(range, STR("*"))) {
        if (!parse_value(&from, f, range, e))
            return false;
        to = stepped ? f->max : from;
    }
    if (from > to)
        return err_fail(e, ERR_CONFIG, "cron %s range \"%.*s\" runs backwards", f->what,
                        STR_ARG(range));
    for (uint64_t v = from; v <= to; v += step)
        *bits |= UINT64_C(1) << v;
    return true;
}

static bool parse_field(uint64_t *bits, const struct field *f, struct str s, struct err *e)
{
    *bits = 0;
    struct str rest = s;
    struct str item = s;
    while (str_split_once(&item, &rest, rest, ',')) {
        if (!parse_item(bits, f, item, e))
            return false;
    }
    return parse_item(bits, f, rest, e);
}

static size_t split_fields(struct str out[FIELDS + 1], struct str text)
{
    size_t n = 0;
    struct str rest = str_trim(text);
    while (rest.n > 0 && n <= FIELDS) {
        size_t end = 0;
        while (end < rest.n && rest.p[end] != ' ' && rest.p[end] != '\t')
            end++;
        out[n++] = str_slice(rest, 0, end);
        rest = str_trim(str_slice(rest, end, rest.n));
    }
    return n;
}

// February 30 and its like never fire: almost surely a mistake.
static bool check_days(const struct cron *c, struct err *e)
{
    static const unsigned lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (!c->any_weekday || c->any_day)
        return true;
    for (unsigned m = 1; m <= 12; m++) {
        for (unsigned d = 1; d <= lengths[m - 1]; d++) {
            if ((c->months >> m & 1) && (c->days >> d & 1))
                return true;
        }
    }
    return err_fail(e, ERR_CONFIG, "cron day of month and month never meet");
}

bool cron_parse(struct cron *out, struct str text, struct err *e)
{
    assert(out);
    struct str parts[FIELDS + 1];
    uint64_t bits[FIELDS];
    for (size_t i = 0; i < sizeof shorthands / sizeof shorthands[0]; i++) {
        if (str_eq(str_trim(text), str_from(shorthands[i].name)))
            text = str_from(shorthands[i].text);
    }
    const size_t n = split_fields(parts, text);
    if (n != FIELDS) {
        err_fail(e, ERR_CONFIG, "cron \"%.*s\" has %s%zu fields, wanted are 5", STR_ARG(text),
                 n > FIELDS ? "at least " : "", n);
        return err_hint(e, "minute hour day-of-month month day-of-week, as in \"*/10 * * * *\"");
    }
    for (size_t i = 0; i < FIELDS; i++) {
        if (!parse_field(&bits[i], &fields[i], parts[i], e))
            return false;
    }
    *out = (struct cron){
        .minutes = bits[0],
        .hours = (uint32_t)bits[1],
        .days = (uint32_t)bits[2],
        .months = (uint16_t)bits[3],
        .weekdays = (uint8_t)((bits[4] | bits[4] >> 7) & 0x7F), // 7 is Sunday too
        .any_day = parts[2].p[0] == '*',
        .any_weekday = parts[4].p[0] == '*',
    };
    return check_days(out, e);
}
