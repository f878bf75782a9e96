// What the stored state was made by: the operators that the SQL has now, no state of any that it had before, rows of published tables in
// today's columns.
#ifndef JOBS_RUN_CODE_H
#define JOBS_RUN_CODE_H

#include "jobs/run/control.h"

struct job;
struct program;

// In the transaction that makes `p` the program of the state: what left loses its state, what is new begins empty.
bool code_store(struct control *c, const struct program *p, struct kv_txn *t,
                struct err *e) ERR_CHECKED;
// The stored rows of this job's output have the columns of today's SQL.
bool code_table_fits(const struct control *c, const struct job *job, size_t output,
                     struct err *e) ERR_CHECKED;
// A reset that keeps: tables whose columns are others now begin empty.
bool code_keep_tables(struct control *c, const struct job *job, struct kv_txn *t,
                      struct err *e) ERR_CHECKED;
// In the transaction of a batch: outputs that the job does not have miss it. Of tables of the lake no row is kept.
bool code_leave(struct control *c, const struct job *job, struct kv_txn *t,
                struct err *e) ERR_CHECKED;
// No table of the lake or of a topic is an output that left and came back.
bool code_none_left(const struct control *c, const struct job *job, struct err *e) ERR_CHECKED;
// A table of a warehouse (of job.targets) that lacks rows from before it came, or came back: it is filled before the next batch.
enum code_lack { CODE_WHOLE, CODE_ADDED, CODE_LEFT };
enum code_lack code_lacks(const struct control *c, const struct job *job, size_t target);

#endif
