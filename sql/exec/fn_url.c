// URL_…: parts of a URL as java.net.URI has them (RFC 2396 with other characters allowed), and form encoding.
#include "sql/exec/fn_internal.h"

#include "sql/exec/unicode.h"

#include <assert.h>

struct url {
    struct str scheme, authority, path, query, fragment; // p == NULL: absent
    struct str host;
    int32_t port; // -1 = none
};

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_escape(struct str s, size_t at)
{
    return at + 2 < s.n && hex_digit(s.p[at + 1]) >= 0 && hex_digit(s.p[at + 2]) >= 0;
}

// Letters, digits, marks, reserved characters, escapes, and anything beyond ASCII.
static bool legal(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        const char c = s.p[i];
        if (c == '%' ? !is_escape(s, i)
                     : !((unsigned char)c >= 0x80 || is_alpha(c) || is_digit(c) ||
                         (c && strchr("_-!.~'()*,;:$&+=?/[]@", c))))
            return false;
    }
    return true;
}

// Labels of letters, digits and inner hyphens; the last one begins with a letter. Or four numbers.
static bool is_host_name(struct str s)
{
    size_t label = 0;
    char first = 0;
    if (s.n && s.p[s.n - 1] == '.')
        s.n--;
    if (!s.n)
        return false;
    bool numbers = true;
    size_t dots = 0;
    for (size_t i = 0; i <= s.n; i++) {
        if (i == s.n || s.p[i] == '.') {
            if (!label || s.p[i - 1] == '-')
                return false;
            dots += i < s.n;
            label = 0;
            continue;
        }
        if (!is_alpha(s.p[i]) && !is_digit(s.p[i]) && (s.p[i] != '-' || !label))
            return false;
        numbers &= is_digit(s.p[i]);
        if (label++ == 0)
            first = s.p[i];
    }
    return is_alpha(first) || (numbers && dots == 3);
}

// [user@]host[:port]; anything else is an authority without a host.
static void parse_server(struct url *u)
{
    struct str s = u->authority;
    const char *at = s.n ? memchr(s.p, '@', s.n) : NULL;
    if (at)
        s = str_slice(s, (size_t)(at - s.p) + 1, s.n);
    size_t end = 0;
    if (s.n && s.p[0] == '[') {
        while (end < s.n && s.p[end] != ']')
            end++;
        end += end < s.n;
    } else {
        while (end < s.n && s.p[end] != ':')
            end++;
        if (!is_host_name(str_slice(s, 0, end)))
            return;
    }
    int64_t port = -1;
    if (end < s.n &&
        (s.p[end] != ':' ||
         (end + 1 < s.n && (!is_digit(s.p[end + 1]) ||
                            !str_to_i64(&port, str_slice(s, end + 1, s.n)) || port > INT32_MAX))))
        return;
    u->host = str_slice(s, 0, end);
    u->port = (int32_t)port;
}

static size_t find_any(struct str s, const char *stops)
{
    size_t i = 0;
    while (i < s.n && !(s.p[i] && strchr(stops, s.p[i])))
        i++;
    return i;
}

// "scheme:" at the start of s; false when it has characters that a scheme cannot have.
static bool take_scheme(struct url *out, struct str *s)
{
    const size_t colon = find_any(*s, ":/?#");
    if (colon == s->n || s->p[colon] != ':')
        return true;
    for (size_t i = 0; i < colon; i++)
        if (!is_alpha(s->p[i]) && (i == 0 || (!is_digit(s->p[i]) && !strchr("+-.", s->p[i]))))
            return false;
    out->scheme = str_slice(*s, 0, colon);
    *s = str_slice(*s, colon + 1, s->n);
    return colon > 0 && s->n > 0;
}

static bool parse_url(struct url *out, struct str s)
{
    *out = (struct url){.port = -1};
    const size_t hash = find_any(s, "#");
    if (hash < s.n) {
        out->fragment = str_slice(s, hash + 1, s.n);
        s = str_slice(s, 0, hash);
    }
    if (!legal(s) || !legal(out->fragment) || !take_scheme(out, &s))
        return false;
    if (out->scheme.p && s.p[0] != '/')
        return true; // opaque: mailto:…
    if (str_starts(s, STR("//"))) {
        s = str_slice(s, 2, s.n);
        const size_t end = find_any(s, "/?");
        out->authority = str_slice(s, 0, end);
        s = str_slice(s, end, s.n);
        parse_server(out);
    }
    const size_t question = find_any(s, "?");
    out->path = str_slice(s, 0, question);
    if (question < s.n)
        out->query = str_slice(s, question + 1, s.n);
    return true;
}

