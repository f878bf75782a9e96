#include "orchestrator/sqltest/schemas.h"

#include "orchestrator/sqltest/typed.h"
#include "schema/serde/serde_schema.h"
#include "sql/bind.h"
#include "sql/parser.h"

#include <assert.h>

#define TEXT_MAX ((size_t)4 << 20)

struct schemas {
    struct registry *registry;
    struct arena *a;
    const struct suite_case *c;
    struct err *e;
};

static const struct jnode *listed(const struct jnode *node, struct str topic)
{
    const struct jnode *list = jnode_get(node, STR("topics"));
    for (uint32_t i = 0; list && list->kind == JNODE_ARRAY && i < list->count; i++)
        if (str_eq(jnode_text(&list->items[i], STR("name")), topic))
            return &list->items[i];
    return NULL;
}

// --- what statements describe ------------------------------------------------------------------------

static struct str property(const struct ast_statement *st, const char *name)
{
    for (uint32_t i = 0; i < st->property_count; i++)
        if (str_eq(st->properties[i].name, str_from(name)))
            return st->properties[i].value->text;
    return STR_NONE;
}

static bool format_of(enum serde_format *out, const struct ast_statement *st, enum record_side side)
{
    const struct str own = property(st, side == RECORD_KEY ? "KEY_FORMAT" : "VALUE_FORMAT");
    const struct str both = property(st, "FORMAT");
    return serde_format_parse(out, own.p ? own : both) && serde_uses_registry(*out);
}

static bool add_statement_side(struct schemas *s, const struct ast_statement *st,
                               const struct schema *schema, enum record_side side)
{
    const struct str topic = property(st, "KAFKA_TOPIC");
    const struct jnode *own = listed(s->c->node, topic);
    const uint32_t from = side == RECORD_KEY ? 0 : schema->key_count;
    const uint32_t to = side == RECORD_KEY ? schema->key_count : schema->count;
    struct serde_spec spec = {.registry = s->registry};
    const struct str nullable =
        property(st, side == RECORD_KEY ? "KEY_PROTOBUF_NULLABLE_REPRESENTATION"
                                        : "VALUE_PROTOBUF_NULLABLE_REPRESENTATION");
    if (!format_of(&spec.format, st, side) || from == to || !topic.p ||
        (own && jnode_get(own, side == RECORD_KEY ? STR("keySchema") : STR("valueSchema"))))
        return true;
    struct serde_column *columns = ARENA_ARRAY(s->a, struct serde_column, (size_t)(to - from) + 1);
    for (uint32_t i = from; i < to; i++)
        columns[spec.count++] =
            (struct serde_column){schema->columns[i].name, schema->columns[i].type};
    spec.columns = columns;
    spec.full_name =
        property(st, side == RECORD_KEY ? "KEY_SCHEMA_FULL_NAME" : "VALUE_SCHEMA_FULL_NAME");
    if (side == RECORD_KEY && spec.format == SERDE_AVRO && !spec.full_name.n)
        spec.full_name = serde_avro_key_name(s->a, st->name);
    spec.nullable = str_eq_nocase(nullable, STR("OPTIONAL"))  ? SERDE_OPTIONAL
                    : str_eq_nocase(nullable, STR("WRAPPER")) ? SERDE_WRAPPER
                                                              : SERDE_PLAIN;
    if (side == RECORD_KEY ? serde_key_unwrapped(spec.format, spec.count)
                           : str_eq_nocase(property(st, "WRAP_SINGLE_VALUE"), STR("false")))
        spec.wrapping = SERDE_UNWRAPPED;
    struct err refused; // said again where the statement is planned
    return serde_register(&spec, s->a, typed_subject(s->a, topic, side), &refused) ||
           refused.kind == ERR_SQL;
}

// Columns of types that other statements create are described later, when a record is written.
static bool add_statements(struct schemas *s)
{
    const struct sql_script script = {"statements", s->c->text};
    struct ast_script parsed;
    struct err ignored;
    if (!parser_run(&parsed, s->a, &script, 1, &ignored))
        return true;
    for (size_t i = 0; i < parsed.n; i++) {
        const struct ast_statement *st = parsed.v[i];
        const struct schema *schema;
        if (st->kind != AST_CREATE_SOURCE || !st->has_elements ||
            !bind_columns(&schema, s->a, &script, st, &ignored))
            continue;
        if (!add_statement_side(s, st, schema, RECORD_KEY) ||
            !add_statement_side(s, st, schema, RECORD_VALUE))
            return false;
    }
    return true;
}

// --- what the test lists -----------------------------------------------------------------------------

static struct str schema_text(struct arena *a, const struct jnode *schema, enum registry_kind kind)
{
    struct buf text;
    if (kind == REGISTRY_PROTOBUF)
        return schema->text;
    buf_init(&text, TEXT_MAX);
    jnode_print(&text, schema);
    const struct str out = arena_str(a, buf_view(&text));
    buf_fini(&text);
    return out;
}

static enum registry_kind kind_of(struct str format)
{
    enum serde_format f;
    if (str_eq_nocase(format, STR("JSON")))
        return REGISTRY_JSON;
    return serde_format_parse(&f, format) && serde_uses_registry(f) ? serde_registry_kind(f)
                                                                    : REGISTRY_AVRO;
}

