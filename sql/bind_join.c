#include "sql/bind_join.h"

#include <assert.h>

struct joins {
    struct query *s;
    struct from *f;
    struct condition *v; // v[0] is unused
};

// --- nodes -------------------------------------------------------------------------------------------

struct columns { // of a node being made
    struct binder *b;
    LIST(struct schema_column) v;
    LIST(struct expr *) exprs;
};

static void add(struct columns *s, struct str name, struct expr *x, bool key)
{
    const struct schema_column c = {name, x->type, key};
    list_push(s->b->a, &s->v, c);
    list_push(s->b->a, &s->exprs, x);
}

static struct expr *column_expr(struct binder *b, const struct schema *in, uint32_t i,
                                const struct sql_pos *pos)
{
    struct expr *x = bind_node(b, EXPR_COLUMN, in->columns[i].type, pos, 0);
    x->column = i;
    return x;
}

static struct plan_node *finish_node(const struct columns *c, enum plan_kind kind, uint32_t keys,
                                     struct plan_node *input, const struct sql_pos *pos)
{
    struct schema *schema = ARENA_NEW(c->b->a, struct schema);
    *schema = (struct schema){c->v.n, keys, c->v.v, input->schema->windowed};
    struct plan_node *n = bind_plan_node(c->b, kind, schema, input, pos);
    n->exprs = c->exprs.v;
    n->expr_count = c->exprs.n;
    n->key_count = keys;
    n->table = input->table;
    return n;
}

static bool check_rekey(const struct from *f, const struct schema *in, const struct condition *c,
                        const struct type *key, const struct ast_expr *x)
{
    if (in->windowed)
        return bind_fail(f->b, &c->relation->pos,
                         "Implicit repartitioning of windowed sources is not supported. See "
                         "https://github.com/confluentinc/ksql/issues/4385.");
    const struct from_source *s = x->kind == AST_COLUMN ? from_find(f, x->qualifier) : NULL;
    const struct schema_column column = {s ? from_column_name(f, s, x->text) : f->key_name, key,
                                         true};
    return bind_check_map_key(f->b, &c->whole->pos, &column);
}

// Names of several key columns, none of which the query knows.
static struct str key_name(const struct from *f, uint32_t i)
{
    return i ? arena_printf(f->b->a, "%.*s_%u", STR_ARG(f->key_name), i) : f->key_name;
}

// A relation's rows under the join's key, or the left table of a foreign-key join under its own.
static bool prepare(struct plan_node **out, const struct from *f, const struct from_source *s,
                    const struct condition *c, struct expr *key)
{
    struct plan_node *in = s->object->node;
    struct columns made = {.b = f->b};
    const struct ast_expr *side = s == c->right_source ? c->right : c->left;
    const bool own = !key || bind_is_sole_key(s, side);
    if (!own && !check_rekey(f, in->schema, c, key->type, side))
        return false;
    for (uint32_t i = 0; !key && i < in->schema->key_count; i++)
        add(&made, key_name(f, i), column_expr(f->b, in->schema, i, &side->pos), true);
    if (key)
        add(&made, f->key_name, key, true);
    const uint32_t keys = made.v.n;
    for (uint32_t i = 0; i < in->schema->count; i++)
        add(&made, from_column_name(f, s, in->schema->columns[i].name),
            column_expr(f->b, in->schema, i, &side->pos), false);
    for (uint32_t i = 0; i < FROM_PSEUDO_COUNT; i++) {
        if (!s->pseudo[i])
            continue;
        struct expr *x = bind_node(
            f->b, EXPR_PSEUDO, type_scalar(i == PSEUDO_ROWPARTITION ? TYPE_INTEGER : TYPE_BIGINT),
            &side->pos, 0);
        x->column = i;
        add(&made, from_column_name(f, s, str_from(from_pseudo_name((enum expr_pseudo)i))), x,
            false);
    }
    *out = finish_node(&made, own ? PLAN_PROJECT : PLAN_REKEY, keys, in, &c->relation->pos);
    return true;
}

// Joined rows under another key.
static bool rekey(struct plan_node **out, const struct joins *s, const struct condition *c,
                  struct plan_node *in)
{
    struct columns made = {.b = s->f->b};
    struct ast_expr *x;
    struct expr *key;
    const struct scope sc = {
        .b = s->f->b, .schema = in->schema, .clause = "JOIN ON", .from = s->f, .item = c->left};
    if (!check_rekey(s->f, in->schema, c, c->left_key->type, c->left) ||
        !from_internal(&x, s->f, "JOIN ON", c->left) || !bind_expr(&key, &sc, x))
        return false;
    add(&made, s->f->key_name, key, true);
    for (uint32_t i = in->schema->key_count; i < in->schema->count; i++)
        add(&made, in->schema->columns[i].name, column_expr(s->f->b, in->schema, i, &x->pos),
            false);
    *out = finish_node(&made, PLAN_REKEY, 1, in, &c->relation->pos);
    return true;
}

