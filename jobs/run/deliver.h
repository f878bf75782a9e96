// Delivery of a decided batch: lake, warehouses, topic rows, offsets, in this order; every step may be repeated. Inside jobs/run.
// One thread. Needs the batch record, its files and spools only (DESIGN section 2).
#ifndef JOBS_RUN_DELIVER_H
#define JOBS_RUN_DELIVER_H

#include "jobs/run/session.h"

bool deliver_batch(struct session *s, struct batch_record *r, struct err *e) ERR_CHECKED;
enum deliver_patience { DELIVER_PATIENTLY, DELIVER_ONCE }; // what is unreachable is tried again
bool deliver_target(struct session *s, const struct batch_record *r, struct batch_target *t,
                    enum deliver_patience patience, struct err *e) ERR_CHECKED;
// What the table holds, through the connection that the target would be delivered by.
bool deliver_head(struct head *out, struct session *s, const struct batch_target *t,
                  struct err *e) ERR_CHECKED;
void deliver_offsets(
    struct session *s); // of all positions; a failure is noted in control and report
// Where the job stood after the batch: what its offsets are. *out in `a`.
size_t deliver_places(struct batch_position **out, const struct session *s, struct arena *a,
                      const struct batch_record *r);
bool deliver_clean_spools(struct session *s, uint64_t upto, struct err *e) ERR_CHECKED;
struct str deliver_target_name(struct arena *a, const struct batch_target *t);
// The record's part for this table; NULL = none, or skipped.
struct batch_target *deliver_find(struct arena *a, const struct batch_record *r, struct str name);

#endif
