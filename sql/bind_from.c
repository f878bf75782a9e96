#include "sql/bind_from.h"
#include "sql/bind_plan_internal.h"

#include <assert.h>
#include <stdlib.h>

#define FROM_RELATIONS_MAX 64

// --- the relations -----------------------------------------------------------------------------------

static const char *const pseudo_names[FROM_PSEUDO_COUNT] = {
    [PSEUDO_ROWTIME] = "ROWTIME",     [PSEUDO_ROWPARTITION] = "ROWPARTITION",
    [PSEUDO_ROWOFFSET] = "ROWOFFSET", [PSEUDO_WINDOWSTART] = "WINDOWSTART",
    [PSEUDO_WINDOWEND] = "WINDOWEND",
};

const char *from_pseudo_name(enum expr_pseudo pseudo)
{
    assert(pseudo < FROM_PSEUDO_COUNT);
    return pseudo_names[pseudo];
}

struct ast_expr *from_column(const struct binder *b, struct str name, const struct sql_pos *pos)
{
    struct ast_expr *x = ARENA_NEW(b->a, struct ast_expr);
    *x = (struct ast_expr){.kind = AST_COLUMN, .height = 1, .text = name, .pos = *pos};
    return x;
}

struct from_source *from_find(const struct from *f, struct str alias)
{
    for (uint32_t i = 0; i < f->n; i++)
        if (str_eq(f->v[i].alias, alias))
            return &f->v[i];
    return NULL;
}

static const struct schema *source_schema(const struct from_source *s)
{
    return s->object->node->schema;
}

static bool knows(const struct from_source *s, struct str name)
{
    enum expr_pseudo pseudo;
    if (schema_find(source_schema(s), name) >= 0)
        return true;
    return bind_is_pseudo(name, &pseudo) &&
           (pseudo < PSEUDO_WINDOWSTART || source_schema(s)->windowed);
}

bool from_has_column(const struct from *f, struct str name)
{
    for (uint32_t i = 0; i < f->n; i++)
        if (schema_find(source_schema(&f->v[i]), name) >= 0)
            return true;
    return false;
}

struct str from_column_name(const struct from *f, const struct from_source *s, struct str column)
{
    return arena_printf(f->b->a, "%.*s_%.*s", STR_ARG(s->alias), STR_ARG(column));
}

static bool self_join(const struct from *f, uint32_t i, const struct from_source *s)
{
    const struct str name = s->object->node->name;
    if (i == 1 && f->written->from_count == 2)
        return bind_fail(f->b, &s->relation->pos,
                         "Can not join '%.*s' to '%.*s': self joins are not yet supported.",
                         STR_ARG(name), STR_ARG(name));
    return bind_fail(f->b, &s->relation->pos,
                     "N-way joins do not support multiple occurrences of the same source. Source: "
                     "'%.*s'.",
                     STR_ARG(name));
}

static bool open_source(struct from *f, uint32_t i)
{
    struct from_source *s = &f->v[i];
    s->relation = &f->written->from[i];
    s->alias = s->relation->alias.p ? s->relation->alias : s->relation->name;
    s->object = bind_find_object(f->b, s->relation->name);
    if (!s->object)
        return bind_fail(f->b, &s->relation->pos, "%s does not exist.",
                         bind_name_text(f->b, s->relation->name)) ||
               bind_hint_later(f->b, s->relation->name);
    for (uint32_t k = 0; k < i; k++) {
        if (f->v[k].object == s->object)
            return self_join(f, i, s);
        if (str_eq(f->v[k].alias, s->alias))
            return bind_fail(f->b, &s->relation->pos, "two sources have the name '%.*s'",
                             STR_ARG(s->alias)) ||
                   sql_hint(f->b->e, "give one of them an alias: %.*s AS x",
                            STR_ARG(s->relation->name));
    }
    return true;
}

static struct str choose_key_name(const struct from *f)
{
    struct str name = STR("ROWKEY");
    for (unsigned i = 1; from_has_column(f, name); i++)
        name = arena_printf(f->b->a, "ROWKEY_%u", i);
    return name;
}

