// Select lists: * expanded, columns named as ksqlDB names them, keys found and put first.
#include "sql/bind_from.h"
#include "sql/bind_plan_internal.h"

#include <assert.h>

struct namer {
    const struct scope *sc;
    unsigned next_column; // KSQL_COL_<n>
    struct map *fields;   // struct field name → next suffix
    struct map *taken;    // names the field namer gave
};

static bool is_source_column(const struct scope *sc, struct str name)
{
    return sc->from ? from_has_column(sc->from, name) : schema_find(sc->schema, name) >= 0;
}

// KSQL_COL_0, KSQL_COL_1 …, skipping names that the source has
static struct str next_column_name(struct namer *s)
{
    for (;;) {
        struct str name = arena_printf(s->sc->b->a, "KSQL_COL_%u", s->next_column++);
        if (!is_source_column(s->sc, name))
            return name;
    }
}

// B, B_1, B_2 …, skipping names that the source has or that were given before
static struct str next_field_name(struct namer *s, struct str field)
{
    bool added;
    for (;;) {
        uint64_t *n = map_put(s->fields, field, &added);
        const uint64_t k = added ? 0 : *n;
        *n = k + 1;
        struct str name = field;
        if (k > 0)
            name = arena_printf(s->sc->b->a, "%.*s_%llu", STR_ARG(field), (unsigned long long)k);
        if (is_source_column(s->sc, name))
            continue;
        (void)map_put(s->taken, name, &added);
        if (added)
            return name;
    }
}

static bool check_alias(const struct scope *sc, const struct ast_item *item)
{
    enum expr_pseudo pseudo;
    if (sc->b->transient || !bind_is_pseudo(item->alias, &pseudo))
        return true;
    if (item->x->kind == AST_COLUMN && str_eq(item->x->text, item->alias))
        return bind_fail(
            sc->b, &item->pos,
            "Reserved column name in select: `%.*s`. Please remove or alias the column.",
            STR_ARG(item->alias));
    return bind_fail(
        sc->b, &item->pos,
        "`%.*s` is a reserved column name. You cannot use it as an alias for a column.",
        STR_ARG(item->alias));
}

static bool name_item(struct str *out, struct namer *s, const struct ast_item *item)
{
    enum expr_pseudo pseudo;
    const struct ast_expr *x = item->x;
    if (item->alias.p) {
        *out = item->alias;
        return check_alias(s->sc, item);
    }
    if (x->kind == AST_COLUMN || x->kind == AST_UNIT) {
        *out = x->text;
        return s->sc->b->transient || !bind_is_pseudo(x->text, &pseudo) ||
               bind_fail(
                   s->sc->b, &x->pos,
                   "Reserved column name in select: `%.*s`. Please remove or alias the column.",
                   STR_ARG(x->text));
    }
    *out = x->kind == AST_FIELD ? next_field_name(s, x->text) : next_column_name(s);
    return true;
}

typedef LIST(struct select_item) item_list;

static struct ast_expr *column_ast(struct binder *b, struct str name, const struct sql_pos *pos)
{
    struct ast_expr *x = ARENA_NEW(b->a, struct ast_expr);
    x->kind = AST_COLUMN;
    x->text = name;
    x->pos = *pos;
    x->height = 1;
    return x;
}

static void add_column(item_list *out, const struct scope *sc, uint32_t i,
                       const struct sql_pos *pos)
{
    const struct str name = sc->schema->columns[i].name;
    const struct select_item item = {column_ast(sc->b, name, pos), name, *pos, NULL, false};
    list_push(sc->b->a, out, item);
}

static bool is_partition_column(const struct ast_query *q, struct str name)
{
    for (uint32_t i = 0; i < q->partition_count; i++)
        if (q->partition_by[i]->kind == AST_COLUMN && str_eq(q->partition_by[i]->text, name))
            return true;
    return false;
}

// * after PARTITION BY: the new key columns, the value columns, then the old keys.
static void expand_repartitioned(item_list *out, struct namer *s, const struct ast_query *q,
                                 const struct sql_pos *pos)
{
    const struct scope *sc = s->sc;
    const uint32_t keys = sc->schema->key_count;
    for (uint32_t i = 0; i < q->partition_count; i++) {
        struct ast_expr *x = q->partition_by[i];
        struct str name = x->text;
        if (x->kind == AST_NULL)
            continue;
        if (x->kind == AST_FIELD)
            name = next_field_name(s, x->text);
        else if (x->kind != AST_COLUMN)
            name = next_column_name(s);
        const struct select_item item = {x, name, *pos, NULL, false};
        list_push(sc->b->a, out, item);
    }
    for (uint32_t k = 0; k < sc->schema->count; k++) {
        const uint32_t i = (k + keys) % sc->schema->count; // values first, then keys
        if (!is_partition_column(q, sc->schema->columns[i].name))
            add_column(out, sc, i, pos);
    }
}

