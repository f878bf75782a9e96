// How an output wants its table: what is done with rows, with a table that is not there, with one that is not as the output is.
#ifndef WAREHOUSE_POLICY_H
#define WAREHOUSE_POLICY_H

enum sink_mode { SINK_UPSERT, SINK_APPEND };
// A missing table whose head says that batches were delivered is ERR_BEHIND; AGAIN (resync) creates it, its head at batch 0.
enum sink_create { SINK_CREATE_NEVER, SINK_CREATE_IF_ABSENT, SINK_CREATE_AGAIN };

// What becomes of an existing table that is not as the output is, at open; rows are never written by halves.
enum sink_schema {
    SINK_SCHEMA_FAIL,   // ERR_CONFIG with every difference
    SINK_SCHEMA_EVOLVE, // missing columns are added, narrower ones widened; what is left is refused
    SINK_SCHEMA_IGNORE, // columns that the table lacks are not written
    SINK_SCHEMA_QUARANTINE, // what fits is written; a row with a value that has no place is a refused row
};

#endif
