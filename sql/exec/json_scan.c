#include "sql/exec/json_scan.h"

#include "base/map.h"
#include "schema/serde/json_escape.h"

#include <assert.h>

// --- reading ---------------------------------------------------------------------------------------

struct reader {
    const char *p, *end;
};

static void skip_blanks(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
        r->p++;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool skip_escape(struct reader *r)
{
    if (r->end - r->p < 2)
        return false;
    const char c = r->p[1];
    r->p += 2;
    if (c != 'u')
        return c && strchr("\"\\/bfnrt", c);
    for (int i = 0; i < 4; i++)
        if (r->p == r->end || hex_digit(*r->p++) < 0)
            return false;
    return true;
}

static bool skip_string(struct reader *r)
{
    if (r->p == r->end || *r->p != '"')
        return false;
    for (r->p++; r->p < r->end && *r->p != '"';) {
        if ((unsigned char)*r->p < ' ')
            return false;
        if (*r->p == '\\') {
            if (!skip_escape(r))
                return false;
        } else {
            r->p++;
        }
    }
    return r->p < r->end && *r->p++ == '"';
}

static bool skip_digits(struct reader *r)
{
    const char *from = r->p;
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
        r->p++;
    return r->p > from;
}

// A scalar ends at white space, a separator, or the end of the text.
static bool ends_here(const struct reader *r)
{
    return r->p == r->end || strchr(" \t\n\r,:]}", *r->p);
}

static bool skip_number(struct reader *r)
{
    if (*r->p == '-')
        r->p++;
    if (r->p < r->end && *r->p == '0')
        r->p++;
    else if (!skip_digits(r))
        return false;
    if (r->p < r->end && *r->p == '.') {
        r->p++;
        if (!skip_digits(r))
            return false;
    }
    if (r->p < r->end && (*r->p == 'e' || *r->p == 'E')) {
        r->p++;
        if (r->p < r->end && (*r->p == '+' || *r->p == '-'))
            r->p++;
        if (!skip_digits(r))
            return false;
    }
    return ends_here(r);
}

static bool skip_word(struct reader *r, struct str word)
{
    if ((size_t)(r->end - r->p) < word.n || memcmp(r->p, word.p, word.n) != 0)
        return false;
    r->p += word.n;
    return ends_here(r);
}

static enum json_kind kind_of(char c)
{
    return c == '{'               ? JSON_KIND_OBJECT
           : c == '['             ? JSON_KIND_ARRAY
           : c == '"'             ? JSON_KIND_STRING
           : c == 'n'             ? JSON_KIND_NULL
           : c == 't' || c == 'f' ? JSON_KIND_BOOLEAN
                                  : JSON_KIND_NUMBER;
}

static bool skip_scalar(struct reader *r)
{
    switch (kind_of(*r->p)) {
    case JSON_KIND_STRING:
        return skip_string(r);
    case JSON_KIND_NULL:
        return skip_word(r, STR("null"));
    case JSON_KIND_BOOLEAN:
        return *r->p == 't' ? skip_word(r, STR("true")) : skip_word(r, STR("false"));
    case JSON_KIND_NUMBER:
        return skip_number(r);
    case JSON_KIND_ARRAY:
    case JSON_KIND_OBJECT:
        break;
    }
    assert(!"not a scalar");
    return false;
}

static bool skip_name(struct reader *r)
{
    skip_blanks(r);
    if (!skip_string(r))
        return false;
    skip_blanks(r);
    return r->p < r->end && *r->p++ == ':';
}

// One value of any depth, without recursion; `open` holds the closing brackets that are due.
static bool skip_value(struct reader *r)
{
    char open[JSON_SCAN_DEPTH_MAX];
    size_t depth = 0;
    for (;;) {
        skip_blanks(r);
        if (r->p == r->end)
            return false;
        const bool object = *r->p == '{';
        bool value_done = true;
        if (object || *r->p == '[') {
            if (depth == JSON_SCAN_DEPTH_MAX)
                return false;
            open[depth++] = object ? '}' : ']';
            r->p++;
            skip_blanks(r);
            value_done = r->p < r->end && *r->p == open[depth - 1];
            if (value_done) {
                r->p++;
                depth--;
            } else if (object && !skip_name(r)) {
                return false;
            }
        } else if (!skip_scalar(r)) {
            return false;
        }
        while (value_done && depth) {
            skip_blanks(r);
            if (r->p == r->end || (*r->p != ',' && *r->p != open[depth - 1]))
                return false;
            value_done = *r->p++ != ',';
            depth -= value_done;
            if (!value_done && open[depth - 1] == '}' && !skip_name(r))
                return false;
        }
        if (value_done)
            return true;
    }
}

bool json_scan(struct json_value *out, bool *empty, struct str text)
{
    struct reader r = {text.p, text.p + text.n};
    skip_blanks(&r);
    *empty = r.p == r.end;
    const char *from = r.p;
    if (*empty || !skip_value(&r))
        return false;
    *out = (struct json_value){kind_of(*from), {from, (size_t)(r.p - from)}};
    return true;
}

bool json_next(struct str *name, struct json_value *out, const struct json_value *of, size_t *at)
{
    struct reader r = {of->text.p + (*at ? *at : 1), of->text.p + of->text.n - 1};
    assert(of->kind == JSON_KIND_ARRAY || of->kind == JSON_KIND_OBJECT);
    skip_blanks(&r);
    if (r.p < r.end && *at && *r.p == ',')
        r.p++;
    skip_blanks(&r);
    if (r.p >= r.end)
        return false;
    if (of->kind == JSON_KIND_OBJECT) {
        const char *from = r.p;
        bool ok = skip_string(&r);
        assert(ok);
        *name = (struct str){from, (size_t)(r.p - from)};
        skip_blanks(&r);
        r.p++; // the colon
        skip_blanks(&r);
    }
    const char *from = r.p;
    r.end++; // a scalar may end at the closing bracket
    const bool ok = skip_value(&r);
    assert(ok);
    *out = (struct json_value){kind_of(*from), {from, (size_t)(r.p - from)}};
    *at = (size_t)(r.p - of->text.p);
    return true;
}

// --- writing ---------------------------------------------------------------------------------------

static uint32_t unit_at(const char *p)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++)
        v = v * 16 + (uint32_t)hex_digit(p[i]);
    return v;
}

