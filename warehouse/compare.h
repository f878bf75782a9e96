// SQL of comparing a table with the rows that it should have: those are sent to a temporary table of the same column types, and the
// store compares the two by its own rules; so that what it keeps of a value (scale, fraction, JSON's form) is no difference.
//
// Everything appends to a struct buf. No state, no connection.
#ifndef WAREHOUSE_COMPARE_H
#define WAREHOUSE_COMPARE_H

#include "warehouse/differences.h"
#include "warehouse/upsert.h"

#define SINK_COMPARE_TABLE "sluice_audit"

struct compare_spec {
    const struct dialect *dialect;
    const struct sink_spec *spec; // of the table
    const struct target *targets;
    enum sink_difference kind;
    uint64_t batch; // SINK_APPEND
};

// The temporary table: the sink's columns, unique by its key; of appended rows the batch's column, too.
void compare_create(struct buf *out, const struct dialect *d, const struct sink_spec *spec);
// How many rows differ in this way; the key of the first of them.
enum compare_what { COMPARE_COUNT, COMPARE_FIRST };
void compare_select(struct buf *out, const struct compare_spec *c, enum compare_what what);
// The row of COMPARE_FIRST for people, cut to fit (struct sink_differences).
void compare_key_text(char out[256], const struct compare_spec *c, const struct str *values);

#endif
