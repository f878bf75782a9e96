// Reading what the state store remembers: runs and batches, newest first, also while the owner is running. One thread.
#ifndef JOBS_RUN_HISTORY_H
#define JOBS_RUN_HISTORY_H

#include "jobs/run/control.h"

struct history_run {
    uint64_t run;
    struct str job, outcome; // "done", "failed", "running"
    struct str error;        // "" = none
    int64_t started_ms, finished_ms;
    uint64_t batch_first, batch_last, batches;
    uint64_t records, bytes, dead, lost, lake_files, lake_rows, warehouse_rows, topic_rows;
    uint64_t rejected, late_partition;
    struct str offsets_error;
};

typedef bool history_fn(void *arg, const struct history_run *r,
                        struct err *e); // false stops with e
bool history_runs(struct kv *kv, size_t most, history_fn *fn, void *arg, struct err *e) ERR_CHECKED;
enum kv_found history_run(struct history_run *out, struct arena *a, struct kv_txn *t, uint64_t run,
                          struct err *e);

#endif
