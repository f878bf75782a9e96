#include "schema/serde/proto_plan.h"

#include "base/vec.h"
#include "schema/serde/wire.h"

#include <assert.h>
#include <stdlib.h>

struct builder {
    struct arena *a;
    struct err *e;
};

static bool build(const struct proto_node **out, struct builder *s,
                  const struct serde_column *columns, size_t count, const struct proto_message *m);

static enum wire_kind wire_kind_of(const struct proto_field *f)
{
    switch (f->kind) {
    case PROTO_DOUBLE:
    case PROTO_FLOAT:
        return WIRE_DOUBLE;
    case PROTO_BOOL:
        return WIRE_BOOLEAN;
    case PROTO_STRING:
    case PROTO_ENUM:
        return WIRE_TEXT;
    case PROTO_BYTES:
        return WIRE_BYTES;
    case PROTO_INT32:
    case PROTO_INT64:
    case PROTO_UINT32:
    case PROTO_UINT64:
    case PROTO_SINT32:
    case PROTO_SINT64:
    case PROTO_FIXED32:
    case PROTO_FIXED64:
    case PROTO_SFIXED32:
    case PROTO_SFIXED64:
        return WIRE_LONG;
    case PROTO_MESSAGE:
        break;
    }
    assert(!"no scalar");
    return WIRE_LONG;
}

static bool takes_known(const struct proto_message *m, const struct type *reader)
{
    switch (m->known) {
    case PROTO_WRAPPER:
        return wire_takes(wire_kind_of(&m->fields[0]), reader);
    case PROTO_TIMESTAMP:
        return reader->kind == TYPE_TIMESTAMP || reader->kind == TYPE_BIGINT;
    case PROTO_DATE:
        return reader->kind == TYPE_DATE || reader->kind == TYPE_INTEGER;
    case PROTO_TIME_OF_DAY:
        return reader->kind == TYPE_TIME || reader->kind == TYPE_INTEGER;
    case PROTO_DECIMAL:
        return wire_takes(WIRE_DECIMAL, reader);
    case PROTO_NO_KNOWN:
        break;
    }
    return false;
}

// One value of the field as `reader`: *node is set for messages that are read field by field.
static bool build_value(const struct proto_node **node, struct builder *s,
                        const struct proto_field *f, const struct type *reader)
{
    *node = NULL;
    if (f->kind != PROTO_MESSAGE && wire_takes(wire_kind_of(f), reader))
        return true;
    if (f->kind == PROTO_ENUM && wire_takes(WIRE_LONG, reader))
        return true;
    if (f->kind == PROTO_MESSAGE && takes_known(f->message, reader))
        return true;
    if (f->kind != PROTO_MESSAGE || reader->kind != TYPE_STRUCT)
        return err_fail(s->e, ERR_DATA, "Protobuf %s cannot be read as %s",
                        f->kind == PROTO_MESSAGE ? f->message->name.p : proto_kind_name(f->kind),
                        type_kind_name(reader->kind));
    struct serde_column *columns =
        ARENA_ARRAY(s->a, struct serde_column, (size_t)reader->field_count + 1);
    for (uint32_t i = 0; i < reader->field_count; i++)
        columns[i] = (struct serde_column){reader->fields[i].name, reader->fields[i].type};
    return build(node, s, columns, reader->field_count, f->message);
}

static bool build_map(const struct proto_node **node, struct builder *s,
                      const struct proto_field *f, const struct type *reader)
{
    const struct proto_field *key = &f->message->fields[0], *value = &f->message->fields[1];
    const struct proto_node *none;
    struct proto_node *n = ARENA_NEW(s->a, struct proto_node);
    struct proto_target *targets = ARENA_ZARRAY(s->a, struct proto_target, 2);
    targets[0] = (struct proto_target){.field = key, .child = 0, .member = -1};
    targets[1] = (struct proto_target){.field = value, .child = 1, .member = -1};
    *n = (struct proto_node){.targets = targets, .count = 2};
    *node = n;
    return build_value(&none, s, key, reader->fields[0].type) &&
           build_value(&targets[1].node, s, value, reader->fields[1].type);
}

// What Connect writes a map with nullable keys as: repeated messages {key = 1, value = 2}.
static bool is_entry(const struct proto_message *m)
{
    return m && m->count == 2 && m->fields[0].number == 1 && m->fields[1].number == 2 &&
           str_eq(m->fields[0].name, STR("key")) && str_eq(m->fields[1].name, STR("value"));
}

