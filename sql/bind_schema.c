// Formats with schemas: their properties, which columns they leave to the registry, and whether a result fits a registered schema.
#include "sql/bind_plan_internal.h"

#include "schema/serde/infer.h"
#include "schema/serde/serde_schema.h"

#include <assert.h>

enum side { SIDE_KEY, SIDE_VALUE };

// --- properties ------------------------------------------------------------------------------------

static bool text_property(struct str *out, const struct binder *b, const struct ast_property *p)
{
    if (p->value->kind != AST_STRING)
        return bind_fail(b, &p->value->pos, "property %.*s takes a string, found %s",
                         STR_ARG(p->name), bind_text(b, p->value));
    *out = p->value->text;
    return p->value->text.n > 0 ||
           bind_fail(b, &p->value->pos,
                     "fullSchemaName cannot be empty. Format configuration: {fullSchemaName=}");
}

static bool id_property(int32_t *out, const struct binder *b, const struct ast_property *p)
{
    int64_t v;
    if ((p->value->kind != AST_INTEGER && p->value->kind != AST_STRING) ||
        !str_to_i64(&v, p->value->text) || v < 1 || v > INT32_MAX)
        return bind_fail(b, &p->value->pos, "property %.*s takes the id of a schema, found %s",
                         STR_ARG(p->name), bind_text(b, p->value));
    *out = (int32_t)v;
    return true;
}

static bool nullable_property(unsigned *out, const struct binder *b, const struct ast_property *p)
{
    const bool wrapper = str_eq_nocase(p->value->text, STR("WRAPPER"));
    if (p->value->kind != AST_STRING ||
        (!wrapper && !str_eq_nocase(p->value->text, STR("OPTIONAL"))))
        return bind_fail(b, &p->value->pos, "property %.*s takes 'OPTIONAL' or 'WRAPPER', found %s",
                         STR_ARG(p->name), bind_text(b, p->value));
    *out = wrapper ? SERDE_WRAPPER : SERDE_OPTIONAL;
    return true;
}

bool bind_schema_property(bool *known, struct with *w, const struct binder *b,
                          const struct ast_property *p)
{
    const bool key = str_starts(p->name, STR("KEY_"));
    struct plan_schema *s = key ? &w->key_schema : &w->value_schema;
    const struct str rest = str_slice(p->name, key ? 4 : 6, p->name.n);
    *known = false;
    if (!key && !str_starts(p->name, STR("VALUE_")))
        return true;
    *known = true;
    if (key)
        w->key_schema_pos = p->pos;
    else
        w->value_schema_pos = p->pos;
    if (str_eq(rest, STR("SCHEMA_ID")))
        return id_property(&s->id, b, p);
    if (str_eq(rest, STR("SCHEMA_FULL_NAME")) ||
        (!key && str_eq(rest, STR("AVRO_SCHEMA_FULL_NAME"))))
        return text_property(&s->full_name, b, p);
    if (str_eq(rest, STR("PROTOBUF_NULLABLE_REPRESENTATION")))
        return nullable_property(&s->nullable, b, p);
    *known = false;
    return true;
}

// --- what goes together ----------------------------------------------------------------------------

static bool check_side(const struct binder *b, const struct plan_schema *s,
                       enum serde_format format, char delimiter, const struct sql_pos *pos,
                       enum side side)
{
    const bool protobuf = format == SERDE_PROTOBUF || format == SERDE_PROTOBUF_NOSR;
    const char *unknown = NULL;
    if (s->id && !serde_uses_registry(format))
        return bind_fail(b, pos,
                         "%s_FORMAT should support schema inference when %s_SCHEMA_ID is provided. "
                         "Current format is %s.",
                         side == SIDE_KEY ? "KEY" : "VALUE", side == SIDE_KEY ? "KEY" : "VALUE",
                         serde_format_name(format));
    if (s->full_name.n && !serde_uses_registry(format))
        unknown = "fullSchemaName";
    if (s->nullable && !protobuf)
        unknown = "nullableRepresentation";
    if (delimiter && format != SERDE_DELIMITED)
        unknown = "delimiter";
    return !unknown || bind_fail(b, pos, "%s does not support the following configs: [%s]",
                                 serde_format_name(format), unknown);
}

