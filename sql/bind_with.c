#include "sql/bind_plan_internal.h"
#include "sql/lexer.h"

#include "schema/text.h"

#include <assert.h>

// --- the clause ------------------------------------------------------------------------------------

enum with_kind { WITH_TEXT, WITH_FORMAT, WITH_COUNT, WITH_BOOL };

static bool with_text(struct str *out, const struct binder *b, const struct ast_property *p)
{
    if (p->value->kind != AST_STRING)
        return bind_fail(b, &p->value->pos, "property %.*s takes a string, found %s",
                         STR_ARG(p->name), bind_text(b, p->value));
    *out = p->value->text;
    return true;
}

static bool with_format(enum serde_format *out, bool *has, const struct binder *b,
                        const struct ast_property *p)
{
    struct str name;
    if (!with_text(&name, b, p))
        return false;
    *has = true;
    if (serde_format_parse(out, name))
        return true;
    (void)bind_fail(b, &p->value->pos, "Unknown format: %.*s", STR_ARG(name));
    return sql_hint(b->e, "formats are JSON, DELIMITED, KAFKA, NONE, AVRO, PROTOBUF, "
                          "PROTOBUF_NOSR and JSON_SR");
}

static bool with_count(int *out, const struct binder *b, const struct ast_property *p)
{
    int64_t v;
    if ((p->value->kind != AST_INTEGER && p->value->kind != AST_STRING) ||
        !str_to_i64(&v, p->value->text) || v < 1 || v > 100000)
        return bind_fail(b, &p->value->pos,
                         "property %.*s takes a number from 1 to 100000, found %s",
                         STR_ARG(p->name), bind_text(b, p->value));
    *out = (int)v;
    return true;
}

static bool with_bool(bool *out, const struct binder *b, const struct ast_property *p)
{
    const struct str text = p->value->text;
    const bool yes = str_eq_nocase(text, STR("true"));
    if ((p->value->kind != AST_BOOLEAN && p->value->kind != AST_STRING) ||
        (!yes && !str_eq_nocase(text, STR("false"))))
        return bind_fail(b, &p->value->pos, "property %.*s takes true or false, found %s",
                         STR_ARG(p->name), bind_text(b, p->value));
    *out = yes;
    return true;
}

static bool unknown_property(const struct binder *b, const struct ast_property *p)
{
    static const char *const later[] = {"RETENTION_MS", "CLEANUP_POLICY", "SOURCED_BY_CONNECTOR"};
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++)
        if (str_eq(p->name, str_from(later[i])))
            return bind_refuse(b, &p->pos, arena_printf(b->a, "property %s", later[i]).p);
    return bind_fail(b, &p->pos, "Invalid config variable(s) in the WITH clause: %.*s",
                     STR_ARG(p->name));
}

struct with_seen {
    bool format, key_format, value_format;
};

static bool with_property(struct with *w, struct with_seen *seen, const struct binder *b,
                          const struct ast_property *p)
{
    int ignored;
    bool known;
    if (!bind_topic_property(&known, w, b, p))
        return false;
    if (known)
        return true;
    if (str_eq(p->name, STR("KAFKA_TOPIC")))
        return with_text(&w->topic, b, p);
    if (str_eq(p->name, STR("KEY_FORMAT"))) {
        seen->key_format = true;
        return with_format(&w->key_format, &w->has_key_format, b, p);
    }
    if (str_eq(p->name, STR("VALUE_FORMAT"))) {
        seen->value_format = true;
        return with_format(&w->value_format, &w->has_value_format, b, p);
    }
    if (str_eq(p->name, STR("FORMAT"))) {
        seen->format = true;
        enum serde_format format;
        if (!with_format(&format, &w->has_key_format, b, p))
            return false;
        w->has_value_format = true;
        w->key_format = w->value_format = format;
        return true;
    }
    if (str_eq(p->name, STR("TIMESTAMP"))) {
        w->timestamp_pos = p->value->pos;
        return with_text(&w->timestamp, b, p);
    }
    if (str_eq(p->name, STR("TIMESTAMP_FORMAT"))) {
        w->timestamp_pos = p->value->pos;
        return with_text(&w->timestamp_format, b, p);
    }
    if (str_eq(p->name, STR("PARTITIONS")))
        return with_count(&w->partitions, b, p);
    if (str_eq(p->name, STR("REPLICAS")))
        return with_count(&ignored, b, p);
    if (str_eq(p->name, STR("WRAP_SINGLE_VALUE"))) {
        w->has_wrap = true;
        return with_bool(&w->wrap, b, p);
    }
    if (!bind_schema_property(&known, w, b, p))
        return false;
    return known || unknown_property(b, p);
}

