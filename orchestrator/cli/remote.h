// Asking the daemon that owns the state directory, when there is one. Nothing here waits for a daemon that is not there.
#ifndef ORCHESTRATOR_CLI_REMOTE_H
#define ORCHESTRATOR_CLI_REMOTE_H

#include "jobs/run/run.h"
#include "orchestrator/cli/cli.h"

#include <jansson.h>

struct app;

enum remote { REMOTE_NONE, REMOTE_DONE, REMOTE_FAILED }; // no daemon; it answered; *e

// The whole command line, for a command that works on the state of this job: the daemon runs it with
// our standard output, between two runs. *code is its exit code.
enum remote remote_command(int *code, struct cli *c, const char *job, struct err *e);
// The same for each of app_lake_jobs(), one after another; *code is the first that is not 0.
enum remote remote_lake_command(int *code, struct cli *c, struct err *e);
// One run now, after the one that goes on.
enum remote remote_run(struct run_report *out, const struct app *app, const char *job,
                       void (*progress)(void *arg, const struct run_progress *p), void *arg,
                       struct err *e);
// "pause", "resume"; job NULL = none.
enum remote remote_ask(const struct app *app, const char *op, const char *job, struct err *e);
// Waits until the daemon has taken the new configuration over, or refused it: *e. What it says goes to out.
enum remote remote_reload(struct buf *out, const struct app *app, struct err *e);
// The daemon's list of jobs (orchestrator/daemon/daemon_status.c); the caller's to decref.
enum remote remote_status(json_t **out, const struct app *app, struct err *e);

#endif
