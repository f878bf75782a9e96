#include "sql/bind_transient.h"

#include "sql/bind_from.h"
#include "sql/bind_join.h"
#include "sql/bind_plan_internal.h"

#include <assert.h>

struct transient {
    struct query s;
    struct ast_query q; // as written, without EMIT CHANGES and LIMIT
    struct plan_select *out;
    struct ast_expr **keys; // of the rows; each is a column in front, under a name of its own
    uint32_t key_count;
};

// --- the columns ---------------------------------------------------------------------------------

// What a deleted row still has: its key and its window.
static enum plan_select_from comes_from(const struct transient *t, const struct ast_expr *x,
                                        uint32_t *key)
{
    enum expr_pseudo pseudo;
    const bool grouped_window = t->q.window != NULL;
    for (*key = 0; *key < t->key_count; ++*key)
        if (bind_ast_equal(t->keys[*key], x))
            return SELECT_KEY;
    if (x->kind != AST_COLUMN || !bind_is_pseudo(x->text, &pseudo) ||
        !(grouped_window || t->s.input.schema->windowed))
        return SELECT_VALUE;
    return pseudo == PSEUDO_WINDOWSTART ? SELECT_WINDOW_START
           : pseudo == PSEUDO_WINDOWEND ? SELECT_WINDOW_END
                                        : SELECT_VALUE;
}

static const struct plan_header *header_of(const struct transient *t, const struct ast_expr *x)
{
    const struct plan_source *source = t->s.source->node->source;
    const int at = x->kind == AST_COLUMN ? schema_find(t->s.source->node->schema, x->text) : -1;
    for (uint32_t i = 0; at >= 0 && source && i < source->header_count; i++)
        if (source->headers[i].column == (uint32_t)at)
            return &source->headers[i];
    return NULL;
}

// The keys in front, then what was selected, all under names that nobody else has.
static void arrange(struct transient *t)
{
    struct binder *b = t->s.b;
    struct select_list *list = &t->s.list;
    struct select_item *v = ARENA_ZARRAY(b->a, struct select_item, list->n + t->key_count + 1);
    struct plan_select_column *columns = ARENA_ZARRAY(b->a, struct plan_select_column, list->n + 1);
    for (uint32_t i = 0; i < t->key_count; i++)
        v[i] = (struct select_item){t->keys[i], arena_printf(b->a, "K%u", i), t->q.pos, NULL, true};
    for (uint32_t i = 0; i < list->n; i++) {
        struct select_item *item = &v[t->key_count + i];
        *item = list->v[i];
        columns[i].name = item->name;
        columns[i].from = comes_from(t, item->x, &columns[i].key);
        columns[i].header = header_of(t, item->x);
        item->name = arena_printf(b->a, "C%u", i);
    }
    t->out->columns = columns;
    t->out->column_count = list->n;
    *list = (struct select_list){v, list->n + t->key_count};
}

static bool name_types(struct transient *t)
{
    struct binder *b = t->s.b;
    struct map *seen = map_new(b->a);
    for (uint32_t i = 0; i < t->out->column_count; i++) {
        struct plan_select_column *c = &t->out->columns[i];
        bool added;
        c->type = t->s.list.v[t->key_count + i].bound->type;
        (void)map_put(seen, c->name, &added);
        if (!added)
            return bind_fail(b, &t->q.pos, "Duplicate value columns found in schema: `%.*s` %s",
                             STR_ARG(c->name), bind_type_text(b, c->type));
    }
    return true;
}

// --- the query -----------------------------------------------------------------------------------

static void source_keys(struct transient *t)
{
    const struct schema *schema = t->s.input.schema;
    t->keys = ARENA_ZARRAY(t->s.b->a, struct ast_expr *, schema->key_count + 1);
    for (uint32_t i = 0; i < schema->key_count; i++)
        t->keys[i] = from_column(t->s.b, schema->columns[i].name, &t->q.pos);
    t->key_count = schema->key_count;
}

