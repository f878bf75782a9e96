// From blocks to statements: what every SQL driver does with a block before its own transport. Splits it into runs of
// one operation, converts a run's cells column by column, and says which row a message is about.
//
// Owned by the driver's sink, in its arena; one thread.
#ifndef WAREHOUSE_ROWS_H
#define WAREHOUSE_ROWS_H

#include "warehouse/cells.h"
#include "warehouse/upsert.h"

struct rows_plan {
    const struct sink_spec *spec;
    const struct target *targets;
    struct cells **cells; // by column
    size_t put_params;    // parameters of a row that is written …
    size_t key_params;    // … and deleted
};

// A copy that outlives the caller's: strings and columns; types, URL and durable layer stay borrowed.
const struct sink_spec *sink_spec_copy(struct arena *a, const struct sink_spec *spec);
// The copy that is written: columns whose target is absent go behind the others, and out of targets.
const struct sink_spec *sink_spec_leave(struct arena *a, const struct sink_spec *spec,
                                        struct target *targets);
bool rows_plan_init(struct rows_plan *out, struct arena *a, const struct sink_spec *spec,
                    const struct target *targets, struct err *e) ERR_CHECKED;

struct rows_run {
    const struct block *b;
    enum rows_kind kind;
    uint32_t from, to;
};
// The run that starts at row `from`, at most `max` rows.
struct rows_run rows_next(const struct block *b, uint32_t from, uint32_t max);
size_t rows_params(const struct rows_plan *p, enum rows_kind kind);
// Wire of the i-th parameter.
enum cell_wire rows_wire(const struct rows_plan *p, enum rows_kind kind, size_t i);
// Converts the run: rows_params() arrays. A row that cannot be stored: ERR_DATA naming table, key, column and value.
bool rows_fill(struct cell_array *out, const struct rows_plan *p, struct arena *a,
               const struct rows_run *run, uint64_t batch, struct err *e) ERR_CHECKED;
// Puts "table T, row k='v': " before the error that this row caused; returns false.
bool rows_rejected(const struct rows_plan *p, const struct block *b, uint32_t row, struct err *e);

#endif
