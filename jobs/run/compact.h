// Compaction: small files of a stream's partition become one, by a batch of the job's one sequence (upkeep.h). Rows stay what they are, in
// the order of their slots, and the new file knows which are which slot's: backfill and expiry go on as before.
//
// One thread; run_compact takes the state's lock.
#ifndef JOBS_RUN_COMPACT_H
#define JOBS_RUN_COMPACT_H

#include "jobs/run/run.h"

struct session;

struct compact_spec {
    struct str output;  // SQL name; "" = all streams of the job
    size_t min_files;   // fewer in a row are left alone; 0 = 2
    uint64_t max_bytes; // of what becomes one file; 0 = the output's `compact: {max_bytes}`
    enum { COMPACT_EXECUTE, COMPACT_DRY_RUN } mode;
};
// One new file, or what would be one.
struct compact_merge {
    struct str output, partition, path; // path: "" in a dry run
    uint64_t batch;                     // 0 in a dry run
    size_t files;                       // that it is made of
    uint64_t rows, bytes_before, bytes; // bytes: of the new file
};
struct compact_report {
    const struct compact_merge *merges;
    size_t count;
    uint64_t batches;
};
// *out lives in `a`. What was done before a failure or cancellation stays done, and is in *out.
bool run_compact(struct compact_report *out, struct arena *a, const struct job *job,
                 const struct run_env *env, const struct compact_spec *spec,
                 struct err *e) ERR_CHECKED;

// Inside a run, when everything is delivered: compaction by policy. The lake is listed once in as many of its batches as
// the smallest `min_files` says: before that no partition can be due.
bool compact_due(struct session *s, struct err *e) ERR_CHECKED;

#endif
