#include "config/yaml.h"

#include "base/buf.h"
#include "base/map.h"
#include "base/vec.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <yaml.h>

struct builder {
    struct yaml_doc *doc;
    struct arena *a;
    struct conf_errors *errors;
    yaml_parser_t *parser;
    size_t nodes;
};

void conf_errors_init(struct conf_errors *out, struct arena *a)
{
    *out = (struct conf_errors){.a = a, .v = ARENA_ARRAY(a, struct err *, CONF_ERRORS_MAX)};
}

struct err *conf_errors_add(struct conf_errors *s)
{
    assert(s->a);
    struct err *e = ARENA_NEW(s->a, struct err);
    if (s->n < CONF_ERRORS_MAX)
        s->v[s->n++] = e;
    else
        s->dropped++;
    return e;
}

void conf_errors_print(struct buf *out, const struct conf_errors *s)
{
    char text[2048];
    for (size_t i = 0; i < s->n; i++) {
        err_format(s->v[i], text, sizeof text);
        buf_text(out, text);
        buf_char(out, '\n');
    }
    if (s->n + s->dropped > 1)
        buf_printf(out, "%zu errors%s\n", s->n + s->dropped,
                   s->dropped ? ", the first of them shown" : "");
}

// The text of a 1-based line.
static struct str line_of(struct str text, unsigned line)
{
    struct str rest = text;
    struct str first = text;
    for (unsigned i = 0; i < line; i++) {
        if (!str_split_once(&first, &rest, rest, '\n')) {
            first = i + 1 == line ? rest : STR_NONE;
            break;
        }
    }
    return str_ends(first, STR("\r")) ? str_slice(first, 0, first.n - 1) : first;
}

static bool place_at(struct err *e, const struct yaml_doc *doc, unsigned line, unsigned column)
{
    const struct str text = line_of(doc->text, line);
    return err_position(e, doc->file, line, column, text.n ? text.p : "", text.n);
}

bool yaml_place(struct err *e, const struct yaml_doc *doc, const struct yaml_node *n)
{
    assert(doc);
    return n ? place_at(e, doc, n->line, n->column) : false;
}

static unsigned one_based(size_t i)
{
    return (unsigned)i + 1;
}

static void fail(struct builder *b, yaml_mark_t mark, const char *hint, const char *fmt, ...)
    ERR_PRINTF(4, 5);
static void fail(struct builder *b, yaml_mark_t mark, const char *hint, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    assert(n >= 0);
    struct err *e = conf_errors_add(b->errors);
    err_fail(e, ERR_CONFIG, "%s", text);
    place_at(e, b->doc, one_based(mark.line), one_based(mark.column));
    if (hint)
        err_hint(e, "%s", hint);
}

// The next event, or false with an error recorded: nothing can follow.
static bool next_event(yaml_event_t *out, struct builder *b)
{
    if (yaml_parser_parse(b->parser, out))
        return true;
    const yaml_parser_t *p = b->parser;
    const char *what = p->problem ? p->problem : "not YAML";
    if (p->context)
        fail(b, p->problem_mark, NULL, "%s, %s", what, p->context);
    else
        fail(b, p->problem_mark, NULL, "%s", what);
    return false;
}

static struct yaml_node *node_new(struct builder *b, enum yaml_kind kind, yaml_mark_t mark)
{
    struct yaml_node *n = ARENA_NEW(b->a, struct yaml_node);
    *n = (struct yaml_node){
        .kind = kind, .line = one_based(mark.line), .column = one_based(mark.column)};
    return n;
}

// Children of a node while it is read; key is NULL in lists.
struct child {
    struct yaml_node *key, *item;
};
struct children {
    VEC(struct child) v;
};

