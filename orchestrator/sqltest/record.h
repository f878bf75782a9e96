// Keys and values of a test file's records as bytes of a topic, and back. One thread; results live in the arena.
#ifndef ORCHESTRATOR_SQLTEST_RECORD_H
#define ORCHESTRATOR_SQLTEST_RECORD_H

#include "orchestrator/sqltest/jnode.h"
#include "orchestrator/sqltest/stub.h"

enum record_side { RECORD_KEY, RECORD_VALUE };

// An entry of "inputs".
bool record_encode(struct stub_record *out, struct arena *a, const struct stub_shape *shape,
                   const struct jnode *record, struct err *e) ERR_CHECKED;
// One side of a record as a test would write it (window apart).
bool record_decode(struct jnode *out, struct arena *a, const struct stub_shape *shape,
                   enum record_side side, struct payload bytes, struct err *e) ERR_CHECKED;
// A record as it would stand in "outputs", for people.
void record_print(struct buf *out, const struct stub_shape *shape, const struct stub_record *r);

#endif
