// SELECT … FROM one source to plan nodes: filter, aggregation, projection or repartitioning, then the object.
#include "sql/bind_join.h"
#include "sql/lexer.h"

#include "schema/cast.h"
#include "schema/serde/serde_schema.h"

#include <assert.h>

// --- what is not built yet -------------------------------------------------------------------------

static bool refuse_later(const struct query *s)
{
    const struct ast_query *q = s->q;
    const struct binder *b = s->b;
    if (q->limit.p)
        return bind_fail(b, &q->limit_pos, "%s statements don't support LIMIT clause.",
                         s->st->kind == AST_INSERT_SELECT ? "INSERT INTO"
                         : s->st->table                   ? "CREATE TABLE AS SELECT"
                                                          : "CREATE STREAM AS SELECT");
    if (q->window && !q->has_group)
        return bind_fail(b, &q->window->pos, "WINDOW clause requires a GROUP BY clause.");
    if (q->emit == AST_EMIT_FINAL && !q->window)
        return bind_fail(b, &q->emit_pos,
                         "EMIT FINAL is only supported for windowed aggregations.");
    if (q->having && !q->has_group)
        return bind_fail(b, &q->having->pos, "HAVING clause requires a GROUP BY clause.");
    if (q->group_count > BIND_KEYS_MAX || q->partition_count > BIND_KEYS_MAX)
        return bind_fail(b, &q->pos, "too many key expressions: at most %d", BIND_KEYS_MAX);
    if (q->has_group && q->has_partition)
        return bind_refuse(b, &q->partition_pos, "PARTITION BY together with GROUP BY");
    if (q->has_group && q->group_count == 0)
        return bind_fail(b, &q->pos, "GROUP BY requires at least one expression");
    if (q->has_partition && q->partition_count == 0)
        return bind_fail(b, &q->partition_pos, "PARTITION BY requires at least one expression");
    return true;
}

// --- nodes -----------------------------------------------------------------------------------------

void bind_add_filter(struct query *s, struct expr *predicate, const struct sql_pos *pos)
{
    struct plan_node *n = bind_plan_node(s->b, PLAN_FILTER, s->top->schema, s->top, pos);
    n->predicate = predicate;
    n->table = s->top->table;
    s->top = n;
}

bool bind_where(struct query *s)
{
    struct scope sc = s->input;
    struct expr *predicate;
    sc.clause = "WHERE";
    sc.item = s->q->where;
    if (!s->q->where)
        return true;
    const struct ast_expr *call = bind_find_aggregate(s->q->where);
    if (call)
        return bind_fail(s->b, &call->pos, "Aggregate functions are not allowed in WHERE: %s",
                         bind_text(s->b, call));
    if (!bind_predicate(&predicate, &sc, s->q->where))
        return false;
    bind_add_filter(s, predicate, &s->q->where->pos);
    return true;
}

// Binds every select item in scope sc.
bool bind_items(struct query *s, struct scope *sc)
{
    for (uint32_t i = 0; i < s->list.n; i++) {
        struct select_item *item = &s->list.v[i];
        sc->item = item->x;
        if (!bind_expr(&item->bound, sc, item->x))
            return false;
        if (!item->bound->type)
            return bind_fail(s->b, &item->pos, "the type of NULL column `%.*s` is not known",
                             STR_ARG(item->name)) ||
                   sql_hint(s->b->e, "cast it to the desired type: CAST(NULL AS STRING)");
    }
    return true;
}

void bind_add_project(struct query *s, enum plan_kind kind, const struct scope *sc)
{
    const struct schema *schema = bind_select_schema(sc, &s->list);
    struct plan_node *n = bind_plan_node(s->b, kind, schema, s->top, &s->st->pos);
    n->exprs = ARENA_ZARRAY(s->b->a, struct expr *, s->list.n);
    for (uint32_t i = 0; i < s->list.n; i++)
        n->exprs[i] = s->list.v[i].bound;
    n->expr_count = s->list.n;
    n->key_count = schema->key_count;
    n->table = s->top->table;
    s->top = n;
}

