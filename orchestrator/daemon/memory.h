// What the daemon remembers on disk: <state>/_daemon/ (0700; a job's name cannot begin with _) holds the lock of the one daemon, the
// scheduler's memory (sched.json), the control socket and the admin token. One thread; values live in the arena given.
#ifndef ORCHESTRATOR_DAEMON_MEMORY_H
#define ORCHESTRATOR_DAEMON_MEMORY_H

#include "orchestrator/sched/sched.h"

struct durable;

struct memory_job {
    struct str name;
    struct sched_memory sched;
    int64_t lag, lag_ms; // records behind, and when that was known (wall time, 0 = never)
};

struct memory {
    struct arena *a;
    struct memory_job *jobs;
    size_t n, cap;
};

// A missing file is an empty memory.
bool memory_load(struct memory *out, struct arena *a, const char *state, struct err *e) ERR_CHECKED;
struct memory_job *memory_job(struct memory *s, struct str name); // added when absent
bool memory_store(const struct memory *s, const char *state, struct durable *d,
                  struct err *e) ERR_CHECKED;

const char *memory_dir(struct arena *a, const char *state);
// The directory made, and locked for this process until *fd is closed: ERR_FENCED naming the owner when there is one.
bool memory_lock(int *fd, const char *state, struct durable *d, struct err *e) ERR_CHECKED;

#endif
