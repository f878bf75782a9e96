// The states of one aggregation side by side: what a group, or a session, holds for all aggregates of a node; and running
// an aggregate over rows. Internal to the operators that aggregate.
#ifndef SQL_EXEC_AGG_STATES_H
#define SQL_EXEC_AGG_STATES_H

#include "base/vec.h"
#include "sql/exec/op.h"
#include "sql/state/groups.h"

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

// What a block's rows are grouped by.
struct agg_keys {
    struct column *columns;
    const uint32_t *
        idx; // rows that take part: with a key, and no tombstones (the -U in front of one has done the work)
    uint32_t n;
    struct buf bytes; // the key codec's, of one row after another
    VEC(size_t) ends;
};
void agg_keys_init(struct agg_keys *out);
void agg_keys_fini(struct agg_keys *s);
// The columns and idx are in the window's arena. Counts rows without a key.
bool agg_keys_make(struct agg_keys *s, struct op *o, const struct block *b,
                   struct err *e) ERR_CHECKED;
static inline struct str agg_key(const struct agg_keys *s, uint32_t i)
{
    const size_t from = i ? s->ends.v[i - 1] : 0;
    return (struct str){s->bytes.p + from, s->ends.v[i] - from};
}

// Start of the first window that holds t >= 0; no window starts before the epoch.
static inline int64_t agg_first_window(int64_t t, int64_t size, int64_t advance)
{
    const int64_t earliest = t - size + advance;
    return earliest > 0 ? earliest / advance * advance : 0;
}

// The states as groups of sql/state keep them: ctx = the phys_node.
const struct groups_type *agg_states_type(const struct phys_node *n);

#endif
