// What changes streams and tables that are there: DROP, ALTER, CREATE OR REPLACE; and ASSERT STREAM, TABLE.
#include "sql/bind.h"
#include "sql/bind_plan_internal.h"

#include <assert.h>

// --- DROP ----------------------------------------------------------------------------------------

static bool drop_type(struct binder *b, const struct ast_statement *st)
{
    uint64_t *at = map_get(b->type_names, st->name);
    if (at && *at != BIND_NO_TYPE) {
        *at = BIND_NO_TYPE;
        return true;
    }
    return st->if_exists ||
           bind_fail(b, &st->name_pos, "Type %.*s does not exist.", STR_ARG(st->name));
}

// INSERT INTO … SELECT that still write to o: "INSERTQUERY_1, …".
static struct str inserts_into(const struct binder *b, const struct bind_object *o)
{
    struct str out = STR("");
    for (uint32_t i = 0; i < b->queries.n; i++) {
        const struct plan_query *q = b->queries.v[i];
        if (q->insert && !q->stopped && str_eq(q->object->name, o->node->name))
            out = arena_printf(b->a, "%.*s%s%.*s", STR_ARG(out), out.n ? ", " : "", STR_ARG(q->id));
    }
    return out;
}

bool bind_drop(struct binder *b, const struct ast_statement *st)
{
    if (str_eq(st->what, STR("TYPE")))
        return drop_type(b, st);
    if (str_eq(st->what, STR("CONNECTOR")))
        return st->if_exists || bind_refuse(b, &st->pos, "DROP CONNECTOR");
    struct bind_object *o = bind_find_object(b, st->name);
    if (!o)
        return st->if_exists || bind_fail(b, &st->name_pos, "%s %.*s does not exist",
                                          st->table ? "Table" : "Stream", STR_ARG(st->name));
    if (o->node->table != st->table)
        return bind_fail(b, &st->name_pos,
                         "Incompatible data source type is %s, but statement was DROP %s",
                         o->node->table ? "TABLE" : "STREAM", st->table ? "TABLE" : "STREAM");
    const struct str readers = bind_readers(b, o), writers = inserts_into(b, o);
    if (readers.n)
        return bind_fail(
            b, &st->name_pos,
            "Cannot drop %.*s.\nThe following streams and/or tables read from this source: "
            "[%.*s].\nYou need to drop them before dropping %.*s.",
            STR_ARG(st->name), STR_ARG(readers), STR_ARG(st->name));
    if (writers.n)
        return bind_fail(b, &st->name_pos,
                         "Cannot drop %.*s.\nThe following queries write into this source: "
                         "[%.*s].\nYou need to terminate them before dropping %.*s.",
                         STR_ARG(st->name), STR_ARG(writers), STR_ARG(st->name));
    if (o->query)
        bind_stop_query(b, o->query);
    o->dropped = true;
    return true;
}

// --- TERMINATE -----------------------------------------------------------------------------------

// What a query has written stays; its stream or table can be dropped now.
bool bind_terminate(struct binder *b, const struct ast_statement *st)
{
    const bool all = st->what.p != NULL;
    bool found = all;
    for (uint32_t i = 0; i < b->queries.n; i++) {
        struct plan_query *q = b->queries.v[i];
        if (q->stopped || !(all || str_eq_nocase(q->id, st->name)))
            continue;
        for (uint32_t k = 0; k < b->objects.n; k++)
            if (b->objects.v[k]->query == q)
                b->objects.v[k]->query = NULL;
        bind_stop_query(b, q);
        found = true;
    }
    return found || bind_fail(b, &st->name_pos, "Unknown queryId: %s", bind_name_text(b, st->name));
}

// --- ALTER ---------------------------------------------------------------------------------------

static bool can_alter(const struct binder *b, const struct ast_statement *st,
                      const struct bind_object *o)
{
    const char *kind = st->table ? "table" : "stream";
    if (!o)
        return bind_fail(b, &st->name_pos, "Source %.*s does not exist.", STR_ARG(st->name));
    if (o->node->table != st->table)
        return bind_fail(b, &st->name_pos,
                         "Incompatible data source type is %s, but statement was ALTER %s",
                         o->node->table ? "TABLE" : "STREAM", st->table ? "TABLE" : "STREAM");
    if (o->read_only)
        return bind_fail(
            b, &st->pos,
            "Cannot alter %s '%.*s': ALTER operations are not supported on source %ss.", kind,
            STR_ARG(st->name), kind);
    if (!o->declared)
        return bind_fail(b, &st->pos,
                         "ALTER command is not supported for CREATE ... AS statements.");
    return true;
}

