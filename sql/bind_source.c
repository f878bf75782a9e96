// CREATE STREAM|TABLE name (columns) WITH (…): a topic to read.
#include "sql/bind.h"
#include "sql/bind_plan_internal.h"

#include <assert.h>

static bool check_role(const struct binder *b, const struct ast_statement *st,
                       const struct ast_element *c)
{
    enum expr_pseudo pseudo;
    if (bind_is_pseudo(c->name, &pseudo))
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
    if (c->role == AST_HEADER)
        return bind_refuse(b, &c->pos, "HEADER('key') columns");
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

// One column; *headers becomes its place when it is the HEADERS column.
static bool bind_column(struct schema_column *out, int *headers, const struct binder *b,
                        const struct ast_statement *st, const struct ast_element *c)
{
    *out = (struct schema_column){c->name, NULL, is_key(c)};
    if (!check_role(b, st, c) || !bind_type(&out->type, b, c->type))
        return false;
    if (c->role != AST_HEADERS)
        return true;
    if (*headers >= 0)
        return bind_fail(b, &c->pos, "Only one HEADERS column is allowed");
    if (!is_headers_type(out->type))
        return bind_fail(b, &c->pos,
                         "Invalid type for HEADERS column: expected ARRAY<STRUCT<`KEY` STRING, "
                         "`VALUE` BYTES>>, got %s",
                         bind_type_text(b, out->type));
    *headers = 0;
    return true;
}

// Columns in schema order: keys first.
static bool source_columns(struct schema *out, int *headers, const struct binder *b,
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
    *headers = -1;
    for (uint32_t i = 0; i < st->element_count; i++) {
        const struct ast_element *c = &st->elements[i];
        const uint32_t at = is_key(c) ? k++ : v++;
        bool added;
        (void)map_put(seen, c->name, &added);
        if (!added)
            return bind_fail(b, &c->pos, "Duplicate column name: `%.*s`", STR_ARG(c->name));
        if (!bind_column(&columns[at], headers, b, st, c))
            return false;
        if (c->role == AST_HEADERS)
            *headers = (int)at;
    }
    *out = (struct schema){.count = st->element_count, .key_count = keys, .columns = columns};
    return true;
}

static bool required(const struct binder *b, const struct ast_statement *st, const struct with *w)
{
    if (!w->topic.p)
        return bind_fail(b, &st->name_pos,
                         "Missing required property \"KAFKA_TOPIC\" which has no default value.");
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

// A topic that an earlier statement writes would have to be connected in memory.
static bool check_topic(const struct binder *b, const struct sql_pos *pos, struct str topic)
{
    for (uint32_t i = 0; i < b->objects.n; i++) {
        const struct bind_object *o = b->objects.v[i];
        if (!o->declared && str_eq(o->node->formats->topic, topic)) {
            const struct str what = arena_printf(
                b->a, "reading topic %.*s, which %.*s of this job writes (select from %.*s itself)",
                STR_ARG(topic), STR_ARG(o->node->name), STR_ARG(o->node->name));
            return bind_refuse(b, pos, what.p);
        }
    }
    return true;
}

bool bind_create_source(struct binder *b, const struct ast_statement *st)
{
    struct with w;
    struct schema *schema = ARENA_NEW(b->a, struct schema);
    struct plan_source *source = ARENA_NEW(b->a, struct plan_source);
    struct plan_formats *formats = ARENA_NEW(b->a, struct plan_formats);
    if (!bind_with(&w, b, st) || !required(b, st, &w) ||
        !source_columns(schema, &source->header_column, b, st))
        return false;
    if (st->table && schema->key_count == 0)
        return bind_fail(b, &st->name_pos,
                         "Tables require a PRIMARY KEY. Please define the PRIMARY KEY.");
    if (!w.has_key_format)
        w.key_format = SERDE_KAFKA;
    if (!bind_check_formats(b, &st->name_pos, schema, w.key_format, w.value_format) ||
        !bind_schema_check(b, &w) ||
        !bind_wrapping(&source->value_wrapping, b, &w, w.value_format, schema) ||
        !check_topic(b, &st->name_pos, w.topic) ||
        !bind_timestamp(&source->timestamp_column, &source->timestamp_pattern, b, &w, schema))
        return false;
    source->topic = w.topic;
    source->key_format = w.key_format;
    source->value_format = w.value_format;
    source->key_schema = w.key_schema;
    source->value_schema = w.value_schema;
    source->timestamp_format = w.timestamp_format;
    source->partitions = w.partitions;
    *formats = (struct plan_formats){.topic = w.topic,
                                     .key_format = w.key_format,
                                     .value_format = w.value_format,
                                     .value_wrapping = source->value_wrapping,
                                     .key_schema = w.key_schema,
                                     .value_schema = w.value_schema,
                                     .partitions = w.partitions,
                                     .timestamp_index = -1};
    struct plan_node *n = bind_plan_node(b, PLAN_SOURCE, schema, NULL, &st->pos);
    n->source = source;
    n->table = st->table;
    struct bind_object *o = ARENA_NEW(b->a, struct bind_object);
    *o = (struct bind_object){
        .read_only = st->source, .has_headers = source->header_column >= 0, .declared = true};
    o->node = bind_plan_node(b, PLAN_OBJECT, schema, NULL, &st->pos);
    o->node->name = st->name;
    o->node->table = st->table;
    o->node->source = source;
    o->node->formats = formats;
    list_push(b->a, &o->writers, n);
    return bind_add_object(b, o);
}

bool bind_column_list(const struct schema **out, const struct binder *b,
                      const struct ast_statement *st)
{
    struct schema *s = ARENA_NEW(b->a, struct schema);
    struct ast_statement copy = *st;
    int headers;
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
