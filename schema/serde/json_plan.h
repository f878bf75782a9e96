// The JSON decoder's compiled schema: a tree of the used columns and fields, with a name table per object.
// Immutable, arena-owned, shared by threads.
//
// Field match (ksqlDB): the JSON name exactly, else its upper-case (ASCII) form; an exact match wins over the other
// wherever it stands. So an unquoted column AMOUNT finds "amount", a quoted `amount` finds only "amount".
#ifndef SCHEMA_SERDE_JSON_PLAN_H
#define SCHEMA_SERDE_JSON_PLAN_H

#include "schema/serde/serde.h"

struct json_object;

struct json_node {
    uint32_t id;         // place among all nodes, children after their parent (preorder)
    uint32_t field;      // place among its object's fields
    enum type_kind kind; // = type->kind
    const struct type *type;
    struct str name;                  // as in the schema, for reasons
    const struct json_node *parent;   // NULL at the top
    const struct json_node *children; // type->field_count of them
    const struct json_object *object; // STRUCT: how its fields are found
    uint32_t id_end;                  // ids below this one are [id, id_end)
};

struct json_object {
    uint32_t id; // place among all objects
    uint32_t count;
    const struct json_node *fields;
    const uint32_t *table; // open addressing by hash of the name: field + 1, 0 = empty
    uint32_t table_mask;
    // Two fields could take one member (`a` and `A`): only the two-pass reading gets that right.
    bool ambiguous;
};

struct json_plan {
    const struct json_object *top; // the columns; also when unwrapped (one field)
    uint32_t node_count, object_count;
    uint32_t list_count;
    const struct json_node *const *lists; // ARRAY and MAP nodes that have one row per record
};

// Fails on what JSON cannot carry: a MAP whose key is no STRING.
bool json_plan_new(const struct json_plan **out, struct arena *a, const struct serde_spec *spec,
                   struct err *e) ERR_CHECKED;
// The field called exactly so, or -1.
int json_object_field(const struct json_object *o, struct str name);
// Its ASCII upper-case form in scratch memory of the caller; name.n <= JSON_NAME_MAX.
#define JSON_NAME_MAX 1024
struct str json_name_upper(char scratch[JSON_NAME_MAX], struct str name);

#endif
