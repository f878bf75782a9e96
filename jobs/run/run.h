// One bounded run of a job: open, plan to the frozen end, then batches of execute - decide - deliver, then finish (DESIGN section 2:
// decide once, then roll forward). The public front of jobs/run.
//
// run_job() may be called again after any failure or crash: it first delivers what was decided. One thread per job; the state
// store's lock keeps other processes out.
#ifndef JOBS_RUN_RUN_H
#define JOBS_RUN_RUN_H

#include "base/clock.h"
#include "jobs/run/job.h"

#include <stdatomic.h>

struct durable;
struct log;

enum run_phase { RUN_OPENING, RUN_READING, RUN_DECIDING, RUN_DELIVERING, RUN_WAITING, RUN_DONE };

// The warehouse table that is the longest behind the other outputs (`output_lag`). output "" = none is.
struct run_behind {
    char output[128], why[128];
    uint64_t batches; // with rows for it
    int64_t since_ms;
};

struct run_progress {
    enum run_phase phase;
    uint64_t batch;
    uint64_t records,
        records_total; // of the run's plan; total counts offsets, so compaction makes it an upper bound
    uint64_t bytes;
    struct run_behind behind;
};

// The marker that says which batch the topics hold expires like a group's offsets. Without it a person must say what they hold.
enum run_marker {
    RUN_MARKER_ASK,   // stop
    RUN_MARKER_SENT,  // the last decided batch is in the topics
    RUN_MARKER_RESEND // it is not: send it
};

// What the process gives to a run.
struct run_env {
    struct durable *durable;
    struct clock clock;
    const struct source_type *source;
    const struct topic_type *topics;                           // NULL: no topic outputs
    enum run_marker marker;                                    // when Kafka has lost ours
    const atomic_bool *cancel;                                 // may be NULL
    void (*progress)(void *arg, const struct run_progress *p); // may be NULL
    void *progress_arg;
    // An endless run has failed and goes on in retry_ms, or has left something undone and goes on (0); may be NULL.
    void (*trouble)(void *arg, const struct err *e, int64_t retry_ms);
    void *trouble_arg;
    uint32_t window;    // rows per window; 0 = default (tests: 1, 7)
    int64_t deliver_ms; // how long an unreachable warehouse is tried again; 0 = 15 s
};

struct run_report {
    uint64_t run;
    uint64_t batch_first, batch_last; // 0 = none
    uint64_t batches, redelivered;
    uint64_t records, bytes, dead, lost;
    uint64_t rejected;       // rows that warehouses refused
    uint64_t late;           // rows that came after their window had closed
    uint64_t late_partition; // rows whose partition had expired: dropped, or among the dead
    uint64_t lake_files, lake_rows, warehouse_rows, topic_rows;
    char
        notice[512]; // said once: rows that a stream lacks since it was out, what was not compacted
    struct run_behind behind; // when it ended
    char offsets_error[256]; // the group's offsets could not be committed: reported, never blocking
};

// Until it is cancelled: small batches for ever, warehouses and topics at most the commit interval behind (`stream:` of the job). What may
// pass by itself (a broker or warehouse that is away) is tried again with backoff and told to env->trouble; anything else ends it.
// True: cancelled, the last batch is delivered, every row of streams and a version of every changed table is in the lake.
bool run_stream(struct run_report *out, const struct job *job, const struct run_env *env,
                struct err *e) ERR_CHECKED;

struct control;
// Whether a run would go on from this stored state, by what is known without connecting to anything.
bool run_fits(const struct job *job, const struct control *c, struct err *e) ERR_CHECKED;
bool run_job(struct run_report *out, const struct job *job, const struct run_env *env,
             struct err *e) ERR_CHECKED;

enum run_reset { RUN_RESET_REBUILD, RUN_RESET_FROM_NOW, RUN_RESET_KEEP };
// Forgets operator state, tables and positions; ids go on. FROM_NOW: positions become the current ends. KEEP:
// forgets nothing; operators that the stored state does not fit start empty.
bool run_reset(const struct job *job, const struct run_env *env, enum run_reset how,
               struct err *e) ERR_CHECKED;

#endif
