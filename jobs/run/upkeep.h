// A batch of the job's one sequence that moves files of the lake and no records: expiry, compaction, restore. Its manifest is made first; it is decided
// in one transaction and rolled forward like any other. Recovery reads from its ranges where the job stood. Inside jobs/run. One thread.
//
// Order: everything is delivered and no row waits in a row log (run_settle, run_flush_logs); upkeep_next names the batch for
// files that are staged before; upkeep_batch once.
#ifndef JOBS_RUN_UPKEEP_H
#define JOBS_RUN_UPKEEP_H

#include "jobs/run/execute.h"
#include "lake/inspect.h"

struct upkeep {
    enum batch_kind kind;          // one that batch_kind_stands()
    int64_t now_ms;                // upkeep_now
    const struct lake_file *files; // staged, sealed
    size_t file_count;
    const struct lake_file *replaced; // what goes, or gets another file in its place
    size_t replaced_count;
    struct lake_manifest_output *outputs; // whose files these are
    size_t output_count;
};

// Is `output` ("" = all) something that the job writes to the lake?
bool upkeep_check(const struct job *job, struct str output, struct err *e) ERR_CHECKED;
bool upkeep_takes(const struct job_output *o, struct str output);
// What the lake holds of the job's output; NULL = nothing yet.
const struct lake_ls_output *upkeep_held(const struct lake_ls *ls, const struct job *job,
                                         const struct lake_output *o);

// The batch clock: never before the last batch's.
int64_t upkeep_now(const struct session *s);
uint64_t upkeep_next(const struct session *s);
// Decided and delivered; the report counts it. *batch is its id.
bool upkeep_batch(uint64_t *batch, struct session *s, const struct upkeep *u,
                  struct err *e) ERR_CHECKED;

#endif
