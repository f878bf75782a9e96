#include "schema/serde/avro_plan.h"

#include "schema/serde/wire.h"

#include <assert.h>

struct builder {
    struct arena *a;
    struct err *e;
};

static bool build(const struct avro_node **out, struct builder *s, const struct avro_type *writer,
                  const struct type *reader);

static bool cannot(const struct builder *s, const struct avro_type *writer,
                   const struct type *reader)
{
    return err_fail(s->e, ERR_DATA, "Avro %s cannot be read as %s", avro_kind_name(writer->kind),
                    type_kind_name(reader->kind));
}

static enum wire_kind wire_kind_of(const struct avro_type *t)
{
    switch (t->kind) {
    case AVRO_BOOLEAN:
        return WIRE_BOOLEAN;
    case AVRO_INT:
    case AVRO_LONG:
        return WIRE_LONG;
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
        return WIRE_DOUBLE;
    case AVRO_STRING:
    case AVRO_ENUM:
        return WIRE_TEXT;
    case AVRO_BYTES:
    case AVRO_FIXED:
        return t->logical == AVRO_DECIMAL ? WIRE_DECIMAL : WIRE_BYTES;
    case AVRO_NULL:
    case AVRO_ARRAY:
    case AVRO_MAP:
    case AVRO_UNION:
    case AVRO_RECORD:
        break;
    }
    assert(!"no scalar");
    return WIRE_TEXT;
}

// The writer's field for a reader's name: exact, else ASCII in any case; -1.
static int find_field(const struct avro_type *record, struct str name)
{
    int found = -1;
    for (uint32_t i = 0; i < record->count; i++) {
        const struct str own = record->kind == AVRO_UNION ? avro_branch_name(record->fields[i].type)
                                                          : record->fields[i].name;
        if (str_eq(own, name))
            return (int)i;
        if (found < 0 && str_eq_nocase(own, name))
            found = (int)i;
    }
    return found;
}

// Reader names and types side by side: columns at the top, fields below.
struct wanted {
    struct str name;
    const struct type *type;
};

static bool build_children(struct avro_node *n, struct builder *s, const struct avro_type *writer,
                           const struct wanted *wanted, uint32_t count)
{
    struct avro_child *children = ARENA_ZARRAY(s->a, struct avro_child, (size_t)writer->count + 1);
    uint32_t *absent = ARENA_ARRAY(s->a, uint32_t, (size_t)count + 1);
    for (uint32_t i = 0; i < writer->count; i++)
        children[i] =
            (struct avro_child){.type = writer->fields[i].type, .name = writer->fields[i].name};
    for (uint32_t i = 0; i < count; i++) {
        const int field = find_field(writer, wanted[i].name);
        if (field < 0 || children[field].node) {
            absent[n->absent_count++] = i;
            continue;
        }
        children[field].target = i;
        if (!build(&children[field].node, s, writer->fields[field].type, wanted[i].type))
            return err_wrap(s->e, "field %.*s", STR_ARG(wanted[i].name));
    }
    n->children = children;
    n->absent = absent;
    return true;
}

static bool build_struct(struct avro_node *n, struct builder *s, const struct avro_type *writer,
                         const struct type *reader)
{
    struct wanted *wanted = ARENA_ARRAY(s->a, struct wanted, (size_t)reader->field_count + 1);
    for (uint32_t i = 0; i < reader->field_count; i++)
        wanted[i] = (struct wanted){reader->fields[i].name, reader->fields[i].type};
    n->how = writer->kind == AVRO_UNION ? AVRO_READ_BRANCHES : AVRO_READ_STRUCT;
    return build_children(n, s, writer, wanted, reader->field_count);
}

// Every branch into the same cell; a branch that cannot be read is known only when it comes.
static bool build_union(struct avro_node *n, struct builder *s, const struct avro_type *writer,
                        const struct type *reader)
{
    struct avro_child *children = ARENA_ZARRAY(s->a, struct avro_child, (size_t)writer->count + 1);
    uint32_t readable = 0;
    n->how = AVRO_READ_BRANCH;
    n->children = children;
    for (uint32_t i = 0; i < writer->count; i++) {
        children[i].type = writer->fields[i].type;
        if (children[i].type->kind == AVRO_NULL)
            continue;
        if (build(&children[i].node, s, children[i].type, reader))
            readable++;
        else
            children[i].node = NULL;
    }
    return readable > 0 || writer->count == 1;
}