bool bind_with(struct with *out, const struct binder *b, const struct ast_statement *st)
{
    struct with_seen seen = {0};
    *out = (struct with){
        .pos = st->name_pos, .timestamp_pos = st->name_pos, .as_select = st->kind == AST_CREATE_AS};
    for (uint32_t i = 0; i < st->property_count; i++) {
        const struct ast_property *p = &st->properties[i];
        for (uint32_t k = 0; k < i; k++)
            if (str_eq(p->name, st->properties[k].name))
                return bind_fail(b, &p->pos, "property %.*s is given twice", STR_ARG(p->name));
        if (!with_property(out, &seen, b, p))
            return false;
        const char *both = seen.format && seen.key_format     ? "KEY_FORMAT"
                           : seen.format && seen.value_format ? "VALUE_FORMAT"
                                                              : NULL;
        if (both)
            return bind_fail(
                b, &p->pos,
                "Cannot supply both '%s' and 'FORMAT' properties, as 'FORMAT' sets both "
                "key and value formats. Either use just 'FORMAT', or use 'KEY_FORMAT' "
                "and 'VALUE_FORMAT'.",
                both);
    }
    return true;
}

// --- what a format can hold ------------------------------------------------------------------------

static void print_columns(struct buf *out, const struct schema *s, uint32_t from, uint32_t to)
{
    buf_char(out, '[');
    for (uint32_t i = from; i < to; i++) {
        buf_printf(out, "%s`%.*s` ", i > from ? ", " : "", STR_ARG(s->columns[i].name));
        type_print(out, s->columns[i].type);
        buf_text(out, s->columns[i].key ? " KEY" : "");
    }
    buf_char(out, ']');
}

static bool has_map(const struct type *t)
{
    if (t->kind == TYPE_MAP)
        return true;
    for (uint32_t i = 0; i < t->field_count; i++)
        if (has_map(t->fields[i].type))
            return true;
    return false;
}

bool bind_check_map_key(const struct binder *b, const struct sql_pos *pos,
                        const struct schema_column *key)
{
    return !has_map(key->type) ||
           bind_fail(b, pos,
                     "Map keys, including types that contain maps, are not supported as they "
                     "may lead to unexpected behavior due to inconsistent serialization. Key "
                     "column name: `%.*s`. Column type: %s. See "
                     "https://github.com/confluentinc/ksql/issues/6621 for more.",
                     STR_ARG(key->name), bind_type_text(b, key->type));
}

static bool check_map_keys(const struct binder *b, const struct sql_pos *pos,
                           const struct schema *s)
{
    for (uint32_t i = 0; i < s->key_count; i++)
        if (!bind_check_map_key(b, pos, &s->columns[i]))
            return false;
    return true;
}

static bool holds_type(enum serde_format format, enum type_kind kind)
{
    const bool nested = kind == TYPE_ARRAY || kind == TYPE_MAP || kind == TYPE_STRUCT;
    if (format == SERDE_DELIMITED)
        return !nested;
    return format != SERDE_KAFKA || kind == TYPE_INTEGER || kind == TYPE_BIGINT ||
           kind == TYPE_DOUBLE || kind == TYPE_STRING || kind == TYPE_BYTES;
}

