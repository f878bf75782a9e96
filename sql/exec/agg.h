// Aggregate functions (after TimescaleDB's vector_agg): fixed-size state per group, updated column by column.
//
// State bytes live in the operator's group table; variable parts (lists, strings) are heap memory that the state owns.
// save()/load() write the canonical bytes that the state store keeps. The table is constant; thread-safe.
// States are aligned to 16 bytes. A state is used by one thread at a time.
#ifndef SQL_EXEC_AGG_H
#define SQL_EXEC_AGG_H

#include "schema/block.h"

struct agg_ctx {
    const struct type *const *arg_types;
    uint32_t arg_count;
    const struct type *type;           // result
    const struct value *const *consts; // literal arguments, NULL otherwise
    int64_t limit;                     // most items of a collection; 0 = no limit set
    bool
        sequenced; // update gets one more column: BIGINT, rising with the rows (merged windows need it)
};

enum agg_order {
    AGG_ORDER_FREE, // any order gives the same result (COUNT, SUM of exact types, MIN, MAX)
    AGG_ORDERED,    // needs seq order (SUM DOUBLE, COLLECT_LIST, LATEST_BY_OFFSET)
};

struct agg {
    const char *name;
    const char *signatures;
    const char *help;
    unsigned args_min, args_max;
    // ksqlDB keeps an array, map or struct for it, which a DELIMITED or KAFKA source cannot hold.
    bool nested;
    bool limited; // SET 'ksql.functions.<name>.limit'
    // Arguments from this one on must be literals (counted from 1); 0 = none. last_literal: only the last one.
    unsigned literals_from;
    bool last_literal;
    const struct type *(*resolve)(struct arena *a, const struct type **want,
                                  const struct type *const *args, uint32_t n);
    // What is wrong with the literal arguments; NULL = nothing. May be NULL.
    const char *(*check)(const struct agg_ctx *c);
    enum agg_order (*order)(const struct agg_ctx *c);
    size_t (*state_bytes)(const struct agg_ctx *c);
    void (*init)(const struct agg_ctx *c, void *state);
    // Rows idx[i] of the argument columns into states[i], in this order (seq order). error[idx[i]] = 1 marks a failing row.
    void (*update)(const struct agg_ctx *c, void *const *states, const struct column *const *args,
                   const uint32_t *idx, uint32_t n, uint8_t *error);
    void (*undo)(const struct agg_ctx *c, void *const *states, const struct column *const *args,
                 const uint32_t *idx, uint32_t n, uint8_t *error); // NULL: cannot aggregate a table
    // Adds what `from` (the later window) holds to `into`; from stays as it is. False: the result does not fit.
    bool (*merge)(const struct agg_ctx *c, void *into, const void *from);
    // Results of states[0..n) into rows first… of a prepared column; rows are filled in ascending order.
    void (*emit)(const struct agg_ctx *c, struct column *out, struct arena *a,
                 const void *const *states, uint32_t first, uint32_t n);
    void (*save)(const struct agg_ctx *c, struct buf *out, const void *state);
    bool (*load)(const struct agg_ctx *c, void *state, struct cursor *in, struct err *e);
    void (*drop)(const struct agg_ctx *c, void *state); // frees variable parts; NULL = none
    size_t (*heap_bytes)(const struct agg_ctx *c, const void *state); // of them; NULL = none
};

const struct agg *agg_find(struct str name);
size_t agg_count(void);
const struct agg *agg_at(size_t i); // sorted by name

#endif
