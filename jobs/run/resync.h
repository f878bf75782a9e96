// Outputs in warehouses brought back to what the job says they hold, after their store was restored or truncated or when they were
// added: tables whole, in one transaction with a new head; appended streams by executing all recorded batches again in their
// place. And the release of a decided batch that can never be delivered somewhere. One thread; takes the state's lock.
#ifndef JOBS_RUN_RESYNC_H
#define JOBS_RUN_RESYNC_H

#include "jobs/run/run.h"

// Rows of tables that no snapshot keeps come from executing history again. AS_WRITTEN refuses when that would give others than were
// written: batches that other SQL executed, or whose records are gone.
enum resync_sql { RESYNC_AS_WRITTEN, RESYNC_TODAYS_SQL };

// output: an SQL name (all its tables), "<warehouse>/<table>/<output>", or "": every one whose store is behind.
bool run_resync(struct run_report *out, const struct job *job, const struct run_env *env,
                struct str output, enum resync_sql sql, struct err *e) ERR_CHECKED;

// Inside a run, when everything is delivered: tables in warehouses that were added to the job, or came back, get their rows.
struct session;
bool resync_missing(struct session *s, struct err *e) ERR_CHECKED;

// Inside a session, when everything is delivered: tables of warehouses (by job.outputs, and of those by job.targets) written whole, in one
// batch. The engine is empty before and gone afterwards.
struct redo;
bool resync_whole(const struct redo *r, bool *outputs, bool *targets, struct err *e) ERR_CHECKED;

// Delivers what is decided, nothing more. skip: "" = nothing; otherwise this output's tables are left out: the rows become dead letters,
// and what follows builds on the batch before.
struct deliver_report {
    uint64_t batch;                       // the newest that was decided; 0 = none was waiting
    uint64_t skipped_first, skipped_rows; // with --skip: of this batch and those after it
};
bool run_deliver_decided(struct deliver_report *out, const struct job *job,
                         const struct run_env *env, struct str skip, struct err *e) ERR_CHECKED;

#endif
