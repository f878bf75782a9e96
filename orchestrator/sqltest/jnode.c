#include "orchestrator/sqltest/jnode.h"
#include "schema/serde/json_escape.h"

#include <assert.h>
#include <ctype.h>

struct reader {
    struct arena *a;
    struct str text;
    size_t at;
    unsigned depth;
    struct err *e;
};

static bool fail(struct reader *s, const char *expecting)
{
    unsigned line = 1, column = 1;
    for (size_t i = 0; i < s->at && i < s->text.n; i++) {
        column = s->text.p[i] == '\n' ? 1 : column + 1;
        line += s->text.p[i] == '\n';
    }
    if (s->at >= s->text.n)
        return err_fail(s->e, ERR_DATA, "JSON ends in line %u, expecting %s", line, expecting);
    return err_fail(s->e, ERR_DATA, "JSON line %u column %u: found '%c', expecting %s", line,
                    column, s->text.p[s->at], expecting);
}

static bool starts(const struct reader *s, const char *word)
{
    return str_starts(str_slice(s->text, s->at, s->text.n), str_from(word));
}

static void skip_to(struct reader *s, const char *end)
{
    size_t at;
    const struct str rest = str_slice(s->text, s->at, s->text.n);
    s->at = str_find(&at, rest, str_from(end)) ? s->at + at + strlen(end) : s->text.n;
}

static void skip_blanks(struct reader *s)
{
    for (;;) {
        while (s->at < s->text.n && isspace((unsigned char)s->text.p[s->at]))
            s->at++;
        if (starts(s, "//"))
            skip_to(s, "\n");
        else if (starts(s, "/*"))
            skip_to(s, "*/");
        else
            return;
    }
}

static bool accept(struct reader *s, char c)
{
    skip_blanks(s);
    if (s->at >= s->text.n || s->text.p[s->at] != c)
        return false;
    s->at++;
    return true;
}

static bool read_hex(uint32_t *out, struct reader *s)
{
    *out = 0;
    for (unsigned i = 0; i < 4; i++, s->at++) {
        if (s->at >= s->text.n || !isxdigit((unsigned char)s->text.p[s->at]))
            return fail(s, "four hexadecimal digits");
        const char c = (char)tolower((unsigned char)s->text.p[s->at]);
        *out = *out * 16 + (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return true;
}

static bool read_escape(struct buf *out, struct reader *s)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char c = s->at < s->text.n ? s->text.p[s->at++] : '\0';
    const char *known = c ? strchr(from, c) : NULL;
    uint32_t code, low;
    char utf8[4];
    if (known) {
        buf_char(out, to[known - from]);
        return true;
    }
    if (c != 'u')
        return fail(s, "an escape sequence");
    if (!read_hex(&code, s))
        return false;
    if (code >= 0xd800 && code < 0xdc00 && starts(s, "\\u")) {
        s->at += 2;
        if (!read_hex(&low, s))
            return false;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    buf_put(out, utf8, utf8_encode(utf8, code));
    return true;
}

static bool read_string(struct str *out, struct reader *s)
{
    struct buf text;
    bool ok = true;
    const size_t from = s->at;
    while (s->at < s->text.n && s->text.p[s->at] != '"' && s->text.p[s->at] != '\\')
        s->at++;
    *out = str_slice(s->text, from, s->at);
    if (s->at < s->text.n && s->text.p[s->at] == '"') {
        s->at++;
        return true;
    }
    buf_init(&text, s->text.n + 16);
    buf_str(&text, *out);
    while (ok && s->at < s->text.n && s->text.p[s->at] != '"') {
        const char c = s->text.p[s->at++];
        if (c == '\\')
            ok = read_escape(&text, s);
        else
            buf_char(&text, c);
    }
    *out = arena_str(s->a, buf_view(&text));
    buf_fini(&text);
    return ok && (accept(s, '"') || fail(s, "\""));
}

static bool read_number(struct jnode *out, struct reader *s)
{
    const size_t from = s->at;
    while (s->at < s->text.n && (isalnum((unsigned char)s->text.p[s->at]) ||
                                 (s->text.p[s->at] && strchr("+-.", s->text.p[s->at]))))
        s->at++;
    out->kind = JNODE_NUMBER;
    out->text = str_slice(s->text, from, s->at);
    const char first = out->text.n ? out->text.p[out->text.p[0] == '-' && out->text.n > 1] : '\0';
    s->at = isdigit((unsigned char)first) ? s->at : from;
    return isdigit((unsigned char)first) || fail(s, "a value");
}

static bool read_value(struct jnode *out, struct reader *s);

struct list {
    struct jnode *items;
    struct str *names;
    uint32_t n, cap;
};

static struct jnode *add(struct list *s, struct arena *a, struct str name)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 4;
        struct jnode *items = ARENA_ARRAY(a, struct jnode, s->cap);
        struct str *names = ARENA_ARRAY(a, struct str, s->cap);
        if (s->n) {
            memcpy(items, s->items, s->n * sizeof *items);
            memcpy(names, s->names, s->n * sizeof *names);
        }
        s->items = items;
        s->names = names;
    }
    s->names[s->n] = name;
    return &s->items[s->n++];
}

