// Refused rows as they are kept and read: rows of a store's table sluice_rejects. Plain values; strings are the giver's.
#ifndef WAREHOUSE_REJECT_H
#define WAREHOUSE_REJECT_H

#include "base/err.h"
#include "base/str.h"

#define SINK_REJECTS_TABLE "sluice_rejects"
#define SINK_REJECTS_DEFAULT \
    100 // refused rows of a batch that are kept, where nobody says otherwise

// A row that the store refused: a row of its table sluice_rejects.
struct reject {
    struct str output, target;
    uint64_t batch, seq; // the batch (or the slot that its rows are of), the row's place in it
    struct str error, key,
        row; // key and row as JSON objects of the table's columns; key "" = the rows are
             // appended; row with p NULL = the row of the key was to be deleted
};
struct reject_place {
    uint64_t batch, seq;
};
// Numbers [from, to) of a batch; from 0 = all of it.
struct reject_span {
    uint64_t batch, from, to;
};
// Kept ones of a batch by their numbers, ascending.
struct reject_set {
    uint64_t batch;
    const uint64_t *seqs;
    size_t count;
};
// Where the rejects of a batch are kept: under its own number, or under that of the slot that its rows come to (slot 0 = none), where
// they have numbers of their own.
struct reject_span reject_span(uint64_t batch, uint64_t slot);

struct rejects_query {
    const char *job;
    unsigned task;
    const char *output, *target; // NULL = all
    struct reject_span of;       // batch 0 = all
    uint64_t limit;
};
typedef bool reject_fn(void *arg, const struct reject *r, struct err *e); // borrowed for the call

#endif
