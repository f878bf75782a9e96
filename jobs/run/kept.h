// Source records that a job's own lake keeps: for a backfill of what Kafka has no more. An output keeps the records of a topic when it is
// CREATE STREAM … AS SELECT …, ROWPARTITION AS …, ROWOFFSET AS …, ROWTIME AS … FROM the topic's stream, without WHERE: every
// decoded record is a row that says where it was. Such a record is built again, column by column, at its place, so that order, ROWTIME and everything
// else are those of the topic; what is missing is refused.
//
// Inside jobs/run. One thread. Order: kept_open (after redo_open, redo->outputs set)  kept_source per slot.
#ifndef JOBS_RUN_KEPT_H
#define JOBS_RUN_KEPT_H

#include "jobs/run/redo.h"

struct kept;

// For every topic that the replaced outputs read, an output that keeps its records with the columns they use. ERR_CONFIG: there is none, and
// why. *out lives in redo->a. Outputs that keep records are taken out of redo->outputs: they are read, not replaced.
bool kept_open(struct kept **out, struct redo *redo, struct err *e) ERR_CHECKED;
// Does the lake keep every record of the slot, by its manifests? ERR_DATA, ERR_CONFIG: no, and why.
bool kept_readable(const struct kept *k, const struct redo_slot *slot, struct err *e) ERR_CHECKED;
// The slot's records, in `a`. ERR_DATA: not every record that was decoded is there.
bool kept_source(struct source **out, const struct kept *k, const struct redo_slot *slot,
                 struct arena *a, struct err *e) ERR_CHECKED;

#endif
