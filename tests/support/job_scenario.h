// The scenario of the crash harnesses: a small copy of the transactions system (filter, masked stream, aggregates, hopping
// window, COLLECT_LIST, LATEST_BY_OFFSET) to lake and two warehouses, and adversarial records for it.
//
// Records depend on the seed and on their number only. One thread.
#ifndef TESTS_SUPPORT_JOB_SCENARIO_H
#define TESTS_SUPPORT_JOB_SCENARIO_H

#include "tests/support/job_world.h"

extern const struct job_world_spec job_scenario_transactions;

enum { JOB_SCENARIO_PARTITIONS = 4 };

// splitmix64: deterministic, no global state.
struct job_random {
    uint64_t state;
};
uint64_t job_random_next(struct job_random *s);
uint64_t job_random_below(struct job_random *s, uint64_t n);

enum job_records {
    JOB_RECORDS_CLEAN, // as an order-free job likes them: no late row
    JOB_RECORDS_HOSTILE
};

// Appends n records to topic "tx", and some of them to the world's second topic when it has one: disorder, equal timestamps, late rows, skewed keys, partition 3 idle in most backlogs, several
// event days, nulls, tombstones, bad records, markers.
void job_scenario_produce(struct job_world *w, struct job_random *r, unsigned n,
                          enum job_records how);

// Rows (job_world_print_rows, ordered) of an undisturbed life: a run after each of `count` portions of n records, another at the
// end. sql: NULL = the spec's. No other world may be there meanwhile: warehouses in memory are known by name.
void job_scenario_still(struct buf *out, const struct job_world_spec *spec, const char *sql,
                        uint64_t seed, const unsigned *n, size_t count);
// Compares the world's rows with them, checks its receipts, frees both.
void job_scenario_same(struct job_world *w, struct buf *want, const char *what);

#endif
