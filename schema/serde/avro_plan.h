// The Avro decoder's compiled plan: one writer schema read into the used columns. Immutable, in an arena.
//
// Fields are matched by name, exactly and else in any case (ASCII), as ksqlDB does; a column the writer does not have is NULL,
// a field no column wants is skipped by the writer's type. Numbers widen (wire.h).
#ifndef SCHEMA_SERDE_AVRO_PLAN_H
#define SCHEMA_SERDE_AVRO_PLAN_H

#include "schema/serde/avro_schema.h"
#include "schema/serde/serde_internal.h"

struct avro_node;
struct avro_child {               // of a record, or of a union
    const struct avro_node *node; // NULL: skipped
    const struct avro_type *type; // of the writer
    uint32_t target;              // child of the reader's STRUCT (top: column)
    struct str name;
};

struct avro_node {
    const struct avro_type *writer;
    const struct type *reader;
    enum {
        AVRO_READ_SCALAR,
        AVRO_READ_STRUCT,   // record → STRUCT: one child per writer field
        AVRO_READ_LIST,     // array → ARRAY: children[0]
        AVRO_READ_MAP,      // map → MAP: children[0] is the value
        AVRO_READ_ENTRIES,  // array of {key, value} → MAP: children[0], [1]
        AVRO_READ_BRANCH,   // union: one child per branch, into the same cell; node NULL = null
        AVRO_READ_BRANCHES, // union → STRUCT with one field per branch
    } how;
    const struct avro_child *children;
    const uint32_t *absent; // STRUCT fields the writer does not have
    uint32_t absent_count;
};

struct avro_plan {
    const struct avro_type *writer;
    // Wrapped: a record into the columns (reader NULL); else a value into the single column. NULL: nothing is wanted.
    const struct avro_node *top;
};

// ERR_DATA: this schema cannot be read as these columns.
bool avro_plan_new(const struct avro_plan **out, struct arena *a, const struct serde_spec *spec,
                   const struct avro_type *writer, struct err *e) ERR_CHECKED;
// One record's bytes. False: what is wrong is in the reason of the row (serde_bad).
bool avro_read(const struct avro_plan *plan, const struct decoder_run *run, uint32_t row,
               struct str bytes);

#endif