static bool read_items(struct jnode *out, struct reader *s, char close)
{
    struct list list = {0};
    if (!accept(s, close)) {
        do {
            struct str name = STR_NONE;
            if (out->kind == JNODE_OBJECT &&
                ((!accept(s, '"') && !fail(s, "a member's name")) || !read_string(&name, s) ||
                 (!accept(s, ':') && !fail(s, "':'"))))
                return false;
            if (!read_value(add(&list, s->a, name), s))
                return false;
        } while (accept(s, ','));
        if (!accept(s, close))
            return fail(s, close == ']' ? "',' or ']'" : "',' or '}'");
    }
    out->items = list.items;
    out->names = list.names;
    out->count = list.n;
    return true;
}

// The depth is bounded by JNODE_DEPTH_MAX.
static bool read_value(struct jnode *out, struct reader *s)
{
    static const char *const words[] = {"null", "false", "true"};
    *out = (struct jnode){.kind = JNODE_NULL};
    if (++s->depth > JNODE_DEPTH_MAX)
        return err_fail(s->e, ERR_LIMIT, "JSON is nested deeper than %d", JNODE_DEPTH_MAX);
    bool ok = true, found = false;
    if (accept(s, '{')) {
        out->kind = JNODE_OBJECT;
        ok = read_items(out, s, '}');
    } else if (accept(s, '[')) {
        out->kind = JNODE_ARRAY;
        ok = read_items(out, s, ']');
    } else if (accept(s, '"')) {
        out->kind = JNODE_STRING;
        ok = read_string(&out->text, s);
    } else {
        for (unsigned i = 0; i < 3 && !found; i++) {
            found = starts(s, words[i]);
            if (found)
                out->kind = (enum jnode_kind)i;
            s->at += found ? strlen(words[i]) : 0;
        }
        ok = found || read_number(out, s);
    }
    s->depth--;
    return ok;
}

bool jnode_parse(struct jnode *out, struct arena *a, struct str text, struct err *e)
{
    struct reader s = {.a = a, .text = text, .e = e};
    if (!read_value(out, &s))
        return false;
    skip_blanks(&s);
    return s.at == text.n || fail(&s, "the end");
}

const struct jnode *jnode_get(const struct jnode *object, struct str name)
{
    for (uint32_t i = 0; object && object->kind == JNODE_OBJECT && i < object->count; i++)
        if (str_eq(object->names[i], name))
            return &object->items[i];
    return NULL;
}

struct str jnode_text(const struct jnode *object, struct str name)
{
    const struct jnode *n = jnode_get(object, name);
    return n && n->kind == JNODE_STRING ? n->text : STR_NONE;
}

void jnode_print(struct buf *out, const struct jnode *n)
{
    switch (n->kind) {
    case JNODE_NULL:
        buf_text(out, "null");
        return;
    case JNODE_FALSE:
        buf_text(out, "false");
        return;
    case JNODE_TRUE:
        buf_text(out, "true");
        return;
    case JNODE_NUMBER:
        buf_str(out, n->text);
        return;
    case JNODE_STRING:
        json_put_string(out, n->text);
        return;
    case JNODE_ARRAY:
    case JNODE_OBJECT:
        break;
    }
    const bool object = n->kind == JNODE_OBJECT;
    buf_char(out, object ? '{' : '[');
    for (uint32_t i = 0; i < n->count; i++) {
        if (i)
            buf_char(out, ',');
        if (object) {
            json_put_string(out, n->names[i]);
            buf_char(out, ':');
        }
        jnode_print(out, &n->items[i]);
    }
    buf_char(out, object ? '}' : ']');
}