static bool build_list(struct avro_node *n, struct builder *s, const struct avro_type *writer,
                       const struct type *reader)
{
    struct avro_child *children = ARENA_ZARRAY(s->a, struct avro_child, 2);
    const struct avro_type *entry = reader->kind == TYPE_MAP ? avro_map_entry(writer) : NULL;
    n->children = children;
    if (reader->kind == TYPE_MAP && writer->kind == AVRO_ARRAY && !entry)
        return cannot(s, writer, reader);
    if (entry) {
        n->how = AVRO_READ_ENTRIES;
        return build(&children[0].node, s, entry->fields[0].type, reader->fields[0].type) &&
               build(&children[1].node, s, entry->fields[1].type, reader->fields[1].type);
    }
    n->how = writer->kind == AVRO_MAP ? AVRO_READ_MAP : AVRO_READ_LIST;
    return build(&children[0].node, s, writer->fields[0].type,
                 reader->fields[reader->field_count - 1].type);
}

static bool build(const struct avro_node **out, struct builder *s, const struct avro_type *writer,
                  const struct type *reader)
{
    struct avro_node *n = ARENA_NEW(s->a, struct avro_node);
    int null_branch;
    n->writer = writer;
    n->reader = reader;
    *out = n;
    if (writer->kind == AVRO_UNION && reader->kind == TYPE_STRUCT &&
        avro_not_null(writer, &null_branch)->kind == AVRO_UNION)
        return build_struct(n, s, writer, reader);
    if (writer->kind == AVRO_UNION)
        return build_union(n, s, writer, reader);
    if (writer->kind == AVRO_RECORD)
        return reader->kind == TYPE_STRUCT ? build_struct(n, s, writer, reader)
                                           : cannot(s, writer, reader);
    if (writer->kind == AVRO_ARRAY || writer->kind == AVRO_MAP) {
        const bool fits =
            reader->kind == TYPE_MAP || (reader->kind == TYPE_ARRAY && writer->kind == AVRO_ARRAY);
        return fits ? build_list(n, s, writer, reader) : cannot(s, writer, reader);
    }
    n->how = AVRO_READ_SCALAR;
    return writer->kind == AVRO_NULL || wire_takes(wire_kind_of(writer), reader) ||
           cannot(s, writer, reader);
}

bool avro_plan_new(const struct avro_plan **out, struct arena *a, const struct serde_spec *spec,
                   const struct avro_type *writer, struct err *e)
{
    struct avro_plan *plan = ARENA_NEW(a, struct avro_plan);
    struct builder s = {a, e};
    int null_branch;
    plan->writer = writer;
    *out = plan;
    if (spec->count == 0)
        return true;
    if (spec->wrapping == SERDE_UNWRAPPED && spec->count == 1)
        return build(&plan->top, &s, writer, spec->columns[0].type) ||
               err_wrap(e, "column %.*s", STR_ARG(spec->columns[0].name));
    struct wanted *wanted = ARENA_ARRAY(a, struct wanted, spec->count + 1);
    for (size_t i = 0; i < spec->count; i++)
        wanted[i] = (struct wanted){spec->columns[i].name, spec->columns[i].type};
    const struct avro_type *record = avro_not_null(writer, &null_branch);
    struct avro_node *top = ARENA_NEW(a, struct avro_node);
    if (record->kind != AVRO_RECORD)
        return err_fail(e, ERR_DATA, "expected an Avro record, found %s",
                        avro_kind_name(record->kind));
    top->writer = record;
    top->how = AVRO_READ_STRUCT;
    plan->top = top;
    if (!build_children(top, &s, record, wanted, (uint32_t)spec->count))
        return false;
    if (null_branch < 0)
        return true;
    // A nullable record: one level above it.
    struct avro_node *outer = ARENA_NEW(a, struct avro_node);
    struct avro_child *branches = ARENA_ZARRAY(a, struct avro_child, 2);
    branches[1 - null_branch] = (struct avro_child){.node = top, .type = record};
    *outer = (struct avro_node){.writer = writer, .how = AVRO_READ_BRANCH, .children = branches};
    assert(writer->count == 2);
    plan->top = outer;
    return true;
}