bool bind_schema_check(const struct binder *b, const struct with *w)
{
    const struct sql_pos *key = w->key_delimiter ? &w->pos : &w->key_schema_pos;
    const struct sql_pos *value = w->value_delimiter ? &w->pos : &w->value_schema_pos;
    return check_side(b, &w->key_schema, w->key_format, w->key_delimiter, key, SIDE_KEY) &&
           check_side(b, &w->value_schema, w->value_format, w->value_delimiter, value, SIDE_VALUE);
}

bool bind_wrapping(enum plan_wrapping *out, const struct binder *b, const struct with *w,
                   enum serde_format value_format, const struct schema *s)
{
    const bool single = s->count - s->key_count == 1 && serde_can_unwrap(value_format);
    const bool bare =
        single && str_eq_nocase(bind_setting(b, STR(BIND_DEFAULT_WRAPPING)), STR("false"));
    *out = value_format == SERDE_KAFKA || (w->has_wrap ? !w->wrap : bare) ? PLAN_UNWRAPPED
                                                                          : PLAN_WRAPPED;
    if (!w->has_wrap)
        return true;
    if (s->count - s->key_count != 1)
        return bind_fail(b, &w->pos,
                         "'WRAP_SINGLE_VALUE' is only valid for single-field value schemas");
    if (w->wrap ? !serde_can_wrap(value_format) : !serde_can_unwrap(value_format))
        return bind_fail(b, &w->pos,
                         "Format '%s' does not support 'WRAP_SINGLE_VALUE' set to '%s'.",
                         serde_format_name(value_format), w->wrap ? "true" : "false");
    return true;
}

void bind_schema_problem(struct buf *reason, const struct binder *b, enum serde_format format,
                         const struct schema *s, uint32_t from, uint32_t to)
{
    struct registry_schema ignored;
    struct err e;
    struct serde_spec spec = {.format = format, .count = to - from};
    if (format == SERDE_JSON)
        spec.format = SERDE_JSON_SR;
    if (format == SERDE_PROTOBUF_NOSR)
        spec.format = SERDE_PROTOBUF;
    if (!serde_uses_registry(spec.format))
        return;
    struct serde_column *columns = ARENA_ARRAY(b->a, struct serde_column, (size_t)to - from + 1);
    for (uint32_t i = from; i < to; i++)
        columns[i - from] = (struct serde_column){s->columns[i].name, s->columns[i].type};
    spec.columns = columns;
    if (!serde_derive(&ignored, b->a, &spec, &e))
        buf_text(reason, e.text);
}

// --- inference -------------------------------------------------------------------------------------

struct wanted { // the schema of one side
    const struct binder *b;
    const struct sql_pos *pos;
    struct str topic;
    enum serde_format format;
    const struct plan_schema *schema;
    enum side side;
    bool unwrapped; // a value that is no STRUCT is wanted
};

static bool absent(const struct wanted *w)
{
    const char *side = w->side == SIDE_KEY ? "key" : "value";
    const struct str which =
        w->schema->id ? arena_printf(w->b->a, "Schema Id: %d", (int)w->schema->id)
                      : arena_printf(w->b->a, "Subject: %.*s-%s", STR_ARG(w->topic), side);
    return bind_fail(w->b, w->pos,
                     "Schema for message %ss on topic '%.*s' does not exist in the Schema "
                     "Registry.\n%.*s\nPossible causes include:\n- The topic itself does not "
                     "exist\n- Messages on the topic are not serialized using a format Schema "
                     "Registry supports\n- The schema is registered on a different instance of the "
                     "Schema Registry",
                     side, STR_ARG(w->topic), STR_ARG(which));
}

// The place in the SQL is added to what the registry says; its kind stays (a registry that is down is worth retrying).
static bool registry_failed(const struct wanted *w)
{
    struct err cause = *w->b->e;
    (void)bind_fail(w->b, w->pos, "%s", cause.text);
    w->b->e->kind = cause.kind;
    w->b->e->remedy = cause.remedy;
    return false;
}

