// What groups had when the batch began, for collapsed aggregates whose consumers take back: the values of the aggregates, kept
// when a group is first touched. group->note is its place + 1. One thread.
#ifndef SQL_EXEC_AGG_BEFORE_H
#define SQL_EXEC_AGG_BEFORE_H

#include "base/vec.h"
#include "sql/exec/op.h"
#include "sql/state/groups.h"

struct agg_before {
    struct buf rows; // row codec
    VEC(size_t) starts;
};

void agg_before_init(struct agg_before *s);
void agg_before_fini(struct agg_before *s);
void agg_before_clear(struct agg_before *s); // a new batch
// Before anything of this batch changes these groups.
bool agg_before_keep(struct agg_before *s, const struct op *o, struct group *const *groups,
                     uint32_t n, struct err *e) ERR_CHECKED;
// The values of a group that had a row, into row `row` of the block's columns behind the keys.
bool agg_before_put(const struct agg_before *s, const struct op *o, struct block *out, uint32_t row,
                    const struct group *g, struct err *e) ERR_CHECKED;

#endif
