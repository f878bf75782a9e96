// From blocks to statements: what every SQL driver does with a block before its own transport. Splits it into runs of
// one operation, converts a run's cells column by column, takes out rows that cannot be stored (rejects.h), and says which row a
// message is about.
//
// Owned by the driver's sink, in its arena; one thread.
#ifndef WAREHOUSE_ROWS_H
#define WAREHOUSE_ROWS_H

#include "warehouse/cells.h"
#include "warehouse/rejects.h"
#include "warehouse/upsert.h"

struct rows_plan {
    const struct sink_spec *spec;
    const struct target *targets;
    struct cells **cells; // by column
    size_t put_params;    // parameters of a row that is written …
    size_t key_params;    // … and deleted
    struct rejects *rejects;
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
enum rows_kind rows_kind_of(const struct block *b, uint32_t row);
size_t rows_params(const struct rows_plan *p, enum rows_kind kind);
// Wire of the i-th parameter.
enum cell_wire rows_wire(const struct rows_plan *p, enum rows_kind kind, size_t i);
// The rows of a block, run by run, rows that are refused left out.
struct rows_walk {
    const struct rows_plan *plan;
    struct cell_array *cells; // rows_params() arrays: the cells of the run, counted from run->from
    struct arena *scratch;    // theirs; reset behind each run
    uint32_t max;             // rows of a run
    uint64_t batch;           // of appended rows
    enum { WALK_ALL, WALK_PUTS, WALK_DELETES } only;
    // Of the converted run, NULL = none: ERR_DATA = the driver cannot send the row *bad (of the block).
    bool (*check)(void *arg, const struct rows_run *run, uint32_t *bad, struct err *e);
    bool (*send)(void *arg, const struct rows_run *run, struct err *e);
    void *arg;
};
// A row that cannot be converted or sent is taken as refused; ERR_DATA when it may not.
bool rows_walk(const struct rows_walk *w, const struct block *b, struct err *e) ERR_CHECKED;
// Row `row` of the block is refused, as e (ERR_DATA) says. True: it is taken out. False: the batch waits, and e names table and row.
bool rows_refuse(const struct rows_plan *p, const struct block *b, uint32_t row, struct err *e);

#endif
