#include "schema/serde/json_run.h"

#include <assert.h>

#define GUESSES_MIN    16u
#define PATH_MAX_BYTES 200

const char *json_fail(struct json_run *r, enum json_error error, const char *where)
{
    assert(error != JSON_FINE && where >= r->start && where <= r->end);
    r->error = error;
    r->where = where;
    return NULL;
}

const char *json_fail_node(struct json_run *r, enum json_error error, const struct json_node *n,
                           const char *where)
{
    assert(error >= JSON_TYPE);
    r->node = n;
    return json_fail(r, error, where);
}

// --- learnt member order -------------------------------------------------------------------------

static void shape_grow(struct json_shape *s, struct arena *a)
{
    const uint32_t cap = s->cap ? s->cap * 2 : GUESSES_MIN;
    // Each guess in a cache line of its own.
    char *p = arena_alloc(a, cap * sizeof *s->guess + 63);
    struct json_guess *guess = (void *)(p + (64 - (uintptr_t)p % 64) % 64);
    if (s->count)
        memcpy(guess, s->guess, s->count * sizeof *guess);
    s->guess = guess;
    s->cap = cap;
}

void json_learn(struct json_run *r, const struct json_object *o, uint32_t at, struct str text,
                const struct json_node *node)
{
    static_assert(sizeof(struct json_guess) == 64, "a guess is one cache line");
    struct json_shape *s = &r->shapes[o->id];
    if (text.n > JSON_GUESS_MAX || at > s->count)
        return;
    if (s->count == s->cap && s->cap < JSON_GUESSES_MAX)
        shape_grow(s, r->a);
    if (s->count < s->cap) {
        memmove(&s->guess[at + 1], &s->guess[at], (s->count - at) * sizeof *s->guess);
        s->count++;
    } else if (at == s->count) {
        return;
    }
    const size_t head = text.n < JSON_GUESS_BYTES ? text.n : JSON_GUESS_BYTES;
    struct json_guess *g = &s->guess[at];
    *g = (struct json_guess){.node = node, .n = (uint32_t)text.n};
    g->mask = head == 32 ? UINT32_MAX : ((uint32_t)1 << head) - 1;
    memcpy(g->text, text.p, head);
    if (text.n > head)
        g->rest = arena_str(r->a, (struct str){text.p + head, text.n - head}).p;
}

const struct json_node *json_lookup(struct json_run *r, const struct json_object *o, struct str raw)
{
    assert(!o->ambiguous);
    char scratch[JSON_NAME_MAX];
    const struct str name = json_unescape(r->a, raw);
    int field = json_object_field(o, name);
    if (field < 0 && name.n <= JSON_NAME_MAX)
        field = json_object_field(o, json_name_upper(scratch, name));
    return field < 0 ? NULL : &o->fields[field];
}

// --- lists ---------------------------------------------------------------------------------------

static void refresh_slots(struct json_run *r, const struct json_node *n, uint32_t cap)
{
    struct json_slot *s = &r->slots[n->id];
    column_need_valid(s->column, r->a, cap);
    s->data = s->column->data;
    s->valid = s->column->valid;
    for (uint32_t i = 0; n->kind == TYPE_STRUCT && i < n->type->field_count; i++)
        refresh_slots(r, &n->children[i], cap);
}

static void null_item(struct json_run *r, const struct json_node *n, uint32_t row)
{
    struct json_slot *s = &r->slots[n->id];
    s->valid[row] = 0;
    if (n->kind == TYPE_ARRAY || n->kind == TYPE_MAP)
        json_list_end(r, n, row);
    for (uint32_t i = 0; n->kind == TYPE_STRUCT && i < n->type->field_count; i++)
        null_item(r, &n->children[i], row);
}

uint32_t json_list_add(struct json_run *r, const struct json_node *list)
{
    struct column *c = r->slots[list->id].column;
    const uint32_t cap = c->children[0].cap;
    const uint32_t item = column_append_items(c, r->a, 1);
    for (uint32_t i = 0; i < list->type->field_count; i++) {
        if (c->children[0].cap != cap)
            refresh_slots(r, &list->children[i], c->children[0].cap);
        null_item(r, &list->children[i], item);
    }
    return item;
}

void json_list_end(struct json_run *r, const struct json_node *list, uint32_t row)
{
    struct json_slot *s = &r->slots[list->id];
    s->offsets[row + 1] = s->column->child_rows;
}

// --- reasons -------------------------------------------------------------------------------------

static uint32_t row_of(const struct json_run *r, const struct json_node *n)
{
    for (const struct json_node *p = n->parent; p; p = p->parent) {
        if (p->kind != TYPE_STRUCT)
            return r->slots[p->id].column->child_rows - 1;
    }
    return r->row;
}

