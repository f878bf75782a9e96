// A decided batch, released from tables it can never be delivered to (or that are written anew). Inside jobs/run. One thread.
#ifndef JOBS_RUN_SKIP_H
#define JOBS_RUN_SKIP_H

#include "jobs/run/session.h"

// Does `name` mean this table? An SQL name, or "<warehouse>/<table>/<output>".
bool skip_means(struct str name, struct str output, struct str target);

enum skip_how { SKIP_DEAD_LETTERS, SKIP_SILENTLY };
typedef bool skip_fn(const void *arg, struct str output, struct str target); // is this table meant?
struct skipped {
    uint64_t first,
        last; // batches that were decided and not delivered to one of these tables, or to any output
    uint64_t tables, rows;
};
// KV_ABSENT: there is no such batch.
enum kv_found skip_decided(struct skipped *out, struct session *s, skip_fn *means, const void *arg,
                           enum skip_how how, struct err *e);

#endif
