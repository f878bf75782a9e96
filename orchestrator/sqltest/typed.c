#include "orchestrator/sqltest/typed.h"

#include "schema/serde/framed.h"
#include "schema/serde/infer.h"
#include "schema/serde/serde_schema.h"

#include <assert.h>

#define TYPED_BYTES_MAX ((size_t)64 << 20)

bool typed_is(enum serde_format format)
{
    return serde_uses_registry(format) || format == SERDE_PROTOBUF_NOSR;
}

struct str typed_subject(struct arena *a, struct str topic, enum record_side side)
{
    return arena_printf(a, "%.*s-%s", STR_ARG(topic), side == RECORD_KEY ? "key" : "value");
}

void typed_spec(struct serde_spec *spec, const struct stub_shape *shape, enum record_side side)
{
    const struct plan_schema *schema =
        side == RECORD_KEY ? &shape->key_schema : &shape->value_schema;
    if (side == RECORD_KEY)
        spec->wrapping =
            serde_key_unwrapped(spec->format, spec->count) ? SERDE_UNWRAPPED : SERDE_WRAPPED;
    spec->registry = shape->registry;
    spec->schema_id = schema->id;
    spec->full_name = schema->full_name;
    spec->nullable = schema->nullable;
}

// The stream's or table's own columns.
static void own_columns(struct serde_spec *spec, struct arena *a, const struct stub_shape *shape,
                        enum record_side side)
{
    const struct schema *s = shape->schema;
    const uint32_t from = side == RECORD_KEY || !s ? 0 : s->key_count;
    const uint32_t to = !s ? 0 : side == RECORD_KEY ? s->key_count : s->count;
    struct serde_column *columns = ARENA_ARRAY(a, struct serde_column, (size_t)(to - from) + 1);
    for (uint32_t i = from; i < to; i++)
        if (!plan_is_header(shape->declared, i))
            columns[spec->count++] = (struct serde_column){s->columns[i].name, s->columns[i].type};
    spec->columns = columns;
    if (side == RECORD_VALUE && shape->value_wrapping == PLAN_UNWRAPPED)
        spec->wrapping = SERDE_UNWRAPPED;
    typed_spec(spec, shape, side);
}

// The columns that a registered schema has.
static bool schema_columns(struct serde_spec *spec, struct arena *a, struct err *e)
{
    struct schema_files files;
    const struct type *t;
    if (!framed_schema(&files, a, spec, e) ||
        !serde_infer(&t, a, spec->format, &files, spec->full_name, e))
        return false;
    const bool wrapped = t->kind == TYPE_STRUCT;
    struct serde_column *columns = ARENA_ARRAY(a, struct serde_column, (size_t)t->field_count + 1);
    columns[0] = (struct serde_column){STR("V"), t};
    for (uint32_t i = 0; wrapped && i < t->field_count; i++)
        columns[i] = (struct serde_column){t->fields[i].name, t->fields[i].type};
    spec->columns = columns;
    spec->count = wrapped ? t->field_count : 1;
    spec->wrapping = wrapped ? SERDE_WRAPPED : SERDE_UNWRAPPED;
    return true;
}

// The latest schema of the subject; the derived one is registered when there is none.
static bool latest(struct serde_spec *spec, struct arena *a, const struct stub_shape *shape,
                   enum record_side side, struct err *e)
{
    const struct registry_schema *schema;
    const struct str subject = typed_subject(a, shape->topic, side);
    if (registry_by_subject(shape->registry, &schema, subject, REGISTRY_LATEST, e) ==
        REGISTRY_FOUND)
        spec->schema_id = schema->id;
    else
        spec->schema_id = 0;
    return serde_register(spec, a, subject, e) && schema_columns(spec, a, e);
}

// --- names -----------------------------------------------------------------------------------------

static bool spelled(struct jnode *out, struct arena *a, const struct jnode *v,
                    const struct serde_column *fields, uint32_t count);

static struct jnode spelled_value(struct arena *a, const struct jnode *v, const struct type *t)
{
    struct jnode out = *v;
    if (v->kind == JNODE_ARRAY && t->kind == TYPE_ARRAY) {
        out.items = ARENA_ARRAY(a, struct jnode, v->count + 1);
        for (uint32_t i = 0; i < v->count; i++)
            out.items[i] = spelled_value(a, &v->items[i], t->fields[0].type);
    } else if (v->kind == JNODE_OBJECT && t->kind == TYPE_MAP) {
        out.items = ARENA_ARRAY(a, struct jnode, v->count + 1);
        for (uint32_t i = 0; i < v->count; i++)
            out.items[i] = spelled_value(a, &v->items[i], t->fields[1].type);
    } else if (v->kind == JNODE_OBJECT && t->kind == TYPE_STRUCT) {
        struct serde_column *fields =
            ARENA_ARRAY(a, struct serde_column, (size_t)t->field_count + 1);
        for (uint32_t i = 0; i < t->field_count; i++)
            fields[i] = (struct serde_column){t->fields[i].name, t->fields[i].type};
        (void)spelled(&out, a, v, fields, t->field_count);
    }
    return out;
}

