#include "orchestrator/sqltest/answer.h"

#include "schema/serde/serde_schema.h"
#include "schema/text.h"

#include <stdlib.h>

#define HEADER_BYTES_MAX ((size_t)1 << 20)

struct answer {
    const struct answer_case *c;
    const struct plan_select *select;
    struct stub_shape shape; // of its rows
    struct jnode *rows;      // objects as in `responses`: columns, tombstone
    uint32_t n;
};

// --- running -------------------------------------------------------------------------------------

static bool same_key(const struct stub_record *x, const struct stub_record *y)
{
    return x->key.n == y->key.n && (x->key.n == 0 || memcmp(x->key.p, y->key.p, x->key.n) == 0);
}

static int compare_keys(const void *x, const void *y)
{
    const struct stub_record *l = ((const struct query_input *)x)->record;
    const struct stub_record *r = ((const struct query_input *)y)->record;
    return str_cmp((struct str){l->key.p, l->key.n}, (struct str){r->key.p, r->key.n});
}

// The last record of each key that is no tombstone, by key: what the table holds.
static size_t keep_last(struct query_input *list, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool last = list[i].record->value.p != NULL;
        for (size_t k = i + 1; last && k < n; k++)
            last = list[k].topic != list[i].topic || !same_key(list[k].record, list[i].record);
        if (last)
            list[kept++] = list[i];
    }
    if (kept)
        qsort(list, kept, sizeof *list, compare_keys);
    return kept;
}

static bool run(struct stub_topic **out, const struct answer *s, struct err *e)
{
    const struct answer_case *c = s->c;
    const struct query_spec spec = {s->select->query, c->stub, c->window, NULL};
    struct query *q;
    struct query_input *list;
    if (!query_open(&q, &spec, e))
        return false;
    size_t n = feed_list(&list, c->feed, q);
    if (s->select->kind == SELECT_PULL && s->select->source->table)
        n = keep_last(list, n);
    *out = query_topic(q);
    const bool ok = query_feed(q, list, n, e);
    query_close(q);
    return ok;
}

// --- rows ----------------------------------------------------------------------------------------

static struct jnode number(struct arena *a, int64_t v)
{
    return (struct jnode){.kind = JNODE_NUMBER, .text = arena_printf(a, "%lld", (long long)v)};
}

// Points in time are texts in an answer.
static void print_time(struct jnode *cell, struct arena *a, const struct type *t)
{
    int64_t v;
    struct buf text;
    if (cell->kind != JNODE_NUMBER || !str_to_i64(&v, cell->text))
        return;
    buf_init(&text, 64);
    if (t->kind == TYPE_TIMESTAMP)
        text_timestamp(&text, v);
    else if (t->kind == TYPE_DATE)
        text_date(&text, (int32_t)v);
    else if (t->kind == TYPE_TIME)
        text_time(&text, (int32_t)v);
    if (text.n)
        *cell = (struct jnode){.kind = JNODE_STRING, .text = arena_str(a, buf_view(&text))};
    buf_fini(&text);
}

static struct jnode cell_of(const struct answer *s, uint32_t i, const struct stub_record *r,
                            const struct jnode *key, const struct jnode *value)
{
    const struct plan_select_column *c = &s->select->columns[i];
    struct arena *a = s->c->a;
    const struct jnode *found = NULL;
    if (r->value.p)
        found = jnode_get(value, arena_printf(a, "C%u", i));
    else if (c->from == SELECT_WINDOW_START || c->from == SELECT_WINDOW_END)
        return number(a, c->from == SELECT_WINDOW_START ? r->window.start : r->window.end);
    else if (c->from == SELECT_KEY)
        found =
            s->shape.schema->key_count == 1 ? key : jnode_get(key, arena_printf(a, "K%u", c->key));
    struct jnode out = found ? *found : (struct jnode){.kind = JNODE_NULL};
    print_time(&out, a, c->type);
    return out;
}

