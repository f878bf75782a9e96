// CREATE STREAM|TABLE name (columns) WITH (…): a topic to read.
#include "sql/bind.h"
#include "sql/bind_plan_internal.h"

#include "schema/serde/serde_schema.h"

#include <assert.h>

static bool check_role(const struct binder *b, const struct ast_statement *st,
                       const struct ast_element *c)
{
    enum expr_pseudo pseudo;
    if (st->kind == AST_CREATE_SOURCE && bind_is_pseudo(c->name, &pseudo))
        return bind_fail(
            b, &c->pos,
            "'%.*s' is a reserved column name. You cannot use it as a name for a column.",
            STR_ARG(c->name));
    if (st->table && c->role == AST_KEY)
        return bind_fail(b, &c->pos,
                         "Column `%.*s` is a 'KEY' column: please use 'PRIMARY KEY' for tables.",
                         STR_ARG(c->name));
    if (!st->table && c->role == AST_PRIMARY_KEY)
        return bind_fail(b, &c->pos,
                         "Column `%.*s` is a 'PRIMARY KEY' column: please use 'KEY' for streams.",
                         STR_ARG(c->name));
    return true;
}

// ARRAY<STRUCT<`KEY` STRING, `VALUE` BYTES>>
static bool is_headers_type(const struct type *t)
{
    if (t->kind != TYPE_ARRAY || t->fields[0].type->kind != TYPE_STRUCT)
        return false;
    const struct type *item = t->fields[0].type;
    return item->field_count == 2 && str_eq(item->fields[0].name, STR("KEY")) &&
           item->fields[0].type->kind == TYPE_STRING &&
           str_eq(item->fields[1].name, STR("VALUE")) && item->fields[1].type->kind == TYPE_BYTES;
}

static bool is_key(const struct ast_element *c)
{
    return c->role == AST_KEY || c->role == AST_PRIMARY_KEY;
}

static bool check_headers(const struct binder *b, const struct ast_element *c, const struct type *t)
{
    if (c->role == AST_HEADER && t->kind != TYPE_BYTES)
        return bind_fail(b, &c->pos,
                         "Invalid type for HEADER('%.*s') column: expected BYTES, got %s",
                         STR_ARG(c->header), bind_type_text(b, t));
    if (c->role == AST_HEADERS && !is_headers_type(t))
        return bind_fail(b, &c->pos,
                         "Invalid type for HEADERS column: expected ARRAY<STRUCT<`KEY` STRING, "
                         "`VALUE` BYTES>>, got %s",
                         bind_type_text(b, t));
    return true;
}

static bool is_header(const struct ast_element *c)
{
    return c->role == AST_HEADER || c->role == AST_HEADERS;
}

// All headers in one column, or one column for each key.
static bool add_header(struct plan_source *out, const struct binder *b, const struct ast_element *c,
                       uint32_t at)
{
    struct plan_header *headers =
        ARENA_ARRAY(b->a, struct plan_header, (size_t)out->header_count + 1);
    for (uint32_t i = 0; i < out->header_count; i++) {
        headers[i] = out->headers[i];
        if (!headers[i].key.p || c->role == AST_HEADERS)
            return bind_fail(b, &c->pos, "Schema already contains a HEADERS column.");
        if (str_eq(headers[i].key, c->header))
            return bind_fail(b, &c->pos, "Schema already contains a HEADER('%.*s') column.",
                             STR_ARG(c->header));
    }
    headers[out->header_count++] =
        (struct plan_header){at, c->role == AST_HEADER ? c->header : STR_NONE};
    out->headers = headers;
    return true;
}

static bool bind_column(struct schema_column *out, const struct binder *b,
                        const struct ast_statement *st, const struct ast_element *c)
{
    *out = (struct schema_column){c->name, NULL, is_key(c)};
    return check_role(b, st, c) && bind_type(&out->type, b, c->type) &&
           check_headers(b, c, out->type);
}

