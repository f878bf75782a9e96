#include "orchestrator/sqltest/match.h"

#include "base/base64.h"
#include "orchestrator/sqltest/typed.h"
#include "schema/serde/serde_schema.h"
#include "schema/decimal.h"
#include "schema/text.h"

#include <math.h>

// --- numbers -------------------------------------------------------------------------------------

// Digits without leading zeros and the place of the point: value = ±digits × 10^-scale.
struct digits {
    struct str text; // of the arena
    int64_t scale;
    bool negative, whole; // written without '.' and exponent
};

static bool read_digits(struct digits *out, struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    size_t n = 0, i = 0;
    int64_t exponent = 0;
    *out = (struct digits){.whole = true};
    out->negative = s.n && s.p[0] == '-';
    bool point = false, any = false;
    for (i = s.n && (s.p[0] == '-' || s.p[0] == '+'); i < s.n; i++) {
        if (s.p[i] == '.' && !point) {
            point = true;
            out->whole = false;
            continue;
        }
        if (s.p[i] < '0' || s.p[i] > '9')
            break;
        any = true;
        out->scale += point;
        if (n || s.p[i] != '0')
            p[n++] = s.p[i];
    }
    if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
        out->whole = false;
        if (!str_to_i64(&exponent, str_slice(s, i + 1, s.n)))
            return false;
        i = s.n;
    }
    out->scale -= exponent;
    out->text = (struct str){p, n};
    return any && i == s.n;
}

// Without '.' and exponent a number is expected to be whole: 5 is 5 and 5E0, not 5.0.
static bool is_whole_of(struct arena *a, const struct digits *x, const struct digits *y)
{
    if (y->scale > 0 || y->scale < -400)
        return false;
    const size_t zeros = y->text.n ? (size_t)-y->scale : 0;
    char *p = arena_zalloc(a, y->text.n + zeros + 1);
    if (y->text.n)
        memcpy(p, y->text.p, y->text.n);
    memset(p + y->text.n, '0', zeros);
    return str_eq(x->text, (struct str){p, y->text.n + zeros});
}

static bool same_digits(struct arena *a, struct str expected, struct str actual)
{
    struct digits x, y;
    if (!read_digits(&x, a, expected) || !read_digits(&y, a, actual))
        return false;
    if (x.whole && !y.whole && x.negative == y.negative)
        return is_whole_of(a, &x, &y);
    return x.scale == y.scale && str_eq(x.text, y.text) &&
           (x.negative == y.negative || x.text.n == 0);
}

// Expected is cut to its whole part, as Java's intValue() and longValue() do.
static bool same_whole(struct arena *a, struct str expected, struct str actual)
{
    struct digits x;
    double number;
    int64_t want, have;
    if (str_to_i64(&want, expected) && str_to_i64(&have, actual))
        return want == have;
    if (!read_digits(&x, a, expected) || x.whole || !str_to_i64(&have, actual))
        return same_digits(a, expected, actual);
    return text_parse_double(&number, expected) && fabs(number) < 9.0e18 && (int64_t)number == have;
}

static bool same_double(struct str expected, struct str actual, double within)
{
    double x, y;
    if (!text_parse_double(&x, expected) || !text_parse_double(&y, actual))
        return false;
    return x == y || (isnan(x) && isnan(y)) || fabs(x - y) < within;
}

static bool same_number(const struct match *m, struct str expected, struct str actual,
                        const struct type *t)
{
    struct digits x, y;
    if (!read_digits(&x, m->a, expected) || !read_digits(&y, m->a, actual))
        return same_double(expected, actual, 0);
    if (m->numbers == MATCH_NEAR || (m->typed && t && t->kind == TYPE_DOUBLE))
        return same_double(expected, actual, 1e-6);
    if (y.whole)
        return same_whole(m->a, expected, actual);
    if (t && t->kind == TYPE_DOUBLE) // 1.0E12 has no digits behind the point, 1.0 has
        return (!x.whole || y.scale <= 0) && same_double(expected, actual, 0);
    return same_digits(m->a, expected, actual);
}