// The columns of o, then those that the statement adds.
static bool added_columns(const struct schema **out, const struct binder *b,
                          const struct ast_statement *st, const struct schema *from)
{
    struct schema *s = ARENA_NEW(b->a, struct schema);
    struct schema_column *columns =
        ARENA_ZARRAY(b->a, struct schema_column, (size_t)from->count + st->element_count);
    *s = *from;
    s->columns = columns;
    memcpy(columns, from->columns, from->count * sizeof *columns);
    for (uint32_t i = 0; i < st->element_count; i++) {
        const struct ast_element *c = &st->elements[i];
        if (schema_find(s, c->name) >= 0)
            return bind_fail(b, &c->pos,
                             "Cannot add column `%.*s` to schema. A column with the same name "
                             "already exists.",
                             STR_ARG(c->name));
        columns[s->count].name = c->name;
        if (!bind_type(&columns[s->count].type, b, c->type))
            return false;
        s->count++;
    }
    if (s->count > BIND_COLUMNS_MAX)
        return bind_fail(b, &st->name_pos, "too many columns: at most %d", BIND_COLUMNS_MAX);
    *out = s;
    return true;
}

// Who has bound the old columns goes on with them.
bool bind_alter(struct binder *b, const struct ast_statement *st)
{
    struct bind_object *o = bind_find_object(b, st->name);
    const struct schema *schema;
    if (!can_alter(b, st, o) || !added_columns(&schema, b, st, o->node->schema))
        return false;
    if (b->use == SQL_JOB && (o->writers.n > 1 || bind_readers(b, o).n))
        return bind_refuse(b, &st->pos, "ALTER of what other statements read or write");
    const struct plan_formats *f = o->node->formats;
    if (!bind_check_formats(b, &st->name_pos, schema, f->key_format, f->value_format))
        return false;
    struct plan_node *source = ARENA_NEW(b->a, struct plan_node);
    struct plan_node *node = ARENA_NEW(b->a, struct plan_node);
    *node = *o->node;
    *source = *o->writers.v[0];
    source->schema = node->schema = schema;
    o->node = node;
    o->writers.v[0] = source;
    node->statement = arena_printf(b->a, "%.*s;\n%.*s", STR_ARG(node->statement),
                                   STR_ARG(bind_statement_text(b, st)));
    return true;
}

// --- CREATE OR REPLACE ---------------------------------------------------------------------------

// The key columns of s, or the others, that `other` has not at the same place.
static void print_changed(struct buf *out, const struct schema *s, const struct schema *other,
                          bool keys)
{
    const uint32_t from = keys ? 0 : s->key_count, to = keys ? s->key_count : s->count;
    bool any = false;
    for (uint32_t i = from; i < to; i++) {
        const struct schema_column *x = &s->columns[i];
        const uint32_t at = i - from + (keys ? 0 : other->key_count);
        const uint32_t end = keys ? other->key_count : other->count;
        if (at < end && str_eq(x->name, other->columns[at].name) &&
            type_equal(x->type, other->columns[at].type))
            continue;
        buf_printf(out, "%s`%.*s` ", any ? ", " : "", STR_ARG(x->name));
        type_print(out, x->type);
        buf_text(out, x->key ? " KEY" : "");
        any = true;
    }
}

static bool not_upgradeable(const struct binder *b, const struct bind_object *from,
                            const struct schema *to, const char *why)
{
    struct buf x, y;
    buf_init(&x, BIND_MESSAGE_BYTES_MAX);
    buf_init(&y, BIND_MESSAGE_BYTES_MAX);
    schema_print(&x, from->node->schema);
    schema_print(&y, to);
    (void)bind_fail(b, &b->statement->pos,
                    "Cannot upgrade data source: DataSource '`%.*s`' has schema = %.*s which is "
                    "not upgradeable to %.*s. (%s)",
                    STR_ARG(from->node->name), (int)x.n, x.p, (int)y.n, y.p, why);
    buf_fini(&x);
    buf_fini(&y);
    return false;
}

