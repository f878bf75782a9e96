// Shared inside jobs/run: everything open during one run of a job. Order: session_open  (plan, execute, deliver)*  session_close.
#ifndef JOBS_RUN_SESSION_H
#define JOBS_RUN_SESSION_H

#include "jobs/run/control.h"
#include "jobs/run/run.h"
#include "jobs/run/sequence.h"

struct pool;
struct collect;

// What the engine remembers: the job's state, or nothing beyond a batch (backfill reads the past without touching it).
enum session_engine { SESSION_STATE, SESSION_MEMORY };

// A table that could not take its rows a moment ago (behind.h).
struct session_failed {
    struct str name;
    bool away;                           // its server, and with it all tables there
    int64_t began_ms, wait_ms, again_ms; // the last try, on the monotonic clock
    char why[128];
};

struct session {
    const struct job *job;
    const struct run_env *env;
    struct run_report *report;
    struct arena *a;
    struct arena *planned,
        *scratch; // of the frozen plan; of one batch's delivery: an endless run does not grow
    struct kv *kv;
    struct control control;
    struct arena *control_arena;
    struct lake *lake;
    struct source *source;
    struct sink **sinks; // per target; NULL = not connected
    bool lags;           // a warehouse may be behind: behind.h
    bool moved_up;       // one that was has taken something since control was stored
    struct session_failed *failed;
    size_t failed_count, failed_cap;
    bool creates_again;          // resync: tables that are gone although batches were delivered
    struct topic_writer *topics; // NULL = not connected
    int32_t *topic_partitions;   // per topic output
    struct topic_marker marker;  // as this connection knows it
    bool marker_known;
    struct exec *exec;
    enum session_engine engine;
    bool asks; // a command that looks whether it may: what it refuses is no failed run
    enum { SESSION_BOUNDED, SESSION_ENDLESS } mode;
    const char *log_dir;        // row logs
    uint64_t dead, records;     // of the report, when the limits of dead letters began to count
    struct collect *collecting; // of the batch being executed
    struct pool *pool;
    struct str cluster;
    struct str
        elsewhere; // the broker's cluster, when positions are `cluster`'s: nothing is written to it; "" = the same
    const char *spool_dir;
    uint64_t run;
    int64_t started_ms;
    struct source_partition *partitions; // the frozen plan
    size_t partition_count;
};

bool session_open(struct session *s, const struct job *job, const struct run_env *env,
                  struct run_report *report, struct err *e) ERR_CHECKED;
// The same where the positions may be another cluster's: they are about to be forgotten.
bool session_open_anywhere(struct session *s, const struct job *job, const struct run_env *env,
                           struct run_report *report, struct err *e) ERR_CHECKED;
void session_close(struct session *s);
// Does what is stored fit the SQL and the outputs of now? Wants job and control only.
bool session_check(struct session *s, struct err *e) ERR_CHECKED;
// The engine, once heads and control are settled.
bool session_start(struct session *s, exec_emit_fn *emit, void *emit_arg,
                   struct err *e) ERR_CHECKED;
void session_stop(struct session *s); // the engine; another may be started
bool session_reload_control(struct session *s, struct err *e) ERR_CHECKED;
void session_progress(const struct session *s, enum run_phase phase, uint64_t batch,
                      uint64_t records, uint64_t bytes);

// heads.c: compares what every output holds with what we delivered; redelivers from spools where a store lost its tail.
bool heads_check(struct session *s, struct err *e) ERR_CHECKED;
bool heads_sink(struct sink **out, struct session *s, size_t target,
                struct err *e) ERR_CHECKED; // connects when needed

// From the batch after the head up to the one with this digest; BEHIND when a link or a spool is missing.
bool heads_redo(struct session *s, struct str name, const struct head *head, uint64_t upto,
                uint64_t upto_digest, struct err *e) ERR_CHECKED;
// The job begins again: nothing that its tables in warehouses hold belongs to it any more.
void heads_rewrite_tables(struct session *s);
bool heads_fenced(struct str name, uint64_t held, uint64_t held_digest, uint64_t ours,
                  uint64_t our_digest, struct err *e);
bool heads_behind(struct str name, uint64_t held, uint64_t ours, struct err *e);

// plan.c
bool plan_freeze(struct session *s, struct err *e) ERR_CHECKED;
// Ranges from the positions to the frozen ends. *count = 0 when nothing is new.
bool plan_ranges(struct session *s, struct arena *a, struct sequence_range **out, size_t *count,
                 struct err *e) ERR_CHECKED;
uint64_t plan_remaining(const struct session *s);
void plan_rank(const struct session *s,
               struct sequence_range *r); // its side and phase in the merge

// history.c: the run's record in KV_RUN.
bool history_put(struct kv_txn *t, const struct session *s, const char *outcome,
                 const struct err *failure, struct err *e) ERR_CHECKED;
// Inside a transaction that writes: some of the records that the job need not keep go, the oldest first. Of batches before
// control is stored.
bool history_forget_batches(struct kv_txn *t, struct session *s, struct err *e) ERR_CHECKED;
bool history_forget_runs(struct kv_txn *t, const struct session *s, struct err *e) ERR_CHECKED;

#endif