// \uXXXX at p, also a pair of them; a lone surrogate becomes '?'.
static size_t put_unicode(struct buf *out, const char *p, const char *end)
{
    char utf8[4];
    const uint32_t high = unit_at(p + 2);
    if (high < 0xD800 || high > 0xDFFF) {
        buf_put(out, utf8, utf8_encode(utf8, high));
        return 6;
    }
    const bool pair = high < 0xDC00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u';
    const uint32_t low = pair ? unit_at(p + 8) : 0;
    if (low < 0xDC00 || low > 0xDFFF) {
        buf_char(out, '?');
        return 6;
    }
    buf_put(out, utf8, utf8_encode(utf8, 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)));
    return 12;
}

void json_put_text(struct buf *out, struct str quoted)
{
    static const char from[] = "bfnrt";
    static const char to[] = "\b\f\n\r\t";
    assert(quoted.n >= 2);
    const char *p = quoted.p + 1;
    const char *end = quoted.p + quoted.n - 1;
    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        if (!slash)
            slash = end;
        buf_put(out, p, (size_t)(slash - p));
        p = slash;
        if (p == end)
            break;
        if (p[1] == 'u') {
            p += put_unicode(out, p, end);
            continue;
        }
        const char *which = strchr(from, p[1]);
        buf_char(out, which ? to[which - from] : p[1]);
        p += 2;
    }
}

bool json_text_is(struct str quoted, struct str plain, struct buf *scratch)
{
    buf_clear(scratch);
    json_put_text(scratch, quoted);
    return str_eq(buf_view(scratch), plain);
}

