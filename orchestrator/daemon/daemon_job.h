// Shared inside orchestrator/daemon: one job of the daemon, the run or command that goes on for it, and who waits for them. It outlives
// reloads of the configuration. All of it belongs to the daemon's one thread.
#ifndef ORCHESTRATOR_DAEMON_DAEMON_JOB_H
#define ORCHESTRATOR_DAEMON_DAEMON_JOB_H

#include "base/buf.h"
#include "base/vec.h"
#include "jobs/run/run.h"
#include "orchestrator/daemon/child.h"
#include "orchestrator/daemon/control.h"
#include "orchestrator/sched/sched.h"

#include <jansson.h>

struct app_spec;
struct daemon;
struct job_spec;

enum { JOB_NAME_MAX = 80, JOB_COMMANDS_MAX = 16, JOB_PHASES = RUN_DONE + 1 };

// A command line that waits for its job to be free, or runs on it.
struct command {
    struct control_client *client; // NULL: it went away
    int fds[CONTROL_FDS];
    char **argv; // owned
    int argc;
    const struct app_spec *spec; // of the moment it began
};

// A client that waits for the run it asked for: begun tells whether that one runs already.
struct watcher {
    struct control_client *client;
    bool begun;
};

struct daemon_job {
    struct daemon *d;
    char name[JOB_NAME_MAX];
    const struct job_spec *spec; // NULL: no longer in the configuration
    size_t index;                // in the schedule
    struct child *child;         // of a run or a command; NULL = none
    enum { JOB_FREE, JOB_RUN, JOB_COMMAND } does;
    enum sched_reason reason;
    bool timed_out, told_to_stop;
    int64_t stop_ms; // monotonic: when it was told
    struct buf line; // of the child's output, not yet whole
    VEC(struct watcher) watchers;
    VEC(struct command) commands; // the first one runs when does is JOB_COMMAND
    struct buf command_text;      // what the last command without a terminal printed
    int command_exit;             // -1 = none ended yet
    // The run that goes on, and the last one.
    struct run_progress progress;
    int64_t began_ms; // wall
    int64_t began_mono_ms, phase_mono_ms;
    bool answered; // its last line came
    bool succeeded;
    struct run_report report;
    struct err error;
    int64_t ended_ms, took_ms;
    int64_t lag, lag_ms;      // -1 = unknown; when it was known
    json_t *lag_topics;       // the same by topic; NULL = unknown
    int64_t undelivered_ms;   // since when a decided batch waits for an output; 0 = none
    struct run_behind behind; // which lets the others go on
    // Counters since the daemon began.
    uint64_t runs_done, runs_failed, records, bytes, dead, lost, lake_rows, warehouse_rows, alerts;
    uint64_t late, late_partition, topic_rows, rejected, memory_bytes;
    uint64_t phase_ms[JOB_PHASES];
};

// Since when an output lacks a decided batch, whether or not the others wait for it; 0 = none does.
int64_t daemon_job_undelivered(const struct daemon_job *j);

void job_start_due(struct daemon *d);
void job_check_timeouts(struct daemon *d);
// Finish or abandon the batch. One that still opens or reads after a while (a broker that does not answer) is killed: nothing
// of it was decided.
void job_tell_to_stop(struct daemon_job *j);
void job_kill_stuck(struct daemon *d);
int64_t job_kill_wait(const struct daemon *d, int64_t wait); // until then, at most wait
void job_command(struct daemon_job *j, struct control_client *c, const json_t *request,
                 const int fds[CONTROL_FDS]);
// The same for a command line without a client: its output is kept in command_text. False: too many wait.
bool job_command_alone(struct daemon_job *j, const char *const *words, size_t count) ERR_CHECKED;
// daemon_command.c: the first command that waits runs; one that ended is freed.
void job_command_begin(struct daemon_job *j);
void job_command_free(struct command *c);
bool job_is_stream(const struct daemon_job *j);
void job_run_for(struct daemon_job *j, struct control_client *c); // c may be NULL
void job_forget_client(struct daemon *d, const struct control_client *c);
struct daemon_job *job_new(struct daemon *d, struct str name);
void job_free(struct daemon_job *j);

#endif
