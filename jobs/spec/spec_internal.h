// What the option tables (spec_table.c, spec_schedule.c, spec_registry.c) give to spec.c (loading and checks). Not for others.
#ifndef JOBS_SPEC_SPEC_INTERNAL_H
#define JOBS_SPEC_SPEC_INTERNAL_H

#include "jobs/spec/spec.h"

extern const struct conf_table spec_app_table;
extern const struct conf_table spec_registry_table;   // struct app_spec
extern const struct conf_table spec_schedule_table;   // struct schedule_spec
extern const struct conf_table spec_on_failure_table; // struct on_failure_spec
extern const struct conf_table spec_daemon_table;     // struct daemon_spec
extern const struct conf_table spec_admin_table;      // struct admin_spec

// spec_show.c: settings whose default depends on others, for config show. written: before inheritance.
void spec_show_limits(struct conf_reader *r, struct str under, const struct limits_spec *written,
                      const struct limits_spec *s, const struct limits_spec *otherwise);
void spec_show_job(struct conf_reader *r, struct arena *a, const struct job_spec *j);

void spec_check_schedule(struct conf_reader *r, struct schedule_spec *s);
void spec_check_after(struct conf_reader *r, struct app_spec *app); // `after:` of all jobs
extern const struct conf_table spec_stream_table;

#endif