// The reason why columns [from, to) cannot be written in this format; false when they can.
static bool cannot_hold(struct buf *reason, const struct binder *b, enum serde_format format,
                        const struct schema *s, uint32_t from, uint32_t to)
{
    if (format == SERDE_NONE && to > from) {
        buf_text(reason, "The 'NONE' format can only be used when no columns are defined. Got: ");
        print_columns(reason, s, from, to);
    } else if (format == SERDE_KAFKA && to - from > 1) {
        buf_text(reason, "The 'KAFKA' format only supports a single field. Got: ");
        print_columns(reason, s, from, to);
    }
    for (uint32_t i = from; i < to && reason->n == 0; i++) {
        const enum type_kind kind = s->columns[i].type->kind;
        if (!holds_type(format, kind))
            buf_printf(reason, "The '%s' format does not support type '%s'",
                       serde_format_name(format), type_kind_name(kind));
    }
    if (reason->n == 0)
        bind_schema_problem(reason, b, format, s, from, to);
    return reason->n > 0;
}

static bool check_side(const struct binder *b, const struct sql_pos *pos, const struct schema *s,
                       enum serde_format format, bool key)
{
    const uint32_t from = key ? 0 : s->key_count, to = key ? s->key_count : s->count;
    struct buf reason, columns;
    buf_init(&reason, BIND_MESSAGE_BYTES_MAX);
    buf_init(&columns, BIND_MESSAGE_BYTES_MAX);
    const bool bad = cannot_hold(&reason, b, format, s, from, to);
    if (bad) {
        print_columns(&columns, s, from, to);
        (void)bind_fail(b, pos,
                        "%s format does not support schema.\nformat: %s\nschema: "
                        "Persistence{columns=%.*s, features=[]}\nreason: %.*s",
                        key ? "Key" : "Value", serde_format_name(format), (int)columns.n, columns.p,
                        (int)reason.n, reason.p);
    }
    buf_fini(&reason);
    buf_fini(&columns);
    return !bad;
}

bool bind_check_formats(const struct binder *b, const struct sql_pos *pos, const struct schema *s,
                        enum serde_format key, enum serde_format value)
{
    return check_map_keys(b, pos, s) && check_side(b, pos, s, key, true) &&
           check_side(b, pos, s, value, false);
}

// --- TIMESTAMP -------------------------------------------------------------------------------------

// A column name in a string: `quoted` as it is, otherwise upper case.
static struct str column_name(const struct binder *b, struct str text)
{
    if (text.n >= 2 && text.p[0] == '`' && text.p[text.n - 1] == '`')
        return str_slice(text, 1, text.n - 1);
    return lexer_upper(b->a, text);
}

bool bind_timestamp(int *out, const struct time_pattern **pattern, const struct binder *b,
                    const struct with *w, const struct schema *s)
{
    *out = -1;
    *pattern = NULL;
    if (!w->timestamp.p) {
        if (w->timestamp_format.p)
            return bind_fail(b, &w->timestamp_pos, "TIMESTAMP_FORMAT needs a TIMESTAMP column");
        return true;
    }
    const struct str name = column_name(b, w->timestamp);
    *out = schema_find(s, name);
    if (*out < 0)
        return bind_fail(
            b, &w->timestamp_pos,
            "The TIMESTAMP column set in the WITH clause does not exist in the schema: "
            "'%.*s'",
            STR_ARG(name));
    const enum type_kind kind = s->columns[*out].type->kind;
    const bool text = kind == TYPE_STRING && w->timestamp_format.p;
    if (!text && (kind != TYPE_BIGINT && kind != TYPE_TIMESTAMP))
        return bind_fail(
            b, &w->timestamp_pos,
            "Timestamp column, `%.*s`, should be LONG(INT64), TIMESTAMP, or a String with "
            "a timestamp_format specified",
            STR_ARG(name));
    if (!text && w->timestamp_format.p)
        return bind_fail(b, &w->timestamp_pos,
                         "TIMESTAMP_FORMAT is for STRING columns, `%.*s` is %s", STR_ARG(name),
                         type_kind_name(kind));
    if (text && !time_pattern_compile(pattern, b->a, w->timestamp_format, b->e)) {
        const struct err cause = *b->e;
        return bind_fail(b, &w->timestamp_pos,
                         "Invalid datatime format for config:TIMESTAMP_FORMAT, reason:%s",
                         cause.text);
    }
    return true;
}