static void keep_children(struct yaml_node *n, struct arena *a, struct children *c)
{
    n->n = c->v.n;
    n->items = ARENA_ARRAY(a, struct yaml_node *, n->n);
    n->keys = ARENA_ARRAY(a, struct yaml_node *, n->n);
    for (size_t i = 0; i < n->n; i++) {
        n->items[i] = c->v.v[i].item;
        n->keys[i] = c->v.v[i].key;
    }
    vec_fini(&c->v);
}

static bool build(struct yaml_node **out, struct builder *b, const yaml_event_t *first,
                  unsigned depth);

static bool build_list(struct yaml_node *n, struct builder *b, unsigned depth)
{
    struct children c = {0};
    bool ok = true;
    for (bool end = false; ok && !end;) {
        yaml_event_t ev;
        struct yaml_node *item = NULL;
        ok = next_event(&ev, b);
        if (!ok)
            break;
        end = ev.type == YAML_SEQUENCE_END_EVENT;
        ok = end || build(&item, b, &ev, depth + 1);
        const struct child child = {.item = item};
        if (item)
            vec_push(&c.v, child);
        yaml_event_delete(&ev);
    }
    keep_children(n, b->a, &c);
    return ok;
}

// A key that was there before is an error; its value is read and dropped.
static bool key_is_new(struct builder *b, struct map *seen, const struct yaml_node *key,
                       yaml_mark_t mark)
{
    bool added = false;
    uint64_t *line = map_put(seen, key->text, &added);
    if (added)
        *line = key->line;
    else
        fail(b, mark, NULL, "duplicate key %.*s, first on line %u", STR_ARG(key->text),
             (unsigned)*line);
    return added;
}

// One key, already read as an event, and its value.
static bool build_entry(struct children *c, struct builder *b, struct map *seen,
                        const yaml_event_t *ev, unsigned depth)
{
    struct yaml_node *key = NULL;
    struct yaml_node *item = NULL;
    yaml_event_t value;
    if (ev->type != YAML_SCALAR_EVENT) {
        fail(b, ev->start_mark, NULL, "a key must be one plain word");
        return false;
    }
    if (!build(&key, b, ev, depth + 1) || !next_event(&value, b))
        return false;
    const bool ok = build(&item, b, &value, depth + 1);
    yaml_event_delete(&value);
    if (ok && key_is_new(b, seen, key, ev->start_mark)) {
        const struct child child = {.key = key, .item = item};
        vec_push(&c->v, child);
    }
    return ok;
}

static bool build_map(struct yaml_node *n, struct builder *b, unsigned depth)
{
    struct children c = {0};
    struct map *seen = map_new(b->a);
    bool ok = true;
    for (bool end = false; ok && !end;) {
        yaml_event_t ev;
        ok = next_event(&ev, b);
        if (!ok)
            break;
        end = ev.type == YAML_MAPPING_END_EVENT;
        ok = end || build_entry(&c, b, seen, &ev, depth);
        yaml_event_delete(&ev);
    }
    keep_children(n, b->a, &c);
    return ok;
}

// Anchors and tags have no use here; refusing them keeps every value where it is written.
static bool plain(struct builder *b, const yaml_event_t *ev, const yaml_char_t *anchor,
                  const yaml_char_t *tag)
{
    if (anchor)
        fail(b, ev->start_mark, "write the value where it is used", "anchor &%s is not supported",
             (const char *)anchor);
    if (tag)
        fail(b, ev->start_mark, NULL, "tag %s is not supported", (const char *)tag);
    return !anchor && !tag;
}