static bool add_row(struct answer *s, const struct stub_record *r, struct err *e)
{
    struct arena *a = s->c->a;
    const uint32_t n = s->select->column_count;
    struct jnode key = {.kind = JNODE_NULL}, value = {.kind = JNODE_NULL};
    struct payload bare = r->key;
    int64_t start, end;
    if (r->window.kind != STUB_NOT_WINDOWED)
        (void)window_key_take(&start, &end, &bare, stub_window_key(&r->window));
    if ((bare.p && !record_decode(&key, a, &s->shape, RECORD_KEY, bare, e)) ||
        (r->value.p && !record_decode(&value, a, &s->shape, RECORD_VALUE, r->value, e)))
        return false;
    struct jnode *columns = ARENA_ARRAY(a, struct jnode, n + 1);
    for (uint32_t i = 0; i < n; i++)
        columns[i] = cell_of(s, i, r, &key, &value);
    struct jnode *items = ARENA_ARRAY(a, struct jnode, 2);
    struct str *names = ARENA_ARRAY(a, struct str, 2);
    names[0] = STR("columns");
    items[0] = (struct jnode){.kind = JNODE_ARRAY, .items = columns, .count = n};
    names[1] = STR("tombstone");
    items[1] = (struct jnode){.kind = r->value.p ? JNODE_FALSE : JNODE_TRUE};
    s->rows[s->n++] =
        (struct jnode){.kind = JNODE_OBJECT, .names = names, .items = items, .count = 2};
    return true;
}

static bool take_rows(struct answer *s, const struct stub_topic *t, struct err *e)
{
    s->rows = ARENA_ARRAY(s->c->a, struct jnode, t->n + 1);
    for (uint32_t i = 0; i < t->n && !(s->select->limited && s->n >= s->select->limit); i++) {
        const struct stub_record *r = &t->records[i];
        if (s->select->keyed_only && !r->key.p)
            continue;
        if (r->value.p || (s->select->kind == SELECT_PUSH && s->select->query->object->table))
            if (!add_row(s, r, e))
                return false;
    }
    return true;
}

// --- comparing -----------------------------------------------------------------------------------

static bool is_key(const struct answer *s, const struct plan_select_column *c)
{
    return s->select->kind == SELECT_PULL && s->select->source->table && c->from != SELECT_VALUE;
}

static void print_column(struct buf *out, const struct answer *s,
                         const struct plan_select_column *c)
{
    buf_printf(out, "%s`%.*s` ", out->n ? ", " : "", STR_ARG(c->name));
    type_print(out, c->type);
    if (is_key(s, c))
        buf_text(out, " KEY");
    if (c->header && c->header->key.p)
        buf_printf(out, " HEADER('%.*s')", STR_ARG(c->header->key));
    else if (c->header)
        buf_text(out, " HEADERS");
}

// As they are selected, but headers before the first value.
static void print_schema(struct buf *out, const struct answer *s)
{
    const struct plan_select_column *v = s->select->columns;
    const uint32_t n = s->select->column_count;
    uint32_t first = 0;
    while (first < n && is_key(s, &v[first]))
        print_column(out, s, &v[first++]);
    for (uint32_t i = first; i < n; i++)
        if (v[i].header)
            print_column(out, s, &v[i]);
    for (uint32_t i = first; i < n; i++)
        if (!v[i].header)
            print_column(out, s, &v[i]);
}

static bool header_agrees(struct buf *why, const struct answer *s, const struct jnode *expected)
{
    const struct str want = jnode_text(expected, STR("schema"));
    struct buf text;
    buf_init(&text, HEADER_BYTES_MAX);
    print_schema(&text, s);
    const bool ok = !want.p || str_eq(want, buf_view(&text));
    if (!ok)
        buf_printf(why, "schema: expected %.*s, found %.*s", STR_ARG(want), (int)text.n, text.p);
    buf_fini(&text);
    return ok;
}

static bool row_agrees(const struct answer *s, const struct jnode *expected,
                       const struct jnode *actual)
{
    const struct jnode *columns = jnode_get(expected, STR("columns"));
    const struct jnode *tombstone = jnode_get(expected, STR("tombstone"));
    const struct jnode *found = &actual->items[0];
    if (tombstone && tombstone->kind != actual->items[1].kind)
        return false;
    if (!columns || columns->count != found->count)
        return !columns;
    const struct match m = {.a = s->c->a, .shape = &s->shape, .numbers = s->c->numbers};
    for (uint32_t i = 0; i < columns->count; i++)
        if (!match_json(&m, &columns->items[i], &found->items[i], s->select->columns[i].type))
            return false;
    return true;
}

// Rows may come in any order.
static bool find_row(const struct answer *s, const struct jnode *expected, bool *used)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (!used[i] && row_agrees(s, expected, &s->rows[i])) {
            used[i] = true;
            return true;
        }
    return false;
}

