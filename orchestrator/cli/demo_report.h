// What `sluice demo` prints at its end, in at most 40 lines: what is where, what the receipts say, what to try next. One thread.
#ifndef ORCHESTRATOR_CLI_DEMO_REPORT_H
#define ORCHESTRATOR_CLI_DEMO_REPORT_H

#include "orchestrator/cli/app.h"

enum { DEMO_RUNS = 2, DEMO_RECORDS = 5000, DEMO_RECORDS_MAX = 20000 };

struct demo_run {
    struct run_report report;
    int64_t ms;
};

struct demo_report {
    const char *dir;
    uint64_t records; // of all backlogs
    const struct job *job;
    const struct job_spec *spec;
    struct demo_run runs[DEMO_RUNS];
};

bool demo_report(struct buf *out, struct app *app, const struct demo_report *r,
                 struct err *e) ERR_CHECKED;

#endif
