// Messages by name and by index, and what SQL type their values have, as Connect's ProtobufData and ksqlDB see them.
#include "schema/serde/proto_schema.h"

#include <assert.h>

#define FIELDS_MAX 100000u

// --- finding ---------------------------------------------------------------------------------------

static const struct proto_message *find(struct proto_message *const *list, uint32_t count,
                                        struct str name)
{
    for (uint32_t i = 0; i < count; i++)
        if (str_eq(list[i]->full_name, name) || str_eq(list[i]->name, name))
            return list[i];
    for (uint32_t i = 0; i < count; i++) {
        const struct proto_message *m = find(list[i]->nested, list[i]->nested_count, name);
        if (m)
            return m;
    }
    return NULL;
}

const struct proto_message *proto_find(const struct proto_file *f, struct str name)
{
    assert(f->count > 0);
    return name.n ? find(f->messages, f->count, name) : f->messages[0];
}

const struct proto_message *proto_at(const struct proto_file *f, const uint32_t *path, size_t n)
{
    struct proto_message *const *list = f->messages;
    uint32_t count = f->count;
    const struct proto_message *m = NULL;
    for (size_t i = 0; i < n; i++) {
        if (path[i] >= count)
            return NULL;
        m = list[path[i]];
        list = m->nested;
        count = m->nested_count;
    }
    return m;
}

static bool path_in(uint32_t *path, size_t *n, struct proto_message *const *list, uint32_t count,
                    const struct proto_message *m, size_t room)
{
    for (uint32_t i = 0; room > 0 && i < count; i++) {
        path[0] = i;
        *n = 1;
        if (list[i] == m)
            return true;
        size_t below = 0;
        if (path_in(path + 1, &below, list[i]->nested, list[i]->nested_count, m, room - 1)) {
            *n = below + 1;
            return true;
        }
    }
    return false;
}

bool proto_path(uint32_t *path, size_t *n, const struct proto_file *f,
                const struct proto_message *m)
{
    return path_in(path, n, f->messages, f->count, m, *n);
}

// --- as SQL ----------------------------------------------------------------------------------------

struct infer {
    struct arena *a;
    struct err *e;
    unsigned depth;
    uint32_t fields;
};

static bool infer_message(const struct type **out, struct infer *s, const struct proto_message *m);

static const struct type *scalar(enum proto_kind kind)
{
    static const enum type_kind kinds[] = {
        [PROTO_DOUBLE] = TYPE_DOUBLE,    [PROTO_FLOAT] = TYPE_DOUBLE,
        [PROTO_INT32] = TYPE_INTEGER,    [PROTO_INT64] = TYPE_BIGINT,
        [PROTO_UINT32] = TYPE_BIGINT,    [PROTO_UINT64] = TYPE_BIGINT,
        [PROTO_SINT32] = TYPE_INTEGER,   [PROTO_SINT64] = TYPE_BIGINT,
        [PROTO_FIXED32] = TYPE_BIGINT,   [PROTO_FIXED64] = TYPE_BIGINT,
        [PROTO_SFIXED32] = TYPE_INTEGER, [PROTO_SFIXED64] = TYPE_BIGINT,
        [PROTO_BOOL] = TYPE_BOOLEAN,     [PROTO_STRING] = TYPE_STRING,
        [PROTO_BYTES] = TYPE_BYTES,      [PROTO_ENUM] = TYPE_STRING,
    };
    assert(kind < PROTO_MESSAGE);
    return type_scalar(kinds[kind]);
}

static bool infer_value(const struct type **out, struct infer *s, const struct proto_field *f)
{
    const unsigned precision = f->precision && f->precision >= f->scale ? f->precision : 64;
    if (f->kind != PROTO_MESSAGE) {
        *out = scalar(f->kind);
        return true;
    }
    switch (f->message->known) {
    case PROTO_NO_KNOWN:
        return infer_message(out, s, f->message);
    case PROTO_WRAPPER:
        *out = scalar(f->message->fields[0].kind);
        return true;
    case PROTO_TIMESTAMP:
        *out = type_scalar(TYPE_TIMESTAMP);
        return true;
    case PROTO_DATE:
        *out = type_scalar(TYPE_DATE);
        return true;
    case PROTO_TIME_OF_DAY:
        *out = type_scalar(TYPE_TIME);
        return true;
    case PROTO_DECIMAL:
        *out = type_decimal(s->a, precision, f->scale <= precision ? f->scale : 0);
        return true;
    }
    assert(!"known message out of range");
    return false;
}

static bool infer_field(const struct type **out, struct infer *s, const struct proto_field *f)
{
    const struct type *item;
    if (++s->fields > FIELDS_MAX)
        return err_fail(s->e, ERR_LIMIT, "Protobuf schema: more than %u fields", FIELDS_MAX);
    if (f->label == PROTO_MAP) {
        if (!infer_value(&item, s, &f->message->fields[1]))
            return err_wrap(s->e, "field %.*s", STR_ARG(f->name));
        *out = type_map(s->a, type_scalar(TYPE_STRING), item); // numbers are read as their digits
        return true;
    }
    if (!infer_value(&item, s, f))
        return err_wrap(s->e, "field %.*s", STR_ARG(f->name));
    *out = f->label == PROTO_REPEATED ? type_array(s->a, item) : item;
    return true;
}

// The members of one oneof, or with -1 the fields that are in none.
static bool infer_fields(struct field *fields, uint32_t *n, struct infer *s,
                         const struct proto_message *m, int32_t oneof)
{
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->fields[i].oneof != oneof)
            continue;
        fields[*n].name = m->fields[i].name;
        if (!infer_field(&fields[*n].type, s, &m->fields[i]))
            return false;
        (*n)++;
    }
    return true;
}

// A oneof is a STRUCT called <name>_<index>, and comes before the other fields.
static bool infer_message(const struct type **out, struct infer *s, const struct proto_message *m)
{
    struct field *fields = ARENA_ARRAY(s->a, struct field, (size_t)m->count + m->oneof_count + 1);
    struct field *members = ARENA_ARRAY(s->a, struct field, (size_t)m->count + 1);
    uint32_t n = 0;
    if (s->depth >= PROTO_DEPTH_MAX)
        return err_fail(s->e, ERR_DATA,
                        "Protobuf schema: message %.*s contains itself, or more than %d levels",
                        STR_ARG(m->full_name), PROTO_DEPTH_MAX);
    s->depth++;
    for (uint32_t i = 0; i < m->oneof_count; i++) {
        uint32_t count = 0;
        if (!infer_fields(members, &count, s, m, (int32_t)i))
            return false;
        fields[n].name = arena_printf(s->a, "%.*s_%u", STR_ARG(m->oneofs[i]), (unsigned)i);
        fields[n++].type = type_struct(s->a, members, count);
    }
    if (!infer_fields(fields, &n, s, m, -1))
        return false;
    *out = type_struct(s->a, fields, n);
    s->depth--;
    return true;
}

bool proto_sql_type(const struct type **out, struct arena *a, const struct proto_message *m,
                    struct err *e)
{
    struct infer s = {.a = a, .e = e};
    return infer_message(out, &s, m);
}
