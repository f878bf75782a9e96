// How one job is: what its state store remembers, what the daemon says or would remember, how far it is behind. One thread.
#ifndef ORCHESTRATOR_CLI_JOB_STATUS_H
#define ORCHESTRATOR_CLI_JOB_STATUS_H

#include "jobs/run/history.h"
#include "orchestrator/cli/app.h"

#include <jansson.h>

enum job_lag { JOB_LAG_UNKNOWN, JOB_LAG_KNOWN, JOB_LAG_FAILED };
struct job_status {
    const struct job_spec *spec;
    bool ran;
    struct history_run last;
    int64_t success_ms; // end of the last success; 0 = never
    struct control control;
    const json_t *daemon; // its entry of the daemon's list; NULL = no daemon, or not known to it
    int64_t owner;        // the process that works on it; 0 = none
    bool paused;
    enum job_lag lag_is;
    uint64_t lag;
    int64_t lag_ms; // when it was measured; 0 = now
};

// The daemon's list and the scheduler's memory, for all jobs.
struct job_statuses {
    struct app *app;
    json_t *daemon; // NULL = none runs
};
// What the daemon cannot say (it is stopping) is as if there were none.
bool job_statuses_open(struct job_statuses *out, struct app *app, struct err *e) ERR_CHECKED;
void job_statuses_close(struct job_statuses *s);
bool job_status_read(struct job_status *out, const struct job_statuses *all,
                     const struct job_spec *job, struct err *e) ERR_CHECKED;
// Asks the brokers now. A failure is a state, not an error.
void job_status_live(struct job_status *s, const struct job_statuses *all);
// "running 45%", "retrying", "paused", "no daemon", "running, process 4711" (not the daemon).
const char *job_status_state(struct arena *a, const struct job_status *s);
// What must not be overlooked: "" or "batch 7 decided, not delivered", "4 failures".
// While somebody works on it nothing waits.
const char *job_status_note(struct arena *a, const struct job_status *s);
int64_t job_status_next(const struct job_status *s); // 0 = unknown or never
json_t *job_status_json(struct arena *a, const struct job_status *s);

#endif
