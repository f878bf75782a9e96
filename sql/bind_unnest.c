// Table functions in a select list: each becomes a column of a PLAN_UNNEST node below the projection.
#include "sql/bind_plan_internal.h"

#include "sql/exec/udtf.h"

#include <assert.h>

#define UNNEST_MAX 1000 // table functions of one select list

struct unnesting {
    const struct scope *input;
    LIST(struct expr *) arrays;
    bool inside; // the arguments of a table function are being bound
};

struct unnesting *bind_unnest_new(const struct scope *sc)
{
    struct unnesting *u = ARENA_NEW(sc->b->a, struct unnesting);
    u->input = sc;
    return u;
}

const struct ast_expr *bind_find_table_function(const struct ast_expr *x)
{
    if (x->kind == AST_CALL && udtf_find(x->text))
        return x;
    for (uint32_t i = 0; i < x->arg_count; i++) {
        const struct ast_expr *found = bind_find_table_function(x->args[i]);
        if (found)
            return found;
    }
    return NULL;
}

static bool may_stand(const struct scope *sc, const struct ast_expr *x)
{
    if (!sc->unnest)
        return bind_fail(sc->b, &x->pos,
                         "Table functions are only supported in the SELECT list: %s",
                         bind_text(sc->b, x));
    if (sc->unnest->inside)
        return bind_fail(sc->b, &x->pos, "Table functions cannot be nested: %s",
                         bind_text(sc->b, x));
    if (sc->unnest->arrays.n == UNNEST_MAX)
        return bind_fail(sc->b, &x->pos, "too many table functions: at most %d", UNNEST_MAX);
    return true;
}

bool bind_table_function(struct expr **out, const struct scope *sc, const struct ast_expr *x)
{
    struct binder *b = sc->b;
    const struct udtf *f = udtf_find(x->text);
    const struct type *type;
    struct call c;
    if (!may_stand(sc, x))
        return false;
    sc->unnest->inside = true;
    if (!bind_match(&type, &c, sc, x, &f->fn))
        return false;
    sc->unnest->inside = false;
    assert(type->kind == TYPE_ARRAY);
    struct expr *array = bind_node(b, EXPR_CALL, type, &x->pos, 0);
    array->fn = &f->fn;
    array->args = c.args;
    array->arg_count = c.n;
    array->site = ++b->sites;
    *out = bind_node(b, EXPR_COLUMN, type->fields[0].type, &x->pos, 0);
    (*out)->column = sc->unnest->input->schema->count + sc->unnest->arrays.n;
    list_push(b->a, &sc->unnest->arrays, array);
    return true;
}

bool bind_add_unnest(struct query *s, const struct unnesting *u)
{
    struct binder *b = s->b;
    const struct schema *from = s->top->schema;
    const uint32_t n = u->arrays.n;
    if (!n)
        return true;
    if (s->top->table)
        return bind_fail(b, &s->q->from[0].pos,
                         "Table source is not supported with table functions");
    struct schema *schema = ARENA_NEW(b->a, struct schema);
    struct schema_column *columns = ARENA_ZARRAY(b->a, struct schema_column, from->count + n);
    memcpy(columns, from->columns, from->count * sizeof *columns);
    for (uint32_t i = 0; i < n; i++)
        columns[from->count + i] = (struct schema_column){
            arena_printf(b->a, "KSQL_SYNTH_%u", i), u->arrays.v[i]->type->fields[0].type, false};
    *schema = *from;
    schema->columns = columns;
    schema->count = from->count + n;
    struct plan_node *node = bind_plan_node(b, PLAN_UNNEST, schema, s->top, &s->st->pos);
    node->exprs = u->arrays.v;
    node->expr_count = n;
    s->top = node;
    return true;
}