// Aggregates without GROUP BY are of all rows.
static void group_everything(struct transient *t)
{
    struct binder *b = t->s.b;
    bool any = t->q.having && bind_find_aggregate(t->q.having);
    for (uint32_t i = 0; !any && i < t->q.item_count; i++)
        any = t->q.items[i].x && bind_find_aggregate(t->q.items[i].x);
    if (!any || t->q.has_group)
        return;
    struct ast_expr *one = ARENA_NEW(b->a, struct ast_expr);
    *one = (struct ast_expr){.kind = AST_INTEGER, .text = STR("1"), .height = 1, .pos = t->q.pos};
    t->q.group_by = ARENA_ARRAY(b->a, struct ast_expr *, 1);
    t->q.group_by[0] = one;
    t->q.group_count = 1;
    t->q.has_group = true;
}

static bool bind_rows(struct transient *t)
{
    struct query *s = &t->s;
    struct scope sc = s->input;
    source_keys(t);
    arrange(t);
    sc.unnest = bind_unnest_new(&s->input);
    if (!bind_where(s) || !bind_items(s, &sc) || !bind_add_unnest(s, sc.unnest))
        return false;
    bind_add_project(s, PLAN_PROJECT, &sc);
    return true;
}

static bool bind_groups(struct transient *t)
{
    t->keys = t->s.q->group_by;
    t->key_count = t->s.q->group_count;
    arrange(t);
    return bind_where(&t->s) && bind_group(&t->s);
}

// ksqlDB taps the running query that makes a stream or table ("scalable push query") when only new rows are asked for, and
// misses rows without a key then.
static bool taps(const struct transient *t)
{
    const struct ast_query *q = t->s.st->query;
    return t->out->kind == SELECT_PUSH && q->from_count == 1 && !t->q.has_group &&
           !q->has_partition && !t->s.source->declared && t->key_count > 0 &&
           str_eq_nocase(bind_setting(t->s.b, STR("auto.offset.reset")), STR("latest"));
}

// Where the rows go: a topic that only the asker knows.
static void add_result(struct transient *t)
{
    struct binder *b = t->s.b;
    struct plan_formats *f = ARENA_NEW(b->a, struct plan_formats);
    struct plan_query *q = ARENA_NEW(b->a, struct plan_query);
    const struct str name = arena_printf(b->a, "query of statement %u", b->statement_index);
    *f = (struct plan_formats){.topic = name,
                               .key_format = t->key_count ? SERDE_JSON : SERDE_NONE,
                               .value_format = SERDE_JSON,
                               .window = t->s.window,
                               .timestamp_index = -1};
    q->id = name;
    q->top = t->s.top;
    q->object = bind_plan_node(b, PLAN_OBJECT, t->s.top->schema, NULL, &t->q.pos);
    q->object->table = t->s.top->table;
    q->object->name = name;
    q->object->formats = f;
    t->out->query = q;
    t->out->source = t->s.source->node;
    t->out->keyed_only = taps(t);
    struct plan_step *step = bind_add_step(b, STEP_SELECT);
    step->select = t->out;
}

static bool read_limit(struct transient *t)
{
    const struct str limit = t->q.limit;
    t->out->limited = limit.p != NULL;
    t->q.limit = STR_NONE;
    return !limit.p || str_to_u64(&t->out->limit, limit) ||
           bind_fail(t->s.b, &t->q.limit_pos, "LIMIT takes a whole number, found %.*s",
                     STR_ARG(limit));
}

bool bind_transient(struct binder *b, const struct ast_statement *st)
{
    const struct ast_query *q = st->query;
    struct transient *t = ARENA_NEW(b->a, struct transient);
    const bool pull = q->emit == AST_EMIT_NONE;
    t->q = *q;
    t->s = (struct query){.b = b, .st = st, .q = &t->q};
    t->out = ARENA_NEW(b->a, struct plan_select);
    t->out->kind = pull ? SELECT_PULL : SELECT_PUSH;
    if ((pull && !bind_pull_clauses(b, q)) || !read_limit(t))
        return false;
    group_everything(t);
    b->transient = true;
    const bool ok = bind_query_start(&t->s) && (t->s.q->has_group ? bind_groups(t) : bind_rows(t));
    b->transient = false;
    if (!ok || !name_types(t) ||
        (pull && (!bind_pull_source(b, t->s.source, q) || !bind_pull_where(b, t->s.source, q))))
        return false;
    add_result(t);
    return true;
}
