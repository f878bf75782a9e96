// Replay: dead letters of a job run again with today's SQL, those of one batch (their slot) as one batch of its own id. What decodes now
// gives rows that come to those of the slot, and leaves the dead letters with the same decision; what does not stays, with its new
// reason. Positions do not move; nothing is there twice.
//
// The owner calls it between runs: it takes the state's lock like run_job(). A replay that was cut short is called again: what was
// decided is delivered first and is no dead letter any more. One thread per job.
#ifndef JOBS_RUN_REPLAY_H
#define JOBS_RUN_REPLAY_H

#include "jobs/run/run.h"

enum replay_mode { REPLAY_EXECUTE, REPLAY_DRY_RUN };

// The dead letters of one batch, after they were executed (or, dry, decoded).
struct replay_slot {
    uint64_t slot;
    size_t index, count;    // the index-th of count
    const char *path;       // of their file
    uint64_t letters, dead; // how many there were, and how many still cannot be decoded
    const char *reason;     // of the first that cannot; "" = none
};
typedef bool replay_fn(void *arg, const struct replay_slot *s, struct err *e);

struct replay_spec {
    enum replay_mode mode;
    uint64_t from, to;         // batches
    const struct str *outputs; // SQL names that get the records; none = all of the job
    size_t output_count;
    replay_fn *slot; // may be NULL
    void *slot_arg;
};

bool run_replay(struct run_report *out, const struct job *job, const struct run_env *env,
                const struct replay_spec *spec, struct err *e) ERR_CHECKED;

#endif
