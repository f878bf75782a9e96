#include "schema/serde/json_plan.h"

#include "base/hash.h"

#include <assert.h>

#define NODES_MAX 100000u

struct builder {
    struct arena *a;
    struct json_plan *plan;
};

static struct str upper_copy(struct arena *a, struct str name)
{
    char *p = arena_alloc(a, name.n + 1);
    for (size_t i = 0; i < name.n; i++)
        p[i] = (char)(name.p[i] >= 'a' && name.p[i] <= 'z' ? name.p[i] - 32 : name.p[i]);
    return (struct str){p, name.n};
}

struct str json_name_upper(char scratch[JSON_NAME_MAX], struct str name)
{
    assert(name.n <= JSON_NAME_MAX);
    for (size_t i = 0; i < name.n; i++)
        scratch[i] = (char)(name.p[i] >= 'a' && name.p[i] <= 'z' ? name.p[i] - 32 : name.p[i]);
    return (struct str){scratch, name.n};
}

int json_object_field(const struct json_object *o, struct str name)
{
    uint32_t at = (uint32_t)hash_str(name) & o->table_mask;
    for (; o->table[at]; at = (at + 1) & o->table_mask) {
        const uint32_t field = o->table[at] - 1;
        if (str_eq(o->fields[field].name, name))
            return (int)field;
    }
    return -1;
}

static void index_names(struct arena *a, struct json_object *o)
{
    uint32_t slots = 4;
    while (slots < o->count * 2)
        slots *= 2;
    uint32_t *table = ARENA_ZARRAY(a, uint32_t, slots);
    o->table = table;
    o->table_mask = slots - 1;
    for (uint32_t i = 0; i < o->count; i++) {
        assert(json_object_field(o, o->fields[i].name) < 0);
        uint32_t at = (uint32_t)hash_str(o->fields[i].name) & o->table_mask;
        while (table[at])
            at = (at + 1) & o->table_mask;
        table[at] = i + 1;
    }
    for (uint32_t i = 0; i < o->count; i++) {
        const int other = json_object_field(o, upper_copy(a, o->fields[i].name));
        if (other >= 0 && other != (int)i)
            o->ambiguous = true;
    }
}

static bool build_node(struct builder *b, struct json_node *n, struct err *e);

static const struct json_object *new_object(struct builder *b, const struct json_node *fields,
                                            uint32_t count)
{
    struct json_object *o = ARENA_NEW(b->a, struct json_object);
    o->id = b->plan->object_count++;
    o->fields = fields;
    o->count = count;
    index_names(b->a, o);
    return o;
}

static bool build_children(struct builder *b, struct json_node *n, struct err *e)
{
    const struct type *t = n->type;
    struct json_node *children = ARENA_ZARRAY(b->a, struct json_node, (size_t)t->field_count + 1);
    n->children = children;
    for (uint32_t i = 0; i < t->field_count; i++) {
        children[i].name = t->fields[i].name;
        children[i].type = t->fields[i].type;
        children[i].parent = n;
        children[i].field = i;
        if (!build_node(b, &children[i], e))
            return false;
    }
    if (n->kind == TYPE_STRUCT)
        n->object = new_object(b, children, t->field_count);
    return true;
}

static bool build_node(struct builder *b, struct json_node *n, struct err *e)
{
    if (b->plan->node_count == NODES_MAX)
        return err_fail(e, ERR_LIMIT, "more than %u used fields", NODES_MAX);
    n->id = b->plan->node_count++;
    n->kind = n->type->kind;
    if (n->kind == TYPE_MAP && n->type->fields[0].type->kind != TYPE_STRING)
        return err_fail(e, ERR_SQL, "JSON only supports MAP types with STRING keys: %.*s",
                        STR_ARG(n->name));
    if (type_is_nested(n->type) && !build_children(b, n, e)) // a STRUCT may have no fields
        return false;
    n->id_end = b->plan->node_count;
    return true;
}

static bool one_row_per_record(const struct json_node *n)
{
    for (const struct json_node *p = n->parent; p; p = p->parent) {
        if (p->kind != TYPE_STRUCT)
            return false;
    }
    return true;
}

static void collect_lists(const struct json_node **out, uint32_t *count, const struct json_node *n)
{
    if ((n->kind == TYPE_ARRAY || n->kind == TYPE_MAP) && one_row_per_record(n))
        out[(*count)++] = n;
    for (uint32_t i = 0; i < n->type->field_count; i++)
        collect_lists(out, count, &n->children[i]);
}

bool json_plan_new(const struct json_plan **out, struct arena *a, const struct serde_spec *spec,
                   struct err *e)
{
    struct json_plan *plan = ARENA_NEW(a, struct json_plan);
    struct builder b = {a, plan};
    struct json_node *top = ARENA_ZARRAY(a, struct json_node, spec->count + 1);
    for (size_t i = 0; i < spec->count; i++) {
        top[i].name = spec->columns[i].name;
        top[i].type = spec->columns[i].type;
        top[i].field = (uint32_t)i;
        if (!build_node(&b, &top[i], e))
            return false;
    }
    plan->top = new_object(&b, top, (uint32_t)spec->count);
    const struct json_node **lists = ARENA_ARRAY(a, const struct json_node *, plan->node_count + 1);
    for (size_t i = 0; i < spec->count; i++)
        collect_lists(lists, &plan->list_count, &top[i]);
    plan->lists = lists;
    *out = plan;
    return true;
}
