#include "orchestrator/sqltest/suite.h"

#include <assert.h>

#define STATEMENTS_BYTES_MAX ((size_t)16 << 20)

struct loader {
    struct arena *a;
    struct str stem;
    struct suite *out;
    uint32_t cap;
};

static void put_replaced(struct buf *out, struct str text, struct str from, struct str to)
{
    size_t at;
    while (from.n && str_find(&at, text, from)) {
        buf_str(out, str_slice(text, 0, at));
        buf_str(out, to);
        text = str_slice(text, at + from.n, text.n);
    }
    buf_str(out, text);
}

static unsigned lines_of(struct str text)
{
    unsigned n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '\n';
    return n;
}

static bool load_statements(struct suite_case *c, struct loader *s, struct str format,
                            struct err *e)
{
    const struct jnode *list = jnode_get(c->node, STR("statements"));
    struct buf text;
    if (!list || list->kind != JNODE_ARRAY || list->count == 0)
        return err_fail(e, ERR_DATA, "test \"%.*s\" has no statements", STR_ARG(c->test));
    buf_init(&text, STATEMENTS_BYTES_MAX);
    c->statements = list->count;
    c->first_line = ARENA_ARRAY(s->a, unsigned, list->count);
    for (uint32_t i = 0; i < list->count; i++) {
        c->first_line[i] = lines_of(buf_view(&text)) + 1;
        put_replaced(&text, list->items[i].text, format.p ? STR("{FORMAT}") : STR_NONE, format);
        buf_char(&text, '\n');
    }
    c->text = arena_str(s->a, buf_view(&text));
    const bool ok = buf_ok(&text, "the statements of a test", e);
    buf_fini(&text);
    return ok;
}

static struct str scalar_text(struct arena *a, const struct jnode *n)
{
    struct buf text;
    if (n->kind == JNODE_STRING)
        return n->text;
    buf_init(&text, STATEMENTS_BYTES_MAX);
    jnode_print(&text, n);
    const struct str out = arena_str(a, buf_view(&text));
    buf_fini(&text);
    return out;
}

// Returns the property that takes the entry of `config`.
static struct str load_properties(struct suite_case *c, struct loader *s,
                                  const struct jnode *config)
{
    const struct jnode *node = jnode_get(c->node, STR("properties"));
    struct str taker = STR_NONE;
    if (!node || node->kind != JNODE_OBJECT)
        return taker;
    c->properties = ARENA_ARRAY(s->a, struct suite_property, node->count + 1);
    for (uint32_t i = 0; i < node->count; i++) {
        struct suite_property *p = &c->properties[c->property_count++];
        *p = (struct suite_property){node->names[i], scalar_text(s->a, &node->items[i])};
        if (config && str_eq(p->value, STR("{CONFIG}"))) {
            p->value = scalar_text(s->a, config);
            taker = p->name;
        }
    }
    return taker;
}

static bool add_case(struct loader *s, const struct jnode *node, const struct jnode *format,
                     const struct jnode *config, struct err *e)
{
    struct suite *out = s->out;
    if (out->count == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 64;
        struct suite_case *more = ARENA_ARRAY(s->a, struct suite_case, s->cap);
        if (out->count)
            memcpy(more, out->cases, out->count * sizeof *more);
        out->cases = more;
    }
    const struct jnode *enabled = jnode_get(node, STR("enabled"));
    struct suite_case *c = &out->cases[out->count++];
    *c = (struct suite_case){.test = jnode_text(node, STR("name")),
                             .node = node,
                             .enabled = !enabled || enabled->kind != JNODE_FALSE};
    const struct str taker = load_properties(c, s, config);
    c->name = arena_printf(s->a, "%.*s - %.*s", STR_ARG(s->stem), STR_ARG(c->test));
    if (format)
        c->name = arena_printf(s->a, "%.*s - %.*s", STR_ARG(c->name), STR_ARG(format->text));
    if (config)
        c->name = arena_printf(s->a, "%.*s - %.*s=%.*s", STR_ARG(c->name), STR_ARG(taker),
                               STR_ARG(scalar_text(s->a, config)));
    return load_statements(c, s, format ? format->text : STR_NONE, e);
}

// Entry i of an optional array; NULL when there is no array.
static const struct jnode *entry(const struct jnode *list, uint32_t i)
{
    return list && list->kind == JNODE_ARRAY && i < list->count ? &list->items[i] : NULL;
}

static bool add_test(struct loader *s, const struct jnode *node, struct err *e)
{
    const struct jnode *formats = jnode_get(node, STR("format"));
    const struct jnode *configs = jnode_get(node, STR("config"));
    if (!jnode_text(node, STR("name")).p)
        return err_fail(e, ERR_DATA, "a test has no name");
    uint32_t f = 0, c = 0;
    do {
        c = 0;
        do {
            if (!add_case(s, node, entry(formats, f), entry(configs, c), e))
                return false;
        } while (entry(configs, ++c));
    } while (entry(formats, ++f));
    return true;
}

bool suite_load(struct suite *out, struct arena *a, struct str stem, struct str text, struct err *e)
{
    struct jnode *root = ARENA_NEW(a, struct jnode);
    struct loader s = {.a = a, .stem = stem, .out = out};
    *out = (struct suite){NULL, 0};
    if (!jnode_parse(root, a, text, e))
        return false;
    const struct jnode *tests = jnode_get(root, STR("tests"));
    if (!tests || tests->kind != JNODE_ARRAY)
        return err_fail(e, ERR_DATA, "no array \"tests\"");
    for (uint32_t i = 0; i < tests->count; i++)
        if (!add_test(&s, &tests->items[i], e))
            return false;
    return true;
}
