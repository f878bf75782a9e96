// Recovery of a job whose state directory was lost, or restored from a backup that is older than the outputs: last id, positions
// and heads are rebuilt from what the outputs themselves say; what some output lacks, and what operators must remember, is executed
// again by the recorded plans, as batches that replace what they wrote before. One thread; takes the state's lock.
#ifndef JOBS_RUN_RECOVER_H
#define JOBS_RUN_RECOVER_H

#include "jobs/run/run.h"

enum recover_how {
    RECOVER_REPLAY,  // by the recorded plans; refused when a plan or its records are gone
    RECOVER_REBUILD, // ids and heads only: state empty, the next run reads everything from the start
};

struct recover_report {
    uint64_t head;     // the last batch that an output holds
    uint64_t replayed; // batches executed again
    enum { RECOVER_NOTHING, RECOVER_DONE } outcome;
    char lost
        [512]; // tables that were gone or empty, made anew: "<warehouse>/<table>/<output>, …", maybe cut
};

// May be called again after any failure: it goes on.
bool run_recover(struct recover_report *out, const struct job *job, const struct run_env *env,
                 enum recover_how how, struct err *e) ERR_CHECKED;

#endif