static bool find_type(const struct type **out, const struct wanted *w)
{
    const struct binder *b = w->b;
    const struct registry_schema *schema;
    struct schema_files files;
    struct err cause;
    if (!b->registry) {
        (void)bind_fail(b, w->pos,
                        "the columns of topic %.*s are in a schema registry, and none "
                        "is configured",
                        STR_ARG(w->topic));
        return sql_hint(b->e, "set schema_registry: {url: …}, or list the columns");
    }
    const struct str subject =
        arena_printf(b->a, "%.*s-%s", STR_ARG(w->topic), w->side == SIDE_KEY ? "key" : "value");
    switch (w->schema->id
                ? registry_by_id(b->registry, &schema, w->schema->id, b->e)
                : registry_by_subject(b->registry, &schema, subject, REGISTRY_LATEST, b->e)) {
    case REGISTRY_FAILED:
        return registry_failed(w);
    case REGISTRY_ABSENT:
        return absent(w);
    case REGISTRY_FOUND:
        break;
    }
    if (schema->kind != serde_registry_kind(w->format))
        return bind_fail(b, w->pos, "Schema of message %ss on topic '%.*s' is in %s, not in %s.",
                         w->side == SIDE_KEY ? "key" : "value", STR_ARG(w->topic),
                         registry_kind_name(schema->kind), serde_format_name(w->format));
    if (schema_files_load(&files, b->a, b->registry, schema, b->e) != REGISTRY_FOUND)
        return registry_failed(w);
    if (!serde_infer(out, b->a, w->format, &files, w->schema->full_name, &cause))
        return bind_fail(b, w->pos,
                         "Unable to verify if the schema for message %ss on topic %.*s is "
                         "compatible with ksqlDB.\nReason: %s",
                         w->side == SIDE_KEY ? "key" : "value", STR_ARG(w->topic), cause.text);
    if (!w->schema->id)
        *out = serde_infer_upper(b->a, *out);
    return true;
}

static const struct ast_type *ast_type_of(const struct binder *b, const struct type *t,
                                          const struct sql_pos *pos)
{
    struct ast_type *out = ARENA_NEW(b->a, struct ast_type);
    out->pos = *pos;
    out->kind = t->kind == TYPE_DECIMAL  ? AST_TYPE_DECIMAL
                : t->kind == TYPE_ARRAY  ? AST_TYPE_ARRAY
                : t->kind == TYPE_MAP    ? AST_TYPE_MAP
                : t->kind == TYPE_STRUCT ? AST_TYPE_STRUCT
                                         : AST_TYPE_NAMED;
    out->name = str_from(type_kind_name(t->kind));
    out->precision = t->precision;
    out->scale = t->scale;
    out->count = t->field_count;
    out->args = ARENA_ARRAY(b->a, const struct ast_type *, (size_t)t->field_count + 1);
    out->names = ARENA_ARRAY(b->a, struct str, (size_t)t->field_count + 1);
    for (uint32_t i = 0; i < t->field_count; i++) {
        out->args[i] = ast_type_of(b, t->fields[i].type, pos);
        out->names[i] = t->fields[i].name;
    }
    return out;
}

// The columns of one side: of a STRUCT its fields, else (or when a bare value is wanted) one column.
static bool infer_side(const struct schema_column **out, uint32_t *n, const struct wanted *w)
{
    const struct type *t;
    if (!find_type(&t, w))
        return false;
    const bool single = w->unwrapped || t->kind != TYPE_STRUCT;
    if (single && !w->unwrapped)
        return bind_fail(w->b, w->pos,
                         "The schema for message values on topic '%.*s' is an anonymous type: set "
                         "WRAP_SINGLE_VALUE to false to read it as one column",
                         STR_ARG(w->topic));
    *n = single ? 1 : t->field_count;
    struct schema_column *columns = ARENA_ARRAY(w->b->a, struct schema_column, (size_t)*n + 1);
    for (uint32_t i = 0; i < *n; i++)
        columns[i] =
            single
                ? (struct schema_column){w->side == SIDE_KEY ? STR("ROWKEY") : STR("ROWVAL"), t,
                                         w->side == SIDE_KEY}
                : (struct schema_column){t->fields[i].name, t->fields[i].type, w->side == SIDE_KEY};
    *out = columns;
    return true;
}

static bool add_side(const struct binder *b, struct ast_statement *st, const struct wanted *w)
{
    const struct schema_column *columns;
    uint32_t n;
    if (!infer_side(&columns, &n, w))
        return false;
    struct ast_element *all =
        ARENA_ZARRAY(b->a, struct ast_element, (size_t)st->element_count + n + 1);
    const uint32_t keys = w->side == SIDE_KEY ? n : 0;
    for (uint32_t i = 0; i < n; i++)
        all[w->side == SIDE_KEY ? i : st->element_count + i] = (struct ast_element){
            .name = columns[i].name,
            .type = ast_type_of(b, columns[i].type, w->pos),
            .role = w->side == SIDE_VALUE ? AST_VALUE
                    : st->table           ? AST_PRIMARY_KEY
                                          : AST_KEY,
            .pos = *w->pos,
        };
    for (uint32_t i = 0; i < st->element_count; i++)
        all[keys + i] = st->elements[i];
    st->elements = all;
    st->element_count += n;
    st->has_elements = true;
    return true;
}

