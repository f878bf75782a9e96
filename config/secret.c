#include "config/secret.h"

#include "base/buf.h"
#include "base/durable.h"

#include <assert.h>
#include <stdlib.h>

enum { EXPANDED_MAX = 4 * SECRET_BYTES_MAX };

// The next "$${" or "${…}" at or behind *at: its range, and what is between the braces. Cut ones: end = 0.
struct reference {
    size_t start, end;
    bool escape;
    struct str inner;
};

static bool next_reference(struct reference *out, struct str raw, size_t from)
{
    for (size_t i = from; i + 1 < raw.n; i++) {
        if (raw.p[i] != '$')
            continue;
        if (i + 2 < raw.n && raw.p[i + 1] == '$' && raw.p[i + 2] == '{') {
            *out = (struct reference){.start = i, .end = i + 3, .escape = true};
            return true;
        }
        if (raw.p[i + 1] != '{')
            continue;
        size_t length = 0;
        const struct str rest = str_slice(raw, i + 2, raw.n);
        *out = (struct reference){.start = i};
        if (str_find(&length, rest, STR("}"))) {
            out->inner = str_slice(rest, 0, length);
            out->end = i + 2 + length + 1;
        }
        return true;
    }
    return false;
}

bool secret_has_reference(struct str raw)
{
    struct reference r;
    size_t at = 0;
    while (next_reference(&r, raw, at)) {
        if (!r.escape)
            return true;
        at = r.end;
    }
    return false;
}

struct str secret_mask(struct arena *a, struct str raw)
{
    char *p = arena_alloc(a, raw.n + 1);
    if (raw.n)
        memcpy(p, raw.p, raw.n);
    p[raw.n] = '\0';
    struct reference r;
    size_t at = 0;
    while (next_reference(&r, raw, at) && r.end > 0) {
        memset(p + r.start, 'x', r.end - r.start);
        at = r.end;
    }
    return (struct str){p, raw.n};
}

static bool put_env(struct buf *out, struct arena *a, struct str name,
                    const struct secret_source *source, struct err *e)
{
    const char *z = arena_str(a, name).p;
    const char *v = source->env ? source->env(source->arg, z) : getenv(z);
    if (!v)
        return err_fail(e, ERR_CONFIG, "environment variable %s is not set", z);
    buf_text(out, v);
    return true;
}

static bool put_file(struct buf *out, struct arena *a, struct str name,
                     const struct secret_source *source, struct err *e)
{
    const bool relative = name.p[0] != '/' && source->dir && source->dir[0];
    const char *path =
        relative ? arena_printf(a, "%s/%.*s", source->dir, STR_ARG(name)).p : arena_str(a, name).p;
    struct str text = STR_NONE;
    if (!file_read(&text, a, path, SECRET_BYTES_MAX, e)) {
        e->kind = ERR_CONFIG;
        return false;
    }
    // Editors and `echo` end the file with a line end that is not part of the secret.
    if (str_ends(text, STR("\n")))
        text.n--;
    if (str_ends(text, STR("\r")))
        text.n--;
    if (text.n && memchr(text.p, '\0', text.n))
        return err_fail(e, ERR_CONFIG, "%s holds a zero byte", path);
    buf_str(out, text);
    return true;
}

static bool put_value(struct buf *out, struct arena *a, const struct reference *r,
                      const struct secret_source *source, struct err *e)
{
    struct str how, name;
    if (r->end == 0)
        return err_fail(e, ERR_CONFIG, "\"${\" without \"}\"");
    if (!str_split_once(&how, &name, r->inner, ':') || name.n == 0 ||
        (!str_eq(how, STR("env")) && !str_eq(how, STR("file")))) {
        err_fail(e, ERR_CONFIG, "\"${%.*s}\" is not ${env:NAME} or ${file:PATH}",
                 STR_ARG(r->inner));
        return err_hint(e, "write $${ for a literal ${");
    }
    return str_eq(how, STR("env")) ? put_env(out, a, name, source, e)
                                   : put_file(out, a, name, source, e);
}

bool secret_expand(struct str *out, struct arena *a, struct str raw,
                   const struct secret_source *source, struct err *e)
{
    assert(out && source);
    struct buf text;
    struct reference r;
    size_t at = 0;
    bool ok = true;
    buf_init(&text, EXPANDED_MAX);
    while (ok && next_reference(&r, raw, at)) {
        buf_str(&text, str_slice(raw, at, r.start));
        if (r.escape)
            buf_text(&text, "${");
        else
            ok = put_value(&text, a, &r, source, e);
        at = r.end;
    }
    if (ok)
        buf_str(&text, str_slice(raw, at, raw.n));
    ok = ok && buf_ok(&text, "value", e);
    if (ok)
        *out = arena_str(a, buf_view(&text));
    if (text.p)
        explicit_bzero(text.p, text.cap);
    buf_fini(&text);
    return ok;
}
