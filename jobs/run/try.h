// The whole job on real records with nothing written: no state, no lake, no store, no group. What it would do is printed: rows of every
// output with the first of them, partitions and their rows, statements for the stores, records that cannot be decoded, what records
// and tables hold that the SQL does not say (drift.h). One thread.
#ifndef JOBS_RUN_TRY_H
#define JOBS_RUN_TRY_H

#include "jobs/run/run.h"

struct try_spec {
    uint64_t records; // the newest so many over all partitions; 0 = all there are
    uint64_t rows;    // printed of every output
    enum { TRY_TEXT, TRY_JSON } form;
};
struct try_report {
    uint64_t records, dead, rows;
};
bool run_try(struct try_report *out, struct buf *text, const struct job *job,
             const struct run_env *env, const struct try_spec *spec, struct err *e) ERR_CHECKED;

#endif
