// When each job runs: pure arithmetic on the wall and the monotonic time that the caller passes in. It starts nothing, sleeps
// never, reads no clock; the daemon asks it what to begin and tells it what ended.
//
// Order: sched_new  (sched_pick* … sched_finished)*. Intervals, timeouts and retries are of the monotonic time, cron instants of the
// wall time: the last one fired is remembered, so that a clock that is set back does not fire it twice. One thread; memory in the arena.
#ifndef ORCHESTRATOR_SCHED_SCHED_H
#define ORCHESTRATOR_SCHED_SCHED_H

#include "base/arena.h"
#include "jobs/spec/spec_schedule.h"

#define SCHED_NEVER INT64_MAX

struct sched;

struct sched_now {
    int64_t wall_ms, mono_ms;
};

struct sched_job {
    struct str name;
    const struct schedule_spec *schedule; // borrowed; at.line 0 = by hand only
};

// What outlives the process: the daemon stores it before a run begins and after it ends.
struct sched_memory {
    int64_t fired_ms;  // cron: the last instant that counted as fired; 0 = none
    int64_t began_ms;  // wall time of the last begin; 0 = never
    int64_t done_ms;   // wall time of the last success; 0 = never
    uint64_t failures; // since then
    // `after:` counts begins and successes of all jobs in one sequence, so that no clock has a say in it. began_seq is also passed when a
    // chance was missed (paused). 0 = unknown.
    uint64_t began_seq, done_seq;
    bool paused, running, alerted;
};

enum sched_start { SCHED_COLD, SCHED_RELOAD }; // at_start, interrupted and missed runs: cold only
// memory: one per job. Jobs that `after:` names must be among the jobs.
struct sched *sched_new(struct arena *a, const struct sched_job *jobs, size_t count,
                        const struct sched_memory *memory, struct sched_now now,
                        enum sched_start how);
void sched_set_parallel(struct sched *s, size_t most); // default 2
// What the old schedule knew beyond memory (running, waiting, due times), by name.
void sched_carry(struct sched *s, const struct sched *old);

enum sched_reason {
    SCHED_BY_TIME,
    SCHED_BY_START,
    SCHED_BY_AFTER,
    SCHED_BY_RETRY,
    SCHED_BY_HAND,
    SCHED_MISSED,      // it was due while nobody looked
    SCHED_INTERRUPTED, // the process died during the last run
    SCHED_QUEUED,      // it was due during the run before
    SCHED_STREAM,
};
const char *sched_reason_name(enum sched_reason reason);
// The next job to begin now; it counts as running. False: none.
bool sched_pick(struct sched *s, size_t *job, enum sched_reason *reason, struct sched_now now);
// How long nothing can become due; at most a minute while cron is in use, because the wall clock may jump. -1 = never.
int64_t sched_wait_ms(struct sched *s, struct sched_now now);
// A run has been going on for too long: true once per run.
bool sched_timed_out(struct sched *s, size_t job, struct sched_now now);

enum sched_outcome {
    SCHED_DONE,
    SCHED_FAILED,  // may pass
    SCHED_FATAL,   // repeating cannot help
    SCHED_STOPPED, // we stopped it: no verdict
};
enum sched_verdict { SCHED_QUIET, SCHED_RETRY, SCHED_ALERT };
enum sched_verdict sched_finished(struct sched *s, size_t job, enum sched_outcome outcome,
                                  struct sched_now now);

// A run that never ends has done something: that is its success.
void sched_progressed(struct sched *s, size_t job, struct sched_now now);

void sched_trigger(struct sched *s,
                   size_t job); // by hand: also when paused; at once, or after the run
void sched_pause(struct sched *s, size_t job); // the run that goes on is left alone
void sched_resume(struct sched *s, size_t job,
                  struct sched_now now); // from now: nothing was missed

// Keeps the job from beginning while something else works on its state; false while it runs.
bool sched_hold(struct sched *s, size_t job);
void sched_release(struct sched *s, size_t job);

enum sched_state { SCHED_IDLE, SCHED_WAITING, SCHED_RUNNING, SCHED_RETRYING, SCHED_PAUSED };
const char *sched_state_name(enum sched_state state);
struct sched_view {
    enum sched_state state;
    int64_t next_ms;  // wall time; SCHED_NEVER = only by hand or after another
    uint64_t skipped; // times that fell into a run, since the start
};
struct sched_view sched_view(const struct sched *s, size_t job, struct sched_now now);
const struct sched_memory *sched_memory(const struct sched *s, size_t job);
size_t sched_running(const struct sched *s);

#endif
