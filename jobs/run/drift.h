// What the records of a job's JSON topics hold against what its SQL declares: fields that nobody declared, columns that no record has,
// values of another type, with counts and the first place. Looks at records as they pass; changes nothing. One thread.
#ifndef JOBS_RUN_DRIFT_H
#define JOBS_RUN_DRIFT_H

#include "jobs/run/job.h"

#include <jansson.h>

struct drift;

struct drift *drift_new(struct arena *a, const struct job *job);
// A source that hands on what `inner` gives; not to be closed.
struct source *drift_tap(struct drift *d, struct source *inner);
// A list of {source, topic, kind: "undeclared" | "never_seen" | "type", field, records, of, …}, by source and first appearance.
json_t *drift_json(const struct drift *d);
// The same as lines for people.
void drift_print(struct buf *out, const json_t *findings);

#endif
