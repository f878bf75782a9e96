// The bound, typed program: what bind produces from all statements of a job, what the physical plan starts from.
// One DAG; nodes in topological order (inputs before consumers). Immutable after planning, owned by the job's arena.
//
// Every named stream or table is a PLAN_OBJECT node: the place where its rows would be written to a topic and read back
// (values are converted by the declared formats' type rules). Sinks attach there. INSERT INTO adds inputs to the object.
#ifndef SQL_PLAN_LOGICAL_H
#define SQL_PLAN_LOGICAL_H

#include "schema/block.h"
#include "sql/plan/expr.h"
#include "sql/plan/source.h"

struct plan_step;
struct agg; // sql/exec/agg.h: aggregate function

struct plan_aggregate {
    const struct agg *agg;
    struct expr **args; // over the node's input
    uint32_t arg_count;
    const struct type *type;
    int64_t limit; // SET 'ksql.functions.<name>.limit', 0 = none
};

enum plan_kind {
    PLAN_SOURCE,    // no input; reads a topic
    PLAN_FILTER,    // predicate
    PLAN_PROJECT,   // exprs, one per schema column (keys included)
    PLAN_REKEY,     // PARTITION BY: exprs = new key columns, then the value columns; an exchange
    PLAN_AGGREGATE, // keys = exprs[0..key_count), aggregates; an exchange on its input. schema: keys, then one column per aggregate
    PLAN_UNNEST, // table functions: exprs = ARRAYs; schema: the input's columns, then one of the items of each
    PLAN_JOIN_STREAM_TABLE,  // inputs = stream, table, both keyed by what is joined on; as are:
    PLAN_JOIN_STREAM_STREAM, // rows at most before_ms and after_ms apart
    PLAN_JOIN_TABLE_TABLE,
    PLAN_JOIN_FOREIGN_KEY, // inputs = tables by their primary keys; exprs[0] = the right one's key, over the left one
    PLAN_OBJECT, // named stream or table; inputs = 1 source/query per writer
};

static inline bool plan_is_join(enum plan_kind kind)
{
    return kind >= PLAN_JOIN_STREAM_TABLE && kind <= PLAN_JOIN_FOREIGN_KEY;
}

struct plan_node {
    enum plan_kind kind;
    uint32_t id;
    bool table; // rows are changes of a table
    const struct schema *schema;
    struct plan_node **inputs;
    uint32_t input_count;
    struct expr **exprs;
    uint32_t expr_count;
    uint32_t key_count;
    struct expr *predicate;
    struct window_spec window;
    struct join_spec
        join; // PLAN_JOIN_*: the schema is the key, the left input's values, the right one's
    const struct plan_aggregate *aggregates;
    uint32_t aggregate_count;
    const struct plan_source *source;   // PLAN_SOURCE; PLAN_OBJECT that a CREATE declares
    const struct plan_formats *formats; // PLAN_OBJECT
    struct str name;                    // PLAN_OBJECT
    struct str statement; // canonical SQL text: PLAN_OBJECT, and the last node of an INSERT INTO
    struct sql_pos pos;
};

// One persistent query: CREATE … AS, or INSERT INTO … SELECT.
struct plan_query {
    struct str id;            // as ksqlDB names it: CSAS_<SINK>_0, INSERTQUERY_1
    struct plan_node *top;    // what it computes: an input of `object`
    struct plan_node *object; // where it writes
    bool insert;
    bool stopped; // by a later statement
};

struct plan {
    struct plan_node **nodes;
    uint32_t count;
    struct plan_node **objects; // PLAN_OBJECTs in creation order
    uint32_t object_count;
    struct plan_query **queries; // in statement order, those that still run after all of them
    uint32_t query_count;
    const struct plan_step *steps; // sql/plan/step.h
    uint32_t step_count;
    struct str digest_text; // canonical text of all statements: what the code digest hashes
};

void logical_print(struct buf *out,
                   const struct plan *plan); // one paragraph per node, for tests and people

#endif
