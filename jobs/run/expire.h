// Expiry: files of the lake that the job's policy does not keep are deleted by a batch of the job's one sequence. Of a stream a partition
// goes whole, once its newest row is of a day before those that `retain` keeps; of a table the versions beyond
// `keep_versions`. The batch is decided before anything is deleted, and rolled forward like any other; its manifest is the log.
//
// One thread; run_expire takes the state's lock.
#ifndef JOBS_RUN_EXPIRE_H
#define JOBS_RUN_EXPIRE_H

#include "jobs/run/run.h"

struct session;

struct expire_spec {
    struct str output;     // SQL name; "" = all of the job
    int64_t older_than_ms; // of streams, in place of their `retain`; 0 = the policy
    enum { EXPIRE_DELETE, EXPIRE_DRY_RUN } mode;
};
struct expire_report {
    uint64_t batch;                // 0 = nothing was deleted
    const struct lake_file *files; // with their reasons
    size_t count;
};
// *out lives in `a`.
bool run_expire(struct expire_report *out, struct arena *a, const struct job *job,
                const struct run_env *env, const struct expire_spec *spec,
                struct err *e) ERR_CHECKED;

// Inside a run, when everything is delivered: expiry by policy, at most once a day of the batch clock.
bool expire_due(struct session *s, struct err *e) ERR_CHECKED;

#endif
