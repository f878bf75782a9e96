// What the stored state was made by: the operators that the SQL has now, and no state of any that it had before.
#ifndef JOBS_RUN_CODE_H
#define JOBS_RUN_CODE_H

#include "jobs/run/control.h"

struct program;

// In the transaction that makes `p` the program of the state: what left loses its state, what is new begins empty.
bool code_store(struct control *c, const struct program *p, struct kv_txn *t,
                struct err *e) ERR_CHECKED;

#endif
