// Shared by the files of audit, nowhere else.
#ifndef JOBS_RUN_AUDIT_INTERNAL_H
#define JOBS_RUN_AUDIT_INTERNAL_H

#include "base/map.h"
#include "jobs/run/audit.h"
#include "jobs/run/session.h"
#include "warehouse/differences.h"

struct audit {
    struct session *s;
    struct arena *a, *scratch;
    struct audit_report *report;
    const struct audit_spec *spec;
    struct map *ends;      // "topic/partition" -> end of the last range
    struct map *appended;  // "<target>#<batch>" -> rows that the table should have of it
    struct map *refused;   // the same -> rows that the store did not take
    struct map *compared;  // the same, row by row
    struct map *manifests; // batch -> digest, as decided
    struct map *rolls;     // batches whose files hold rows of an endless run
    struct map *logged;    // batches of an endless run
    struct map *holes;     // "<target>#<batch>" -> was it skipped, and not filled since?
};

// One finding.
bool audit_say(struct audit *x, enum audit_kind kind, struct str place, const char *repair,
               struct err *e, const char *format, ...)
    __attribute__((format(printf, 6, 7))) ERR_CHECKED;
// "sluice job VERB JOB" and the rest.
const char *audit_command(struct audit *x, const char *verb, const char *rest);
// A table that is gone: *out = NULL.
bool audit_sink(struct sink **out, struct audit *x, size_t target, struct err *e) ERR_CHECKED;
// audit_skipped.c: what was skipped and is still missing. By record, in their order; then said.
void audit_skips(struct audit *x, const struct batch_record *r);
bool audit_skipped(struct audit *x, struct err *e) ERR_CHECKED;
// The command that makes a batch's rows again.
const char *audit_refill(struct audit *x, const struct job_target *t, uint64_t batch);
// audit_replay.c: what the recorded batches give again, as far as the spec asks for it and it is what was written. *out: in x->a.
struct audit_replay;
struct collapse;
bool audit_replay(struct audit_replay **out, struct audit *x, struct err *e) ERR_CHECKED;
const struct collapse *audit_replayed(const struct audit_replay *r,
                                      size_t target); // NULL = unknown
bool audit_older(const struct audit_replay *r,
                 size_t target); // rows of another history may be there
// audit_tables.c: rows of the tables in warehouses.
bool audit_tables(struct audit *x, struct err *e) ERR_CHECKED;

#endif