static struct plan_node *join_node(const struct from *f, const struct condition *c,
                                   struct plan_node *left, struct plan_node *right)
{
    struct binder *b = f->b;
    const struct schema *x = left->schema, *y = right->schema;
    struct schema *schema = ARENA_NEW(b->a, struct schema);
    struct schema_column *columns =
        ARENA_ARRAY(b->a, struct schema_column, x->count + y->count - y->key_count + 1);
    memcpy(columns, x->columns, x->count * sizeof *columns);
    memcpy(columns + x->count, y->columns + y->key_count,
           (y->count - y->key_count) * sizeof *columns);
    *schema =
        (struct schema){x->count + y->count - y->key_count, x->key_count, columns, x->windowed};
    struct plan_node *n = bind_plan_node(b, c->kind, schema, NULL, &c->relation->pos);
    n->inputs = ARENA_ARRAY(b->a, struct plan_node *, 2);
    n->inputs[0] = left;
    n->inputs[1] = right;
    n->input_count = 2;
    n->key_count = x->key_count;
    n->table = left->table;
    n->join = c->spec;
    return n;
}

// The right table's key as the left one's rows have it.
static bool bind_foreign(struct plan_node *n, const struct joins *s, const struct condition *c)
{
    struct ast_expr *x;
    const struct scope sc = {.b = s->f->b,
                             .schema = n->inputs[0]->schema,
                             .clause = "JOIN ON",
                             .from = s->f,
                             .item = c->left};
    n->exprs = ARENA_ARRAY(s->f->b->a, struct expr *, 1);
    n->expr_count = 1;
    return from_internal(&x, s->f, "JOIN ON", c->left) && bind_expr(&n->exprs[0], &sc, x);
}

// key: what `left` is keyed by; NULL = nothing that a query can name.
static bool build(struct plan_node **out, const struct joins *s, uint32_t i, struct plan_node *left,
                  const struct ast_expr *key)
{
    const struct condition *c = &s->v[i];
    const bool foreign = c->kind == PLAN_JOIN_FOREIGN_KEY;
    struct plan_node *right;
    if (i == 1 && !prepare(&left, s->f, c->left_source, c, foreign ? NULL : c->left_key))
        return false;
    if (i > 1 && !left->table && !(key && bind_same_column(key, c->left)) &&
        !rekey(&left, s, c, left))
        return false;
    if (!prepare(&right, s->f, c->right_source, c, c->right_key))
        return false;
    *out = join_node(s->f, c, left, right);
    return !foreign || bind_foreign(*out, s, c);
}

static bool unique_names(const struct from *f, const struct schema *schema)
{
    struct map *seen = map_new(f->b->a);
    for (uint32_t i = 0; i < schema->count; i++) {
        bool added;
        (void)map_put(seen, schema->columns[i].name, &added);
        if (!added)
            return bind_fail(f->b, &f->written->from[0].pos,
                             "two columns of this join would be called `%.*s`",
                             STR_ARG(schema->columns[i].name)) ||
                   sql_hint(f->b->e, "give the sources other aliases");
    }
    return schema->count <= BIND_COLUMNS_MAX ||
           bind_fail(f->b, &f->written->from[0].pos, "too many columns: at most %d",
                     BIND_COLUMNS_MAX);
}

// What ON names must be known before the nodes are made: pseudo columns are carried only when asked for.
static bool rewrite_all(struct from *f)
{
    for (uint32_t i = 1; i < f->n; i++) {
        struct ast_expr *ignored;
        if (!from_internal(&ignored, f, "JOIN ON", f->on[i]))
            return false;
    }
    return from_rewrite(f);
}

static bool check_formats(const struct from *f)
{
    struct buf names;
    buf_init(&names, BIND_MESSAGE_BYTES_MAX);
    for (uint32_t i = 0; i < f->n; i++)
        if (f->v[i].object->node->formats->value_format == SERDE_KAFKA)
            buf_printf(&names, "%s%.*s", names.n ? ", " : "", STR_ARG(f->v[i].object->node->name));
    if (names.n)
        (void)bind_fail(f->b, &f->written->from[0].pos,
                        "Source(s) %.*s are using the 'KAFKA' value format. This format does not "
                        "yet support JOIN.",
                        (int)names.n, names.p);
    const bool ok = names.n == 0;
    buf_fini(&names);
    return ok;
}

bool bind_join(struct query *s)
{
    struct from *f;
    if (!from_open(&f, s->b, s->q))
        return false;
    struct joins joins = {.s = s, .f = f};
    const struct ast_expr **keys = ARENA_ZARRAY(s->b->a, const struct ast_expr *, f->n);
    joins.v = ARENA_ZARRAY(s->b->a, struct condition, f->n);
    if (!check_formats(f))
        return false;
    for (uint32_t i = 1; i < f->n; i++) {
        if (!bind_condition(&joins.v[i], f, i))
            return false;
        keys[i] = f->viable_count ? f->viable[0] : NULL;
    }
    if (!rewrite_all(f))
        return false;
    for (uint32_t i = 1; i < f->n; i++)
        if (!build(&s->top, &joins, i, s->top, keys[i - 1]))
            return false;
    s->source = f->v[0].object;
    s->window = s->source->node->formats->window;
    s->q = f->query;
    s->input = (struct scope){.b = s->b,
                              .schema = s->top->schema,
                              .alias = STR("the join"),
                              .clause = "SELECT",
                              .from = f};
    return unique_names(f, s->top->schema);
}