static bool both(const struct binder *b, const struct sql_pos *pos, const char *side)
{
    return bind_fail(
        b, pos, "Table elements and %s_SCHEMA_ID cannot both exist for create statement.", side);
}

bool bind_infer_columns(const struct binder *b, struct ast_statement *st)
{
    struct with w;
    bool keys = false, values = false;
    if (!bind_with(&w, b, st))
        return false;
    if (!w.topic.p || !w.has_value_format)
        return true; // said where the statement is bound
    for (uint32_t i = 0; i < st->element_count; i++) {
        const enum ast_column_role role = st->elements[i].role;
        keys = keys || role == AST_KEY || role == AST_PRIMARY_KEY;
        values = values || role == AST_VALUE;
    }
    if (!w.has_key_format)
        w.key_format = SERDE_KAFKA;
    if (keys && w.key_schema.id)
        return both(b, &w.key_schema_pos, "KEY");
    if (values && w.value_schema.id)
        return both(b, &w.value_schema_pos, "VALUE");
    if (!bind_schema_check(b, &w))
        return false;
    const struct wanted key = {b,
                               &st->name_pos,
                               w.topic,
                               w.key_format,
                               &w.key_schema,
                               SIDE_KEY,
                               serde_key_unwrapped(w.key_format, 1)};
    const struct wanted value = {
        b,          &st->name_pos,        w.topic, w.value_format, &w.value_schema,
        SIDE_VALUE, w.has_wrap && !w.wrap};
    if (!keys && serde_uses_registry(w.key_format) && !add_side(b, st, &key))
        return false;
    return values || !serde_uses_registry(w.value_format) || add_side(b, st, &value);
}

// --- results ---------------------------------------------------------------------------------------

static void print_column(struct buf *out, const struct schema_column *c)
{
    buf_printf(out, "`%.*s` ", STR_ARG(c->name));
    type_print(out, c->type);
    buf_text(out, c->key ? " KEY" : "");
}

static bool fits_side(const struct wanted *w, const struct schema *s)
{
    const struct schema_column *columns;
    const uint32_t from = w->side == SIDE_KEY ? 0 : s->key_count;
    const uint32_t to = w->side == SIDE_KEY ? s->key_count : s->count;
    uint32_t n;
    struct buf changed, have;
    if (!w->schema->id)
        return true;
    if (!infer_side(&columns, &n, w))
        return false;
    buf_init(&changed, BIND_MESSAGE_BYTES_MAX);
    buf_init(&have, BIND_MESSAGE_BYTES_MAX);
    for (uint32_t i = from; i < to; i++) {
        const struct schema_column *c = &s->columns[i];
        if (i - from < n && str_eq(columns[i - from].name, c->name) &&
            type_equal(columns[i - from].type, c->type))
            continue;
        buf_text(&changed, changed.n ? ", " : "");
        print_column(&changed, c);
    }
    for (uint32_t i = 0; i < n; i++) {
        buf_text(&have, i ? ", " : "");
        print_column(&have, &columns[i]);
    }
    const bool ok = changed.n == 0;
    if (!ok)
        (void)bind_fail(w->b, w->pos,
                        "The following %s columns are changed, missing or reordered: [%.*s]. "
                        "Schema from schema registry is [%.*s]",
                        w->side == SIDE_KEY ? "key" : "value", (int)changed.n, changed.p,
                        (int)have.n, have.p);
    buf_fini(&changed);
    buf_fini(&have);
    return ok;
}

bool bind_schema_fits(const struct binder *b, const struct with *w, const struct schema *s)
{
    const struct str topic = w->topic.p ? w->topic : b->statement->name;
    const struct wanted key = {b,
                               &w->key_schema_pos,
                               topic,
                               w->key_format,
                               &w->key_schema,
                               SIDE_KEY,
                               serde_key_unwrapped(w->key_format, s->key_count)};
    const struct wanted value = {
        b,          &w->value_schema_pos,   topic, w->value_format, &w->value_schema,
        SIDE_VALUE, w->has_wrap && !w->wrap};
    return fits_side(&key, s) && fits_side(&value, s);
}
