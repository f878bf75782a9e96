// sluice_rejects in a store that takes SQL as text: its DDL, and what a transaction does with it. One implementation; dialects
// bring the types of its columns, transports run and fetch.
#ifndef WAREHOUSE_REJECTS_SQL_H
#define WAREHOUSE_REJECTS_SQL_H

#include "warehouse/rejects.h"
#include "warehouse/sql_sink.h"

// Its primary key begins with that of sluice_heads: job, task, output, target; then batch, seq.
void rejects_sql_create(struct buf *out, const struct dialect *d);
// Inside the transaction that has locked the head. What is kept of the table's keys is told to r.
bool rejects_sql_load(struct rejects *r, struct sql_session *s, const struct sink_spec *spec,
                      struct err *e) ERR_CHECKED;
// What is kept of a slot, of appended rows, goes; slot 0: everything of the table.
bool rejects_sql_replace(struct sql_session *s, const struct sink_spec *spec, uint64_t slot,
                         struct err *e) ERR_CHECKED;
// After rejects_again: those that are there are told to r.
bool rejects_sql_again(struct rejects *r, struct sql_session *s, const struct sink_spec *spec,
                       struct err *e) ERR_CHECKED;
// Settled ones go, taken ones come; *count = how many came.
bool rejects_sql_write(uint64_t *count, const struct rejects *r, struct sql_session *s,
                       const struct sink_spec *spec, struct err *e) ERR_CHECKED;
// Between transactions. The table must be there.
bool rejects_sql_read(struct sql_session *s, const struct rejects_query *q, reject_fn *fn,
                      void *arg, struct err *e) ERR_CHECKED;

#endif