static struct ast_expr **source_keys(const struct query *s)
{
    const struct schema *schema = s->input.schema;
    struct ast_expr **keys = ARENA_ZARRAY(s->b->a, struct ast_expr *, schema->key_count + 1);
    for (uint32_t i = 0; i < schema->key_count; i++) {
        keys[i] = ARENA_NEW(s->b->a, struct ast_expr);
        *keys[i] = (struct ast_expr){.kind = AST_COLUMN, .height = 1, .pos = s->q->pos};
        keys[i]->text = schema->columns[i].name;
    }
    return keys;
}

static bool bind_plain(struct query *s)
{
    struct scope sc = s->input;
    if (sc.from)
        return bind_joined(s);
    sc.unnest = bind_unnest_new(&s->input);
    return bind_items(s, &sc) &&
           bind_select_keys(&s->list, &sc, source_keys(s), sc.schema->key_count, "key column") &&
           bind_add_unnest(s, sc.unnest) && (bind_add_project(s, PLAN_PROJECT, &sc), true);
}

// --- PARTITION BY ----------------------------------------------------------------------------------

// The key stays as it is: PARTITION BY names exactly the key columns.
static bool same_key(const struct query *s)
{
    const struct schema *schema = s->input.schema;
    if (s->q->partition_count != schema->key_count)
        return false;
    for (uint32_t i = 0; i < schema->key_count; i++)
        if (s->q->partition_by[i]->kind != AST_COLUMN ||
            !str_eq(s->q->partition_by[i]->text, schema->columns[i].name))
            return false;
    return true;
}

static bool check_partition(const struct query *s, struct scope *sc)
{
    struct expr *x;
    if (s->source->node->table)
        return bind_fail(s->b, &s->q->partition_pos, "PARTITION BY is not supported on tables");
    for (uint32_t i = 0; i < s->q->partition_count; i++) {
        const struct ast_expr *ast = s->q->partition_by[i], *call = bind_find_aggregate(ast);
        if (call)
            return bind_fail(
                s->b, &call->pos,
                "PARTITION BY does not support aggregate functions: %.*s is an aggregate "
                "function.",
                STR_ARG(call->text));
        if (ast->kind == AST_NULL && s->q->partition_count > 1)
            return bind_fail(s->b, &ast->pos,
                             "Cannot PARTITION BY multiple columns including NULL");
        sc->item = ast;
        if (!bind_expr(&x, sc, ast))
            return false;
    }
    return true;
}

static bool bind_partition(struct query *s)
{
    struct scope sc = s->input;
    sc.clause = "PARTITION BY";
    if (!check_partition(s, &sc))
        return false;
    if (same_key(s))
        return bind_plain(s);
    if (s->input.schema->windowed)
        return bind_fail(s->b, &s->q->partition_pos,
                         "Implicit repartitioning of windowed sources is not supported. See "
                         "https://github.com/confluentinc/ksql/issues/4385.");
    const bool keyless = s->q->partition_by[0]->kind == AST_NULL;
    sc.clause = "SELECT";
    s->rekeyed = true;
    sc.unnest = bind_unnest_new(&s->input);
    if (!bind_items(s, &sc) ||
        !bind_select_keys(&s->list, &sc, s->q->partition_by, keyless ? 0 : s->q->partition_count,
                          "partitioning expression") ||
        !bind_add_unnest(s, sc.unnest))
        return false;
    bind_add_project(s, PLAN_REKEY, &sc);
    return true;
}

// --- the whole query -------------------------------------------------------------------------------

static bool bind_from(struct query *s)
{
    const struct ast_relation *from = &s->q->from[0];
    s->source = bind_find_object(s->b, from->name);
    if (!s->source)
        return bind_fail(s->b, &from->pos, "%s does not exist.",
                         bind_name_text(s->b, from->name)) ||
               bind_hint_later(s->b, from->name);
    s->top = s->source->node;
    s->window = s->top->formats->window;
    s->input = (struct scope){.b = s->b,
                              .schema = s->top->schema,
                              .alias = from->alias.p ? from->alias : from->name,
                              .clause = "SELECT",
                              .from_topic = s->source->declared};
    return true;
}

bool bind_query_start(struct query *s)
{
    return refuse_later(s) && (s->q->from_count > 1 ? bind_join(s) : bind_from(s)) &&
           bind_select_names(&s->list, &s->input, s->q);
}