static bool check_columns(const struct binder *b, const struct bind_object *from,
                          const struct bind_object *to)
{
    const struct schema *x = from->node->schema, *y = to->node->schema;
    struct buf keys, values;
    buf_init(&keys, BIND_MESSAGE_BYTES_MAX);
    buf_init(&values, BIND_MESSAGE_BYTES_MAX);
    print_changed(&keys, x, y, true);
    print_changed(&values, x, y, false);
    bool ok = keys.n == 0 && values.n == 0 && x->key_count == y->key_count;
    const char *why =
        keys.n || x->key_count != y->key_count
            ? arena_printf(b->a,
                           "Key columns must be identical. The following key columns are "
                           "changed, missing or reordered: [%.*s]",
                           (int)keys.n, keys.p)
                  .p
            : arena_printf(b->a, "The following columns are changed, missing or reordered: [%.*s]",
                           (int)values.n, values.p)
                  .p;
    buf_fini(&keys);
    buf_fini(&values);
    return ok || not_upgradeable(b, from, y, why);
}

static bool check_topics(const struct binder *b, const struct bind_object *from,
                         const struct bind_object *to)
{
    const struct plan_formats *x = from->node->formats, *y = to->node->formats;
    const bool keys = x->key_format == y->key_format;
    const char *what = "KAFKA_TOPIC";
    if (str_eq(x->topic, y->topic) && keys && x->value_format == y->value_format)
        return true;
    if (str_eq(x->topic, y->topic))
        what = keys ? "VALUE_FORMAT" : "KEY_FORMAT";
    return bind_fail(b, &b->statement->pos,
                     "Cannot upgrade data source: DataSource '`%.*s`' has another %s",
                     STR_ARG(from->node->name), what);
}

// --- state that goes on --------------------------------------------------------------------------

typedef LIST(struct str) name_list;

static void add_name(const struct binder *b, name_list *out, struct str name)
{
    for (uint32_t i = 0; i < out->n; i++)
        if (str_eq(out->v[i], name))
            return;
    list_push(b->a, out, name);
}

// The columns that x reads; an argument of an aggregate that is a star reads ROWTIME. The depth is the parser's.
static void add_columns(const struct binder *b, name_list *out, const struct ast_expr *x)
{
    if (!x)
        return;
    if (x->kind == AST_COLUMN)
        add_name(b, out, x->text);
    if (x->kind == AST_CALL && x->arg_count == 0 && bind_is_aggregate(x))
        add_name(b, out, STR("ROWTIME"));
    for (uint32_t i = 0; i < x->arg_count; i++)
        add_columns(b, out, x->args[i]);
}

static name_list aggregated_columns(const struct binder *b, const struct ast_query *q)
{
    name_list out = {0};
    for (uint32_t i = 0; i < q->group_count; i++)
        add_columns(b, &out, q->group_by[i]);
    for (uint32_t i = 0; i < q->item_count; i++)
        add_columns(b, &out, q->items[i].x);
    add_columns(b, &out, q->where);
    add_columns(b, &out, q->having);
    return out;
}

static bool same_names(const name_list *x, const name_list *y)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < x->n; i++)
        for (uint32_t k = 0; k < y->n; k++)
            found += str_eq(x->v[i], y->v[k]);
    return found == x->n && x->n == y->n;
}

static struct str print_names(const struct binder *b, const name_list *names)
{
    struct str out = STR("[");
    for (uint32_t i = 0; i < names->n; i++)
        out = arena_printf(b->a, "%.*s%s`%.*s`", STR_ARG(out), i ? ", " : "", STR_ARG(names->v[i]));
    return arena_printf(b->a, "%.*s]", STR_ARG(out));
}

// An aggregation goes on with its state only when what it reads stays the same.
static bool check_aggregation(const struct binder *b, const struct ast_statement *from,
                              const struct ast_statement *to)
{
    const struct ast_query *x = from->query, *y = to->query;
    if (!x || !y || !x->has_group || !y->has_group)
        return true;
    if (x->window || y->window)
        return bind_fail(b, &to->pos, "Upgrades not yet supported for StreamWindowedAggregate");
    const name_list xs = aggregated_columns(b, x), ys = aggregated_columns(b, y);
    if (same_names(&xs, &ys))
        return true;
    return bind_fail(b, &to->pos,
                     "StreamAggregate must have matching columns not part of aggregate. Values "
                     "differ: %.*s vs. %.*s",
                     STR_ARG(print_names(b, &xs)), STR_ARG(print_names(b, &ys)));
}

