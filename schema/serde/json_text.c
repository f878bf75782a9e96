// Strings with escapes, and whole values as text for STRING columns (ksqlDB: scalars as Jackson prints them, an
// object as compact JSON, an array as [a, b]). All input here was checked by the kernel.
#include "schema/serde/json_escape.h"
#include "schema/serde/json_run.h"

#include <assert.h>

// --- escapes ---------------------------------------------------------------------------------------

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// The four digits of \uXXXX at p; -1 = malformed.
static int32_t hex4(const char *p, const char *end)
{
    int32_t v = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        const int d = hex_value(p[i]);
        if (d < 0)
            return -1;
        v = v * 16 + d;
    }
    return v;
}

const char *json_escape_end(struct json_run *r, const char *p)
{
    assert(*p == '\\');
    if (r->end - p < 2)
        return json_fail(r, JSON_CUT, r->end);
    if (p[1] != 'u')
        return p[1] != 0 && strchr("\"\\/bfnrt", p[1]) ? p + 2 : json_fail(r, JSON_ESCAPE, p);
    const int32_t unit = hex4(p + 2, r->end);
    if (unit < 0)
        return json_fail(r, JSON_ESCAPE, p);
    if (unit < 0xD800 || unit > 0xDFFF)
        return p + 6;
    if (unit > 0xDBFF || r->end - p < 12 || p[6] != '\\' || p[7] != 'u')
        return json_fail(r, JSON_SURROGATE, p);
    const int32_t low = hex4(p + 8, r->end);
    return low >= 0xDC00 && low <= 0xDFFF ? p + 12 : json_fail(r, JSON_SURROGATE, p);
}