enum serde_format bind_join_key_format(const struct query *s)
{
    const struct from *f = s->input.from;
    for (uint32_t i = 0; i < f->n; i++)
        if (f->v[i].object->node->formats->key_format != SERDE_NONE)
            return f->v[i].object->node->formats->key_format;
    return SERDE_NONE;
}

// --- the select list ---------------------------------------------------------------------------------

static struct ast_expr *viable_column(const struct from *f, uint32_t i)
{
    const struct ast_expr *x = f->viable[i];
    return from_column(f->b, from_column_name(f, from_find(f, x->qualifier), x->text), &x->pos);
}

static bool is_selected(const struct query *s, const struct ast_expr *x)
{
    for (uint32_t i = 0; i < s->list.n; i++)
        if (bind_ast_equal(s->list.v[i].x, x))
            return true;
    return false;
}

static bool key_missing(const struct query *s)
{
    const struct from *f = s->input.from;
    struct buf text;
    buf_init(&text, BIND_MESSAGE_BYTES_MAX);
    for (uint32_t i = 0; i < f->viable_count; i++)
        buf_printf(&text, "%s%s",
                   i == 0                    ? ""
                   : i + 1 < f->viable_count ? ", "
                                             : " or ",
                   bind_text(s->b, f->viable[i]));
    if (f->synthetic)
        buf_str(&text, f->key_name);
    const char *first = f->synthetic ? f->key_name.p : bind_text(s->b, f->viable[0]);
    (void)bind_fail(
        s->b, &f->written->pos,
        "Key missing from projection (ie, SELECT).\nThe query used to build `%.*s` must include "
        "the join expression%s %.*s in its projection (eg, SELECT %s...).%s%s%s",
        STR_ARG(s->st->name), f->viable_count > 1 ? "s" : "", (int)text.n, text.p, first,
        f->synthetic ? "\n" : "", f->synthetic ? first : "",
        f->synthetic ? " was added as a synthetic key column because the join criteria did not "
                       "match any source column. This expression must be included in the "
                       "projection and may be aliased."
                     : "");
    buf_fini(&text);
    return false;
}

static bool foreign_missing(const struct query *s, struct ast_expr *const *keys)
{
    const struct from *f = s->input.from;
    struct buf text;
    buf_init(&text, BIND_MESSAGE_BYTES_MAX);
    for (uint32_t i = 0; i < f->viable_count; i++)
        if (!is_selected(s, keys[i]))
            buf_printf(&text, "%s`%.*s`", text.n ? ", " : "", STR_ARG(f->viable[i]->text));
    (void)bind_fail(s->b, &f->written->pos,
                    "Primary key columns missing in projection. For foreign-key table-table joins, "
                    "the projection must include all primary key columns from the left input table "
                    "(`%.*s`). Missing columns: %.*s.",
                    STR_ARG(f->viable[0]->qualifier), (int)text.n, text.p);
    buf_fini(&text);
    return false;
}

// The selected columns that become the key: all of a foreign-key join's, otherwise the first that is there.
static bool choose_selected(struct ast_expr ***out, uint32_t *n, const struct query *s)
{
    const struct from *f = s->input.from;
    struct ast_expr **keys = ARENA_ARRAY(s->b->a, struct ast_expr *, f->viable_count + 1);
    *out = keys;
    *n = 0;
    if (f->synthetic)
        keys[0] = from_column(s->b, f->key_name, &s->q->pos);
    for (uint32_t i = 0; i < f->viable_count; i++)
        keys[i] = viable_column(f, i);
    if (f->foreign) {
        *n = f->viable_count;
        for (uint32_t i = 0; i < *n; i++)
            if (!is_selected(s, keys[i]))
                return foreign_missing(s, keys);
        return true;
    }
    for (uint32_t i = 0; i < f->viable_count + f->synthetic; i++) {
        if (!is_selected(s, keys[i]))
            continue;
        keys[0] = keys[i];
        *n = 1;
        return true;
    }
    return key_missing(s);
}

bool bind_joined(struct query *s)
{
    struct scope sc = s->input;
    struct ast_expr **keys;
    uint32_t n;
    sc.unnest = bind_unnest_new(&s->input);
    if (!bind_items(s, &sc) || !choose_selected(&keys, &n, s) ||
        !bind_select_keys(&s->list, &sc, keys, n, "join expression") ||
        !bind_add_unnest(s, sc.unnest))
        return false;
    assert(n == sc.schema->key_count);
    // the key of the joined rows, which an outer join has where the column itself is NULL
    for (uint32_t i = 0; i < n; i++)
        s->list.v[i].bound = column_expr(s->b, sc.schema, i, &s->list.v[i].pos);
    bind_add_project(s, PLAN_PROJECT, &sc);
    return true;
}