static bool bind_query(struct query *s, struct binder *b, const struct ast_statement *st)
{
    *s = (struct query){.b = b, .st = st, .q = st->query};
    if (!bind_query_start(s) || !bind_where(s))
        return false;
    if (s->q->has_group)
        return bind_group(s);
    return s->q->has_partition ? bind_partition(s) : bind_plain(s);
}

static enum serde_format sink_key_format(const struct query *s, const struct with *w)
{
    const enum serde_format own =
        s->input.from ? bind_join_key_format(s) : s->source->node->formats->key_format;
    if (w->has_key_format)
        return w->key_format;
    if (s->top->schema->key_count == 0)
        return SERDE_NONE;
    return own == SERDE_NONE ? bind_default_key_format(s->b) : own;
}

static struct str default_topic(const struct query *s)
{
    const struct str prefix = bind_setting(s->b, STR(BIND_TOPIC_PREFIX));
    return prefix.n ? arena_printf(s->b->a, "%.*s%.*s", STR_ARG(prefix), STR_ARG(s->st->name))
                    : s->st->name;
}

// Those of the source, unless the statement names a format.
static void sink_delimiters(struct plan_formats *f, const struct query *s, const struct with *w)
{
    const struct plan_formats *from = s->source->node->formats;
    f->key_delimiter = w->key_delimiter    ? w->key_delimiter
                       : w->has_key_format ? 0
                                           : from->key_delimiter;
    f->value_delimiter = w->value_delimiter    ? w->value_delimiter
                         : w->has_value_format ? 0
                                               : from->value_delimiter;
}

static bool sink_formats(struct plan_formats **out, const struct query *s, const struct with *w)
{
    struct plan_formats *f = ARENA_NEW(s->b->a, struct plan_formats);
    const struct schema *schema = s->top->schema;
    *out = f;
    f->topic = w->topic.p ? w->topic : default_topic(s);
    f->key_format = sink_key_format(s, w);
    f->value_format =
        w->has_value_format ? w->value_format : s->source->node->formats->value_format;
    f->key_schema = w->key_schema;
    if (f->key_format == SERDE_AVRO && !f->key_schema.full_name.n)
        f->key_schema.full_name = serde_avro_key_name(s->b->a, s->st->name);
    f->value_schema = w->value_schema;
    f->window = s->window;
    sink_delimiters(f, s, w);
    f->partitions = w->partitions;
    f->timestamp_column = w->timestamp;
    f->timestamp_format = w->timestamp_format;
    struct with known = *w;
    known.key_format = f->key_format;
    known.value_format = f->value_format;
    return bind_check_formats(s->b, &s->st->name_pos, schema, f->key_format, f->value_format) &&
           bind_schema_check(s->b, &known) && bind_schema_fits(s->b, &known, schema) &&
           bind_wrapping(&f->value_wrapping, s->b, w, f->value_format, schema) &&
           bind_timestamp(&f->timestamp_index, &f->timestamp_pattern, s->b, w, schema);
}

static bool check_result(const struct query *s)
{
    const bool table = s->top->table;
    if (s->st->table == table)
        return true;
    return bind_fail(
        s->b, &s->st->pos,
        "Invalid result type. Your SELECT query produces a %s. Please use CREATE %s AS "
        "SELECT statement instead.",
        table ? "TABLE" : "STREAM", table ? "TABLE" : "STREAM");
}

bool bind_create_as(struct binder *b, const struct ast_statement *st)
{
    struct query s;
    struct with w;
    struct plan_formats *formats;
    if (!bind_with(&w, b, st) || !bind_query(&s, b, st) || !check_result(&s) ||
        !sink_formats(&formats, &s, &w))
        return false;
    struct bind_object *o = ARENA_NEW(b->a, struct bind_object);
    o->node = bind_plan_node(b, PLAN_OBJECT, s.top->schema, NULL, &st->pos);
    o->node->table = st->table;
    o->node->name = st->name;
    o->node->formats = formats;
    if (!bind_add_object(b, o))
        return false;
    bind_add_query(b, o, s.top);
    return true;
}

// --- INSERT INTO -----------------------------------------------------------------------------------

