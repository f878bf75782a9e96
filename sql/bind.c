#include "sql/bind.h"
#include "sql/bind_plan_internal.h"
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
    n->window = (struct window_spec){WINDOW_NONE, -1, -1, -1, -1};
    if (input) {
        n->inputs = ARENA_ARRAY(b->a, struct plan_node *, 1);
        n->inputs[0] = input;
        n->input_count = 1;
    }
    return n;
}

struct bind_object *bind_find_object(const struct binder *b, struct str name)
{
    const uint64_t *i = map_get(b->names, name);
    assert(!i || *i < b->objects.n);
    return i && b->objects.v ? b->objects.v[*i] : NULL;
}

bool bind_add_object(struct binder *b, struct bind_object *o)
{
    bool added;
    if (b->objects.n >= BIND_OBJECTS_MAX)
        return bind_fail(b, &o->node->pos, "too many streams and tables: at most %d",
                         BIND_OBJECTS_MAX);
    *map_put(b->names, o->node->name, &added) = b->objects.n;
    assert(added);
    o->node->statement = bind_statement_text(b, b->statement);
    list_push(b->a, &b->objects, o);
    return true;
}

void bind_add_query(struct binder *b, struct bind_object *to, struct plan_node *top)
{
    const struct ast_statement *st = b->statement;
    struct plan_query *q = ARENA_NEW(b->a, struct plan_query);
    list_push(b->a, &to->writers, top);
    q->top = top;
    q->object = to->node;
    q->insert = st->kind == AST_INSERT_SELECT;
    if (q->insert)
        q->id = arena_printf(b->a, "INSERTQUERY_%u", b->queries.n);
    else
        q->id = arena_printf(b->a, "C%cAS_%.*s_%u", st->table ? 'T' : 'S', STR_ARG(st->name),
                             b->queries.n);
    list_push(b->a, &b->queries, q);
}

// Already there: skipped (IF NOT EXISTS), or an error. *skip tells.
static bool check_existing(bool *skip, const struct binder *b, const struct ast_statement *st)
{
    const struct bind_object *o = bind_find_object(b, st->name);
    const char *kind = st->table ? "table" : "stream";
    *skip = false;
    if (st->or_replace && st->source)
        return bind_fail(b, &st->pos,
                         "Cannot add %s '%.*s': CREATE OR REPLACE is not supported on source %ss.",
                         kind, STR_ARG(st->name), kind);
    if (!o)
        return true;
    if (st->or_replace && o->read_only)
        return bind_fail(b, &st->pos,
                         "Cannot add %s '%.*s': CREATE OR REPLACE is not supported on source %ss.",
                         kind, STR_ARG(st->name), kind);
    if (st->or_replace)
        return bind_refuse(b, &st->pos,
                           "CREATE OR REPLACE of a stream or table that already exists");
    if (st->if_exists) {
        *skip = true;
        return true;
    }
    return bind_fail(b, &st->name_pos,
                     "Cannot add %s '%.*s': A %s with the same name already exists", kind,
                     STR_ARG(st->name), o->node->table ? "table" : "stream");
}

// --- settings --------------------------------------------------------------------------------------

// What a script may set without effect here: how many threads, caches and commits ksqlDB would use.
static bool is_harmless(struct str name)
{
    static const char *const names[] = {"cache.max.bytes.buffering",
                                        "commit.interval.ms",
                                        "num.stream.threads",
                                        "processing.guarantee",
                                        "state.dir",
                                        "max.task.idle.ms",
                                        "statestore.cache.max.bytes",
                                        "ksql.query.pull.table.scan.enabled",
                                        "ksql.query.pull.max.allowed.offset.lag",
                                        "ksql.output.topic.name.prefix.none"};
    static const char *const prefixes[] = {"producer.", "consumer."};
    if (str_starts(name, STR("ksql.streams.")))
        name = str_slice(name, strlen("ksql.streams."), name.n);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (str_eq(name, str_from(names[i])))
            return true;
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (str_starts(name, str_from(prefixes[i])) && !str_ends(name, STR("auto.offset.reset")))
            return true;
    return false;
}

