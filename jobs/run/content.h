// What the job's table outputs hold by its own account: rows of the state store for those that the lake publishes, the recorded batches
// through an engine that starts empty for all others. Inside jobs/run. One thread.
#ifndef JOBS_RUN_CONTENT_H
#define JOBS_RUN_CONTENT_H

#include "jobs/run/redo.h"
#include "jobs/run/table.h"

// Are all rows of the output (of job.outputs) in the state store?
bool content_stored(const struct session *s, size_t output);
bool content_scan(struct session *s, size_t output, table_block_fn *fn, void *arg,
                  struct err *e) ERR_CHECKED;
// Do all batches of the job have their records still? What is made of all of them is refused otherwise.
bool content_complete(const struct session *s, struct err *e) ERR_CHECKED;
// All recorded batches in their order through the session's engine (SESSION_MEMORY), to its emit function; refused when some are
// forgotten. With `read` those that are not, each by it (redo_read, or not at all).
typedef bool content_read_fn(void *arg, const struct redo_slot *slot, struct err *e);
bool content_replay(struct redo *r, content_read_fn *read, void *arg, struct err *e) ERR_CHECKED;
// Would that give what was written? Not when batches were executed by other SQL, or when what operators knew was forgotten in
// between: *why says which, "" = yes.
bool content_repeatable(struct str *why, struct session *s, struct arena *a,
                        struct err *e) ERR_CHECKED;
// Of a stream's table: does it hold the rows of a recorded batch, and would today's SQL give them again?
enum content_rows { CONTENT_NONE, CONTENT_OTHER, CONTENT_SAME };
struct content_stream {
    enum content_rows
        *rows;  // by batch id, less control's since; NONE for ids that no batch with records has
    bool older; // rows from before a rebuild, in which it was not in the job, may stand there
};
bool content_stream(struct content_stream *out, struct session *s, struct arena *a, size_t target,
                    struct err *e) ERR_CHECKED;
// The same question as content_repeatable, for a table that a stream is put into by key: batches that it has nothing of are no reason.
bool content_put_repeatable(struct str *why, const struct redo *r, struct arena *a, size_t target,
                            struct err *e) ERR_CHECKED;

#endif
