// Shared inside orchestrator/daemon: what one daemon is made of. All of it belongs to the daemon's one thread.
#ifndef ORCHESTRATOR_DAEMON_DAEMON_INTERNAL_H
#define ORCHESTRATOR_DAEMON_DAEMON_INTERNAL_H

#include "base/clock.h"
#include "base/log.h"
#include "base/vec.h"
#include "jobs/spec/spec.h"
#include "orchestrator/daemon/daemon_job.h"
#include "orchestrator/daemon/memory.h"

#include <jansson.h>

struct admin;
struct loop;

// One loaded configuration, with everything that is made from it.
struct config {
    struct arena *a;
    const struct app_spec *spec;
    struct sched *sched;
    json_t *about;   // per job: what the check found (topics, objects, outputs); NULL before it
    json_t *pending; // jobs with a backfill that was cut short, by the check
};

enum daemon_stop { DAEMON_GOES_ON, DAEMON_STOPPING, DAEMON_STOPPED };
struct daemon {
    struct arena *a;
    const char *path; // of the configuration
    struct clock clock;
    struct log *log;
    struct durable *durable;
    struct loop *loop;
    struct children *children;
    struct control_server *control;
    struct admin *admin;
    int lock;
    char *state;                  // the state directory, which cannot change
    struct config *config, *next; // next: being checked
    struct buf check;             // what the check says
    bool reload_again;
    struct control_client *reloader; // who waits for the reload
    char *fixed;                     // what it started with and cannot change
    size_t queries;                  // of the admin server, going on
    VEC(struct daemon_job *) jobs;
    enum daemon_stop stop;
    bool ready, memory_dirty, memory_failed;
    int64_t started_ms, lag_due_ms, watchdog_ms, watchdog_due_ms;
    struct child *lag_child;
    struct buf lag_text;
    struct err failure; // why it could not start
    bool failed;
};

// daemon.c
struct sched_now daemon_now(const struct daemon *d);
void daemon_store(struct daemon *d);
struct daemon_job *daemon_job(const struct daemon *d,
                              const char *name); // NULL = not in the configuration
void daemon_stop(struct daemon *d);

// daemon_config.c
bool config_begin(struct daemon *d, struct err *e) ERR_CHECKED; // loads
bool config_check(struct daemon *d,
                  struct err *e) ERR_CHECKED; // then: a child compiles, and it takes over
void config_reload(struct daemon *d, struct control_client *client);
void config_free(struct config *c);

// daemon_status.c
json_t *status_job(const struct daemon_job *j);
json_t *status_all(const struct daemon *d);

// daemon_control.c
void daemon_request(void *arg, struct control_client *c, const json_t *request,
                    const int fds[CONTROL_FDS]);
void daemon_client_gone(void *arg, struct control_client *c);
void daemon_pause(struct daemon *d, struct daemon_job *j, bool pause);

// alert.c
void alert_send(struct daemon_job *j);

// lag.c
void lag_start(struct daemon *d);

#endif
