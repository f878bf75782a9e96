// The states of one aggregation side by side: what a group, or a session, holds for all aggregates of a node; and running
// an aggregate over rows. Internal to the operators that aggregate.
#ifndef SQL_EXEC_AGG_STATES_H
#define SQL_EXEC_AGG_STATES_H

#include "sql/exec/op.h"

static inline void *agg_state(const struct phys_agg *agg, void *states)
{
    return (char *)states + agg->offset;
}

void agg_states_init(const struct phys_node *n, void *states);
void agg_states_save(const struct phys_node *n, struct buf *out, const void *states);
bool agg_states_load(const struct phys_node *n, void *states, struct cursor *in,
                     struct err *e) ERR_CHECKED;
void agg_states_drop(const struct phys_node *n, void *states);
bool agg_states_have_heap(const struct phys_node *n);
size_t agg_states_heap(const struct phys_node *n, const void *states);

// The argument columns of one aggregate over a block; a sequenced one gets the sequence numbers behind them.
const struct column **agg_args(struct op *o, const struct phys_agg *agg, const struct block *b);
// Fails when a row did not fit.
bool agg_rows_fit(const struct op *o, const struct phys_agg *agg, const uint8_t *error,
                  uint32_t rows, struct err *e) ERR_CHECKED;

// Rows that take part in a grouping: with a key, and no tombstones (the -U in front of one has done the work). The others
// are counted. idx has room for b->rows.
uint32_t agg_rows_with_key(struct op *o, const struct column *keys, const struct block *b,
                           uint32_t *idx);

#endif