// Columns in schema order: keys first.
static bool source_columns(struct schema *out, struct plan_source *source, const struct binder *b,
                           const struct ast_statement *st)
{
    struct schema_column *columns = ARENA_ZARRAY(b->a, struct schema_column, st->element_count);
    struct map *seen = map_new(b->a);
    uint32_t keys = 0, k = 0;
    if (st->element_count > BIND_COLUMNS_MAX)
        return bind_fail(b, &st->name_pos, "too many columns: at most %d", BIND_COLUMNS_MAX);
    for (uint32_t i = 0; i < st->element_count; i++)
        keys += is_key(&st->elements[i]);
    uint32_t v = keys;
    for (uint32_t i = 0; i < st->element_count; i++) {
        const struct ast_element *c = &st->elements[i];
        const uint32_t at = is_key(c) ? k++ : v++;
        bool added;
        (void)map_put(seen, c->name, &added);
        if (!added)
            return bind_fail(b, &c->pos, "Duplicate column name: `%.*s`", STR_ARG(c->name));
        if (!bind_column(&columns[at], b, st, c) || (is_header(c) && !add_header(source, b, c, at)))
            return false;
    }
    *out = (struct schema){.count = st->element_count, .key_count = keys, .columns = columns};
    return true;
}

static bool required(struct with *w, const struct binder *b, const struct ast_statement *st)
{
    if (!w->topic.p)
        return bind_fail(b, &st->name_pos,
                         "Missing required property \"KAFKA_TOPIC\" which has no default value.");
    if (!bind_default_formats(w, b))
        return false;
    if (!w->has_value_format)
        return bind_fail(
            b, &st->name_pos,
            "Statement is missing the 'VALUE_FORMAT' property from the WITH clause. Either "
            "provide one or set a default via the 'ksql.persistence.default.format.value' "
            "config.");
    if (!st->has_elements)
        return bind_fail(b, &st->name_pos, "The statement does not define any columns.");
    return true;
}

// What an earlier statement of the script writes to this topic; NULL = others do.
static struct bind_object *find_writer(const struct binder *b, struct str topic)
{
    for (uint32_t i = b->objects.n; i-- > 0;) {
        struct bind_object *o = b->objects.v[i];
        if (!o->declared && !o->dropped && str_eq(o->node->formats->topic, topic))
            return o;
    }
    return NULL;
}

// Rows of a statement's topic come in memory, through the formats of both.
static bool can_connect(const struct binder *b, const struct ast_statement *st,
                        const struct bind_object *from, const struct plan_source *to)
{
    const struct plan_window *x = &from->node->formats->window, *y = &to->window;
    if (b->use == SQL_TEST)
        return true;
    if (x->kind != y->kind || x->size_ms != y->size_ms)
        return bind_fail(b, &st->name_pos,
                         "topic %.*s is written by %.*s with other windows: give the WINDOW_TYPE "
                         "and WINDOW_SIZE that it has",
                         STR_ARG(to->topic), STR_ARG(from->node->name));
    return to->header_count == 0 ||
           bind_refuse(b, &st->name_pos, "HEADERS of a topic that this job writes");
}

static bool add_source(struct binder *b, const struct ast_statement *st,
                       const struct schema *schema, const struct plan_source *source,
                       struct plan_formats *formats)
{
    struct bind_object *o = ARENA_NEW(b->a, struct bind_object);
    const struct bind_object *writer = find_writer(b, source->topic);
    *o = (struct bind_object){
        .read_only = st->source, .has_headers = source->header_count > 0, .declared = true};
    o->node = bind_plan_node(b, PLAN_OBJECT, schema, NULL, &st->pos);
    o->node->name = st->name;
    o->node->table = st->table;
    o->node->source = source;
    o->node->formats = formats;
    if (writer) {
        if (!can_connect(b, st, writer, source))
            return false;
        formats->timestamp_index = source->timestamp_column;
        formats->timestamp_pattern = source->timestamp_pattern;
        list_push(b->a, &o->writers, writer->node);
    } else {
        struct plan_node *n = bind_plan_node(b, PLAN_SOURCE, schema, NULL, &st->pos);
        n->source = source;
        n->table = st->table;
        list_push(b->a, &o->writers, n);
    }
    return bind_add_object(b, o);
}

