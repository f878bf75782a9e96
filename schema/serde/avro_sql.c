// What SQL type an Avro schema's values have, as Connect's AvroData and ksqlDB see them.
#include "schema/serde/avro_schema.h"

#include <assert.h>

#define FIELDS_MAX 100000u

struct infer {
    struct arena *a;
    struct err *e;
    unsigned depth;
    uint32_t fields;
};

static bool infer_type(const struct type **out, struct infer *s, const struct avro_type *t);

// Fields of a record, or the branches of a union but null.
static bool infer_struct(const struct type **out, struct infer *s, const struct avro_type *t)
{
    struct field *fields = ARENA_ARRAY(s->a, struct field, (size_t)t->count + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        const struct avro_type *type = t->fields[i].type;
        if (t->kind == AVRO_UNION && type->kind == AVRO_NULL)
            continue;
        const struct str name = t->kind == AVRO_UNION ? avro_branch_name(type) : t->fields[i].name;
        if (++s->fields > FIELDS_MAX)
            return err_fail(s->e, ERR_LIMIT, "Avro schema: more than %u fields", FIELDS_MAX);
        if (!infer_type(&fields[n].type, s, type))
            return err_wrap(s->e, "field %.*s", STR_ARG(name));
        fields[n++].name = name;
    }
    *out = type_struct(s->a, fields, n);
    return true;
}

static bool infer_list(const struct type **out, struct infer *s, const struct avro_type *t)
{
    const struct avro_type *entry = avro_map_entry(t);
    const struct type *key, *item;
    if (entry && infer_type(&key, s, entry->fields[0].type) && key->kind == TYPE_STRING) {
        if (!infer_type(&item, s, entry->fields[1].type))
            return false;
        *out = type_map(s->a, key, item);
        return true;
    }
    if (!infer_type(&item, s, t->fields[0].type))
        return false;
    *out = t->kind == AVRO_MAP ? type_map(s->a, type_scalar(TYPE_STRING), item)
                               : type_array(s->a, item);
    return true;
}

static const struct type *scalar(struct arena *a, const struct avro_type *t)
{
    switch (t->logical) {
    case AVRO_DECIMAL:
        return type_decimal(a, t->precision, t->scale);
    case AVRO_DATE:
        return type_scalar(TYPE_DATE);
    case AVRO_TIME_MS:
    case AVRO_TIME_US:
        return type_scalar(TYPE_TIME);
    case AVRO_TIMESTAMP_MS:
    case AVRO_TIMESTAMP_US:
        return type_scalar(TYPE_TIMESTAMP);
    case AVRO_PLAIN:
        break;
    }
    static const enum type_kind kinds[] = {
        [AVRO_BOOLEAN] = TYPE_BOOLEAN, [AVRO_INT] = TYPE_INTEGER,   [AVRO_LONG] = TYPE_BIGINT,
        [AVRO_FLOAT] = TYPE_DOUBLE,    [AVRO_DOUBLE] = TYPE_DOUBLE, [AVRO_BYTES] = TYPE_BYTES,
        [AVRO_STRING] = TYPE_STRING,   [AVRO_FIXED] = TYPE_BYTES,   [AVRO_ENUM] = TYPE_STRING,
    };
    assert(t->kind >= AVRO_BOOLEAN && t->kind <= AVRO_ENUM);
    return type_scalar(kinds[t->kind]);
}

static bool infer_type(const struct type **out, struct infer *s, const struct avro_type *t)
{
    int null_branch;
    bool ok = true;
    t = avro_not_null(t, &null_branch);
    if (s->depth >= AVRO_DEPTH_MAX)
        return err_fail(s->e, ERR_DATA,
                        "Avro schema: a record that contains itself, or more than %d levels",
                        AVRO_DEPTH_MAX);
    s->depth++;
    if (t->kind == AVRO_RECORD || t->kind == AVRO_UNION)
        ok = infer_struct(out, s, t);
    else if (t->kind == AVRO_ARRAY || t->kind == AVRO_MAP)
        ok = infer_list(out, s, t);
    else if (t->kind == AVRO_NULL)
        ok = err_fail(s->e, ERR_DATA, "Avro schema: a value that is always null has no SQL type");
    else
        *out = scalar(s->a, t);
    s->depth--;
    return ok;
}

bool avro_sql_type(const struct type **out, struct arena *a, const struct avro_type *t,
                   struct err *e)
{
    struct infer s = {.a = a, .e = e};
    return infer_type(out, &s, t);
}
