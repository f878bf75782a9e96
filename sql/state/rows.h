// Rows as states of groups (sql/state/groups.h): a fixed number of slots per key, each the bytes of one row in the row codec
// with its time, or empty. Joins keep the tables they read in it. One thread.
#ifndef SQL_STATE_ROWS_H
#define SQL_STATE_ROWS_H

#include "sql/state/groups.h"

struct row_slot {
    char *p; // owned
    uint32_t n, cap;
    bool present;
    int64_t rowtime;
    // The operator's notes, not stored: a row of the current window that the slot holds, where a result refers to its bytes.
    uint64_t window, epoch;
    uint32_t row, at;
};

struct rows_spec {
    uint32_t slots; // of each group
};

struct groups *rows_new(struct groups_spec spec,
                        const struct rows_spec *rows); // spec: all but the states
static inline struct row_slot *row_slots(struct group *g)
{
    return group_state(g);
}
// Replaces what the slot holds; bytes.p NULL = empties it. Sets the group's `present`; the group must have been touched.
void row_slot_set(struct group *g, const struct rows_spec *rows, uint32_t slot, struct str bytes,
                  int64_t rowtime);
static inline struct str row_slot_bytes(const struct row_slot *s)
{
    assert(s->present);
    return (struct str){s->p, s->n};
}

#endif
