// Distinct values with counts, in the order of their first appearance: what COLLECT_SET, HISTOGRAM and ATTR keep. Values are
// the row codec's bytes, so equal bytes are equal values. Heap memory owned by the state.
#ifndef SQL_EXEC_AGG_SET_H
#define SQL_EXEC_AGG_SET_H

#include "sql/exec/agg_items.h"

struct agg_set {
    struct agg_items items; // tag = count
    uint32_t *slots;        // hash → item + 1; NULL while there are few items
    uint32_t slot_count;    // a power of 2
};

void agg_set_clear(struct agg_set *s); // frees
size_t agg_set_heap(const struct agg_set *s);
// Index of the value, or -1.
int64_t agg_set_find(const struct agg_set *s, struct str value);
// Appends a value that is not there.
void agg_set_append(struct agg_set *s, struct str value, uint64_t count);
void agg_set_remove(struct agg_set *s, uint32_t at);
bool agg_set_load(struct agg_set *s, struct cursor *in, const struct type *type,
                  struct err *e) ERR_CHECKED;

#endif