// --- copying expressions -----------------------------------------------------------------------------

struct rewriter {
    struct from *f;
    const char *clause;
    const struct ast_expr *lambda; // innermost; its outer ones through `outer`
    const struct rewriter *outer;
    bool (*column)(struct ast_expr **out, const struct rewriter *w, const struct ast_expr *x);
};

static bool is_parameter(const struct rewriter *w, const struct ast_expr *x)
{
    for (; w; w = w->outer)
        for (uint32_t i = 0; w->lambda && i < w->lambda->name_count; i++)
            if (!x->qualifier.p && str_eq(w->lambda->names[i], x->text))
                return true;
    return false;
}

// The depth is bounded by the parser.
static bool rewrite(struct ast_expr **out, const struct rewriter *w, const struct ast_expr *x)
{
    struct ast_expr *copy = ARENA_NEW(w->f->b->a, struct ast_expr);
    *copy = *x;
    *out = copy;
    if (x->kind == AST_COLUMN)
        return is_parameter(w, x) || w->column(out, w, x);
    struct rewriter inner = *w;
    if (x->kind == AST_LAMBDA) {
        inner.lambda = x;
        inner.outer = w;
    }
    copy->args = ARENA_ARRAY(w->f->b->a, struct ast_expr *, x->arg_count + 1);
    for (uint32_t i = 0; i < x->arg_count; i++)
        if (!rewrite(&copy->args[i], &inner, x->args[i]))
            return false;
    return true;
}

static bool rewrite_list(struct ast_expr ***out, struct rewriter *w, struct ast_expr *const *v,
                         uint32_t n)
{
    *out = ARENA_ARRAY(w->f->b->a, struct ast_expr *, n + 1);
    for (uint32_t i = 0; i < n; i++)
        if (!rewrite(&(*out)[i], w, v[i]))
            return false;
    return true;
}

// All clauses but the select list and ON.
static bool rewrite_clauses(struct ast_query *q, struct rewriter *w, const struct ast_query *from)
{
    w->clause = "WHERE";
    if (from->where && !rewrite(&q->where, w, from->where))
        return false;
    w->clause = "GROUP BY";
    if (!rewrite_list(&q->group_by, w, from->group_by, from->group_count))
        return false;
    w->clause = "PARTITION BY";
    if (!rewrite_list(&q->partition_by, w, from->partition_by, from->partition_count))
        return false;
    w->clause = "HAVING";
    return !from->having || rewrite(&q->having, w, from->having);
}

// --- which relation a column is of -------------------------------------------------------------------