static void add_bounds(item_list *out, const struct scope *sc, const struct sql_pos *pos)
{
    static const enum expr_pseudo bounds[] = {PSEUDO_WINDOWSTART, PSEUDO_WINDOWEND};
    for (unsigned i = 0; i < 2; i++) {
        const struct str name = str_from(from_pseudo_name(bounds[i]));
        const struct select_item item = {column_ast(sc->b, name, pos), name, *pos, NULL, false};
        list_push(sc->b->a, out, item);
    }
}

static bool expand_all(item_list *out, struct namer *s, const struct ast_query *q,
                       const struct ast_item *item)
{
    const struct scope *sc = s->sc;
    if (item->alias.p && !str_eq(item->alias, sc->alias))
        return bind_fail(sc->b, &item->pos, "'%.*s' is not a valid stream/table name or alias.",
                         STR_ARG(item->alias));
    if (q->has_partition) {
        expand_repartitioned(out, s, q, &item->pos);
        return true;
    }
    for (uint32_t i = 0; i < sc->schema->count; i++) {
        if (sc->b->transient && sc->schema->windowed && i == sc->schema->key_count)
            add_bounds(out, sc, &item->pos);
        add_column(out, sc, i, &item->pos);
    }
    return true;
}

// expr->*: one column per field
static bool expand_fields(item_list *out, struct namer *s, const struct ast_item *item)
{
    struct binder *b = s->sc->b;
    struct expr *base;
    if (!bind_expr(&base, s->sc, item->x))
        return false;
    if (!base->type || base->type->kind != TYPE_STRUCT)
        return bind_fail(b, &item->pos, "Expected STRUCT type, got: %s (%s)",
                         bind_type_text(b, base->type), bind_text(b, item->x));
    if ((uint64_t)bind_weight(item->x) * base->type->field_count > BIND_EXPR_NODES_MAX)
        return bind_fail(b, &item->pos, "->* is too large: %s is computed for each field",
                         bind_text(b, item->x));
    for (uint32_t i = 0; i < base->type->field_count; i++) {
        struct ast_expr *x = column_ast(b, base->type->fields[i].name, &item->pos);
        x->kind = AST_FIELD;
        x->args = ARENA_ARRAY(b->a, struct ast_expr *, 1);
        x->args[0] = item->x;
        x->arg_count = 1;
        const struct select_item made = {x, next_field_name(s, x->text), item->pos, NULL, false};
        list_push(b->a, out, made);
    }
    return true;
}

bool bind_select_names(struct select_list *out, const struct scope *sc, const struct ast_query *q)
{
    struct binder *b = sc->b;
    struct namer s = {.sc = sc, .fields = map_new(b->a), .taken = map_new(b->a)};
    item_list list = {0};
    for (uint32_t i = 0; i < q->item_count; i++) {
        const struct ast_item *item = &q->items[i];
        struct select_item made = {.x = item->x, .pos = item->pos};
        bool ok = true;
        switch (item->kind) {
        case AST_ITEM_ALL:
            ok = expand_all(&list, &s, q, item);
            break;
        case AST_ITEM_FIELDS:
            ok = expand_fields(&list, &s, item);
            break;
        case AST_ITEM_EXPR:
            ok = name_item(&made.name, &s, item);
            list_push(b->a, &list, made);
            break;
        }
        if (!ok)
            return false;
        if (list.n > BIND_COLUMNS_MAX)
            return bind_fail(b, &item->pos, "too many columns: at most %d", BIND_COLUMNS_MAX);
    }
    *out = (struct select_list){list.v, list.n};
    return true;
}

// --- keys ------------------------------------------------------------------------------------------

static bool key_missing(const struct scope *sc, struct ast_expr *const *keys, uint32_t n,
                        const char *what)
{
    struct binder *b = sc->b;
    struct buf all, eg;
    buf_init(&all, BIND_MESSAGE_BYTES_MAX);
    buf_init(&eg, BIND_MESSAGE_BYTES_MAX);
    for (uint32_t i = 0; i < n; i++) {
        const char *text = bind_text(b, keys[i]);
        buf_printf(&all, "%s%s", i == 0 ? "" : i + 1 < n ? ", " : " and ", text);
        buf_printf(&eg, "%s%s", i == 0 ? "" : ", ", text);
    }
    (void)bind_fail(
        b, &b->statement->query->pos,
        "Key missing from projection (ie, SELECT).\nThe query used to build `%.*s` must "
        "include the %s%s %.*s in its projection (eg, SELECT %.*s...).",
        STR_ARG(b->statement->name), what, n > 1 ? "s" : "", (int)all.n, all.p, (int)eg.n, eg.p);
    buf_fini(&all);
    buf_fini(&eg);
    return false;
}

