// The frame of the tests of upkeep (expiry, compaction, archives): one job with two streams and a table, its acts, faults at every durable call,
// and what holds of its lake in any state: it has what its manifests say and an audit is silent. One thread.
#ifndef TESTS_SUPPORT_JOB_UPKEEP_H
#define TESTS_SUPPORT_JOB_UPKEEP_H

#include "jobs/run/compact.h"
#include "jobs/run/expire.h"
#include "lake/inspect.h"
#include "tests/support/job_scenario.h"

enum { JOB_UPKEEP_DAY_MS = 86400000 };

// Streams GOOD and BIG, table PER_USER; in the lake for ever.
extern const struct job_world_spec job_upkeep_job;
extern const struct str job_upkeep_streams[2];
// A world on 2025-10-27, with records of this and other days.
struct job_world *job_upkeep_world(const struct job_world_spec *spec);
void job_upkeep_produce(struct job_world *w, struct job_random *r, unsigned n);
void job_upkeep_run(struct job_world *w);
// Rows (job_world_print_rows, ordered); the second compares with them.
void job_upkeep_print(struct buf *out, const struct job_world *w);
void job_upkeep_same(const struct job_world *w, const struct buf *want, const char *what);

// A life in which this fault is planned; `what` names it. Returns whether it happened.
typedef bool job_upkeep_life_fn(const struct fault_spec *fault, const char *what, void *arg);
// A life for every step-th durable call (test_is_long(): every one) x {crash before, crash after, error, reply lost}, until
// there is no such call. Returns its number.
uint64_t job_upkeep_faults(uint64_t step, job_upkeep_life_fn *life, void *arg);
// A new process, two times in three with a fault at one of the next `calls` durable calls.
void job_upkeep_maybe_fault(struct job_world *w, struct job_random *r, uint64_t calls);
// After a failure: a new process where the old one died. Fails the test when `tries` are too many.
void job_upkeep_again(struct job_world *w, int tries);

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
bool job_upkeep_compact(struct job_world *w, const struct compact_spec *spec,
                        struct compact_report *out, struct arena *a);
// Until it succeeds, with a new process after each death: by policy; everything. The latter returns the number of files made.
void job_upkeep_expires(struct job_world *w);
size_t job_upkeep_compacts(struct job_world *w);

#endif
