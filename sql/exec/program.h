// The physical program: the part of the plan that the wanted outputs need, with pruned columns, compiled expressions,
// pushed-down filters, collapsed edges and the identity of every stateful operator.
//
// Internal to sql/: sql/exec/exec_program.h is the public front. Built once by program_compile, immutable, shared by threads,
// owned by the arena it was compiled in.
#ifndef SQL_EXEC_PROGRAM_H
#define SQL_EXEC_PROGRAM_H

#include "sql/exec/agg.h"
#include "sql/exec/exec.h"
#include "sql/exec/expr.h"

// Part of the code digest: raise it when the same plan may give other rows.
#define ENGINE_VERSION 3

struct phys_agg {
    const struct agg *agg;
    struct agg_ctx ctx;
    const struct expr_prog **args;
    size_t offset; // of its state in the group
};

// Rows of an object that another statement's topic feeds: written and read back by the declared formats.
struct phys_convert {
    const struct encoder *key_encoder, *value_encoder;
    const struct decoder *key_decoder, *value_decoder;
};

// The columns of each input that a join keeps. Its own are the key's, then these.
struct phys_join {
    uint32_t count[2];
    const uint32_t *from[2]; // physical columns of the inputs
    int64_t retention;       // windowed inputs: how long a window can change; -1 = not known
    uint64_t side_id[2];     // of the state of each input, where they are apart
};

struct phys_node {
    enum plan_kind kind;
    const struct plan_node *plan;
    uint32_t id; // position in program.nodes, topological
    const struct schema *schema;
    const int32_t *columns; // logical column -> physical, -1 = pruned
    struct phys_node **inputs;
    uint32_t input_count;
    const struct expr_prog **
        exprs; // PROJECT, REKEY: one per physical column; AGGREGATE: the keys; foreign-key join: that key
    uint32_t expr_count;
    const struct expr_prog *predicate; // FILTER; NULL: the decoder has decided it
    struct phys_agg *aggs;
    uint32_t agg_count;
    size_t state_bytes; // AGGREGATE: of one group
    bool table;         // rows are changes of a table
    bool entry;         // a table made from stream records: NULL values delete, NULL keys drop
    bool before;        // some consumer retracts: emit -U rows
    bool seeded;        // it or something downstream has UUID() or RANDOM()
    bool keeps_rows;    // entry with before: state holds the latest row per key
    bool collapsed;     // AGGREGATE: one change per group at the end of the batch
    int source, output; // index in the program, -1
    int timestamp;      // OBJECT: physical column that sets ROWTIME, -1
    struct phys_join *join;
    const struct phys_convert *convert; // OBJECT, single input; NULL = rows pass as they are
    bool
        defaults; // OBJECT: its topic has no NULL scalars (Protobuf); rows are what readers would see
    struct str name;        // for counters: the object it computes
    struct str fingerprint; // stateful operators
    uint64_t state_id;
};

struct phys_source {
    struct program_source pub;
    const struct decoder *key, *value; // NULL: no column of that side is used
    uint32_t key_count;
    int timestamp;               // physical column, -1
    struct plan_header *headers; // of physical columns
    uint32_t header_count;
    struct plan_window window; // of the keys
    const struct time_pattern *pattern;
    const struct zone *utc;
    const struct serde_filter *filter; // column index among the value columns
    struct serde_column *columns;      // keys, then values in decoding order
    const uint32_t *place;             // decoded column -> physical column
    uint32_t value_count;
};

struct program {
    struct phys_node **nodes;
    uint32_t count;
    struct phys_source *sources;
    uint32_t source_count;
    struct program_output *outputs;
    struct phys_node **output_nodes;
    uint32_t output_count;
    enum program_order order;
    uint64_t digest;
    struct str *fingerprints;
    uint32_t fingerprint_count;
    uint32_t slots; // constant columns
    bool seeded;    // some expression is a hash of its row's origin
};

// How long a side of a stream-stream join is kept, by its own stream time.
int64_t phys_retention(const struct join_spec *s);
// ksqlDB's default: 24 hours less the size; none with EMIT FINAL.
int64_t phys_grace(const struct window_spec *w);
// How long behind stream time a window is kept.
int64_t phys_window_retention(const struct window_spec *w);

// Whether a collapsed aggregate stands above: its changes come at the end of a batch.
bool phys_is_collapsed(const struct phys_node *n);

static inline bool phys_is_stateful(const struct phys_node *n)
{
    return n->kind == PLAN_AGGREGATE || n->keeps_rows || plan_is_join(n->kind);
}

#endif
