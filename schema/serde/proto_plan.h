// The Protobuf decoder's compiled plan: one writer message read into the used columns. Immutable, in an arena.
//
// Fields are matched by name, exactly and else in any case (ASCII); a member of a oneof also as a field of the STRUCT <oneof>_<index>.
// An absent field is its default (0, "", false, empty list) when the schema does not track presence, else NULL.
#ifndef SCHEMA_SERDE_PROTO_PLAN_H
#define SCHEMA_SERDE_PROTO_PLAN_H

#include "schema/serde/proto_schema.h"
#include "schema/serde/serde_internal.h"

struct proto_node;
struct proto_target { // where one wire field goes
    const struct proto_field *field;
    const struct proto_node
        *node;      // MESSAGE: how its fields are read; NULL for scalars and known messages
    uint32_t child; // of the reader's STRUCT (top: column)
    int32_t member; // child of that STRUCT, for the STRUCT of a oneof; -1
};

struct proto_node {                     // one message into sibling columns
    const struct proto_target *targets; // ascending by number
    uint32_t count;
    const uint32_t *absent; // siblings that the message does not have: NULL
    uint32_t absent_count;
};

// ERR_DATA: this message cannot be read as these columns.
bool proto_plan_new(const struct proto_node **out, struct arena *a,
                    const struct serde_column *columns, size_t count, const struct proto_message *m,
                    struct err *e) ERR_CHECKED;
// One message's bytes. False: what is wrong is in the reason of the row (serde_bad).
bool proto_read(const struct proto_node *plan, const struct decoder_run *run, uint32_t row,
                struct str bytes);

#endif
