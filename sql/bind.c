#include "sql/bind.h"
#include "sql/bind_plan_internal.h"
#include "sql/bind_transient.h"
#include "sql/lexer.h"
#include "sql/print.h"

#include <assert.h>

#define BIND_TEXT_BYTES_MAX ((size_t)400) // of an expression in a message

// What a printer wrote, kept in the arena; cut with "..." at max bytes.
static const char *keep(const struct binder *b, struct buf *text, size_t max)
{
    struct str v = buf_view(text);
    const bool cut = v.n > max;
    if (cut) {
        v.n = max;
        while (v.n > 0 && ((unsigned char)v.p[v.n] & 0xc0) == 0x80)
            v.n--;
    }
    const struct str out = arena_printf(b->a, "%.*s%s", STR_ARG(v), cut ? "..." : "");
    buf_fini(text);
    return out.p;
}

const char *bind_text(const struct binder *b, const struct ast_expr *x)
{
    struct buf text;
    buf_init(&text, (size_t)64 << 20);
    print_ast(&text, x);
    return keep(b, &text, BIND_TEXT_BYTES_MAX);
}

const char *bind_type_text(const struct binder *b, const struct type *t)
{
    struct buf text;
    if (!t)
        return "NULL";
    buf_init(&text, (size_t)64 << 20);
    type_print(&text, t);
    return keep(b, &text, BIND_TEXT_BYTES_MAX);
}

const char *bind_name_text(const struct binder *b, struct str name)
{
    struct buf text;
    buf_init(&text, (size_t)64 << 20);
    print_name(&text, name);
    return keep(b, &text, BIND_TEXT_BYTES_MAX);
}

// --- the catalogue ---------------------------------------------------------------------------------

struct str bind_statement_text(const struct binder *b, const struct ast_statement *st)
{
    struct buf text;
    buf_init(&text, (size_t)256 << 20);
    print_statement(&text, st);
    const struct str out = arena_str(b->a, buf_view(&text));
    buf_fini(&text);
    return out;
}

struct plan_node *bind_plan_node(struct binder *b, enum plan_kind kind, const struct schema *s,
                                 struct plan_node *input, const struct sql_pos *pos)
{
    struct plan_node *n = ARENA_NEW(b->a, struct plan_node);
    n->kind = kind;
    n->schema = s;
    n->pos = *pos;
    n->window = (struct window_spec){WINDOW_NONE, -1, -1, -1, -1, false};
    if (input) {
        n->inputs = ARENA_ARRAY(b->a, struct plan_node *, 1);
        n->inputs[0] = input;
        n->input_count = 1;
    }
    return n;
}

// --- statements ------------------------------------------------------------------------------------

static bool bind_create(struct binder *b, const struct ast_statement *st)
{
    bool skip;
    if (!bind_check_existing(&skip, b, st))
        return false;
    if (skip)
        return true;
    return st->kind == AST_CREATE_AS ? bind_create_as(b, st) : bind_create_source(b, st);
}

static bool bind_create_type(struct binder *b, const struct ast_statement *st)
{
    const struct type *t;
    bool added;
    if (!bind_type(&t, b, st->type) || !bind_check_type(b, &st->name_pos, t))
        return false;
    uint64_t *at = map_put(b->type_names, st->name, &added);
    assert(added || *at == BIND_NO_TYPE || *at < b->types.n);
    if (!added && *at != BIND_NO_TYPE)
        return st->if_exists || bind_fail(b, &st->name_pos,
                                          "Cannot register custom type '%.*s' since it is already "
                                          "registered with type: %s",
                                          STR_ARG(st->name), bind_type_text(b, b->types.v[*at]));
    *at = b->types.n;
    list_push(b->a, &b->types, t);
    return true;
}

static const char *later(enum ast_statement_kind kind)
{
    static const char *const names[] = {
        [AST_INSERT_VALUES] = "INSERT INTO … VALUES in a job (it does not write what it reads)",
        [AST_QUERY] = "SELECT without CREATE … AS or INSERT INTO (a job writes streams and tables)",
        [AST_ALTER_SYSTEM] = "ALTER SYSTEM",
        [AST_CREATE_CONNECTOR] = "CREATE CONNECTOR",
        [AST_PRINT] = "PRINT",
        [AST_TERMINATE] = "TERMINATE",
        [AST_PAUSE] = "PAUSE",
        [AST_RESUME] = "RESUME",
        [AST_RUN_SCRIPT] = "RUN SCRIPT",
        [AST_ASSERT_VALUES] = "ASSERT VALUES",
        [AST_ASSERT_TOMBSTONE] = "ASSERT NULL VALUES",
        [AST_ASSERT_SOURCE] = "ASSERT STREAM or TABLE",
        [AST_ASSERT_OTHER] = "ASSERT",
    };
    return names[kind];
}

