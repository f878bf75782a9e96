// Choosing an overload: the signature lines of the table are read again and again (binding is rare), argument by
// argument. First all arguments must have the parameters' types; when no line fits, numbers widen and texts become
// dates and times. Of several lines the one without `...`, then the one with fewer letters wins; else it is ambiguous.
#include "sql/exec/fn_internal.h"

#include <assert.h>

#define LETTERS 26

enum match_mode { MATCH_EXACT, MATCH_WIDEN };

struct match {
    struct arena *a;
    enum match_mode mode;
    const struct type *letter[LETTERS];
    const struct type *decimal; // that all DECIMAL arguments fit
    uint32_t letters;           // parameters with one
    bool variadic;
    const struct type **want; // NULL = matching, else what the arguments become
};

struct scan {
    const char *p, *end;
};

static bool accept(struct scan *s, const char *text)
{
    const size_t n = strlen(text);
    if ((size_t)(s->end - s->p) < n || memcmp(s->p, text, n) != 0)
        return false;
    s->p += n;
    return true;
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static struct str word(struct scan *s)
{
    const char *from = s->p;
    while (s->p < s->end && is_letter(*s->p))
        s->p++;
    return (struct str){from, (size_t)(s->p - from)};
}

static enum type_kind scalar_kind(struct str w)
{
    for (int k = TYPE_BOOLEAN; k <= TYPE_TIMESTAMP; k++)
        if (str_eq(w, str_from(type_kind_name((enum type_kind)k))))
            return (enum type_kind)k;
    assert(!"a signature names an unknown type");
    return TYPE_STRING;
}

// INTEGER, BIGINT, DECIMAL, DOUBLE widen in this order.
static int number_rank(enum type_kind kind)
{
    return kind == TYPE_INTEGER ? 1 : kind == TYPE_BIGINT ? 2 : kind == TYPE_DECIMAL ? 3 : 4;
}

static bool widens(const struct type *t, enum type_kind to)
{
    if (t->kind == TYPE_STRING)
        return to == TYPE_DATE || to == TYPE_TIME || to == TYPE_TIMESTAMP;
    return type_is_number(t) && (to == TYPE_BIGINT || to == TYPE_DECIMAL || to == TYPE_DOUBLE) &&
           number_rank(t->kind) < number_rank(to);
}

static bool match_letter(struct match *m, char letter, const struct type *t)
{
    const struct type **slot = &m->letter[letter - 'A'];
    m->letters++;
    if (!t || !*slot) {
        *slot = *slot ? *slot : t;
        return true;
    }
    if (m->mode == MATCH_EXACT)
        return type_equal(*slot, t);
    const struct type *both = type_common(m->a, *slot, t);
    *slot = both ? both : *slot;
    return both != NULL;
}

static bool match_scalar(struct match *m, enum type_kind kind, const struct type *t)
{
    if (!t)
        return true;
    if (t->kind != kind && (m->mode == MATCH_EXACT || !widens(t, kind)))
        return false;
    if (kind == TYPE_DECIMAL) {
        unsigned p, s;
        type_decimal_shape(t, &p, &s);
        m->decimal = type_common(m->a, m->decimal, type_decimal(m->a, p, s));
    }
    return true;
}

// Always reads the whole type, whether it matches or not; t == NULL fits everything.
static bool match_type(struct match *m, struct scan *s, const struct type *t)
{
    const struct str w = word(s);
    assert(w.n);
    if (w.n == 1)
        return match_letter(m, w.p[0], t);
    const bool array = str_eq(w, STR("ARRAY"));
    if (!array && !str_eq(w, STR("MAP")))
        return match_scalar(m, scalar_kind(w), t);
    bool fits = !t || t->kind == (array ? TYPE_ARRAY : TYPE_MAP);
    const bool inside = fits && t;
    accept(s, "<");
    for (uint32_t i = 0; i < (array ? 1u : 2u); i++) {
        if (i)
            accept(s, ", ");
        fits &= match_type(m, s, inside ? t->fields[i].type : NULL);
    }
    accept(s, ">");
    return fits;
}

static const struct type *build_type(const struct match *m, struct scan *s);

static const struct type *build_struct(const struct match *m, struct scan *s)
{
    struct field fields[8];
    size_t n = 0;
    accept(s, "<");
    do {
        assert(n < 8);
        fields[n].name = word(s);
        accept(s, " ");
        fields[n].type = build_type(m, s);
        if (!fields[n++].type)
            return NULL;
    } while (accept(s, ", "));
    accept(s, ">");
    return type_struct(m->a, fields, n);
}

// NULL: a letter that no argument has given a meaning.
static const struct type *build_type(const struct match *m, struct scan *s)
{
    const struct str w = word(s);
    if (w.n == 1)
        return m->letter[w.p[0] - 'A'];
    if (str_eq(w, STR("STRUCT")))
        return build_struct(m, s);
    if (str_eq(w, STR("ARRAY"))) {
        accept(s, "<");
        const struct type *item = build_type(m, s);
        accept(s, ">");
        return item ? type_array(m->a, item) : NULL;
    }
    if (str_eq(w, STR("MAP"))) {
        accept(s, "<");
        const struct type *key = build_type(m, s);
        accept(s, ", ");
        const struct type *value = build_type(m, s);
        accept(s, ">");
        return key && value ? type_map(m->a, key, value) : NULL;
    }
    const enum type_kind kind = scalar_kind(w);
    return kind == TYPE_DECIMAL ? m->decimal : type_scalar(kind);
}

static bool one_argument(struct match *m, struct scan *s, const struct type *t, uint32_t i)
{
    if (!m->want)
        return match_type(m, s, t);
    const struct type *want = build_type(m, s);
    m->want[i] = want ? want : type_scalar(TYPE_STRING);
    return true;
}

// "name TYPE": the name is for people.
static void skip_name(struct scan *s)
{
    struct scan ahead = *s;
    if (word(&ahead).n && accept(&ahead, " ") && ahead.p < ahead.end && is_letter(*ahead.p))
        *s = ahead;
}

// From behind '(' to behind ')'; with m->want the types are written instead of compared.
static bool match_params(struct match *m, struct scan *s, const struct type *const *args,
                         uint32_t n)
{
    uint32_t i = 0;
    bool optional = false;
    while (!accept(s, ")")) {
        if (accept(s, "[")) {
            optional = true;
            continue;
        }
        if (accept(s, ", ") || accept(s, "]"))
            continue;
        skip_name(s);
        const struct scan type = *s;
        struct scan ahead = *s;
        struct match ignored = {.a = m->a};
        (void)match_type(&ignored, &ahead, NULL);
        const bool many = accept(&ahead, "...");
        if (i == n && !optional && !many)
            return false;
        m->variadic |= many;
        for (uint32_t last = many ? n : i < n ? i + 1 : n; i < last; i++) {
            struct scan again = type;
            if (!one_argument(m, &again, args[i], i))
                return false;
        }
        *s = ahead;
    }
    return i == n;
}

static struct scan next_line(struct scan *rest)
{
    struct scan line = *rest;
    const char *end = memchr(rest->p, '\n', (size_t)(rest->end - rest->p));
    line.end = end ? end : rest->end;
    rest->p = end ? end + 1 : rest->end;
    line.p = memchr(line.p, '(', (size_t)(line.end - line.p));
    assert(line.p);
    line.p++;
    return line;
}

// Negative when x is the better overload.
static int compare(const struct match *x, const struct match *y)
{
    if (x->variadic != y->variadic)
        return x->variadic ? 1 : -1;
    return (x->letters > y->letters) - (x->letters < y->letters);
}

static enum fn_match choose(struct match *out, struct scan *line, const struct fn *f,
                            const struct type *const *args, uint32_t n)
{
    enum fn_match found = FN_NO_MATCH;
    struct scan rest = {f->signatures, f->signatures + strlen(f->signatures)};
    const struct match empty = *out;
    while (rest.p < rest.end) {
        const struct scan this = next_line(&rest);
        struct scan s = this;
        struct match m = empty;
        if (!match_params(&m, &s, args, n))
            continue;
        const int cmp = found == FN_NO_MATCH ? -1 : compare(&m, out);
        if (cmp < 0) {
            *out = m;
            *line = this;
        }
        if (cmp <= 0)
            found = cmp < 0 ? FN_MATCHES : FN_AMBIGUOUS;
    }
    return found;
}

// Whether some line takes so many arguments.
static bool fits_count(struct arena *a, const struct fn *f, uint32_t n)
{
    struct match m = {.a = a};
    struct scan line;
    const struct type **none = ARENA_ZARRAY(a, const struct type *, n + 1);
    return choose(&m, &line, f, none, n) != FN_NO_MATCH;
}

enum fn_match fn_resolve(const struct type **result, struct arena *a, const struct fn *f,
                         const struct type **want, const struct type *const *args, uint32_t n)
{
    struct scan line = {NULL, NULL};
    struct match m = {.a = a, .mode = MATCH_EXACT};
    if (f->resolve) {
        *result = fits_count(a, f, n) ? f->resolve(a, want, args, n) : NULL;
        return *result ? FN_MATCHES : FN_NO_MATCH;
    }
    enum fn_match found = choose(&m, &line, f, args, n);
    if (found == FN_NO_MATCH) {
        m = (struct match){.a = a, .mode = MATCH_WIDEN};
        found = choose(&m, &line, f, args, n);
    }
    if (found != FN_MATCHES)
        return found;
    m.want = want;
    const bool again = match_params(&m, &line, args, n);
    assert(again);
    accept(&line, " -> ");
    *result = build_type(&m, &line);
    return *result ? FN_MATCHES : FN_AMBIGUOUS;
}
