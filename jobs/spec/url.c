// Warehouse URLs: scheme://user:password@host:port/database?name=value or sqlite://path?name=value.
// The text is split first; ${…} is put into the parts afterwards, so what it gives is never parsed.
#include "base/vec.h"
#include "jobs/spec/spec.h"

#include <assert.h>

enum url_place { URL_SERVER, URL_FILE, URL_LATER };

static const struct {
    const char *name, *scheme;
    enum url_place place;
} schemes[] = {
    {"mysql", "mysql", URL_SERVER},
    {"mariadb", "mysql", URL_SERVER},
    {"sqlite", "sqlite", URL_FILE},
    {"postgres", "postgres", URL_SERVER},
    {"postgresql", "postgres", URL_SERVER},
    {"clickhouse", "clickhouse", URL_LATER},
    {"elasticsearch", "elasticsearch", URL_LATER},
    {"snowflake", "snowflake", URL_LATER},
};
enum { SCHEMES = sizeof schemes / sizeof schemes[0] };

struct parser {
    struct arena *a;
    const struct secret_source *secrets;
    struct err *e;
    // The text with ${…} overwritten, for finding separators; raw and mask have the same positions.
    struct str raw, mask;
};

struct span {
    size_t from, to;
};

static struct str raw_of(const struct parser *p, struct span s)
{
    return str_slice(p->raw, s.from, s.to);
}

