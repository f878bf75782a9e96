// Shared inside jobs/run: batches as steps of a run. execute_batch is one up to and including its decision; the run_ functions are what runs,
// endless runs, backfills and recoveries are put together from.
#ifndef JOBS_RUN_EXECUTE_H
#define JOBS_RUN_EXECUTE_H

#include "jobs/run/session.h"

struct collect;

// execute.c, decide.c: one batch up to and including its decision.
enum { EXECUTE_SEQ_SHIFT = 40 }; // numbers of batch N from N << 40 on, where they are not counted
enum execute_end { EXECUTE_MORE, EXECUTE_LAST };
// A recorded slot executed again, in its place; or tables written anew (no slot, no ranges: feed brings the rows); or dead letters of a
// slot, whose rows come to those that it has.
struct execute_replace {
    uint64_t slot;         // 0 = none
    int64_t now_ms;        // of the slot's batch: what UNIX_TIMESTAMP() says
    struct source *source; // of the records; NULL = the session's
    const struct batch_range *
        recorded; // as many as the ranges: their last records must be the same ones; NULL = unknown
    enum { EXECUTE_INSTEAD, EXECUTE_BESIDE } rows; // of the slot: they go, or they stay
    uint64_t file_number;                          // BESIDE: the first n of <slot>-<n> that is free
    const bool *outputs;                           // by job.outputs: those that are replaced
    const bool *targets;                           // by job.targets, NULL = those of the outputs
    enum { EXECUTE_ROWS, EXECUTE_WHOLE } tables;
    bool (*feed)(void *arg, struct collect *c, struct err *e);
    void *feed_arg;
    const struct lake_file *files;
    size_t file_count; // what the slot has in the lake now, and these rows replace
    // KEEP: positions, state and tables stay; LATE: state and tables follow.
    enum { EXECUTE_KEEP, EXECUTE_FOLLOW, EXECUTE_LATE } positions;
    enum { EXECUTE_SILENT, EXECUTE_SEND } topics; // SEND: they never got the slot's records
    enum execute_end end;                         // FOLLOW: snapshots are due with the last slot
};
struct execute_spec {
    enum batch_kind kind;
    const struct sequence_range *ranges; // none: BATCH_ROLL
    size_t count;
    struct arena *a;                                         // what *out points to, and scratch
    const struct execute_replace *replace;                   // NULL = a batch of its own slot
    enum { EXECUTE_DIRECT, EXECUTE_LOG, EXECUTE_ROLL } lake; // collect.h: collect_lake
    // Of changed tables: with the batch that reaches the frozen ends, never, now.
    enum { EXECUTE_SNAPSHOT_LAST, EXECUTE_SNAPSHOT_NONE, EXECUTE_SNAPSHOT_NOW } snapshot;
    // COMPARE: the source may not go on where it stands, the anchors are read again.
    enum { EXECUTE_GO_ON, EXECUTE_COMPARE } anchors;
};
bool execute_same_source(const struct batch_range *recorded, const struct batch_range *ranges,
                         size_t count, uint64_t slot, struct err *e) ERR_CHECKED;
bool execute_batch(struct batch_record *out, enum execute_end *end, struct session *s,
                   const struct execute_spec *spec, struct err *e) ERR_CHECKED;

// run.c
// Step 1, after session_open: everything is delivered everywhere. LAGGING: what `output_lag` allows may be behind, now and from now on.
bool run_settle(struct session *s, struct err *e) ERR_CHECKED;
bool run_settle_lagging(struct session *s, struct err *e) ERR_CHECKED;
bool run_recovered(const struct session *s, struct err *e) ERR_CHECKED; // no recovery is half done
// The end of a run: its record. A failure is remembered when the store still works; it is what run list shows. Not what a command
// refuses before it has begun (session.asks).
bool run_done(struct session *s, struct err *e) ERR_CHECKED;
bool run_idle(struct session *s, struct err *e) ERR_CHECKED; // the same, but the run goes on
void run_failed(struct session *s, const struct err *failure);
// Plans (kinds but BATCH_ROLL), executes, decides, delivers one batch: kind, lake, snapshot and anchors of `how` count.
bool run_batch(struct session *s, const struct execute_spec *how, enum execute_end *end,
               struct err *e) ERR_CHECKED;
// Rows that an endless run left in row logs become files.
bool run_flush_logs(struct session *s, struct err *e) ERR_CHECKED;
// After execute_batch: delivery, and what it has proven needless goes.
bool run_deliver(struct session *s, struct batch_record *r, struct err *e) ERR_CHECKED;

#endif