static int by_text(const void *x, const void *y)
{
    return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

static bool ambiguous(const struct from *f, const struct ast_expr *x)
{
    struct str *names = ARENA_ARRAY(f->b->a, struct str, f->n);
    uint32_t n = 0;
    struct buf text;
    for (uint32_t i = 0; i < f->n; i++)
        if (knows(&f->v[i], x->text))
            names[n++] = f->v[i].alias;
    qsort(names, n, sizeof *names, by_text);
    buf_init(&text, BIND_MESSAGE_BYTES_MAX);
    for (uint32_t i = 0; i < n; i++)
        buf_printf(&text, "%s%s.%s", i ? " or " : "", bind_name_text(f->b, names[i]),
                   bind_name_text(f->b, x->text));
    (void)bind_fail(f->b, &x->pos, "Column '%.*s' is ambiguous. Could be %.*s.", STR_ARG(x->text),
                    (int)text.n, text.p);
    buf_fini(&text);
    return false;
}

static bool no_relation(const struct from *f, struct str name, const struct sql_pos *pos)
{
    return bind_fail(f->b, pos, "'%.*s' is not a valid stream/table name or alias.", STR_ARG(name));
}

static bool qualify_column(struct ast_expr **out, const struct rewriter *w,
                           const struct ast_expr *x)
{
    const struct from_source *found = NULL;
    if (x->qualifier.p)
        return from_find(w->f, x->qualifier) || no_relation(w->f, x->qualifier, &x->pos);
    for (uint32_t i = 0; i < w->f->n; i++) {
        if (!knows(&w->f->v[i], x->text))
            continue;
        if (found)
            return ambiguous(w->f, x);
        found = &w->f->v[i];
    }
    if (found)
        (*out)->qualifier = found->alias;
    return true;
}

static bool qualify(struct from *f)
{
    struct rewriter w = {.f = f, .clause = "SELECT", .column = qualify_column};
    struct ast_query *q = ARENA_NEW(f->b->a, struct ast_query);
    *q = *f->written;
    f->qualified = q;
    q->items = ARENA_ARRAY(f->b->a, struct ast_item, q->item_count + 1);
    for (uint32_t i = 0; i < q->item_count; i++) {
        const struct ast_item *item = &f->written->items[i];
        q->items[i] = *item;
        if (item->kind == AST_ITEM_ALL && item->alias.p && !from_find(f, item->alias))
            return no_relation(f, item->alias, &item->pos);
        if (item->kind != AST_ITEM_ALL && !rewrite(&q->items[i].x, &w, item->x))
            return false;
    }
    w.clause = "JOIN ON";
    for (uint32_t i = 1; i < f->n; i++)
        if (!rewrite(&f->on[i], &w, f->v[i].relation->on))
            return false;
    return rewrite_clauses(q, &w, f->written);
}

bool from_open(struct from **out, struct binder *b, const struct ast_query *q)
{
    struct from *f = ARENA_NEW(b->a, struct from);
    *f = (struct from){.b = b, .written = q, .n = q->from_count};
    *out = f;
    if (q->from_count > FROM_RELATIONS_MAX)
        return bind_fail(b, &q->from[FROM_RELATIONS_MAX].pos,
                         "too many sources in one query: at most %d", FROM_RELATIONS_MAX);
    f->v = ARENA_ZARRAY(b->a, struct from_source, f->n);
    f->on = ARENA_ZARRAY(b->a, struct ast_expr *, f->n);
    for (uint32_t i = 0; i < f->n; i++)
        if (!open_source(f, i))
            return false;
    f->key_name = choose_key_name(f);
    return qualify(f);
}

// --- in the names of the joined rows -----------------------------------------------------------------

static bool unresolved(const struct rewriter *w, const struct ast_expr *x)
{
    return bind_fail(w->f->b, &x->pos, "%s column '%s' cannot be resolved.", w->clause,
                     bind_text(w->f->b, x));
}

static bool internal_column(struct ast_expr **out, const struct rewriter *w,
                            const struct ast_expr *x)
{
    struct from *f = w->f;
    enum expr_pseudo pseudo;
    const bool is_pseudo = bind_is_pseudo(x->text, &pseudo);
    if (!x->qualifier.p) {
        // the window of an aggregation above the join has its bounds for everyone
        if ((is_pseudo && pseudo >= PSEUDO_WINDOWSTART) ||
            (f->synthetic && str_eq(x->text, f->key_name)))
            return true;
        return unresolved(w, x);
    }
    struct from_source *s = from_find(f, x->qualifier);
    assert(s); // since qualify()
    if (!knows(s, x->text))
        return unresolved(w, x);
    if (is_pseudo && schema_find(source_schema(s), x->text) < 0) {
        if ((pseudo == PSEUDO_ROWPARTITION || pseudo == PSEUDO_ROWOFFSET) && !s->object->declared)
            return bind_refuse(f->b, &x->pos,
                               "ROWPARTITION and ROWOFFSET of a stream that this job makes");
        s->pseudo[pseudo] = true;
    }
    (*out)->text = from_column_name(f, s, x->text);
    (*out)->qualifier = (struct str){NULL, 0};
    return true;
}

bool from_internal(struct ast_expr **out, struct from *f, const char *clause,
                   const struct ast_expr *x)
{
    const struct rewriter w = {.f = f, .clause = clause, .column = internal_column};
    return rewrite(out, &w, x);
}

typedef LIST(struct ast_item) item_list;

static void add_column(item_list *out, struct from *f, const struct from_source *s,
                       struct str column, const struct sql_pos *pos)
{
    const struct str name = from_column_name(f, s, column);
    const struct ast_item item = {
        .kind = AST_ITEM_EXPR, .x = from_column(f->b, name, pos), .alias = name, .pos = *pos};
    list_push(f->b->a, out, item);
}

// Behind the keys of a windowed relation: its window's bounds.
static void add_bounds(item_list *out, struct from *f, struct from_source *s,
                       const struct sql_pos *pos)
{
    if (!source_schema(s)->windowed)
        return;
    for (uint32_t i = PSEUDO_WINDOWSTART; i <= PSEUDO_WINDOWEND; i++) {
        s->pseudo[i] = true;
        add_column(out, f, s, str_from(pseudo_names[i]), pos);
    }
}

// * is all columns of all relations, in front of them a key that is of none.
static void expand_all(item_list *out, struct from *f, const struct ast_item *item)
{
    if (f->synthetic && !item->alias.p) {
        const struct ast_item key = {.kind = AST_ITEM_EXPR,
                                     .x = from_column(f->b, f->key_name, &item->pos),
                                     .alias = f->key_name,
                                     .pos = item->pos};
        list_push(f->b->a, out, key);
    }
    for (uint32_t i = 0; i < f->n; i++) {
        struct from_source *s = &f->v[i];
        const struct schema *schema = source_schema(s);
        if (item->alias.p && !str_eq(item->alias, s->alias))
            continue;
        for (uint32_t k = 0; k < schema->count; k++) {
            if (k == schema->key_count)
                add_bounds(out, f, s, &item->pos);
            add_column(out, f, s, schema->columns[k].name, &item->pos);
        }
    }
}

// A column that several relations have keeps its relation's name in front.
static struct str result_name(const struct from *f, const struct ast_expr *x)
{
    uint32_t owners = 0;
    for (uint32_t i = 0; i < f->n; i++)
        owners += knows(&f->v[i], x->text);
    const struct from_source *s = x->qualifier.p ? from_find(f, x->qualifier) : NULL;
    return s && owners > 1 ? from_column_name(f, s, x->text) : x->text;
}

static bool rewrite_item(item_list *out, struct from *f, const struct ast_item *item)
{
    struct ast_item made = *item;
    enum expr_pseudo pseudo;
    if (item->kind == AST_ITEM_ALL) {
        expand_all(out, f, item);
        return true;
    }
    if (item->kind == AST_ITEM_EXPR && item->x->kind == AST_COLUMN) {
        if (!item->alias.p)
            made.alias = result_name(f, item->x);
        assert(made.alias.p);
        if (bind_is_pseudo(item->x->text, &pseudo) && str_eq(made.alias, item->x->text))
            return bind_fail(
                f->b, &item->pos,
                "Reserved column name in select: `%.*s`. Please remove or alias the column.",
                STR_ARG(item->x->text));
    }
    if (!from_internal(&made.x, f, "SELECT", item->x))
        return false;
    list_push(f->b->a, out, made);
    return true;
}

bool from_rewrite(struct from *f)
{
    struct rewriter w = {.f = f, .column = internal_column};
    struct ast_query *q = ARENA_NEW(f->b->a, struct ast_query);
    item_list items = {0};
    *q = *f->qualified;
    f->query = q;
    for (uint32_t i = 0; i < f->qualified->item_count; i++) {
        if (!rewrite_item(&items, f, &f->qualified->items[i]))
            return false;
        if (items.n > BIND_COLUMNS_MAX)
            return bind_fail(f->b, &f->qualified->items[i].pos, "too many columns: at most %d",
                             BIND_COLUMNS_MAX);
    }
    q->items = items.v;
    q->item_count = items.n;
    return rewrite_clauses(q, &w, f->qualified);
}
