// Files of an archive come back into the lake, into their places, by a batch of kind restore in the job's one sequence: lake ls, cat, verify, backfill and
// audit know them again. Each is checked against the archive's and the lake's manifests before anything is decided; after the decision a crash is
// rolled forward like any batch.
//
// What is there already, with the same content, is left alone. Refused is what would change or repeat rows: a place that holds other content, a
// slot that a later batch replaced or compacted, a history that a reset left behind, another lake's archive. A version of a table that had
// gone stays, beside the newest keep_versions, until it is expired by hand.
// One thread; run_restore takes the state's lock.
#ifndef JOBS_RUN_RESTORE_H
#define JOBS_RUN_RESTORE_H

#include "jobs/run/run.h"

struct restore_spec {
    const char *archive;
    enum { RESTORE_WRITE, RESTORE_DRY_RUN } mode;
};
struct restore_report {
    uint64_t batch;                // 0 = nothing was restored
    const struct lake_file *files; // that come back
    size_t count;
    uint64_t present; // left alone
};
// *out lives in `a`.
bool run_restore(struct restore_report *out, struct arena *a, const struct job *job,
                 const struct run_env *env, const struct restore_spec *spec,
                 struct err *e) ERR_CHECKED;

#endif
