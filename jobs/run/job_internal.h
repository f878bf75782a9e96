// Shared by job.c (SQL and settings) and job_output.c (outputs bound to lake and warehouses).
#ifndef JOBS_RUN_JOB_INTERNAL_H
#define JOBS_RUN_JOB_INTERNAL_H

#include "jobs/run/job.h"
#include "jobs/spec/spec.h"

struct job_build {
    struct arena *a;
    const struct app_spec *app;
    const struct job_spec *spec;
    struct job *job;
    struct registry *registry; // NULL = none configured
};

bool job_outputs(struct job_build *b, struct err *e);
// job_topic.c
bool job_topic(struct job_build *b, struct job_topic *out, size_t index,
               const struct topic_output_spec *t, struct err *e);
const struct plan_node *job_object(const struct plan *plan, struct str name); // NULL = none
bool job_fail(const struct job_build *b, struct conf_at at,
              struct err *e); // adds file:line:column
struct str job_upper(struct arena *a, struct str s);
struct str job_lower(struct arena *a, struct str s);

#endif