// --- values --------------------------------------------------------------------------------------

static struct str upper(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++)
        p[i] = s.p[i] >= 'a' && s.p[i] <= 'z' ? (char)(s.p[i] - 'a' + 'A') : s.p[i];
    return (struct str){p, s.n};
}

static const struct type *field_type(const struct type *t, struct str name)
{
    if (!t)
        return NULL;
    if (t->kind == TYPE_MAP)
        return t->fields[1].type;
    const int i = t->kind == TYPE_STRUCT ? type_field(t, name) : -1;
    return i >= 0 ? t->fields[i].type : NULL;
}

static bool same(const struct match *m, const struct jnode *x, const struct jnode *y,
                 const struct type *t);

static bool same_object(const struct match *m, const struct jnode *x, const struct jnode *y,
                        const struct type *t)
{
    if (y->kind != JNODE_OBJECT || x->count != y->count)
        return false;
    for (uint32_t i = 0; i < x->count; i++) {
        struct str name = x->names[i];
        const struct jnode *v = jnode_get(y, name);
        if (!v || v->kind == JNODE_NULL) {
            name = upper(m->a, name);
            v = jnode_get(y, name);
        }
        static const struct jnode null = {.kind = JNODE_NULL};
        if (!same(m, &x->items[i], v ? v : &null, field_type(t, name)))
            return false;
    }
    return true;
}

static bool same_array(const struct match *m, const struct jnode *x, const struct jnode *y,
                       const struct type *t)
{
    if (y->kind != JNODE_ARRAY || x->count != y->count)
        return false;
    for (uint32_t i = 0; i < x->count; i++)
        if (!same(m, &x->items[i], &y->items[i],
                  t && t->kind == TYPE_ARRAY ? t->fields[0].type : NULL))
            return false;
    return true;
}

// x is expected, y what came. The depth is bounded by JNODE_DEPTH_MAX.
static bool same(const struct match *m, const struct jnode *x, const struct jnode *y,
                 const struct type *t)
{
    switch (x->kind) {
    case JNODE_NULL:
    case JNODE_FALSE:
    case JNODE_TRUE:
        return y->kind == x->kind;
    case JNODE_NUMBER:
        return y->kind == JNODE_NUMBER && same_number(m, x->text, y->text, t);
    case JNODE_STRING:
        if (y->kind == JNODE_NUMBER && t && t->kind == TYPE_DECIMAL)
            return same_digits(m->a, x->text, y->text);
        return y->kind == JNODE_STRING && str_eq(x->text, y->text);
    case JNODE_ARRAY:
        return same_array(m, x, y, t);
    case JNODE_OBJECT:
        return same_object(m, x, y, t);
    }
    return false;
}

// The columns of one side as the fields of a struct; the column itself when it is written bare.
static const struct type *side_type(const struct match *m, enum record_side side)
{
    const struct schema *s = m->shape->schema;
    if (!s)
        return NULL;
    const uint32_t first = side == RECORD_KEY ? 0 : s->key_count;
    const uint32_t n = side == RECORD_KEY ? s->key_count : s->count - s->key_count;
    if (side == RECORD_KEY ? serde_key_unwrapped(m->shape->key_format, n)
                           : n == 1 && m->shape->value_wrapping == PLAN_UNWRAPPED)
        return s->columns[first].type;
    struct field *fields = ARENA_ARRAY(m->a, struct field, n + 1);
    for (uint32_t i = 0; i < n; i++)
        fields[i] = (struct field){s->columns[first + i].name, s->columns[first + i].type};
    return type_struct(m->a, fields, n);
}

static bool match_side(struct buf *why, const struct match *all, const struct jnode *expected,
                       enum record_side side, struct payload bytes)
{
    struct match typed = *all;
    const struct match *m = &typed;
    typed.typed = typed_is(side == RECORD_KEY ? all->shape->key_format : all->shape->value_format);
    static const struct jnode null = {.kind = JNODE_NULL};
    struct jnode actual;
    struct err e;
    const char *what = side == RECORD_KEY ? "key" : "value";
    if (!record_decode(&actual, m->a, m->shape, side, bytes, &e)) {
        buf_printf(why, "%s: %s", what, e.text);
        return false;
    }
    expected = expected ? expected : &null;
    if (same(m, expected, &actual, side_type(m, side)))
        return true;
    buf_printf(why, "%s: expected ", what);
    jnode_print(why, expected);
    buf_text(why, ", found ");
    jnode_print(why, &actual);
    return false;
}