static bool build_field(const struct proto_node **node, struct builder *s,
                        const struct proto_field *f, const struct type *reader)
{
    const bool map = f->label == PROTO_MAP || (f->label == PROTO_REPEATED && is_entry(f->message));
    if (map && reader->kind == TYPE_MAP)
        return build_map(node, s, f, reader);
    if (f->label == PROTO_REPEATED && reader->kind == TYPE_ARRAY)
        return build_value(node, s, f, reader->fields[0].type);
    if (f->label == PROTO_REPEATED || f->label == PROTO_MAP)
        return err_fail(s->e, ERR_DATA, "Protobuf %s cannot be read as %s",
                        f->label == PROTO_MAP ? "map" : "repeated field",
                        type_kind_name(reader->kind));
    return build_value(node, s, f, reader);
}

// --- matching names --------------------------------------------------------------------------------

static const struct proto_field *find_field(const struct proto_message *m, struct str name,
                                            int32_t oneof)
{
    const struct proto_field *found = NULL;
    for (uint32_t i = 0; i < m->count; i++) {
        const struct proto_field *f = &m->fields[i];
        if (oneof >= 0 && f->oneof != oneof)
            continue;
        if (str_eq(f->name, name))
            return f;
        if (!found && str_eq_nocase(f->name, name))
            found = f;
    }
    return found;
}

static int32_t find_oneof(struct builder *s, const struct proto_message *m, struct str name)
{
    for (uint32_t i = 0; i < m->oneof_count; i++)
        if (str_eq_nocase(arena_printf(s->a, "%.*s_%u", STR_ARG(m->oneofs[i]), (unsigned)i), name))
            return (int32_t)i;
    return -1;
}

static int by_number(const void *x, const void *y)
{
    const struct proto_target *p = x, *q = y;
    return (p->field->number > q->field->number) - (p->field->number < q->field->number);
}

struct targets {
    VEC(struct proto_target) v;
};

static bool add(struct targets *out, struct builder *s, struct proto_target t,
                const struct type *reader)
{
    for (size_t i = 0; i < out->v.n; i++)
        if (out->v.v[i].field == t.field)
            return err_fail(s->e, ERR_DATA, "two columns want the Protobuf field %.*s",
                            STR_ARG(t.field->name));
    if (!build_field(&t.node, s, t.field, reader))
        return err_wrap(s->e, "field %.*s", STR_ARG(t.field->name));
    vec_push(&out->v, t);
    return true;
}

static bool add_oneof(struct targets *out, struct builder *s, const struct proto_message *m,
                      int32_t oneof, uint32_t child, const struct type *reader)
{
    for (uint32_t i = 0; i < reader->field_count; i++) {
        const struct proto_field *f = find_field(m, reader->fields[i].name, oneof);
        const struct proto_target t = {.field = f, .child = child, .member = (int32_t)i};
        if (f && !add(out, s, t, reader->fields[i].type))
            return false;
    }
    return true;
}

static bool add_columns(struct targets *out, struct proto_node *n, struct builder *s,
                        const struct serde_column *columns, size_t count,
                        const struct proto_message *m)
{
    uint32_t *absent = ARENA_ARRAY(s->a, uint32_t, count + 1);
    n->absent = absent;
    for (uint32_t i = 0; i < count; i++) {
        const struct proto_field *f = find_field(m, columns[i].name, -1);
        const int32_t oneof = f ? -1 : find_oneof(s, m, columns[i].name);
        bool ok = true;
        if (f)
            ok = add(out, s, (struct proto_target){.field = f, .child = i, .member = -1},
                     columns[i].type);
        else
            absent[n->absent_count++] = i;
        if (oneof >= 0 && columns[i].type->kind == TYPE_STRUCT)
            ok = add_oneof(out, s, m, oneof, i, columns[i].type);
        if (!ok)
            return false;
    }
    return true;
}

static bool build(const struct proto_node **out, struct builder *s,
                  const struct serde_column *columns, size_t count, const struct proto_message *m)
{
    struct proto_node *n = ARENA_NEW(s->a, struct proto_node);
    struct targets targets = {0};
    const bool ok = add_columns(&targets, n, s, columns, count, m);
    struct proto_target *copy = ARENA_ARRAY(s->a, struct proto_target, targets.v.n + 1);
    for (size_t i = 0; i < targets.v.n; i++)
        copy[i] = targets.v.v[i];
    if (targets.v.n)
        qsort(copy, targets.v.n, sizeof *copy, by_number);
    n->targets = copy;
    n->count = (uint32_t)targets.v.n;
    *out = n;
    vec_fini(&targets.v);
    return ok;
}

bool proto_plan_new(const struct proto_node **out, struct arena *a,
                    const struct serde_column *columns, size_t count, const struct proto_message *m,
                    struct err *e)
{
    struct builder s = {a, e};
    return build(out, &s, columns, count, m);
}