bool bind_create_source(struct binder *b, const struct ast_statement *st)
{
    struct with w;
    struct schema *schema = ARENA_NEW(b->a, struct schema);
    struct plan_source *source = ARENA_NEW(b->a, struct plan_source);
    struct plan_formats *formats = ARENA_NEW(b->a, struct plan_formats);
    if (!bind_with(&w, b, st) || !required(&w, b, st) || !source_columns(schema, source, b, st))
        return false;
    if (st->table && schema->key_count == 0)
        return bind_fail(b, &st->name_pos,
                         "Tables require a PRIMARY KEY. Please define the PRIMARY KEY.");
    if (w.window.kind != WINDOW_NONE && schema->key_count == 0)
        return bind_fail(b, &w.window_pos, "Windowed sources require a key column.");
    if (!w.has_key_format)
        w.key_format = SERDE_KAFKA;
    if (!bind_check_formats(b, &st->name_pos, schema, w.key_format, w.value_format) ||
        !bind_schema_check(b, &w) ||
        !bind_wrapping(&source->value_wrapping, b, &w, w.value_format, schema) ||
        !bind_topic_check(b, &w) ||
        !bind_timestamp(&source->timestamp_column, &source->timestamp_pattern, b, &w, schema))
        return false;
    source->topic = w.topic;
    source->key_format = w.key_format;
    source->value_format = w.value_format;
    source->key_schema = w.key_schema;
    source->value_schema = w.value_schema;
    source->timestamp_format = w.timestamp_format;
    source->partitions = w.partitions;
    source->timestamp_required =
        str_eq_nocase(bind_setting(b, STR(BIND_TIMESTAMP_REQUIRED)), STR("true"));
    source->window = w.window;
    source->key_delimiter = w.key_delimiter;
    source->value_delimiter = w.value_delimiter;
    schema->windowed = w.window.kind != WINDOW_NONE;
    *formats = (struct plan_formats){.topic = w.topic,
                                     .key_format = w.key_format,
                                     .value_format = w.value_format,
                                     .value_wrapping = source->value_wrapping,
                                     .key_schema = w.key_schema,
                                     .value_schema = w.value_schema,
                                     .window = w.window,
                                     .key_delimiter = w.key_delimiter,
                                     .value_delimiter = w.value_delimiter,
                                     .partitions = w.partitions,
                                     .read_only = st->source,
                                     .timestamp_column = w.timestamp,
                                     .timestamp_index = -1};
    if (w.key_format == SERDE_AVRO && !formats->key_schema.full_name.n)
        formats->key_schema.full_name = serde_avro_key_name(b->a, st->name);
    return add_source(b, st, schema, source, formats);
}

bool bind_column_list(const struct schema **out, const struct binder *b,
                      const struct ast_statement *st)
{
    struct schema *s = ARENA_NEW(b->a, struct schema);
    struct ast_statement copy = *st;
    struct plan_source headers = {0};
    copy.table = false;
    copy.elements = ARENA_ARRAY(b->a, struct ast_element, st->element_count + 1);
    for (uint32_t i = 0; i < st->element_count; i++) {
        copy.elements[i] = st->elements[i];
        if (copy.elements[i].role == AST_PRIMARY_KEY)
            copy.elements[i].role = AST_KEY;
    }
    *out = s;
    return source_columns(s, &headers, b, &copy);
}

bool bind_columns(const struct schema **out, struct arena *a, const struct sql_script *text,
                  const struct ast_statement *columns, struct err *e)
{
    const struct sql_source src = {text, 1};
    const struct binder b = {.a = a, .src = &src, .e = e, .type_names = map_new(a)};
    return bind_column_list(out, &b, columns);
}
