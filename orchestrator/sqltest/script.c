#include "orchestrator/sqltest/script.h"

#include "base/buf.h"
#include "base/durable.h"

#include <ctype.h>

static const struct str mark_test = {"--@test:", 8};
static const struct str mark_error = {"--@expected.error:", 18};
static const struct str mark_message = {"--@expected.message:", 20};

static struct str take_line(struct str *rest)
{
    struct str line;
    if (!str_split_once(&line, rest, *rest, '\n')) {
        line = *rest;
        *rest = STR_NONE;
    }
    return line;
}

static bool take_mark(struct str *out, struct str line, struct str mark)
{
    if (!str_starts(line, mark))
        return false;
    *out = str_trim(str_slice(line, mark.n, line.n));
    return true;
}

// RUN SCRIPT 'file'; as a line: the file's name.
static bool take_script(struct str *out, struct str line)
{
    const struct str words = STR("RUN SCRIPT");
    const struct str s = str_trim(line);
    if (s.n <= words.n || !str_eq_nocase(str_slice(s, 0, words.n), words))
        return false;
    const struct str rest = str_trim(str_slice(s, words.n, s.n));
    if (rest.n < 4 || rest.p[0] != '\'' || !str_ends(rest, STR("';")))
        return false;
    *out = str_slice(rest, 1, rest.n - 2);
    return true;
}

bool script_include(struct str *out, struct arena *a, const char *path, struct str text,
                    struct err *e)
{
    const char *slash = strrchr(path, '/');
    const struct str folder = {path, slash ? (size_t)(slash - path) + 1 : 0};
    struct str rest = text, name, script;
    struct buf all;
    bool ok = true;
    buf_init(&all, SCRIPT_BYTES_MAX);
    while (ok && rest.n) {
        const struct str line = take_line(&rest);
        if (!take_script(&name, line)) {
            buf_str(&all, line);
            buf_char(&all, '\n');
            continue;
        }
        const bool whole = name.n && name.p[0] == '/';
        const char *file =
            arena_printf(a, "%.*s%.*s", whole ? 0 : (int)folder.n, folder.p, STR_ARG(name)).p;
        ok = file_read(&script, a, file, SCRIPT_BYTES_MAX, e) || err_wrap(e, "RUN SCRIPT");
        if (ok)
            buf_str(&all, script);
        buf_char(&all, '\n');
    }
    ok = ok && buf_ok(&all, "the script", e);
    if (ok)
        *out = arena_str(a, buf_view(&all));
    buf_fini(&all);
    return ok;
}

// Position behind a comment, string or quoted name that begins at i; i when there is none.
static size_t skip_quoted(struct str s, size_t i)
{
    const char c = s.p[i], next = i + 1 < s.n ? s.p[i + 1] : '\0';
    size_t at = i + 1;
    if (c == '-' && next == '-') {
        while (at < s.n && s.p[at] != '\n')
            at++;
        return at;
    }
    if (c == '/' && next == '*') {
        size_t end;
        return str_find(&end, str_slice(s, i + 2, s.n), STR("*/")) ? i + 2 + end + 2 : s.n;
    }
    if (c != '\'' && c != '"' && c != '`')
        return i;
    while (at < s.n && s.p[at] != c)
        at++;
    return at < s.n ? at + 1 : s.n;
}

// Counts statements and finds the line where the last one begins.
static void find_statements(struct script_case *c)
{
    unsigned line = 1;
    bool inside = false;
    const struct str s = c->text;
    for (size_t i = 0; i < s.n;) {
        const size_t end = skip_quoted(s, i);
        const bool comment = end > i && (s.p[i] == '-' || s.p[i] == '/');
        if (!inside && !comment && !isspace((unsigned char)s.p[i])) {
            inside = true;
            c->statements++;
            c->last_line = line;
        }
        if (end == i && s.p[i] == ';')
            inside = false;
        for (const size_t to = end > i ? end : i + 1; i < to; i++)
            line += s.p[i] == '\n';
    }
}

static struct script_case *add(struct script *out, struct arena *a, uint32_t *cap)
{
    if (out->count == *cap) {
        *cap = *cap ? *cap * 2 : 16;
        struct script_case *more = ARENA_ZARRAY(a, struct script_case, *cap);
        if (out->count)
            memcpy(more, out->cases, out->count * sizeof *more);
        out->cases = more;
    }
    return &out->cases[out->count++];
}

bool script_load(struct script *out, struct arena *a, struct str stem, struct str text,
                 struct err *e)
{
    uint32_t cap = 0;
    struct script_case *c = NULL;
    struct str rest = text, name;
    *out = (struct script){NULL, 0};
    while (rest.n) {
        const struct str line = take_line(&rest);
        if (take_mark(&name, line, mark_test)) {
            c = add(out, a, &cap);
            *c = (struct script_case){.test = name};
            c->name = arena_printf(a, "%.*s - %.*s", STR_ARG(stem), STR_ARG(name));
            c->text = (struct str){line.p, 0};
        }
        if (!c && str_trim(line).n && !str_starts(str_trim(line), STR("--")))
            return err_fail(e, ERR_DATA, "a statement before the first \"--@test: NAME\"");
        if (!c)
            continue;
        (void)(take_mark(&c->error, line, mark_error) ||
               take_mark(&c->message, line, mark_message));
        c->text.n = (size_t)(line.p + line.n - c->text.p);
    }
    for (uint32_t i = 0; i < out->count; i++)
        find_statements(&out->cases[i]);
    return out->count > 0 || err_fail(e, ERR_DATA, "no \"--@test: NAME\"");
}