// ksqlDB's name of the last join of a query; NULL = none.
static const char *join_step(const struct plan_node *n)
{
    static const char *const names[] = {
        [PLAN_JOIN_STREAM_TABLE] = "StreamTableJoin",
        [PLAN_JOIN_STREAM_STREAM] = "StreamStreamJoin",
        [PLAN_JOIN_TABLE_TABLE] = "TableTableJoin",
        [PLAN_JOIN_FOREIGN_KEY] = "ForeignKeyTableTableJoin",
    };
    while (!plan_is_join(n->kind) && n->kind != PLAN_OBJECT && n->input_count)
        n = n->inputs[0];
    return plan_is_join(n->kind) ? names[n->kind] : NULL;
}

// What joins remember fits one join only.
static bool check_joins(const struct binder *b, const struct bind_object *from)
{
    const struct ast_statement *to = b->statement;
    const char *step = from->query ? join_step(from->query->top) : NULL;
    if (!step && to->query && to->query->from_count > 1)
        step = "joins";
    return !step || b->use == SQL_JOB ||
           bind_fail(b, &to->pos, "Upgrades not yet supported for %s", step);
}

bool bind_check_upgrade(const struct binder *b, const struct bind_object *from,
                        const struct bind_object *to)
{
    if (from->declared != to->declared)
        return bind_fail(b, &b->statement->pos, "Cannot upgrade data source: `%.*s` is %s",
                         STR_ARG(from->node->name),
                         from->declared ? "declared over a topic" : "the result of a query");
    return check_columns(b, from, to) && check_topics(b, from, to) && check_joins(b, from) &&
           check_aggregation(b, from->statement, b->statement);
}

// --- ASSERT STREAM, TABLE ------------------------------------------------------------------------

static bool differs(const struct binder *b, const struct ast_statement *st, const char *what,
                    const char *expected, const char *actual)
{
    return bind_fail(b, &st->pos,
                     "Expected %s does not match actual for source %.*s. Expected: %s, Actual: %s",
                     what, STR_ARG(st->name), expected, actual);
}

static const char *schema_text(const struct binder *b, const struct schema *s)
{
    struct buf text;
    buf_init(&text, BIND_MESSAGE_BYTES_MAX);
    schema_print(&text, s);
    const char *out = arena_str(b->a, buf_view(&text)).p;
    buf_fini(&text);
    return out;
}

static bool assert_schema(const struct binder *b, const struct ast_statement *st,
                          const struct plan_node *n)
{
    const struct schema *want;
    if (!st->has_elements)
        return true;
    if (!bind_column_list(&want, b, st))
        return false;
    return schema_equal(want, n->schema) ||
           differs(b, st, "schema", schema_text(b, want), schema_text(b, n->schema));
}

static bool assert_formats(const struct binder *b, const struct ast_statement *st,
                           const struct plan_formats *f, const struct with *w)
{
    static const char *const wrapping[] = {"[]", "[UNWRAP_SINGLES]"};
    if (w->topic.p && !str_eq(w->topic, f->topic))
        return differs(b, st, "kafka topic", arena_str(b->a, w->topic).p,
                       arena_str(b->a, f->topic).p);
    if (w->has_key_format && w->key_format != f->key_format)
        return differs(b, st, "key format", serde_format_name(w->key_format),
                       serde_format_name(f->key_format));
    if (w->has_value_format && w->value_format != f->value_format)
        return differs(b, st, "value format", serde_format_name(w->value_format),
                       serde_format_name(f->value_format));
    const bool unwrapped = f->value_wrapping == PLAN_UNWRAPPED && f->value_format != SERDE_KAFKA;
    if (w->has_wrap && !w->wrap && !unwrapped)
        return differs(b, st, "value serde features", wrapping[1], wrapping[0]);
    if (w->timestamp.p &&
        (f->timestamp_column.p == NULL || !str_eq_nocase(w->timestamp, f->timestamp_column)))
        return differs(b, st, "timestamp column", arena_str(b->a, w->timestamp).p,
                       f->timestamp_column.p ? arena_str(b->a, f->timestamp_column).p : "none");
    return true;
}

bool bind_assert_source(struct binder *b, const struct ast_statement *st)
{
    const struct bind_object *o = bind_find_object(b, st->name);
    struct with w;
    if (!o)
        return bind_fail(b, &st->name_pos, "%s does not exist", bind_name_text(b, st->name));
    if (!bind_with(&w, b, st))
        return false;
    if (o->node->table != st->table)
        return differs(b, st, "type", st->table ? "TABLE" : "STREAM",
                       o->node->table ? "TABLE" : "STREAM");
    return assert_schema(b, st, o->node) && assert_formats(b, st, o->node->formats, &w);
}
