// Comparing a table with the rows that it should have: what goes into a sink's compare() (warehouse/sink.h) and what comes out.
// Plain values; one thread.
#ifndef WAREHOUSE_DIFFERENCES_H
#define WAREHOUSE_DIFFERENCES_H

#include "schema/block.h"

// Rows that a table should hold, for compare(): block after block as for write(), every key once, no deletes.
typedef bool sink_put_fn(void *arg, const struct block *b, struct err *e);
struct sink_rows {
    bool (*feed)(void *arg, sink_put_fn *put, void *put_arg, struct err *e);
    void *arg;
};
enum sink_difference { SINK_MISSING, SINK_EXTRA, SINK_CHANGED, SINK_DIFFERENCES };
struct sink_differences {
    uint64_t rows[SINK_DIFFERENCES];
    // Keys that stand in sluice_rejects: their wanted rows are left out, so that what the table has of them is SINK_EXTRA.
    uint64_t refused;
    char first[SINK_DIFFERENCES][256]; // key of the first row in the store's order, "k='a', n='1'"
};

#endif