// BigDecimal.toString: plain down to 1E-6, else d.dddE±n. Integers without an exponent stay as they are.
void json_put_number(struct buf *out, struct str s)
{
    char digits[64];
    size_t n = 0;
    int64_t scale = 0;
    int64_t exponent = 0;
    bool integer = true;
    const bool negative = s.p[0] == '-';
    size_t i = negative;
    for (bool point = false; i < s.n && s.p[i] != 'e' && s.p[i] != 'E'; i++) {
        if (s.p[i] == '.') {
            point = true;
            integer = false;
            continue;
        }
        scale += point;
        if (n == 0 && s.p[i] == '0')
            continue;             // leading
        if (n == sizeof digits) { // longer than any number worth reformatting
            buf_str(out, s);
            return;
        }
        digits[n++] = s.p[i];
    }
    if (i < s.n) {
        integer = false;
        if (!str_to_i64(&exponent, str_slice(s, i + 1, s.n)) || exponent > INT32_MAX ||
            exponent < -INT32_MAX) {
            buf_str(out, s);
            return;
        }
    }
    const bool zero = n == 0;
    if (zero)
        digits[n++] = '0';
    if (negative && !zero)
        buf_char(out, '-');
    scale -= exponent;
    const int64_t adjusted = (int64_t)n - 1 - scale;
    if (integer || scale == 0) {
        buf_put(out, digits, n);
    } else if (scale > 0 && adjusted >= -6) {
        for (int64_t k = (int64_t)n; k <= scale; k++) {
            buf_char(out, '0');
            if (k == (int64_t)n)
                buf_char(out, '.');
        }
        if ((int64_t)n > scale) {
            buf_put(out, digits, n - (size_t)scale);
            buf_char(out, '.');
            buf_put(out, digits + (n - (size_t)scale), (size_t)scale);
        } else {
            buf_put(out, digits, n);
        }
    } else {
        buf_char(out, digits[0]);
        if (n > 1) {
            buf_char(out, '.');
            buf_put(out, digits + 1, n - 1);
        }
        if (adjusted)
            buf_printf(out, "E%s%lld", adjusted > 0 ? "+" : "", (long long)adjusted);
    }
}

static void put_string(struct buf *out, struct str quoted)
{
    if (!memchr(quoted.p, '\\', quoted.n)) {
        buf_str(out, quoted);
        return;
    }
    struct buf text;
    buf_init(&text, out->max);
    json_put_text(&text, quoted);
    json_put_string(out, buf_view(&text));
    buf_fini(&text);
}

// Depth is bounded by JSON_SCAN_DEPTH_MAX.
static void put_object(struct buf *out, const struct json_value *v, struct arena *a)
{
    struct str name;
    struct json_value member;
    size_t at = 0;
    struct buf text;
    struct map *names = map_new(a);
    struct json_value *last = NULL;
    size_t count = 0;
    buf_init(&text, out->max);
    while (json_next(&name, &member, v, &at))
        count++;
    last = ARENA_ARRAY(a, struct json_value, count ? count : 1);
    at = 0;
    while (json_next(&name, &member, v, &at)) {
        bool added;
        buf_clear(&text);
        json_put_text(&text, name);
        uint64_t *slot = map_put(names, buf_view(&text), &added);
        if (added)
            *slot = map_count(names) - 1;
        last[*slot] = member;
    }
    buf_fini(&text);
    buf_char(out, '{');
    for (size_t i = 0; i < map_count(names); i++) {
        if (i)
            buf_char(out, ',');
        json_put_string(out, map_key(names, i));
        buf_char(out, ':');
        json_put_value(out, &last[i]);
    }
    buf_char(out, '}');
}

void json_put_value(struct buf *out, const struct json_value *v)
{
    struct str name;
    struct json_value item;
    size_t at = 0;
    switch (v->kind) {
    case JSON_KIND_NULL:
    case JSON_KIND_BOOLEAN:
        buf_str(out, v->text);
        return;
    case JSON_KIND_NUMBER:
        json_put_number(out, v->text);
        return;
    case JSON_KIND_STRING:
        put_string(out, v->text);
        return;
    case JSON_KIND_ARRAY:
        buf_char(out, '[');
        for (bool first = true; json_next(&name, &item, v, &at); first = false) {
            if (!first)
                buf_char(out, ',');
            json_put_value(out, &item);
        }
        buf_char(out, ']');
        return;
    case JSON_KIND_OBJECT: {
        struct arena *a = arena_new(NULL);
        put_object(out, v, a);
        arena_free(a);
        return;
    }
    }
}