enum plus { PLUS_STAYS, PLUS_IS_BLANK };

// %XX as UTF-8; what is not UTF-8 becomes U+FFFD.
static void put_decoded(struct buf *out, struct str s, enum plus plus)
{
    for (size_t i = 0; i < s.n;) {
        if (s.p[i] != '%' || !is_escape(s, i)) {
            buf_char(out, s.p[i] == '+' && plus == PLUS_IS_BLANK ? ' ' : s.p[i]);
            i++;
            continue;
        }
        char run[4];
        size_t n = 0;
        for (size_t k = i; n < 4 && k < s.n && s.p[k] == '%' && is_escape(s, k); k += 3)
            run[n++] = (char)(hex_digit(s.p[k + 1]) * 16 + hex_digit(s.p[k + 2]));
        uint32_t c;
        const size_t taken = utf8_decode(&c, run, n);
        if (taken)
            buf_put(out, run, taken);
        else
            buf_put(out, "\xef\xbf\xbd", 3);
        i += 3 * (taken ? taken : 1);
    }
}

static struct str part_scheme(const struct url *u)
{
    return u->scheme;
}

static struct str part_host(const struct url *u)
{
    return u->host;
}

static struct str part_path(const struct url *u)
{
    return u->path;
}

static struct str part_query(const struct url *u)
{
    return u->query;
}

static struct str part_fragment(const struct url *u)
{
    return u->fragment;
}

static void extract(const struct fn_call *call, struct column *out, const struct column *urls,
                    struct fn_rows rows, struct str (*part)(const struct url *u))
{
    struct buf b;
    buf_init(&b, FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        struct url u;
        struct str s;
        if (!parse_url(&u, urls->str[row]))
            fn_fail(call, out, row);
        else if (s = part(&u), !s.p)
            column_set_null(out, call->a, row, call->total);
        else {
            put_decoded(&b, s, PLUS_STAYS);
            fn_put_text(call, out, row, &b);
        }
    }
    buf_fini(&b);
}

#define EXTRACT_EVAL(name, part)                                                        \
    static void name(const struct fn_call *call, struct column *out,                    \
                     const struct column *const *args, uint32_t n, struct fn_rows rows) \
    {                                                                                   \
        assert(n == 1);                                                                 \
        extract(call, out, args[0], rows, part);                                        \
    }
EXTRACT_EVAL(protocol_eval, part_scheme)
EXTRACT_EVAL(host_eval, part_host)
EXTRACT_EVAL(path_eval, part_path)
EXTRACT_EVAL(query_eval, part_query)
EXTRACT_EVAL(fragment_eval, part_fragment)

static void port_eval(const struct fn_call *call, struct column *out,
                      const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 1);
    FN_EACH(row, rows)
    {
        struct url u;
        if (!parse_url(&u, args[0]->str[row]))
            fn_fail(call, out, row);
        else if (u.port < 0)
            column_set_null(out, call->a, row, call->total);
        else
            out->i32[row] = u.port;
    }
}

// The value of name in a decoded query "a=1&b": "" when it has none, p == NULL when it is not there.
static struct str parameter(struct str query, struct str name)
{
    while (query.p) {
        struct str pair = query;
        struct str rest = STR_NONE;
        struct str key, value;
        (void)str_split_once(&pair, &rest, query, '&');
        if (!str_split_once(&key, &value, pair, '=')) {
            key = pair;
            value = STR("");
        }
        if (str_eq(key, name) && !(value.n && memchr(value.p, '=', value.n)))
            return value;
        query = rest;
    }
    return STR_NONE;
}

static void parameter_eval(const struct fn_call *call, struct column *out,
                           const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 2);
    struct buf b;
    buf_init(&b, FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        struct url u;
        buf_clear(&b);
        if (!parse_url(&u, args[0]->str[row])) {
            fn_fail(call, out, row);
            continue;
        }
        put_decoded(&b, u.query, PLUS_STAYS);
        const struct str value = parameter(buf_view(&b), args[1]->str[row]);
        if (value.p)
            out->str[row] = arena_str(call->a, value);
        else
            column_set_null(out, call->a, row, call->total);
    }
    buf_fini(&b);
}

