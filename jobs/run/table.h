// Materialised table outputs: the latest row per key of outputs that publish snapshots, in the state store (KV_TABLE). Updated inside the
// decide transaction; a snapshot is read from that same transaction, before it commits. One thread.
#ifndef JOBS_RUN_TABLE_H
#define JOBS_RUN_TABLE_H

#include "base/kv.h"
#include "jobs/run/collapse.h"

// Applies sealed changes; *changed tells whether the table is different afterwards.
bool table_apply(struct kv_txn *t, struct str output, const struct collapse *changes, bool *changed,
                 struct err *e) ERR_CHECKED;
// All rows in key order, in blocks of the output's schema; blocks live until fn returns.
typedef bool table_block_fn(void *arg, const struct block *b, struct err *e);
bool table_forget(struct kv_txn *t, struct str output, struct err *e) ERR_CHECKED; // all its rows
bool table_scan(struct kv_txn *t, struct str output, const struct shape *shape, table_block_fn *fn,
                void *arg, struct err *e) ERR_CHECKED;
bool table_count(uint64_t *out, struct kv_txn *t, struct str output, struct err *e) ERR_CHECKED;

#endif
