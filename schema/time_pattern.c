// java.time.format.DateTimeFormatter patterns (English texts), and what ksqlDB makes of the fields it finds: those that
// a text does not have are those of 1970-01-01T00:00:00.
//
// Letters: u y M L d D E a H h K k m s S A n N V z O X x Z ' [ ]; only to format: G Q q Y w W e c. Number rules (widths, signs, adjacent values) are
// those of DateTimeFormatterBuilder.appendValue.
#include "schema/time_pattern_internal.h"

#include <assert.h>

#define STEPS_MAX 256u

struct compiler {
    struct step steps[STEPS_MAX];
    size_t n;
    size_t open[STEPS_MAX]; // optional sections
    size_t depth;
    size_t
        active; // number that takes digits before the fixed ones that follow it; STEPS_MAX = none
    struct str pattern;
    struct err *e;
};

static bool bad_pattern(struct compiler *s, const char *what)
{
    return err_fail(s->e, ERR_SQL, "date and time pattern \"%.*s\": %s",
                    STR_ARG(str_slice(s->pattern, 0, 100)), what);
}

static bool push(struct compiler *s, struct step step)
{
    if (s->n == STEPS_MAX)
        return bad_pattern(s, "is too long");
    s->steps[s->n++] = step;
    s->active = STEPS_MAX;
    return true;
}

// Adjacent numbers: a fixed one makes the open-ended one before it leave it its digits.
static bool push_number(struct compiler *s, struct step step)
{
    const size_t active = s->active;
    const bool fixed = step.min_width == step.max_width && step.sign == SIGN_NOT_NEGATIVE;
    if (active == STEPS_MAX) {
        if (!push(s, step))
            return false;
        s->active = s->n - 1;
        return true;
    }
    struct step *before = &s->steps[active];
    if (fixed) {
        before->subsequent += step.max_width;
        step.subsequent = -1;
        if (!push(s, step))
            return false;
        s->active = active;
        return true;
    }
    before->subsequent = -1;
    if (!push(s, step))
        return false;
    s->active = s->n - 1;
    return true;
}

static struct step number_step(enum number number, int min_width, int max_width,
                               enum sign_style sign)
{
    return (struct step){.kind = STEP_NUMBER,
                         .number = number,
                         .min_width = min_width,
                         .max_width = max_width,
                         .sign = sign};
}

static bool push_year(struct compiler *s, enum number number, int count)
{
    if (count == 2) {
        struct step step = number_step(number, 2, 2, SIGN_NOT_NEGATIVE);
        step.reduced = true;
        return push_number(s, step);
    }
    return push_number(
        s, number_step(number, count, DIGITS_MAX, count < 4 ? SIGN_NORMAL : SIGN_EXCEEDS_PAD));
}

// One letter: any width; two: exactly two.
static bool push_two(struct compiler *s, enum number number, int count)
{
    if (count > 2)
        return bad_pattern(s, "too many letters in a row");
    return push_number(s, count == 1 ? number_step(number, 1, DIGITS_MAX, SIGN_NORMAL)
                                     : number_step(number, 2, 2, SIGN_NOT_NEGATIVE));
}

static bool push_day_of_year(struct compiler *s, int count)
{
    if (count > 3)
        return bad_pattern(s, "too many letters in a row");
    if (count == 1)
        return push_number(s, number_step(NUMBER_DAY_OF_YEAR, 1, DIGITS_MAX, SIGN_NORMAL));
    return push_number(s, number_step(NUMBER_DAY_OF_YEAR, count, 3, SIGN_NOT_NEGATIVE));
}

static bool push_text(struct compiler *s, enum step_kind kind, char letter, int count, int most)
{
    if (count > most)
        return bad_pattern(s, "too many letters in a row");
    return push(s, (struct step){.kind = kind, .count = count, .letter = letter});
}

