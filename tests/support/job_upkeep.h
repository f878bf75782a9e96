// What tests of upkeep (expiry, compaction, archives) ask of a job's lake in any state: that it holds what its manifests say and that an audit is silent. One thread.
#ifndef TESTS_SUPPORT_JOB_UPKEEP_H
#define TESTS_SUPPORT_JOB_UPKEEP_H

#include "jobs/run/expire.h"
#include "lake/inspect.h"
#include "tests/support/job_world.h"

// lake_list of all outputs; fails the test when lake_verify finds anything.
void job_upkeep_list(struct lake_ls *out, struct arena *a, struct job_world *w);
// Files and partitions of a stream; 0 where it has none.
size_t job_upkeep_files(struct job_world *w, const char *output);
size_t job_upkeep_partitions(struct job_world *w, const char *output);
void job_upkeep_verify(struct job_world *w);
void job_upkeep_audit(const struct job_world *w);
// False: *e is the first finding, with the command that repairs it.
bool job_upkeep_audited(const struct job_world *w, struct err *e);
uint64_t job_upkeep_last(const struct job_world *w); // batch
// False: w->e and w->text.
bool job_upkeep_expire(struct job_world *w, const struct expire_spec *spec,
                       struct expire_report *out, struct arena *a);
// By policy, until it succeeds; with a new process after each death.
void job_upkeep_expires(struct job_world *w);

#endif
