// Backfill: recorded slots of a job executed again with today's SQL, each as one batch of its own id that puts its files and appended
// rows in the place of the slot's. Positions, operator state and tables are not touched; nothing is there twice. What streams are put into
// by key is written whole before, of all recorded batches; where that would change more than the slots it is refused.
//
// The owner calls it between runs: it takes the state's lock like run_job(). A backfill that was cut short stays pending
// in the state and is continued by BACKFILL_PENDING; one that has all its slots and outputs takes its place; BACKFILL_ABANDON leaves
// what is not replaced yet as it is. One thread per job.
#ifndef JOBS_RUN_BACKFILL_H
#define JOBS_RUN_BACKFILL_H

#include "jobs/run/record.h"
#include "jobs/run/run.h"

struct lake_file;

enum backfill_by {
    BACKFILL_PENDING, // what an earlier call has begun; nothing when there is none
    BACKFILL_TIME,    // records with timestamps in [from, to), Unix ms
    BACKFILL_OFFSETS, // offsets in [from, to)
    BACKFILL_BATCHES, // batches from … to
};
enum backfill_mode {
    BACKFILL_EXECUTE,
    BACKFILL_DRY_RUN,
    BACKFILL_ABANDON // with BACKFILL_PENDING
};

// A slot that is, or would be, replaced; or is left as it is.
struct backfill_slot {
    uint64_t slot;
    size_t index, count; // the index-th of count
    const struct batch_range *ranges;
    size_t range_count;
    const struct lake_file *files; // there now
    size_t file_count;
    uint64_t appended; // rows it had appended to tables
};
typedef bool backfill_fn(void *arg, const struct backfill_slot *s, struct err *e);

struct backfill_spec {
    enum backfill_by by;
    enum backfill_mode mode;
    int64_t from, to;
    enum { BACKFILL_FROM_TOPICS, BACKFILL_FROM_LAKE } source; // jobs/run/kept.h
    struct str topic;          // BACKFILL_OFFSETS: "" = the job's only topic
    int32_t partition;         // BACKFILL_OFFSETS: -1 = every one
    const struct str *outputs; // SQL names; none = all of the job
    size_t output_count;
    backfill_fn *slot;                                          // told before each; may be NULL
    bool (*whole)(void *arg, struct str target, struct err *e); // told of those tables; may be NULL
    void *slot_arg;
};

bool run_backfill(struct run_report *out, const struct job *job, const struct run_env *env,
                  const struct backfill_spec *spec, struct err *e) ERR_CHECKED;

// Does the job's state say that a backfill was cut short? For other processes than the owner.
bool backfill_is_pending(bool *out, const struct job *job, struct durable *durable,
                         struct err *e) ERR_CHECKED;

#endif