static void put_path(struct buf *out, const struct json_run *r, const struct json_node *n)
{
    if (!n)
        return;
    put_path(out, r, n->parent);
    const struct json_node *up = n->parent;
    if (!up || up->kind == TYPE_STRUCT) {
        if (r->unwrapped && !up)
            return;
        buf_char(out, '.');
        buf_str(out, n->name);
        return;
    }
    const uint32_t item = row_of(r, n);
    if (up->kind == TYPE_ARRAY) {
        buf_printf(out, "[%u]", item - r->slots[up->id].offsets[row_of(r, up)]);
    } else {
        const struct str key = r->slots[up->children[0].id].str[item];
        buf_printf(out, "['%.*s']", (int)(key.n < 40 ? key.n : 40), key.p ? key.p : "");
    }
}

static const char *found_at(const char *p)
{
    switch (*p) {
    case '"':
        return "a string";
    case '{':
        return "an object";
    case '[':
        return "an array";
    case 't':
    case 'f':
        return "a boolean";
    case 'n':
        return "null";
    default:
        return "a number";
    }
}

// The value's first characters, for reasons.
static struct str excerpt(const struct json_run *r)
{
    static const size_t excerpt_max = 40;
    size_t n = 0;
    const size_t left = (size_t)(r->end - r->where);
    const bool quoted = left > 0 && r->where[0] == '"';
    const char *stop = quoted ? "\"" : ",}] \n\r\t";
    while (n < left && n < excerpt_max && (n == 0 || !strchr(stop, r->where[n])))
        n += quoted && r->where[n] == '\\' && n + 1 < left ? 2 : 1;
    n += quoted && n > 0 && n < left && r->where[n] == '"';
    while (n > 0 && n < left && ((unsigned char)r->where[n] & 0xC0) == 0x80)
        n--;
    return (struct str){r->where, n};
}

static void put_semantic(struct buf *out, const struct json_run *r)
{
    buf_char(out, '$');
    put_path(out, r, r->node);
    const struct str text = excerpt(r);
    if (r->error == JSON_TYPE) {
        buf_text(out, ": expected ");
        if (r->node)
            type_print(out, r->node->type);
        else
            buf_text(out, "an object");
        buf_printf(out, ", found %s", found_at(r->where));
        return;
    }
    buf_printf(out, ": %.*s %s ", STR_ARG(text),
               r->error == JSON_RANGE ? "does not fit" : "cannot be read as");
    type_print(out, r->node->type);
}

static const char *syntax_text(enum json_error error)
{
    switch (error) {
    case JSON_CUT:
        return "the document ends inside a value";
    case JSON_CHARACTER:
        return "unexpected character";
    case JSON_CONTROL:
        return "control character in a string";
    case JSON_ESCAPE:
        return "invalid escape in a string";
    case JSON_SURROGATE:
        return "lone surrogate in a string";
    case JSON_UTF8:
        return "invalid UTF-8 in the string starting";
    case JSON_NUMBER:
        return "invalid number";
    case JSON_TRAILING:
        return "text behind the document";
    case JSON_DEPTH:
        return "nested too deeply";
    case JSON_FINE:
    case JSON_TYPE:
    case JSON_RANGE:
    case JSON_TEXT:
    case JSON_AGAIN:
        break;
    }
    assert(!"not an error of syntax");
    return "";
}

void json_reason(const struct json_run *r, const struct decoder_run *run)
{
    const size_t at = (size_t)(r->where - r->start);
    if (r->error < JSON_TYPE) {
        const unsigned char c = r->where < r->end ? (unsigned char)*r->where : 0;
        const char *what = syntax_text(r->error);
        if (r->error == JSON_CHARACTER && c > ' ' && c < 0x7f)
            serde_bad(run, r->row, "malformed JSON: %s '%c' at byte %zu", what, c, at);
        else if (r->error == JSON_CHARACTER || r->error == JSON_CONTROL)
            serde_bad(run, r->row, "malformed JSON: %s 0x%02x at byte %zu", what, c, at);
        else
            serde_bad(run, r->row, "malformed JSON: %s at byte %zu", what, at);
        return;
    }
    struct buf text;
    buf_init(&text, PATH_MAX_BYTES * 16);
    put_semantic(&text, r);
    serde_bad(run, r->row, "%.*s at byte %zu",
              (int)(text.n < PATH_MAX_BYTES ? text.n : PATH_MAX_BYTES), text.p ? text.p : "", at);
    buf_fini(&text);
}
