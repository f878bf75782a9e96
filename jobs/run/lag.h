// How far a job is behind the ends of its topics, without taking the job's state away from a run: a reader of the state store, and a
// question to the brokers. One thread.
#ifndef JOBS_RUN_LAG_H
#define JOBS_RUN_LAG_H

#include "jobs/run/run.h"

struct lag {
    uint64_t
        records; // offsets between the positions and the last stable offsets: an upper bound where topics are compacted
    uint64_t partitions, partitions_behind;
    uint64_t *by_topic; // records, by job.topics
};

// *out lives in the arena. A job that never ran is behind by all that its `start:` would read, as far as that is known (a time counts as earliest).
bool lag_measure(struct lag *out, struct arena *a, const struct job *job, const struct run_env *env,
                 struct err *e) ERR_CHECKED;

#endif