// Letters that are about weeks, quarters and eras.
static bool push_calendar(struct compiler *s, char c, int count)
{
    switch (c) {
    case 'G':
        return push_text(s, STEP_ERA, c, count, 5);
    case 'Q':
    case 'q':
        return count < 3 ? push_two(s, NUMBER_QUARTER, count)
                         : push_text(s, STEP_QUARTER_TEXT, c, count, 5);
    case 'Y':
        return push_year(s, NUMBER_WEEK_YEAR, count);
    case 'w':
        return push_two(s, NUMBER_WEEK, count);
    case 'W':
        return count == 1 ? push_two(s, NUMBER_MONTH_WEEK, 1) : bad_pattern(s, "W is written once");
    default:
        assert(c == 'e' || c == 'c');
        if (c == 'c' && count == 2)
            return bad_pattern(s, "c is not written twice");
        return count < 3 ? push_two(s, NUMBER_WEEKDAY, count)
                         : push_text(s, STEP_WEEKDAY_TEXT, 'E', count, 5);
    }
}

static bool push_zone(struct compiler *s, char c, int count)
{
    switch (c) {
    case 'V':
        return count == 2 ? push_text(s, STEP_ZONE_ID, c, count, 2)
                          : bad_pattern(s, "V is written twice");
    case 'z':
        return push_text(s, STEP_ZONE_TEXT, c, count, 4);
    case 'O':
        return count == 1 || count == 4 ? push_text(s, STEP_OFFSET, c, count, 4)
                                        : bad_pattern(s, "O is written once or four times");
    default:
        assert(c == 'X' || c == 'x' || c == 'Z');
        return push_text(s, STEP_OFFSET, c, count, 5);
    }
}

static bool push_time(struct compiler *s, char c, int count)
{
    switch (c) {
    case 'a':
        return push_text(s, STEP_AMPM, c, count, 1);
    case 'H':
        return push_two(s, NUMBER_HOUR, count);
    case 'k':
        return push_two(s, NUMBER_CLOCK_HOUR, count);
    case 'K':
        return push_two(s, NUMBER_HOUR_AMPM, count);
    case 'h':
        return push_two(s, NUMBER_CLOCK_AMPM, count);
    case 'm':
        return push_two(s, NUMBER_MINUTE, count);
    case 's':
        return push_two(s, NUMBER_SECOND, count);
    case 'S': {
        struct step step = number_step(NUMBER_NANO, count, count, SIGN_NOT_NEGATIVE);
        step.kind = STEP_FRACTION;
        return count <= 9 ? push_number(s, step)
                          : bad_pattern(s, "a fraction has at most nine digits");
    }
    case 'A':
        return push_number(s,
                           number_step(NUMBER_MILLI_OF_DAY, count, DIGITS_MAX, SIGN_NOT_NEGATIVE));
    case 'n':
        return push_number(s, number_step(NUMBER_NANO, count, DIGITS_MAX, SIGN_NOT_NEGATIVE));
    default:
        assert(c == 'N');
        return push_number(s,
                           number_step(NUMBER_NANO_OF_DAY, count, DIGITS_MAX, SIGN_NOT_NEGATIVE));
    }
}

static bool push_date(struct compiler *s, char c, int count)
{
    switch (c) {
    case 'u':
        return push_year(s, NUMBER_YEAR, count);
    case 'y':
        return push_year(s, NUMBER_YEAR_OF_ERA, count);
    case 'M':
    case 'L':
        return count < 3 ? push_two(s, NUMBER_MONTH, count)
                         : push_text(s, STEP_MONTH_TEXT, c, count, 5);
    case 'd':
        return push_two(s, NUMBER_DAY, count);
    case 'D':
        return push_day_of_year(s, count);
    default:
        assert(c == 'E');
        return push_text(s, STEP_WEEKDAY_TEXT, c, count, 5);
    }
}

static bool push_letter(struct compiler *s, char c, int count)
{
    if (strchr("uyMLdDE", c))
        return push_date(s, c, count);
    if (strchr("aHkKhmsSAnN", c))
        return push_time(s, c, count);
    if (strchr("VzOXxZ", c))
        return push_zone(s, c, count);
    if (strchr("GQqYwWec", c))
        return push_calendar(s, c, count);
    if (strchr("FgBpv", c)) // Java's too
        return err_fail(s->e, ERR_SQL,
                        "not supported yet: letter %c in the date and time pattern \"%.*s\"", c,
                        STR_ARG(str_slice(s->pattern, 0, 100)));
    return err_fail(s->e, ERR_SQL,
                    "Unknown pattern letter: %c in the date and time pattern \"%.*s\"", c,
                    STR_ARG(str_slice(s->pattern, 0, 100)));
}

