// The catalogue: streams and tables by name, the queries that write them, what reads what.
#include "sql/bind_plan_internal.h"

#include <assert.h>

struct bind_object *bind_find_object(const struct binder *b, struct str name)
{
    const uint64_t *i = map_get(b->names, name);
    assert(!i || *i < b->objects.n);
    return i && b->objects.v && !b->objects.v[*i]->dropped ? b->objects.v[*i] : NULL;
}

bool bind_check_existing(bool *skip, const struct binder *b, const struct ast_statement *st)
{
    const struct bind_object *o = bind_find_object(b, st->name);
    const char *kind = st->table ? "table" : "stream";
    *skip = false;
    if (st->or_replace && (st->source || (o && o->read_only)))
        return bind_fail(b, &st->pos,
                         "Cannot add %s '%.*s': CREATE OR REPLACE is not supported on source %ss.",
                         kind, STR_ARG(st->name), kind);
    if (!o)
        return true;
    if (st->or_replace && o->node->table == st->table)
        return true;
    if (st->if_exists) {
        *skip = true;
        return true;
    }
    return bind_fail(b, &st->name_pos,
                     "Cannot add %s '%.*s': A %s with the same name already exists", kind,
                     STR_ARG(st->name), o->node->table ? "table" : "stream");
}

struct plan_step *bind_add_step(struct binder *b, enum plan_step_kind kind)
{
    const struct plan_step step = {
        .kind = kind, .statement = b->statement_index, .pos = b->statement->pos};
    list_push(b->a, &b->steps, step);
    return &b->steps.v[b->steps.n - 1];
}

// In place of `from`. Rows of a job all come through one graph, where readers have bound the columns of `from`.
static bool replace(struct binder *b, struct bind_object *from, struct bind_object *to)
{
    if (b->use == SQL_JOB && (from->writers.n > 1 || bind_readers(b, from).n))
        return bind_refuse(b, &b->statement->pos,
                           "CREATE OR REPLACE of what other statements read or write");
    if (!bind_check_upgrade(b, from, to))
        return false;
    to->query = from->query;
    *map_get(b->names, to->node->name) = b->objects.n;
    from->dropped = true;
    return true;
}

bool bind_add_object(struct binder *b, struct bind_object *o)
{
    bool added;
    struct bind_object *old = bind_find_object(b, o->node->name);
    if (b->objects.n >= BIND_OBJECTS_MAX)
        return bind_fail(b, &o->node->pos, "too many streams and tables: at most %d",
                         BIND_OBJECTS_MAX);
    if (old && !replace(b, old, o))
        return false;
    *map_put(b->names, o->node->name, &added) = b->objects.n;
    o->statement = b->statement;
    o->node->statement = bind_statement_text(b, b->statement);
    list_push(b->a, &b->objects, o);
    return true;
}

void bind_stop_query(struct binder *b, struct plan_query *q)
{
    q->stopped = true;
    bind_add_step(b, STEP_QUERY_STOP)->old = q;
}

void bind_add_query(struct binder *b, struct bind_object *to, struct plan_node *top)
{
    const struct ast_statement *st = b->statement;
    struct plan_query *q = ARENA_NEW(b->a, struct plan_query), *old = NULL;
    list_push(b->a, &to->writers, top);
    q->top = top;
    q->object = to->node;
    q->insert = st->kind == AST_INSERT_SELECT;
    if (q->insert) {
        q->id = arena_printf(b->a, "INSERTQUERY_%u", b->queries.n);
    } else {
        old = to->query;
        q->id = arena_printf(b->a, "C%cAS_%.*s_%u", st->table ? 'T' : 'S', STR_ARG(st->name),
                             b->queries.n);
        to->query = q;
    }
    if (old) {
        q->id = old->id;
        old->stopped = true;
    }
    struct plan_step *step = bind_add_step(b, old ? STEP_QUERY_REPLACE : STEP_QUERY_START);
    step->query = q;
    step->old = old;
    list_push(b->a, &b->queries, q);
}

// The depth is bounded by the nodes of one query.
static bool reads(const struct plan_node *n, struct str name)
{
    if (n->kind == PLAN_OBJECT)
        return str_eq(n->name, name);
    for (uint32_t i = 0; i < n->input_count; i++)
        if (reads(n->inputs[i], name))
            return true;
    return false;
}

struct str bind_readers(const struct binder *b, const struct bind_object *o)
{
    struct str out = STR("");
    for (uint32_t i = 0; i < b->queries.n; i++) {
        const struct plan_query *q = b->queries.v[i];
        if (q->stopped || !reads(q->top, o->node->name))
            continue;
        const struct str name = q->object->name;
        out = arena_printf(b->a, "%.*s%s%.*s", STR_ARG(out), out.n ? ", " : "", STR_ARG(name));
    }
    return out;
}
