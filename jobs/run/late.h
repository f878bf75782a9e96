// Rows of streams that come for a partition of the lake which `retain` has expired, where `late_partition` does not let them write it again: they
// become dead letters of the batch or are dropped, and are counted. What has expired says the batch's clock alone (of a slot that is executed
// again: its own), so that the same plan has the same rows. Warehouses and topics get all rows.
//
// Inside jobs/run; of one batch, everything lives in its arena. One thread.
#ifndef JOBS_RUN_LATE_H
#define JOBS_RUN_LATE_H

#include "jobs/run/job.h"
#include "jobs/run/record.h"
#include "jobs/run/sequence.h"

// What of a batch came too late for one output.
struct batch_late {
    struct str output;
    uint64_t rows, late; // given to the lake; of these, too late
    enum { BATCH_LATE_DROPPED, BATCH_LATE_LETTERS } how;
};

struct late;

// NULL: no output has such a policy.
struct late *late_new(struct arena *a, const struct job *job, int64_t now_ms);
// Where the rows to come are from: before the first of them.
void late_from(struct late *s, const struct sequence *q);
// *out: the rows of b that may go to the lake; b itself, or in `a`. output: in job.outputs. ERR_LIMIT: more letters than fit.
bool late_take(const struct block **out, struct late *s, size_t output, const struct block *b,
               struct arena *a, struct err *e) ERR_CHECKED;
// Of all outputs. s NULL: 0.
uint64_t late_letters(const struct late *s);
size_t late_bytes(const struct late *s);
// What to do about it is the caller's: the last letter's reason.
struct str late_reason(const struct late *s);
void late_fini(struct late *s); // NULL is fine

// One output's letters, JSON lines; rows 0: none.
struct str late_text(uint64_t *rows, const struct late *s, size_t output);
// Of outputs that had late rows.
void late_record(const struct late *s, struct batch_record *r, struct arena *a);

// Their file: "_dead_letters/<job>/<slot>-late-<batch>-<output>.jsonl", beside that of the slot's records.
struct str late_path(struct arena *a, const struct job *job, uint64_t slot, uint64_t batch,
                     struct str output);
// Is a path of this form? *output as it is written there: late_name.
bool late_path_read(uint64_t *slot, struct str *output, struct str path);
struct str late_name(struct arena *a, struct str output);

#endif