// --- records -------------------------------------------------------------------------------------

static bool match_window(struct buf *why, const struct jnode *expected,
                         const struct stub_record *actual)
{
    static const char *const kinds[] = {"none", "time", "session"};
    const struct jnode *w = jnode_get(expected, STR("window"));
    struct stub_window want = {STUB_NOT_WINDOWED, 0, 0};
    const struct jnode *start = jnode_get(w, STR("start")), *end = jnode_get(w, STR("end"));
    if (w && w->kind == JNODE_OBJECT && start && end) {
        const bool session = str_eq_nocase(jnode_text(w, STR("type")), STR("session"));
        want.kind = session ? STUB_SESSION : STUB_TIME;
        if (!str_to_i64(&want.start, start->text) || !str_to_i64(&want.end, end->text))
            want.start = want.end = -1;
    }
    const struct stub_window *have = &actual->window;
    if (want.kind == have->kind && want.start == have->start && want.end == have->end)
        return true;
    buf_printf(why, "window: expected %s %lld..%lld, found %s %lld..%lld", kinds[want.kind],
               (long long)want.start, (long long)want.end, kinds[have->kind],
               (long long)have->start, (long long)have->end);
    return false;
}

static bool same_header(struct arena *a, const struct jnode *x, const struct scan_header *y)
{
    struct str bytes;
    const struct jnode *value = jnode_get(x, STR("VALUE"));
    if (!str_eq(jnode_text(x, STR("KEY")), y->key))
        return false;
    if (!value || value->kind == JNODE_NULL)
        return !y->value.p;
    return y->value.p && base64_decode(&bytes, a, value->text, BASE64_COMPACT) &&
           str_eq(bytes, (struct str){y->value.p, y->value.n});
}

static bool match_headers(struct buf *why, const struct match *m, const struct jnode *expected,
                          const struct stub_record *actual)
{
    const struct jnode *list = jnode_get(expected, STR("headers"));
    const uint32_t n = list && list->kind == JNODE_ARRAY ? list->count : 0;
    bool ok = n == actual->header_count;
    for (uint32_t i = 0; ok && i < n; i++)
        ok = same_header(m->a, &list->items[i], &actual->headers[i]);
    if (!ok)
        buf_printf(why, "headers: expected %u, found %u or others", n, actual->header_count);
    return ok;
}

static bool match_time(struct buf *why, const struct match *m, const struct jnode *expected,
                       const struct stub_record *actual)
{
    int64_t want;
    const struct jnode *t = jnode_get(expected, STR("timestamp"));
    if (!t || t->kind == JNODE_NULL || !str_to_i64(&want, t->text) ||
        (want == 0 && m->any_zero_time) || want == actual->timestamp)
        return true;
    buf_printf(why, "timestamp: expected %lld, found %lld", (long long)want,
               (long long)actual->timestamp);
    return false;
}

bool match_record(struct buf *why, const struct match *m, const struct jnode *expected,
                  const struct stub_record *actual)
{
    struct payload key = actual->key;
    int64_t start, end = 0;
    if (actual->window.kind != STUB_NOT_WINDOWED)
        (void)window_key_take(&start, &end, &key, stub_window_key(&actual->window));
    return match_window(why, expected, actual) &&
           match_side(why, m, jnode_get(expected, STR("key")), RECORD_KEY, key) &&
           match_side(why, m, jnode_get(expected, STR("value")), RECORD_VALUE, actual->value) &&
           match_time(why, m, expected, actual) && match_headers(why, m, expected, actual);
}

bool match_json(const struct match *m, const struct jnode *expected, const struct jnode *actual,
                const struct type *t)
{
    return same(m, expected, actual, t);
}
