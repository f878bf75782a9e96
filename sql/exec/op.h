// Operators of a running program, pushed from: one file op_<name>.c per kind, one vtable each.
//
// Order per batch: push* and flush per window (in topological order), end once, then save and committed, or rollback.
// Blocks pushed to an operator come in (seq, position) order per input; memory lives in the window's arena. Row-wise
// operators pass each block on at once; those that must see the whole window keep what was pushed until flush.
#ifndef SQL_EXEC_OP_H
#define SQL_EXEC_OP_H

#include "base/pool.h"
#include "sql/exec/program.h"

struct op;
struct op_type {
    const char *name;
    bool (*open)(struct op *o, struct err *e); // NULL = no state
    bool (*push)(struct op *o, uint32_t input, const struct block *b, struct err *e);
    bool (*flush)(struct op *o, struct err *e); // end of a window
    bool (*begin)(struct op *o, struct err *e); // of a batch
    bool (*end)(struct op *o, struct err *e); // of a batch: what was held back (collapsed changes)
    bool (*save)(struct op *o, struct kv_txn *t, struct err *e);
    void (*committed)(struct op *o);
    void (*rollback)(struct op *o);
    size_t (*dirty_bytes)(const struct op *o);
    void (*close)(struct op *o);
};

struct op_edge {
    struct op *to;
    uint32_t input;
};

// The last row that results came from, and how many came.
struct op_origin {
    uint64_t from;
    uint64_t results;
};

struct op {
    const struct op_type *type;
    const struct phys_node *node;
    struct exec *x;
    struct op_edge *consumers;
    uint32_t consumer_count;
    struct exec_counters counters;
    void *state;                    // the operator's own; op_table.c's where a table begins
    struct op_object_state *object; // op_object.c's
    struct op_origin origin;
};

struct exec {
    struct exec_spec spec;
    const struct program *program;
    struct arena *arena;  // as long as the exec
    struct arena *window; // reset by every window
    struct expr_env *env;
    struct kv_txn *read; // shared by the operators, see sql/state/groups.h
    struct op *ops;      // one per program node
    uint32_t count;
    enum { EXEC_IDLE, EXEC_BATCH, EXEC_ENDED, EXEC_SAVED } phase;
};

extern const struct op_type op_aggregate;
extern const struct op_type op_filter;
extern const struct op_type op_final;
extern const struct op_type op_join_foreign_key;
extern const struct op_type op_join_stream_stream;
extern const struct op_type op_join_stream_table;
extern const struct op_type op_join_table_table;
extern const struct op_type op_object;
extern const struct op_type op_project;
extern const struct op_type op_session;
extern const struct op_type op_source;
extern const struct op_type op_unnest;
extern const struct op_type op_table; // wraps sources and objects that make a table

// Hands a block on to the output and to all consumers. An empty block is dropped.
bool op_emit(struct op *o, const struct block *b, struct err *e) ERR_CHECKED;
// Origins: what UUID() and RANDOM() hash, in programs that have them (program.seeded). A record's is its place (job, topic,
// object, partition, offset); a result's is that of the row that caused it, and which one of its results it is. So they do not
// depend on how records were cut into windows and batches.
void op_origin_source(struct op *o, struct block *b);
// b->origin has the causes in the order of the results: makes them the results' own.
void op_origin_results(struct op *o, struct block *b);
// One record may come by several writers.
void op_origin_writer(struct op *o, struct block *b, uint32_t writer);
// The k-th of what came from `from`.
uint64_t op_origin_part(uint64_t from, uint64_t k);
// End of a window, or of what a collapsed aggregate emits at once: every operator's flush, in order.
bool op_flush_all(struct exec *x, struct err *e) ERR_CHECKED;
// A block with b's row vectors (not its columns), for the operator's schema.
struct block *op_block(struct op *o, const struct block *b);

#endif