static size_t find_any(const struct parser *p, struct span s, const char *any)
{
    size_t i = s.from;
    while (i < s.to && !strchr(any, p->mask.p[i]))
        i++;
    return i;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool decode_percent(struct str *out, struct parser *p, struct str s)
{
    char *to = arena_alloc(p->a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        to[n++] = s.p[i];
        if (s.p[i] != '%')
            continue;
        const int high = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
        const int low = i + 2 < s.n ? hex_digit(s.p[i + 2]) : -1;
        if (high < 0 || low < 0 || (high == 0 && low == 0))
            return err_fail(p->e, ERR_CONFIG, "\"%%\" in a URL must be followed by two hex digits");
        to[n - 1] = (char)(high * 16 + low);
        i += 2;
    }
    to[n] = '\0';
    *out = (struct str){to, n};
    return true;
}

// One component: literal parts lose their %-escapes, ${…} is taken as it is.
static bool component(struct str *out, struct parser *p, struct span s)
{
    const struct str raw = raw_of(p, s);
    const struct str mask = str_slice(p->mask, s.from, s.to);
    struct str all = arena_str(p->a, STR(""));
    for (size_t i = 0; i < raw.n;) {
        // Runs that the mask changed are references; "${x}" always differs in its first byte.
        size_t end = i;
        struct str part = STR_NONE;
        if (raw.p[i] == '$' && mask.p[i] == 'x') {
            const char *close = memchr(raw.p + i, '}', raw.n - i);
            end = str_starts(str_slice(raw, i, raw.n), STR("$${")) ? i + 3
                  : close                                          ? (size_t)(close - raw.p) + 1
                                                                   : raw.n;
            if (!secret_expand(&part, p->a, str_slice(raw, i, end), p->secrets, p->e))
                return false;
        } else {
            while (end < raw.n && !(raw.p[end] == '$' && mask.p[end] == 'x'))
                end++;
            if (!decode_percent(&part, p, str_slice(raw, i, end)))
                return false;
        }
        all = arena_printf(p->a, "%.*s%.*s", STR_ARG(all), STR_ARG(part));
        i = end;
    }
    *out = all;
    return true;
}

static bool parse_port(uint16_t *out, struct parser *p, struct span s)
{
    struct str text;
    uint64_t port = 0;
    if (s.from == s.to)
        return true;
    if (!component(&text, p, s))
        return false;
    if (!str_to_u64(&port, text) || port == 0 || port > UINT16_MAX)
        return err_fail(p->e, ERR_CONFIG, "port \"%.*s\" is not in 1 to 65535",
                        STR_ARG(raw_of(p, s)));
    *out = (uint16_t)port;
    return true;
}

// user:password@host:port, [::1]:port
static bool parse_authority(struct spec_url *out, struct parser *p, struct span s)
{
    size_t at = s.to;
    for (size_t i = s.from; i < s.to; i++) {
        if (p->mask.p[i] == '@')
            at = i; // the last one: a literal @ in a password is forgiven
    }
    if (at < s.to) {
        const size_t colon = find_any(p, (struct span){s.from, at}, ":");
        struct str password = STR_NONE;
        if (!component(&out->user, p, (struct span){s.from, colon}))
            return false;
        if (colon < at && !component(&password, p, (struct span){colon + 1, at}))
            return false;
        out->password = secret_from(password);
        s.from = at + 1;
    }
    const bool bracket = s.from < s.to && p->mask.p[s.from] == '[';
    const size_t close = bracket ? find_any(p, s, "]") : s.from;
    if (bracket && close == s.to)
        return err_fail(p->e, ERR_CONFIG, "\"[\" without \"]\" in the host of a URL");
    const size_t colon = find_any(p, (struct span){close, s.to}, ":");
    if (bracket)
        out->host = arena_str(p->a, raw_of(p, (struct span){s.from + 1, close}));
    else if (!component(&out->host, p, (struct span){s.from, colon}))
        return false;
    if (out->host.n == 0)
        return err_fail(p->e, ERR_CONFIG, "the URL names no host");
    return colon == s.to || parse_port(&out->port, p, (struct span){colon + 1, s.to});
}

static bool parse_params(struct spec_url *out, struct parser *p, struct span s)
{
    VEC(struct conf_pair) pairs = {0};
    bool ok = true;
    while (ok && s.from < s.to) {
        const size_t end = find_any(p, s, "&");
        const size_t eq = find_any(p, (struct span){s.from, end}, "=");
        struct conf_pair pair = {0};
        struct str value = STR_NONE;
        ok = component(&pair.name, p, (struct span){s.from, eq}) &&
             (eq == end || component(&value, p, (struct span){eq + 1, end}));
        if (ok && pair.name.n == 0)
            ok = err_fail(p->e, ERR_CONFIG, "a parameter of the URL has no name");
        pair.value = secret_from(value);
        if (ok)
            vec_push(&pairs, pair);
        s.from = end < s.to ? end + 1 : s.to;
    }
    struct conf_pair *v = ARENA_ARRAY(p->a, struct conf_pair, pairs.n);
    if (pairs.n)
        memcpy(v, pairs.v, pairs.n * sizeof *v);
    out->params = v;
    out->param_count = pairs.n;
    vec_fini(&pairs);
    return ok;
}

static bool parse_server(struct spec_url *out, struct parser *p, struct span s)
{
    const size_t slash = find_any(p, s, "/");
    if (!parse_authority(out, p, (struct span){s.from, slash}))
        return false;
    const struct span database = {slash < s.to ? slash + 1 : s.to, s.to};
    if (!component(&out->database, p, database))
        return false;
    if (out->database.n == 0) {
        err_fail(p->e, ERR_CONFIG, "the URL names no database");
        return err_hint(p->e, "as in %.*s://user:password@host:port/database",
                        STR_ARG(out->scheme));
    }
    const char *at = out->user.n ? "@" : "";
    const struct str port = out->port ? arena_printf(p->a, ":%u", (unsigned)out->port) : STR("");
    out->display =
        arena_printf(p->a, "%.*s://%.*s%s%.*s%.*s/%.*s", STR_ARG(out->scheme), STR_ARG(out->user),
                     at, STR_ARG(out->host), STR_ARG(port), STR_ARG(out->database));
    return true;
}

static bool parse_file(struct spec_url *out, struct parser *p, struct span s)
{
    struct str path;
    if (!component(&path, p, s))
        return false;
    if (path.n == 0)
        return err_fail(p->e, ERR_CONFIG, "the URL names no file");
    out->file_based = true;
    out->path = path;
    const char *dir = p->secrets->dir;
    if (path.p[0] != '/' && dir && dir[0] && strcmp(dir, ".") != 0) {
        while (str_starts(path, STR("./")))
            path = str_slice(path, 2, path.n);
        out->path = arena_printf(p->a, "%s/%.*s", dir, STR_ARG(path));
    }
    out->display = arena_printf(p->a, "%.*s://%.*s", STR_ARG(out->scheme), STR_ARG(out->path));
    return true;
}

static bool fail_scheme(struct parser *p, struct str found)
{
    struct str names[SCHEMES];
    size_t n = 0;
    for (size_t i = 0; i < SCHEMES; i++) {
        if (schemes[i].place != URL_LATER)
            names[n++] = str_from(schemes[i].name);
    }
    err_fail(p->e, ERR_CONFIG, "unknown warehouse \"%.*s://\"", STR_ARG(found));
    return err_hint(p->e, "%s", conf_suggest(p->a, found, names, n));
}

bool spec_parse_url(struct spec_url *out, struct arena *a, struct str text,
                    const struct secret_source *secrets, struct err *e)
{
    assert(out && secrets);
    struct parser p = {.a = a, .secrets = secrets, .e = e, .raw = text};
    p.mask = secret_mask(a, text);
    *out = (struct spec_url){0};
    size_t colon = 0;
    if (!str_find(&colon, p.mask, STR("://")))
        return err_fail(e, ERR_CONFIG, "a warehouse is a URL, as in mysql://user@host/database");
    const struct str scheme = str_slice(text, 0, colon);
    const size_t query = find_any(&p, (struct span){colon + 3, text.n}, "?");
    const struct span body = {colon + 3, query};
    for (size_t i = 0; i < SCHEMES; i++) {
        if (!str_eq(scheme, str_from(schemes[i].name)))
            continue;
        if (schemes[i].place == URL_LATER)
            return err_fail(e, ERR_CONFIG, "warehouse %s is not supported yet", schemes[i].name);
        out->scheme = str_from(schemes[i].scheme);
        if (!(schemes[i].place == URL_FILE ? parse_file(out, &p, body)
                                           : parse_server(out, &p, body)))
            return false;
        return parse_params(out, &p, (struct span){query < text.n ? query + 1 : query, text.n});
    }
    return fail_scheme(&p, scheme);
}
