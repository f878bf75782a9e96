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

struct nesting { // the closing brackets that are due
    char open[JSON_SCAN_DEPTH_MAX];
    size_t depth;
};

// An opening bracket, for an object also the first name; *done when it is closed at once.
static bool skip_opening(struct reader *r, struct nesting *in, bool *done)
{
    const bool object = *r->p++ == '{';
    if (in->depth == JSON_SCAN_DEPTH_MAX)
        return false;
    const char close = object ? '}' : ']';
    skip_blanks(r);
    *done = r->p < r->end && *r->p == close;
    if (*done) {
        r->p++;
        return true;
    }
    in->open[in->depth++] = close;
    return !object || skip_name(r);
}

// What follows a value inside brackets: closing ones, or a comma (and a name); then *done is false.
static bool skip_closing(struct reader *r, struct nesting *in, bool *done)
{
    while (*done && in->depth) {
        const char close = in->open[in->depth - 1];
        skip_blanks(r);
        if (r->p == r->end || (*r->p != ',' && *r->p != close))
            return false;
        *done = *r->p++ == close;
        if (*done)
            in->depth--;
        else if (close == '}' && !skip_name(r))
            return false;
    }
    return true;
}

// One value of any depth, without recursion.
static bool skip_value(struct reader *r)
{
    struct nesting in;
    in.depth = 0;
    for (bool done = false; !done;) {
        skip_blanks(r);
        if (r->p == r->end)
            return false;
        done = true;
        if (!(*r->p == '{' || *r->p == '[' ? skip_opening(r, &in, &done) : skip_scalar(r)) ||
            !skip_closing(r, &in, &done))
            return false;
    }
    return true;
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

struct number {
    char digits[64]; // without leading zeros
    size_t n;
    int64_t scale;
    bool integer; // neither point nor exponent
};

// False for one that is longer than any number worth reformatting.
static bool read_number(struct number *out, struct str s)
{
    int64_t exponent = 0;
    size_t i = s.p[0] == '-';
    *out = (struct number){.integer = true};
    for (; i < s.n && s.p[i] != 'e' && s.p[i] != 'E'; i++) {
        if (s.p[i] == '.') {
            out->integer = false;
            continue;
        }
        out->scale += !out->integer;
        if (out->n == 0 && s.p[i] == '0')
            continue;
        if (out->n == sizeof out->digits)
            return false;
        out->digits[out->n++] = s.p[i];
    }
    if (i < s.n) {
        out->integer = false;
        if (!str_to_i64(&exponent, str_slice(s, i + 1, s.n)) || exponent > INT32_MAX ||
            exponent < -INT32_MAX)
            return false;
    }
    out->scale -= exponent;
    return true;
}

// "0.00123", "12.3": `scale` of the digits are behind the point.
static void put_plain(struct buf *out, const struct number *v)
{
    const int64_t n = (int64_t)v->n;
    if (n > v->scale) {
        const size_t whole = v->n - (size_t)v->scale;
        buf_put(out, v->digits, whole);
        buf_char(out, '.');
        buf_put(out, v->digits + whole, (size_t)v->scale);
        return;
    }
    buf_str(out, STR("0."));
    for (int64_t k = n; k < v->scale; k++)
        buf_char(out, '0');
    buf_put(out, v->digits, v->n);
}

static void put_scientific(struct buf *out, const struct number *v, int64_t exponent)
{
    buf_char(out, v->digits[0]);
    if (v->n > 1) {
        buf_char(out, '.');
        buf_put(out, v->digits + 1, v->n - 1);
    }
    if (exponent)
        buf_printf(out, "E%s%lld", exponent > 0 ? "+" : "", (long long)exponent);
}

// BigDecimal.toString: plain down to 1E-6, else d.dddE±n. Integers without an exponent stay as they are.
void json_put_number(struct buf *out, struct str s)
{
    struct number v;
    if (!read_number(&v, s)) {
        buf_str(out, s);
        return;
    }
    if (v.n == 0)
        v.digits[v.n++] = '0';
    else if (s.p[0] == '-')
        buf_char(out, '-');
    const int64_t exponent = (int64_t)v.n - 1 - v.scale;
    if (v.integer || v.scale == 0)
        buf_put(out, v.digits, v.n);
    else if (v.scale > 0 && exponent >= -6)
        put_plain(out, &v);
    else
        put_scientific(out, &v, exponent);
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
