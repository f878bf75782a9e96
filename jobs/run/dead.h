// Dead letters of one batch: records that could not be decoded, as JSON lines with place, reason and (by policy) payload.
// They are staged and decided with the batch like any other file. One thread.
#ifndef JOBS_RUN_DEAD_H
#define JOBS_RUN_DEAD_H

#include "jobs/run/job.h"
#include "jobs/run/sequence.h"

struct dead_letters {
    struct buf text;
    uint64_t count;
    enum job_dead_payload payload;
};

void dead_init(struct dead_letters *out, enum job_dead_payload payload);
void dead_fini(struct dead_letters *s);
void dead_string(struct buf *out, struct str s); // as JSON
bool dead_add(struct dead_letters *s, const struct sequence_range *range,
              const struct scan_record *record, struct str reason, struct err *e) ERR_CHECKED;

#endif
