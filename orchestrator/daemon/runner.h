// What the daemon's children do with a job: run it, or check all of them. main functions of child_start().
#ifndef ORCHESTRATOR_DAEMON_RUNNER_H
#define ORCHESTRATOR_DAEMON_RUNNER_H

struct app_spec;
struct job_spec;

struct runner {
    const struct app_spec *app;
    const struct job_spec *job;
};
// One run: progress, then report or error (orchestrator/daemon/report.h).
int runner_main(void *arg, int out);
// Compiles every job: {"about": {…}} or {"errors": [text, …]}.
int runner_check_main(void *app_spec, int out);
// How far every job is behind: {"job": …, "lag": …, "topics": {name: …}} or {"job": …, "error": …}, one line each.
int runner_lag_main(void *app_spec, int out);

#endif