// An object's members named as the schema names them.
static bool spelled(struct jnode *out, struct arena *a, const struct jnode *v,
                    const struct serde_column *fields, uint32_t count)
{
    *out = *v;
    if (v->kind != JNODE_OBJECT)
        return false;
    out->items = ARENA_ARRAY(a, struct jnode, v->count + 1);
    out->names = ARENA_ARRAY(a, struct str, v->count + 1);
    for (uint32_t i = 0; i < v->count; i++) {
        int at = -1;
        for (uint32_t k = 0; k < count; k++)
            if (str_eq(fields[k].name, v->names[i]) ||
                (at < 0 && str_eq_nocase(fields[k].name, v->names[i])))
                at = (int)k;
        out->names[i] = at < 0 ? v->names[i] : fields[at].name;
        out->items[i] = at < 0 ? v->items[i] : spelled_value(a, &v->items[i], fields[at].type);
    }
    return true;
}

// --- through columns -------------------------------------------------------------------------------

// One payload of format `from` as columns, written as format `to`; specs have the same columns.
static bool convert(struct buf *out, struct arena *a, const struct serde_spec *from,
                    const struct serde_spec *to, struct payload bytes, struct err *e)
{
    const struct decoder *decoder;
    const struct encoder *encoder;
    uint8_t status = 0;
    struct str reason = STR("");
    struct decode_result result = {.status = &status, .reason = &reason, .e = e};
    struct column *columns = ARENA_ARRAY(a, struct column, from->count + 1);
    for (size_t i = 0; i < from->count; i++)
        column_init(&columns[i], a, from->columns[i].type, 1);
    if (!decoder_new(&decoder, a, from, e) || !encoder_new(&encoder, a, to, e))
        return false;
    decoder_run(decoder, columns, &result, a, &bytes, 1);
    if (result.stopped)
        return false;
    if (status == DECODE_BAD)
        return err_fail(e, ERR_DATA, "%.*s", STR_ARG(reason));
    return encoder_write(encoder, out, columns, 0, e);
}

bool typed_encode(struct buf *out, struct arena *a, const struct stub_shape *shape,
                  enum record_side side, const struct jnode *v, struct err *e)
{
    struct serde_spec to = {.format = side == RECORD_KEY ? shape->key_format : shape->value_format};
    struct jnode named;
    struct buf json;
    own_columns(&to, a, shape, side);
    if (to.format != SERDE_PROTOBUF_NOSR && !latest(&to, a, shape, side, e))
        return false;
    struct serde_spec from = to;
    from.format = SERDE_JSON;
    if (to.wrapping == SERDE_UNWRAPPED)
        named = spelled_value(a, v, to.columns[0].type);
    else
        (void)spelled(&named, a, v, to.columns, (uint32_t)to.count);
    buf_init(&json, TYPED_BYTES_MAX);
    jnode_print(&json, &named);
    const struct str text = arena_str(a, buf_view(&json));
    buf_fini(&json);
    return convert(out, a, &from, &to, (struct payload){text.p, text.n}, e);
}

bool typed_decode(struct jnode *out, struct arena *a, const struct stub_shape *shape,
                  enum record_side side, struct payload bytes, struct err *e)
{
    struct serde_spec from = {.format =
                                  side == RECORD_KEY ? shape->key_format : shape->value_format};
    struct buf json;
    struct str rest;
    own_columns(&from, a, shape, side);
    if (serde_uses_registry(from.format) && !framed_header(&from.schema_id, &rest, bytes))
        return err_fail(e, ERR_DATA, "a record without the id of a schema");
    if (from.format != SERDE_PROTOBUF_NOSR && !schema_columns(&from, a, e))
        return false;
    struct serde_spec to = from;
    to.format = SERDE_JSON;
    buf_init(&json, TYPED_BYTES_MAX);
    const bool ok = convert(&json, a, &from, &to, bytes, e);
    const struct str text = arena_str(a, buf_view(&json));
    buf_fini(&json);
    if (!ok || !jnode_parse(out, a, text, e))
        return false;
    // ksqlDB's tests see no difference between no bytes and NULL.
    for (uint32_t i = 0; from.wrapping == SERDE_WRAPPED && i < out->count; i++)
        if (from.columns[i].type->kind == TYPE_BYTES && out->items[i].text.n == 0)
            out->items[i].kind = JNODE_NULL;
    return true;
}
