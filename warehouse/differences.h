// Comparing a table with the rows that it should have: what goes into a sink's compare() (warehouse/sink.h) and what comes out.
// Plain values; one thread.
#ifndef WAREHOUSE_DIFFERENCES_H
#define WAREHOUSE_DIFFERENCES_H

#include "schema/block.h"

// Rows that a table should hold, for compare(): block after block as for write(), every key once, no deletes. Of a table that rows are
// appended to: those of one batch, in any order, each as often as it should be there; a changed row is one missing and one too many.
typedef bool sink_put_fn(void *arg, const struct block *b, struct err *e);
struct sink_rows {
    bool (*feed)(void *arg, sink_put_fn *put, void *put_arg, struct err *e);
    void *arg;
    uint64_t batch; // SINK_APPEND
};
enum sink_difference { SINK_MISSING, SINK_EXTRA, SINK_CHANGED, SINK_DIFFERENCES };
struct sink_differences {
    uint64_t rows[SINK_DIFFERENCES];
    // Keys that stand in sluice_rejects: their wanted rows are left out, so that what the table has of them is SINK_EXTRA.
    uint64_t refused;
    // Key of the first row in the store's order, "k='a', n='1'"; of appended rows all columns.
    char first[SINK_DIFFERENCES][256];
};

#endif
