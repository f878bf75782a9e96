// Shared by execute.c (one batch up to its decision) and decide.c (the decision).
#ifndef JOBS_RUN_EXECUTE_INTERNAL_H
#define JOBS_RUN_EXECUTE_INTERNAL_H

#include "jobs/run/dead.h"
#include "jobs/run/execute.h"
#include "jobs/run/late.h"

struct execution {
    struct session *s;
    struct arena *a;
    struct collect *collect;
    struct sequence *sequence;
    struct dead_letters dead;
    struct late *late; // NULL: the lake takes every row
    const struct execute_spec *spec;
    const struct execute_replace *replace; // NULL = none
    struct batch_range *rolled;            // EXECUTE_ROLL: what the row logs hold
    size_t rolled_count;
    uint64_t batch;
    int64_t now_ms, started_ms;
};

// decide.c: everything that makes the batch decided, in one transaction of the state store. `planned` are the ranges that r->ranges
// are the read part of; *end says whether something of them is left.
bool execute_decide(struct execution *x, const struct sequence_range *planned,
                    struct batch_record *r, enum execute_end *end, struct err *e) ERR_CHECKED;

#endif