static bool bind_set(struct binder *b, const struct ast_statement *st)
{
    bool done;
    if (!bind_set_limit(&done, b, st))
        return false;
    if (done)
        return true;
    if (is_harmless(st->name))
        return true;
    if (str_ends(st->name, STR("auto.offset.reset"))) {
        if (st->kind == AST_UNSET || str_eq_nocase(st->value, STR("earliest")))
            return true;
        (void)bind_fail(b, &st->name_pos, "not supported yet: SET '%.*s'='%.*s'", STR_ARG(st->name),
                        STR_ARG(st->value));
        return sql_hint(b->e, "where reading starts is the job's: start: latest");
    }
    return bind_fail(b, &st->name_pos, "not supported yet: property '%.*s'", STR_ARG(st->name));
}

// --- statements ------------------------------------------------------------------------------------

static bool bind_create(struct binder *b, const struct ast_statement *st)
{
    bool skip;
    if (!check_existing(&skip, b, st))
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
    if (!added)
        return st->if_exists || bind_fail(b, &st->name_pos,
                                          "Cannot register custom type '%.*s': it "
                                          "already exists",
                                          STR_ARG(st->name));
    *at = b->types.n;
    list_push(b->a, &b->types, t);
    return true;
}

// DROP … IF EXISTS of what a fresh job cannot have is what scripts begin with.
static bool bind_drop(const struct binder *b, const struct ast_statement *st)
{
    const bool object = str_eq(st->what, STR("STREAM")) || str_eq(st->what, STR("TABLE"));
    const struct bind_object *o = object ? bind_find_object(b, st->name) : NULL;
    if (!o && st->if_exists)
        return true;
    if (object && !o)
        return bind_fail(b, &st->name_pos, "%s %.*s does not exist", st->table ? "Table" : "Stream",
                         STR_ARG(st->name));
    return bind_refuse(b, &st->pos, arena_printf(b->a, "DROP %.*s", STR_ARG(st->what)).p);
}

static const char *later(enum ast_statement_kind kind)
{
    static const char *const names[] = {
        [AST_INSERT_VALUES] = "INSERT INTO … VALUES",
        [AST_QUERY] = "SELECT without CREATE … AS or INSERT INTO (a job writes streams and tables)",
        [AST_ALTER] = "ALTER STREAM or TABLE",
        [AST_ALTER_SYSTEM] = "ALTER SYSTEM",
        [AST_CREATE_CONNECTOR] = "CREATE CONNECTOR",
        [AST_PRINT] = "PRINT",
        [AST_TERMINATE] = "TERMINATE",
        [AST_RUN_SCRIPT] = "RUN SCRIPT",
        [AST_ASSERT_VALUES] = "ASSERT VALUES",
        [AST_ASSERT_TOMBSTONE] = "ASSERT NULL VALUES",
        [AST_ASSERT_SOURCE] = "ASSERT STREAM or TABLE",
        [AST_ASSERT_OTHER] = "ASSERT",
    };
    return names[kind];
}

static bool bind_statement(struct binder *b, const struct ast_statement *st)
{
    b->statement = st;
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
    case AST_INSERT_VALUES:
    case AST_QUERY:
    case AST_ALTER:
    case AST_ALTER_SYSTEM:
    case AST_CREATE_CONNECTOR:
    case AST_PRINT:
    case AST_TERMINATE:
    case AST_RUN_SCRIPT:
    case AST_ASSERT_VALUES:
    case AST_ASSERT_TOMBSTONE:
    case AST_ASSERT_SOURCE:
    case AST_ASSERT_OTHER:
        break;
    }
    return bind_refuse(b, &st->pos, later(st->kind));
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
    plan->object_count = b->objects.n;
    for (uint32_t i = 0; i < b->objects.n; i++) {
        plan->objects[i] = b->objects.v[i]->node;
        if (!visit(&order, plan->objects[i]))
            return false;
    }
    plan->queries = b->queries.v;
    plan->query_count = b->queries.n;
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
                       .names = map_new(a),
                       .type_names = map_new(a)};
    for (size_t i = 0; i < script->n; i++)
        if (!bind_statement(&b, script->v[i]))
            return false;
    return finish(out, &b, script);
}