static void print_rows(struct buf *why, const struct answer *s)
{
    for (uint32_t i = 0; i < s->n && i < 20; i++) {
        buf_text(why, i ? ", " : " of ");
        jnode_print(why, &s->rows[i].items[0]);
    }
}

static bool final_agrees(struct buf *why, const struct answer *s, const struct jnode *expected)
{
    const bool limit = s->select->limited && s->n >= s->select->limit;
    const char *is = limit ? "Limit Reached" : "Query Completed";
    if (str_eq(expected->text, str_from(is)))
        return true;
    buf_printf(why, "the answer ends with \"%s\", expected \"%.*s\"", is, STR_ARG(expected->text));
    return false;
}

static bool agrees(struct buf *why, const struct answer *s, const struct jnode *list)
{
    const uint32_t entries = list->kind == JNODE_ARRAY ? list->count : 0;
    bool *used = ARENA_ZARRAY(s->c->a, bool, s->n + 1);
    uint32_t rows = 0;
    for (uint32_t i = 0; i < entries; i++) {
        const struct jnode *header = jnode_get(&list->items[i], STR("header"));
        const struct jnode *row = jnode_get(&list->items[i], STR("row"));
        const struct jnode *last = jnode_get(&list->items[i], STR("finalMessage"));
        if ((header && !header_agrees(why, s, header)) || (last && !final_agrees(why, s, last)))
            return false;
        if (!row)
            continue;
        rows++;
        if (find_row(s, row, used))
            continue;
        buf_text(why, "expected row ");
        jnode_print(why, row);
        buf_text(why, " is none");
        print_rows(why, s);
        return false;
    }
    if (rows == s->n)
        return true;
    buf_printf(why, "%u rows expected, %u found", rows, s->n);
    print_rows(why, s);
    return false;
}

// --- all of a case -------------------------------------------------------------------------------

// The n-th response of this kind; NULL = none.
static const struct jnode *response_of(const struct jnode *responses, const char *kind, uint32_t n)
{
    for (uint32_t i = 0; responses && i < responses->count; i++) {
        const struct jnode *found = jnode_get(&responses->items[i], str_from(kind));
        if (found && n-- == 0)
            return found;
    }
    return NULL;
}

// Of an answer in Protobuf the schema; its rows are those of the other one.
static bool proto_agrees(struct buf *why, const struct answer *s, const struct jnode *list)
{
    const uint32_t n = s->select->column_count;
    const bool any = list->kind == JNODE_ARRAY && list->count > 0;
    const struct jnode *header = any ? jnode_get(&list->items[0], STR("header")) : NULL;
    const struct str want = header ? jnode_text(header, STR("protoSchema")) : STR_NONE;
    struct serde_column *columns = ARENA_ARRAY(s->c->a, struct serde_column, n + 1);
    const struct serde_spec spec = {.format = SERDE_PROTOBUF, .columns = columns, .count = n};
    struct registry_schema schema;
    struct err e;
    for (uint32_t i = 0; i < n; i++)
        columns[i] = (struct serde_column){s->select->columns[i].name, s->select->columns[i].type};
    if (!want.p)
        return true;
    if (!serde_derive(&schema, s->c->a, &spec, &e)) {
        buf_printf(why, "no Protobuf schema: %s", e.text);
        return false;
    }
    if (str_eq(schema.text, want))
        return true;
    buf_printf(why, "Protobuf schema: expected %.*s, found %.*s", STR_ARG(want),
               STR_ARG(schema.text));
    return false;
}

bool answers_check(struct buf *why, const struct answer_case *c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->plan->step_count; i++) {
        const struct plan_step *step = &c->plan->steps[i];
        struct stub_topic *topic;
        struct err e;
        if (step->kind != STEP_SELECT)
            continue;
        struct answer s = {.c = c,
                           .select = step->select,
                           .shape = stub_shape_of(step->select->query->object, c->stub)};
        const struct jnode *response = response_of(c->responses, "query", n);
        const struct jnode *proto = response_of(c->responses, "queryProto", n++);
        if (!run(&topic, &s, &e) || !take_rows(&s, topic, &e)) {
            buf_printf(why, "query %u: %s", n, e.text);
            return false;
        }
        buf_printf(why, "query %u: ", n);
        if ((response && !agrees(why, &s, response)) || (proto && !proto_agrees(why, &s, proto)))
            return false;
        buf_clear(why);
    }
    return true;
}