static bool key_twice(const struct scope *sc, const struct ast_expr *key,
                      const struct select_item *first, const struct select_item *second)
{
    if (str_cmp(second->name, first->name) < 0) { // in the order of their names
        const struct select_item *swap = first;
        first = second;
        second = swap;
    }
    (void)bind_fail(
        sc->b, &second->pos,
        "The projection contains a key column (`%s`) more than once, aliased as: %.*s and "
        "%.*s.",
        bind_text(sc->b, key), STR_ARG(first->name), STR_ARG(second->name));
    if (sc->group)
        (void)bind_fail(sc->b, &second->pos,
                        "The projection contains a key column more than once: `%.*s` and `%.*s`.",
                        STR_ARG(first->name), STR_ARG(second->name));
    return sql_hint(sc->b->e, "to copy the key into the value use AS_VALUE(%s)",
                    bind_text(sc->b, key));
}

static bool check_names(const struct scope *sc, const struct select_list *list)
{
    struct map *seen = map_new(sc->b->a);
    for (uint32_t i = 0; i < list->n; i++) {
        bool added;
        (void)map_put(seen, list->v[i].name, &added);
        const struct select_item *x = &list->v[i];
        if (!added)
            return bind_fail(sc->b, &x->pos, "Duplicate %s columns found in schema: `%.*s` %s",
                             x->key ? "key" : "value", STR_ARG(x->name),
                             bind_type_text(sc->b, x->bound->type));
    }
    return true;
}

// Hash of the keys would be faster; key lists are short.
static int find_key(struct ast_expr *const *keys, uint32_t n, const struct ast_expr *x)
{
    for (uint32_t i = 0; i < n; i++)
        if (bind_ast_equal(keys[i], x))
            return (int)i;
    return -1;
}

// Keys stand as in the source; with ksqlDB's new planner, of a plain projection, as they are selected.
static void order_keys(uint32_t *at, const struct scope *sc, uint32_t key_count)
{
    const struct ast_query *q = sc->b->statement->query;
    if (q->has_group || q->has_partition ||
        !str_eq_nocase(bind_setting(sc->b, STR("ksql.new.query.planner.enabled")), STR("true")))
        return;
    for (uint32_t i = 1; i < key_count; i++) {
        const uint32_t v = at[i];
        uint32_t k = i;
        for (; k > 0 && at[k - 1] > v; k--)
            at[k] = at[k - 1];
        at[k] = v;
    }
}

bool bind_select_keys(struct select_list *list, const struct scope *sc, struct ast_expr **keys,
                      uint32_t key_count, const char *what)
{
    struct binder *b = sc->b;
    if (b->transient) // bind_transient.c has put the keys in front
        return true;
    struct select_item *sorted = ARENA_ZARRAY(b->a, struct select_item, list->n + 1);
    uint32_t *at = ARENA_ZARRAY(b->a, uint32_t, key_count + 1); // item + 1 of each key
    uint32_t n = key_count;
    for (uint32_t i = 0; i < list->n; i++) {
        const int k = find_key(keys, key_count, list->v[i].x);
        if (k < 0)
            continue;
        if (at[k])
            return key_twice(sc, keys[k], &list->v[at[k] - 1], &list->v[i]);
        at[k] = i + 1;
        list->v[i].key = true;
    }
    for (uint32_t k = 0; k < key_count; k++)
        if (!at[k])
            return key_missing(sc, keys, key_count, what);
    order_keys(at, sc, key_count);
    for (uint32_t k = 0; k < key_count; k++)
        sorted[k] = list->v[at[k] - 1];
    for (uint32_t i = 0; i < list->n; i++)
        if (!list->v[i].key)
            sorted[n++] = list->v[i];
    assert(n == list->n);
    list->v = sorted;
    if (n == key_count)
        return bind_fail(b, &b->statement->query->pos, "The projection contains no value columns.");
    return check_names(sc, list);
}

const struct schema *bind_select_schema(const struct scope *sc, const struct select_list *list)
{
    struct schema *s = ARENA_NEW(sc->b->a, struct schema);
    struct schema_column *columns = ARENA_ZARRAY(sc->b->a, struct schema_column, list->n);
    for (uint32_t i = 0; i < list->n; i++) {
        columns[i] =
            (struct schema_column){list->v[i].name, list->v[i].bound->type, list->v[i].key};
        s->key_count += list->v[i].key;
    }
    s->columns = columns;
    s->count = list->n;
    s->windowed = sc->group ? sc->group->windowed : sc->schema->windowed;
    return s;
}