static bool build(struct yaml_node **out, struct builder *b, const yaml_event_t *first,
                  unsigned depth)
{
    if (depth > YAML_DEPTH_MAX || ++b->nodes > YAML_NODES_MAX) {
        fail(b, first->start_mark, NULL, "more than %d %s",
             depth > YAML_DEPTH_MAX ? YAML_DEPTH_MAX : YAML_NODES_MAX,
             depth > YAML_DEPTH_MAX ? "levels of nesting" : "values");
        return false;
    }
    if (first->type == YAML_SCALAR_EVENT) {
        const struct str text = {(const char *)first->data.scalar.value, first->data.scalar.length};
        *out = node_new(b, YAML_SCALAR, first->start_mark);
        plain(b, first, first->data.scalar.anchor, first->data.scalar.tag);
        (*out)->quoted = first->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        (*out)->text = arena_str(
            b->a, (struct str){(const char *)first->data.scalar.value, first->data.scalar.length});
        if (text.n && memchr(text.p, '\0', text.n))
            fail(b, first->start_mark, NULL, "a value may not hold a zero byte");
        return true;
    }
    if (first->type == YAML_SEQUENCE_START_EVENT) {
        *out = node_new(b, YAML_LIST, first->start_mark);
        plain(b, first, first->data.sequence_start.anchor, first->data.sequence_start.tag);
        return build_list(*out, b, depth);
    }
    if (first->type == YAML_MAPPING_START_EVENT) {
        *out = node_new(b, YAML_MAP, first->start_mark);
        plain(b, first, first->data.mapping_start.anchor, first->data.mapping_start.tag);
        return build_map(*out, b, depth);
    }
    assert(first->type == YAML_ALIAS_EVENT);
    fail(b, first->start_mark, "write the value where it is used", "alias *%s is not supported",
         (const char *)first->data.alias.anchor);
    *out = node_new(b, YAML_SCALAR, first->start_mark);
    return true;
}

static bool build_document(struct builder *b)
{
    bool ok = true;
    for (bool end = false; ok && !end;) {
        yaml_event_t ev;
        struct yaml_node *root = NULL;
        ok = next_event(&ev, b);
        if (!ok)
            break;
        end = ev.type == YAML_STREAM_END_EVENT;
        if (ev.type == YAML_DOCUMENT_START_EVENT && b->doc->root) {
            fail(b, ev.start_mark, NULL, "a second document in the file");
            ok = false;
        } else if (ev.type == YAML_SCALAR_EVENT || ev.type == YAML_SEQUENCE_START_EVENT ||
                   ev.type == YAML_MAPPING_START_EVENT) {
            ok = build(&root, b, &ev, 0);
            b->doc->root = root;
        }
        yaml_event_delete(&ev);
    }
    return ok;
}

static bool fail_text(struct yaml_doc *doc, struct conf_errors *errors, const char *why)
{
    struct err *e = conf_errors_add(errors);
    err_fail(e, ERR_CONFIG, "%s", why);
    return err_position(e, doc->file, 0, 0, NULL, 0);
}

bool yaml_parse(struct yaml_doc *out, struct arena *a, const char *file, struct str text,
                struct conf_errors *errors)
{
    assert(out && file && errors);
    const size_t before = errors->n + errors->dropped;
    *out = (struct yaml_doc){.file = file, .text = text};
    if (text.n > YAML_BYTES_MAX)
        return fail_text(out, errors, "the file is larger than 1 MiB");
    if (!utf8_valid(text.p, text.n))
        return fail_text(out, errors, "the file is not UTF-8");
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return fail_text(out, errors, "the YAML parser does not start");
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.n ? text.p : ""), text.n);
    struct builder b = {.doc = out, .a = a, .errors = errors, .parser = &parser};
    const bool ok = build_document(&b);
    yaml_parser_delete(&parser);
    return ok && errors->n + errors->dropped == before;
}

bool yaml_is_null(const struct yaml_node *n)
{
    return n->kind == YAML_SCALAR && !n->quoted &&
           (n->text.n == 0 || str_eq(n->text, STR("~")) || str_eq(n->text, STR("null")));
}

const struct yaml_node *yaml_get(const struct yaml_node *map, struct str key)
{
    if (!map || map->kind != YAML_MAP)
        return NULL;
    for (size_t i = 0; i < map->n; i++) {
        if (str_eq(map->keys[i]->text, key))
            return map->items[i];
    }
    return NULL;
}