static bool bind_kind(struct binder *b, const struct ast_statement *st)
{
    switch (st->kind) {
    case AST_CREATE_SOURCE:
    case AST_CREATE_AS:
        return bind_create(b, st);
    case AST_INSERT_SELECT:
        return bind_insert(b, st);
    case AST_CREATE_TYPE:
        return bind_create_type(b, st);
    case AST_DROP:
        return bind_drop(b, st);
    case AST_SET:
    case AST_UNSET:
        return bind_set(b, st);
    case AST_DEFINE:
    case AST_UNDEFINE: // the parser has put the values in
    case AST_SHOW:
    case AST_EXPLAIN: // show something to a person at a prompt; a job has none
        return true;
    case AST_ALTER:
        return bind_alter(b, st);
    case AST_INSERT_VALUES:
    case AST_ASSERT_VALUES:
    case AST_ASSERT_TOMBSTONE:
        if (b->use == SQL_TEST)
            return bind_row_statement(b, st);
        break;
    case AST_ASSERT_SOURCE:
        if (b->use == SQL_TEST)
            return bind_assert_source(b, st);
        break;
    case AST_QUERY:
        if (b->use == SQL_TEST)
            return bind_transient(b, st);
        break;
    case AST_TERMINATE:
        if (b->use == SQL_TEST)
            return bind_terminate(b, st);
        break;
    case AST_PAUSE:
    case AST_RESUME:
    case AST_ALTER_SYSTEM:
    case AST_CREATE_CONNECTOR:
    case AST_PRINT:
    case AST_RUN_SCRIPT:
    case AST_ASSERT_OTHER:
        break;
    }
    return bind_refuse(b, &st->pos, later(st->kind));
}

static bool bind_statement(struct binder *b, const struct ast_statement *st)
{
    b->statement = st;
    b->odd_key = NULL;
    if (!bind_kind(b, st))
        return false;
    // No format carries such a map, so that it can only be met on the way; state and rows know STRING keys.
    return !b->odd_key || bind_fail(b, &b->odd_key->pos, "a MAP key must be STRING, found %s",
                                    bind_text(b, b->odd_key));
}

// --- the finished plan -----------------------------------------------------------------------------

struct order {
    LIST(struct plan_node *) nodes;
    LIST(const struct plan_node *) open; // from the object being visited down
    struct binder *b;
};

enum { ORDER_NEW, ORDER_OPEN = UINT32_MAX };

// `n` reads itself: the INSERT INTO to blame is the writer that stands after it among the open nodes.
static bool cycle(const struct order *s, const struct plan_node *n)
{
    uint32_t i = s->open.n;
    while (i > 0 && s->open.v[i - 1] != n)
        i--;
    assert(i > 0 && i < s->open.n);
    return bind_fail(s->b, &s->open.v[i]->pos,
                     "INSERT INTO makes a cycle: %.*s reads what it writes", STR_ARG(n->name));
}

// Inputs before consumers, otherwise in statement order. node.id is ORDER_NEW, ORDER_OPEN, or its place + 1. The depth is
// bounded by BIND_OBJECTS_MAX.
static bool visit(struct order *s, struct plan_node *n)
{
    if (n->id == ORDER_OPEN)
        return cycle(s, n);
    if (n->id != ORDER_NEW)
        return true;
    n->id = ORDER_OPEN;
    list_push(s->b->a, &s->open, n);
    for (uint32_t i = 0; i < n->input_count; i++)
        if (!visit(s, n->inputs[i]))
            return false;
    s->open.n--;
    list_push(s->b->a, &s->nodes, n);
    n->id = s->nodes.n;
    return true;
}

static bool finish(const struct plan **out, struct binder *b, const struct ast_script *script)
{
    struct plan *plan = ARENA_NEW(b->a, struct plan);
    struct order order = {.b = b};
    struct buf digest;
    for (uint32_t i = 0; i < b->objects.n; i++) {
        const struct bind_object *o = b->objects.v[i];
        o->node->inputs = o->writers.v;
        o->node->input_count = o->writers.n;
    }
    plan->objects = ARENA_ZARRAY(b->a, struct plan_node *, b->objects.n + 1);
    for (uint32_t i = 0; i < b->objects.n; i++) {
        if (b->objects.v[i]->dropped)
            continue;
        plan->objects[plan->object_count] = b->objects.v[i]->node;
        if (!visit(&order, plan->objects[plan->object_count++]))
            return false;
    }
    plan->queries = ARENA_ZARRAY(b->a, struct plan_query *, b->queries.n + 1);
    for (uint32_t i = 0; i < b->queries.n; i++)
        if (!b->queries.v[i]->stopped)
            plan->queries[plan->query_count++] = b->queries.v[i];
    plan->steps = b->steps.v;
    plan->step_count = b->steps.n;
    plan->nodes = order.nodes.v;
    plan->count = order.nodes.n;
    for (uint32_t i = 0; i < plan->count; i++)
        plan->nodes[i]->id = i;
    buf_init(&digest, (size_t)256 << 20);
    for (size_t i = 0; i < script->n; i++) {
        print_statement(&digest, script->v[i]);
        buf_text(&digest, ";\n");
    }
    plan->digest_text = arena_str(b->a, buf_view(&digest));
    buf_fini(&digest);
    *out = plan;
    return true;
}

bool bind_run(const struct plan **out, struct arena *a, const struct sql_spec *spec,
              const struct ast_script *script, struct err *e)
{
    const struct sql_source src = {spec->scripts, spec->count};
    struct binder b = {.a = a,
                       .src = &src,
                       .e = e,
                       .use = spec->use,
                       .registry = spec->registry,
                       .script = script,
                       .names = map_new(a),
                       .type_names = map_new(a)};
    for (size_t i = 0; i < spec->property_count; i++) {
        const struct ast_statement set = {
            .kind = AST_SET, .name = spec->properties[i].name, .value = spec->properties[i].value};
        if (!bind_set(&b, &set))
            return false;
    }
    for (size_t i = 0; i < script->n; i++) {
        b.statement_index = (uint32_t)i;
        if (script->v[i]->kind == AST_CREATE_SOURCE && !bind_infer_columns(&b, script->v[i]))
            return false;
        if (!bind_statement(&b, script->v[i]))
            return false;
    }
    return finish(out, &b, script);
}