static char simple_escape(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

struct str json_unescape(struct arena *a, struct str raw)
{
    const char *slash = raw.n ? memchr(raw.p, '\\', raw.n) : NULL;
    if (!slash)
        return raw;
    char *out = arena_alloc(a, raw.n); // every escape is longer than what it means
    size_t n = 0;
    const char *p = raw.p, *end = raw.p + raw.n;
    while (slash) {
        memcpy(out + n, p, (size_t)(slash - p));
        n += (size_t)(slash - p);
        p = slash + 2;
        if (slash[1] != 'u') {
            out[n++] = simple_escape(slash[1]);
        } else {
            uint32_t c = (uint32_t)hex4(p, end);
            p += 4;
            if (c >= 0xD800 && c <= 0xDBFF) {
                c = 0x10000 + ((c - 0xD800) << 10) + ((uint32_t)hex4(p + 2, end) - 0xDC00);
                p += 6;
            }
            n += utf8_encode(out + n, c);
        }
        assert(p <= end && n <= raw.n);
        slash = p < end ? memchr(p, '\\', (size_t)(end - p)) : NULL;
    }
    memcpy(out + n, p, (size_t)(end - p));
    return (struct str){out, n + (size_t)(end - p)};
}

// --- values as text --------------------------------------------------------------------------------

struct writer {
    struct buf *out;
    struct arena *a;
    const char *p, *end;
    bool ok; // false: a number that java.math.BigDecimal cannot hold
};

static void blanks(struct writer *w)
{
    while (w->p < w->end && (*w->p == ' ' || *w->p == '\n' || *w->p == '\r' || *w->p == '\t'))
        w->p++;
}

static struct str take_string(struct writer *w)
{
    assert(*w->p == '"');
    const char *from = ++w->p;
    while (*w->p != '"')
        w->p += *w->p == '\\' ? 2 : 1;
    return (struct str){from, (size_t)(w->p++ - from)};
}

static struct str take_bare(struct writer *w)
{
    const char *from = w->p;
    while (w->p < w->end && !strchr(",]} \n\r\t", *w->p))
        w->p++;
    assert(w->p > from);
    return (struct str){from, (size_t)(w->p - from)};
}

// Exponent digits; false beyond int32, BigDecimal's scale.
static bool take_exponent(int64_t *out, struct str s, size_t at)
{
    *out = 0;
    if (at == s.n)
        return true;
    const bool negative = s.p[at + 1] == '-';
    for (at += s.p[at + 1] == '-' || s.p[at + 1] == '+' ? 2 : 1; at < s.n; at++) {
        *out = *out * 10 + (s.p[at] - '0');
        if (*out > INT32_MAX)
            return false;
    }
    *out = negative ? -*out : *out;
    return true;
}

// BigDecimal.toString of unscaled digits and a scale.
static void put_scaled(struct buf *out, struct str digits, int64_t scale)
{
    const int64_t count = (int64_t)digits.n;
    const int64_t adjusted = count - 1 - scale;
    if (scale >= 0 && adjusted >= -6) {
        if (scale >= count) {
            buf_text(out, "0.");
            for (int64_t i = count; i < scale; i++)
                buf_char(out, '0');
            buf_str(out, digits);
            return;
        }
        const size_t point = (size_t)(count - scale);
        buf_put(out, digits.p, point);
        if (scale)
            buf_char(out, '.');
        buf_put(out, digits.p + point, (size_t)scale);
        return;
    }
    buf_char(out, digits.p[0]);
    if (count > 1) {
        buf_char(out, '.');
        buf_put(out, digits.p + 1, digits.n - 1);
    }
    if (adjusted == 0)
        return;
    buf_text(out, adjusted > 0 ? "E+" : "E");
    buf_i64(out, adjusted);
}

// Jackson: integers as they are, all others through BigDecimal.
static bool put_number(struct writer *w, struct str s)
{
    const bool negative = s.p[0] == '-';
    char *digits = arena_alloc(w->a, s.n + 1);
    size_t n = 0, at = negative, point = 0;
    bool integer = true;
    for (; at < s.n && s.p[at] != 'e' && s.p[at] != 'E'; at++) {
        if (s.p[at] == '.') {
            point = at + 1;
            integer = false;
        } else if (n != 1 || digits[0] != '0') {
            digits[n++] = s.p[at];
        } else {
            digits[0] = s.p[at]; // BigDecimal's unscaled value has no leading zeros
        }
    }
    const int64_t fraction = point ? (int64_t)(at - point) : 0;
    integer = integer && at == s.n;
    int64_t exponent;
    if (!take_exponent(&exponent, s, at))
        return false;
    const int64_t scale = fraction - exponent;
    if (scale > INT32_MAX || scale < -(int64_t)INT32_MAX)
        return false;
    if (negative && (n != 1 || digits[0] != '0'))
        buf_char(w->out, '-');
    put_scaled(w->out, (struct str){digits, n}, integer ? 0 : scale);
    return true;
}

static void put_bare(struct writer *w)
{
    const struct str s = take_bare(w);
    if (s.p[0] == 't' || s.p[0] == 'f' || s.p[0] == 'n')
        buf_str(w->out, s);
    else
        w->ok = put_number(w, s) && w->ok;
}

static void put_json(struct writer *w);

// Steps over any value.
static void pass_value(struct writer *w)
{
    unsigned depth = 0;
    do {
        blanks(w);
        const char c = *w->p;
        if (c == '"') {
            take_string(w);
        } else if (c == '{' || c == '[') {
            depth++;
            w->p++;
        } else if (c == '}' || c == ']') {
            depth--;
            w->p++;
        } else if (c == ',' || c == ':') {
            w->p++;
        } else {
            take_bare(w);
        }
    } while (depth);
}

// Like Jackson's ObjectNode: a name that comes again keeps its place and takes the new value.
static void put_object(struct writer *w)
{
    struct json_entries all = {.count = 0};
    w->p++;
    for (blanks(w); *w->p != '}'; blanks(w)) {
        if (*w->p == ',')
            w->p++;
        blanks(w);
        const struct str key = take_string(w);
        blanks(w);
        w->p++;
        blanks(w);
        json_entries_add(&all, w->a, key, w->p);
        pass_value(w);
    }
    const char *behind = w->p + 1;
    if (all.count > 1)
        json_entries_keep_last(&all, w->a);
    buf_char(w->out, '{');
    for (size_t i = 0; i < all.count; i++) {
        if (i)
            buf_char(w->out, ',');
        json_put_string(w->out, json_unescape(w->a, all.key[i]));
        buf_char(w->out, ':');
        w->p = all.value[i];
        put_json(w);
    }
    buf_char(w->out, '}');
    w->p = behind;
}

static void put_items(struct writer *w, const char *separator, void (*put)(struct writer *))
{
    buf_char(w->out, '[');
    w->p++;
    blanks(w);
    for (bool first = true; *w->p != ']'; first = false) {
        if (!first)
            buf_text(w->out, separator);
        put(w);
        blanks(w);
        if (*w->p == ',')
            w->p++;
        blanks(w);
    }
    w->p++;
    buf_char(w->out, ']');
}

static void put_json(struct writer *w)
{
    if (*w->p == '"')
        json_put_string(w->out, json_unescape(w->a, take_string(w)));
    else if (*w->p == '{')
        put_object(w);
    else if (*w->p == '[')
        put_items(w, ",", put_json);
    else
        put_bare(w);
}

static void put_plain(struct writer *w)
{
    if (*w->p == '"')
        buf_str(w->out, json_unescape(w->a, take_string(w)));
    else if (*w->p == '[')
        put_items(w, ", ", put_plain);
    else if (*w->p == '{')
        put_object(w);
    else
        put_bare(w);
}

static bool is_plain_integer(struct str s)
{
    for (size_t i = s.p[0] == '-'; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    }
    return s.p[0] != '-' || s.p[1] != '0';
}

bool json_value_text(struct str *out, struct json_run *r, struct str value)
{
    assert(value.n > 0);
    if (value.p[0] == 't' || value.p[0] == 'f' || is_plain_integer(value)) {
        *out = value;
        return true;
    }
    buf_clear(r->scratch);
    struct writer w = {r->scratch, r->a, value.p, value.p + value.n, true};
    put_plain(&w);
    assert(w.p == w.end);
    if (!w.ok || r->scratch->failed)
        return false;
    *out = arena_str(r->a, buf_view(r->scratch));
    return true;
}
