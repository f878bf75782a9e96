// Rows that warehouses had refused, written again once their tables can take them: those of one slot as a batch of its own id, which reads
// no records and changes tables of warehouses only. In the store's one transaction a row comes into its table (appended: under the
// slot's number) and goes out of sluice_rejects; what is refused again stays in its place, with its new reason.
//
// The owner calls it between runs: it takes the state's lock like run_job(). Cut short, it is called again: what was decided is
// delivered first and is no reject any more. One thread per job.
#ifndef JOBS_RUN_REJECTED_H
#define JOBS_RUN_REJECTED_H

#include "jobs/run/run.h"

enum rejected_mode { REJECTED_EXECUTE, REJECTED_DRY_RUN };

// The refused rows of one slot, after they were written again (or, dry, read).
struct rejected_slot {
    uint64_t slot;
    size_t index, count; // the index-th of count
    uint64_t rows, refused;
};
typedef bool rejected_fn(void *arg, const struct rejected_slot *s, struct err *e);

struct rejected_spec {
    enum rejected_mode mode;
    uint64_t from, to;         // batches
    const struct str *outputs; // SQL names; none = all of the job
    size_t output_count;
    rejected_fn *slot; // may be NULL
    void *slot_arg;
};

// *older: refused rows from before a reset of the job, which are left alone.
bool run_rejected(struct run_report *out, uint64_t *older, const struct job *job,
                  const struct run_env *env, const struct rejected_spec *spec,
                  struct err *e) ERR_CHECKED;

#endif