static void encode_eval(const struct fn_call *call, struct column *out,
                        const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 1);
    struct buf b;
    buf_init(&b, FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        const struct str s = args[0]->str[row];
        for (size_t i = 0; i < s.n; i++) {
            const char c = s.p[i];
            if (is_alpha(c) || is_digit(c) || (c && strchr(".-*_", c)))
                buf_char(&b, c);
            else if (c == ' ')
                buf_char(&b, '+');
            else
                buf_printf(&b, "%%%02X", (unsigned char)c);
        }
        fn_put_text(call, out, row, &b);
    }
    buf_fini(&b);
}

static bool escapes_are_whole(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '%' && !is_escape(s, i))
            return false;
    return true;
}

static void decode_eval(const struct fn_call *call, struct column *out,
                        const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 1);
    struct buf b;
    buf_init(&b, FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        if (!escapes_are_whole(args[0]->str[row])) {
            fn_fail(call, out, row);
            continue;
        }
        put_decoded(&b, args[0]->str[row], PLUS_IS_BLANK);
        fn_put_text(call, out, row, &b);
    }
    buf_fini(&b);
}

static const struct fn fns[] = {
    {
        .name = "URL_EXTRACT_PROTOCOL",
        .signatures = "URL_EXTRACT_PROTOCOL(url STRING) -> STRING",
        .help =
            "The protocol of a URL; NULL when it has none. Like all URL_EXTRACT functions an error "
            "when the text is no URL (RFC 2396).",
        .example = "URL_EXTRACT_PROTOCOL('http://test.com?a=foo')",
        .gives = "http",
        .eval = protocol_eval,
    },
    {
        .name = "URL_EXTRACT_HOST",
        .signatures = "URL_EXTRACT_HOST(url STRING) -> STRING",
        .help = "The host of a URL; NULL when it has none.",
        .example = "URL_EXTRACT_HOST('http://me@test.com:8080/path')",
        .gives = "test.com",
        .eval = host_eval,
    },
    {
        .name = "URL_EXTRACT_PORT",
        .signatures = "URL_EXTRACT_PORT(url STRING) -> INTEGER",
        .help = "The port of a URL; NULL when it names none.",
        .example = "URL_EXTRACT_PORT('http://test.com:8080/path')",
        .gives = "8080",
        .eval = port_eval,
    },
    {
        .name = "URL_EXTRACT_PATH",
        .signatures = "URL_EXTRACT_PATH(url STRING) -> STRING",
        .help = "The path of a URL, escapes decoded.",
        .example = "URL_EXTRACT_PATH('http://test.com/path/to#a')",
        .gives = "/path/to",
        .eval = path_eval,
    },
    {
        .name = "URL_EXTRACT_QUERY",
        .signatures = "URL_EXTRACT_QUERY(url STRING) -> STRING",
        .help = "The query of a URL, escapes decoded; NULL when it has none.",
        .example = "URL_EXTRACT_QUERY('http://test.com?a=foo%20bar&b=baz')",
        .gives = "a=foo bar&b=baz",
        .eval = query_eval,
    },
    {
        .name = "URL_EXTRACT_FRAGMENT",
        .signatures = "URL_EXTRACT_FRAGMENT(url STRING) -> STRING",
        .help = "The fragment of a URL, escapes decoded; NULL when it has none.",
        .example = "URL_EXTRACT_FRAGMENT('http://test.com#frag%20space')",
        .gives = "frag space",
        .eval = fragment_eval,
    },
    {
        .name = "URL_EXTRACT_PARAMETER",
        .signatures = "URL_EXTRACT_PARAMETER(url STRING, name STRING) -> STRING",
        .help =
            "The value of a parameter in the query of a URL, escapes decoded; '' when it has no "
            "value, NULL when it is not there.",
        .example = "URL_EXTRACT_PARAMETER('http://test.com?a%20b=c%20d', 'a b')",
        .gives = "c d",
        .eval = parameter_eval,
    },
    {
        .name = "URL_ENCODE_PARAM",
        .signatures = "URL_ENCODE_PARAM(STRING) -> STRING",
        .help = "The text as the value of a form parameter (application/x-www-form-urlencoded).",
        .example = "URL_ENCODE_PARAM('url encoded')",
        .gives = "url+encoded",
        .eval = encode_eval,
    },
    {
        .name = "URL_DECODE_PARAM",
        .signatures = "URL_DECODE_PARAM(STRING) -> STRING",
        .help =
            "The text that the value of a form parameter stands for; a broken escape is an error.",
        .example = "URL_DECODE_PARAM('url+encoded%21')",
        .gives = "url encoded!",
        .eval = decode_eval,
    },
};
FN_FAMILY(url, "URLs");