static bool add_references(struct registry_schema *out, struct schemas *s,
                           const struct jnode *references)
{
    const uint32_t n = references && references->kind == JNODE_ARRAY ? references->count : 0;
    struct registry_reference *list = ARENA_ARRAY(s->a, struct registry_reference, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        const struct jnode *r = &references->items[i];
        const struct jnode *text = jnode_get(r, STR("schema"));
        const struct str name = jnode_text(r, STR("name"));
        struct registry_schema schema = {.kind = out->kind};
        int32_t id;
        if (!text)
            return err_fail(s->e, ERR_DATA, "reference %.*s has no schema", STR_ARG(name));
        schema.text = schema_text(s->a, text, schema.kind);
        if (!registry_put(s->registry, &id, name, &schema, s->e))
            return false;
        list[i] = (struct registry_reference){name, name, 1};
    }
    out->references = list;
    out->reference_count = n;
    return true;
}

static bool add_listed_side(struct schemas *s, const struct jnode *topic, enum record_side side)
{
    const bool key = side == RECORD_KEY;
    const struct jnode *text = jnode_get(topic, key ? STR("keySchema") : STR("valueSchema"));
    const struct jnode *id = jnode_get(topic, key ? STR("keySchemaId") : STR("valueSchemaId"));
    const struct str subject = typed_subject(s->a, jnode_text(topic, STR("name")), side);
    struct registry_schema schema = {
        .kind = kind_of(jnode_text(topic, key ? STR("keyFormat") : STR("valueFormat")))};
    int64_t number;
    int32_t given;
    if (!text || text->kind == JNODE_NULL)
        return true;
    if (!add_references(
            &schema, s,
            jnode_get(topic, key ? STR("keySchemaReferences") : STR("valueSchemaReferences"))))
        return false;
    schema.text = schema_text(s->a, text, schema.kind);
    if (id && str_to_i64(&number, id->text) && number > 0 && number <= INT32_MAX)
        return registry_memory_put_id(s->registry, subject, (int32_t)number, &schema, s->e);
    return registry_put(s->registry, &given, subject, &schema, s->e);
}

bool schemas_register(struct registry *registry, struct arena *a, const struct suite_case *c,
                      struct err *e)
{
    struct schemas s = {registry, a, c, e};
    const struct jnode *list = jnode_get(c->node, STR("topics"));
    if (!add_statements(&s))
        return false;
    for (uint32_t i = 0; list && list->kind == JNODE_ARRAY && i < list->count; i++)
        if (!add_listed_side(&s, &list->items[i], RECORD_KEY) ||
            !add_listed_side(&s, &list->items[i], RECORD_VALUE))
            return false;
    return true;
}

// --- post --------------------------------------------------------------------------------------------

// Members that only Connect reads do not count, nor does their order.
static bool same_json(const struct jnode *x, const struct jnode *y)
{
    if (x->kind != y->kind)
        return false;
    if (x->kind != JNODE_OBJECT && x->kind != JNODE_ARRAY)
        return str_eq(x->text, y->text);
    if (x->kind == JNODE_ARRAY) {
        for (uint32_t i = 0; i < x->count && i < y->count; i++)
            if (!same_json(&x->items[i], &y->items[i]))
                return false;
        return x->count == y->count;
    }
    for (uint32_t i = 0; i < x->count; i++) {
        const struct jnode *v = jnode_get(y, x->names[i]);
        if (!str_starts(x->names[i], STR("connect.")) && (!v || !same_json(&x->items[i], v)))
            return false;
    }
    for (uint32_t i = 0; i < y->count; i++)
        if (!str_starts(y->names[i], STR("connect.")) && !jnode_get(x, y->names[i]))
            return false;
    return true;
}

static bool same_text(struct str x, struct str y)
{
    size_t i = 0, k = 0;
    for (;;) {
        while (i < x.n && (x.p[i] == ' ' || x.p[i] == '\n'))
            i++;
        while (k < y.n && (y.p[k] == ' ' || y.p[k] == '\n'))
            k++;
        if (i == x.n || k == y.n)
            return i == x.n && k == y.n;
        if (x.p[i++] != y.p[k++])
            return false;
    }
}

static bool check_side(struct str *why, struct arena *a, struct registry *registry,
                       const struct jnode *topic, enum record_side side)
{
    const struct jnode *want =
        jnode_get(topic, side == RECORD_KEY ? STR("keySchema") : STR("valueSchema"));
    const struct str subject = typed_subject(a, jnode_text(topic, STR("name")), side);
    const struct registry_schema *have;
    struct jnode parsed;
    struct err e;
    if (!want || want->kind == JNODE_NULL)
        return true;
    if (registry_by_subject(registry, &have, subject, REGISTRY_LATEST, &e) != REGISTRY_FOUND) {
        *why = arena_printf(a, "post: %.*s has no schema", STR_ARG(subject));
        return false;
    }
    const bool same = have->kind == REGISTRY_PROTOBUF
                          ? same_text(want->text, have->text)
                          : jnode_parse(&parsed, a, have->text, &e) && same_json(want, &parsed);
    if (!same)
        *why = arena_printf(a, "post: schema of %.*s: found %.*s", STR_ARG(subject),
                            STR_ARG(have->text));
    return same;
}

bool schemas_check(struct str *why, struct arena *a, struct registry *registry,
                   const struct jnode *post)
{
    const struct jnode *list = jnode_get(jnode_get(post, STR("topics")), STR("topics"));
    for (uint32_t i = 0; list && list->kind == JNODE_ARRAY && i < list->count; i++) {
        const struct jnode *topic = &list->items[i];
        const struct str name = jnode_text(topic, STR("name"));
        if (str_ends(name, STR("-repartition")) || str_ends(name, STR("-changelog")))
            continue; // of Kafka Streams, not of the program
        if (!check_side(why, a, registry, topic, RECORD_KEY) ||
            !check_side(why, a, registry, topic, RECORD_VALUE))
            return false;
    }
    return true;
}