static bool incompatible(const struct query *s, const struct schema *result,
                         const struct schema *sink)
{
    struct buf x, y;
    buf_init(&x, BIND_MESSAGE_BYTES_MAX);
    buf_init(&y, BIND_MESSAGE_BYTES_MAX);
    schema_print(&x, result);
    schema_print(&y, sink);
    (void)bind_fail(
        s->b, &s->st->name_pos,
        "Incompatible schema between results and sink.\nResult schema is %.*s\nSink schema "
        "is %.*s",
        (int)x.n, x.p, (int)y.n, y.p);
    buf_fini(&x);
    buf_fini(&y);
    return false;
}

// Whole numbers go into any DECIMAL; a value that does not fit is a NULL then.
static bool fits_sink(const struct type *from, const struct type *to)
{
    return cast_implicit(from, to) ||
           (to->kind == TYPE_DECIMAL && (from->kind == TYPE_INTEGER || from->kind == TYPE_BIGINT));
}

// Column by column: the same names and roles in the same order, types equal or implicitly widened.
static bool fit_to_sink(struct query *s, const struct schema *sink)
{
    struct plan_node *n = s->top;
    const struct schema *result = n->schema;
    if (result->count != sink->count || result->key_count != sink->key_count)
        return incompatible(s, result, sink);
    for (uint32_t i = 0; i < sink->count; i++) {
        const struct type *from = result->columns[i].type, *to = sink->columns[i].type;
        if (!str_eq(result->columns[i].name, sink->columns[i].name) || !fits_sink(from, to))
            return incompatible(s, result, sink);
        n->exprs[i] = bind_cast(s->b, n->exprs[i], to);
    }
    n->schema = sink;
    return true;
}

// INSERT INTO … WITH (QUERY_ID = 'name'), its only property; out->p == NULL: not given.
static bool query_id(struct str *out, const struct binder *b, const struct ast_statement *st)
{
    *out = STR_NONE;
    for (uint32_t i = 0; i < st->property_count; i++) {
        const struct ast_property *p = &st->properties[i];
        if (!str_eq(p->name, STR("QUERY_ID")))
            return bind_fail(b, &p->pos, "Invalid config variable(s) in the WITH clause: %.*s",
                             STR_ARG(p->name));
        if (p->value->kind != AST_STRING || !p->value->text.n)
            return bind_fail(b, &p->value->pos, "property QUERY_ID takes a string, found %s",
                             bind_text(b, p->value));
        *out = lexer_upper(b->a, p->value->text);
    }
    for (uint32_t i = 0; out->p && i < b->queries.n; i++)
        if (!b->queries.v[i]->stopped && str_eq(b->queries.v[i]->id, *out))
            return bind_fail(b, &st->name_pos, "Query ID '%.*s' already exists.", STR_ARG(*out));
    return true;
}

bool bind_insert(struct binder *b, const struct ast_statement *st)
{
    struct bind_object *o = bind_find_object(b, st->name);
    struct query s;
    if (!o)
        return bind_fail(b, &st->name_pos, "Source `%.*s` does not exist.", STR_ARG(st->name)) ||
               bind_hint_later(b, st->name);
    struct str id;
    if (!query_id(&id, b, st))
        return false;
    if (o->read_only)
        return bind_fail(b, &st->name_pos, "Cannot insert into read-only stream: %s",
                         bind_name_text(b, st->name));
    if (o->node->table)
        return bind_fail(b, &st->name_pos,
                         "INSERT INTO can only be used to insert into a stream. %s is a table.",
                         bind_name_text(b, st->name));
    if (o->has_headers)
        return bind_fail(b, &st->name_pos, "Cannot insert into %s because it has header columns",
                         bind_name_text(b, st->name));
    if (!bind_insert_once(b, st) || !bind_query(&s, b, st))
        return false;
    if (s.top->table)
        return bind_fail(
            b, &st->pos,
            "INSERT INTO can only be used to insert into a stream: this SELECT produces a "
            "TABLE.");
    if (!fit_to_sink(&s, o->node->schema))
        return false;
    s.top->statement = bind_statement_text(b, st);
    bind_add_query(b, o, s.top);
    if (id.p)
        b->queries.v[b->queries.n - 1]->id = id;
    return true;
}
