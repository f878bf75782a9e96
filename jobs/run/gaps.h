// Streams that were out of the job for a while: batches that moved on meanwhile have rows for them that nobody wrote. Said by the run in
// which a stream comes back, and by audits until a backfill has brought them. A new stream has no gap: it starts at the current position.
//
// Kept with the outputs of the control document, those of the lake as "lake/<output>". Inside jobs/run; one thread.
#ifndef JOBS_RUN_GAPS_H
#define JOBS_RUN_GAPS_H

#include "jobs/run/control.h"

struct job;
struct run_report;

// In the decision of a batch that moves positions.
void gaps_moved(struct control *c, const struct job *job, uint64_t batch,
                struct run_report *report);
// Rows that came late to a batch (dead letters): streams that are out of the job now lack them.
void gaps_late(struct control *c, const struct job *job, uint64_t slot);
// In the decision of a backfill: the slot is there again in the outputs (by job.outputs).
bool gaps_filled(struct control *c, const struct job *job, const bool *outputs, uint64_t slot,
                 struct kv_txn *t, struct err *e) ERR_CHECKED;
// In a decision that writes a table whole: it lacks nothing.
void gaps_whole(struct control *c, struct control_output *o);
// After a reset outputs are taken as they are.
void gaps_forget(struct control *c);
// The i-th place where a stream of the job is written; false: there are no more.
struct gaps_place {
    struct str name; // in the control document
    size_t output;   // of job.outputs
    bool topic;      // cannot be backfilled
    bool whole;      // a table that is put by key: a resync brings them
};
bool gaps_place(struct gaps_place *out, struct arena *a, const struct job *job, size_t i);

#endif