// From the opening quote; *at is left behind the closing one. '' is a quote, inside and outside.
static bool push_quoted(struct compiler *s, struct arena *a, size_t *at)
{
    char *p = arena_alloc(a, s->pattern.n);
    size_t n = 0;
    size_t i = *at + 1;
    for (; i < s->pattern.n; i++) {
        if (s->pattern.p[i] == '\'') {
            if (i + 1 == s->pattern.n || s->pattern.p[i + 1] != '\'')
                break;
            i++;
        }
        p[n++] = s->pattern.p[i];
    }
    if (i == s->pattern.n)
        return bad_pattern(s, "a quote is not closed");
    if (i == *at + 1)
        p[n++] = '\''; // nothing between them: the quote itself
    *at = i + 1;
    return push(s, (struct step){.kind = STEP_LITERAL, .literal = {p, n}});
}

static bool optional_open(struct compiler *s)
{
    s->open[s->depth++] = s->n; // depth cannot pass n, which push() limits
    return push(s, (struct step){.kind = STEP_OPTIONAL_START});
}

static bool optional_close(struct compiler *s)
{
    if (!s->depth)
        return bad_pattern(s, "] without [");
    s->steps[s->open[--s->depth]].end = s->n;
    return push(s, (struct step){.kind = STEP_OPTIONAL_END});
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool compile_next(struct compiler *s, struct arena *a, size_t *at)
{
    const char c = s->pattern.p[*at];
    if (c == '\'')
        return push_quoted(s, a, at);
    size_t end = *at + 1;
    if (is_letter(c)) {
        while (end < s->pattern.n && s->pattern.p[end] == c)
            end++;
        const size_t count = end - *at;
        *at = end;
        return count <= DIGITS_MAX ? push_letter(s, c, (int)count)
                                   : bad_pattern(s, "too many letters in a row");
    }
    *at = end;
    if (c == '[')
        return optional_open(s);
    if (c == ']')
        return optional_close(s);
    if (c == '{' || c == '}' || c == '#')
        return bad_pattern(s, "{, } and # are reserved; quote them");
    return push(
        s, (struct step){.kind = STEP_LITERAL, .literal = str_slice(s->pattern, end - 1, end)});
}

unsigned time_pattern_parts(const struct time_pattern *p)
{
    unsigned parts = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct step *s = &p->steps[i];
        const bool number_of_date = s->kind == STEP_NUMBER && s->number < NUMBER_HOUR;
        const bool only_out = s->kind == STEP_QUARTER_TEXT || s->kind == STEP_ERA ||
                              (number_of_date && s->number >= NUMBER_QUARTER);
        if (only_out)
            parts |= TIME_PATTERN_DATE | TIME_PATTERN_ONLY_OUT;
        else if (number_of_date || s->kind == STEP_MONTH_TEXT || s->kind == STEP_WEEKDAY_TEXT)
            parts |= TIME_PATTERN_DATE;
        else if (s->kind == STEP_NUMBER || s->kind == STEP_FRACTION || s->kind == STEP_AMPM)
            parts |= TIME_PATTERN_TIME;
        else if (s->kind == STEP_OFFSET || s->kind == STEP_ZONE_TEXT || s->kind == STEP_ZONE_ID)
            parts |= TIME_PATTERN_DATE | TIME_PATTERN_TIME;
    }
    return parts;
}

bool time_pattern_compile(const struct time_pattern **out, struct arena *a, struct str pattern,
                          struct err *e)
{
    struct compiler *s = mem_zalloc(sizeof *s);
    s->active = STEPS_MAX;
    s->pattern = arena_str(a, pattern);
    s->e = e;
    bool ok = true;
    for (size_t at = 0; ok && at < s->pattern.n;)
        ok = compile_next(s, a, &at);
    while (ok && s->depth) // java closes them too
        ok = optional_close(s);
    if (ok) {
        struct time_pattern *p = ARENA_NEW(a, struct time_pattern);
        struct step *steps = ARENA_ARRAY(a, struct step, s->n ? s->n : 1);
        memcpy(steps, s->steps, s->n * sizeof *steps);
        p->steps = steps;
        p->n = s->n;
        *out = p;
    }
    mem_free(s);
    return ok;
}
