// What most commands need: the configuration loaded, a job compiled, its state store opened for reading. One thread.
#ifndef ORCHESTRATOR_CLI_APP_H
#define ORCHESTRATOR_CLI_APP_H

#include "base/kv.h"
#include "jobs/run/job.h"
#include "jobs/run/run.h"
#include "jobs/spec/spec.h"
#include "orchestrator/cli/cli.h"

struct lake;

struct app {
    struct arena *a;
    const struct app_spec *spec;
    struct durable *durable;
};

// Prints every error of the file but the last to stderr; the last is *e.
bool app_open(struct app *out, struct cli *c, struct err *e) ERR_CHECKED;
void app_close(struct app *s);
bool app_job_spec(const struct job_spec **out, const struct app *s, const char *name,
                  struct err *e) ERR_CHECKED;
const struct job_spec *app_jobs(const struct app *s, size_t *count);
bool app_job(const struct job **out, struct app *s, const char *name, struct err *e) ERR_CHECKED;
// The job's state store as a reader; *out = NULL when the job never ran.
bool app_state(struct kv **out, struct app *s, const struct job_spec *job,
               struct err *e) ERR_CHECKED;
bool app_lake(struct lake **out, struct app *s, struct err *e) ERR_CHECKED;

// Whose upkeep a command of the lake means: JOB, JOB OUTPUT, OUTPUT, or nothing: every job that writes to the lake.
struct app_lake_job {
    const char *job;
    struct str output; // "" = all of the job
};
bool app_lake_jobs(const struct app_lake_job **out, size_t *count, struct app *s,
                   const struct cli *c, struct err *e) ERR_CHECKED;

// run_progress.c: one line on a terminal, rewritten while the run goes on; nothing elsewhere.
struct app_progress {
    int64_t started_ms, last_ms;
    enum { APP_PROGRESS_OFF, APP_PROGRESS_TERMINAL } mode;
};
void app_progress_init(struct app_progress *out, const struct clock *clock);
void app_progress(void *arg, const struct run_progress *p);
void app_progress_end(struct app_progress *s);

// signals.c: SIGINT and SIGTERM set the flag; the second one exits at once.
const atomic_bool *app_signals(void);

#endif
