// The row logs of a batch of an endless run: which rows of which outputs go there, and a roll batch's way back out. Inside jobs/run.
//
// Order: stream_rows_new  (stream_rows_add)*  stream_rows_seal, or stream_rows_free at any time. A log is opened when its first row
// comes. One thread.
#ifndef JOBS_RUN_STREAM_ROWS_H
#define JOBS_RUN_STREAM_ROWS_H

#include "jobs/run/job.h"
#include "jobs/run/rowlog.h"

struct stream_rows;

struct stream_rows_spec {
    const struct job *job;
    struct control *control;
    struct durable *durable;
    const char *dir;
    uint64_t batch;
    int64_t now_ms;
    struct arena *a;
};

struct stream_rows *stream_rows_new(const struct stream_rows_spec *spec);
bool stream_rows_add(struct stream_rows *s, size_t output, const struct block *b,
                     struct err *e) ERR_CHECKED;
// One of the logs has reached the size at which it is rolled.
bool stream_rows_full(const struct stream_rows *s);
// Everything on disk, and control says how far each log is committed: to be stored by the decide transaction.
bool stream_rows_seal(struct stream_rows *s, struct err *e) ERR_CHECKED;
void stream_rows_free(struct stream_rows *s);

// A log that cannot be rolled by this configuration: its output is gone or has other columns.
bool stream_rows_check(const struct job *job, const struct control *control,
                       struct err *e) ERR_CHECKED;
// Due by size or age at the batch clock `now_ms`.
bool stream_rows_due(const struct job *job, const struct control *control, int64_t now_ms);
// All committed rows, output by output, into the stage.
bool stream_rows_roll(const struct job *job, const struct control *control, const char *dir,
                      struct lake_stage *stage, struct err *e) ERR_CHECKED;
// What the roll has taken is not in the logs any more.
void stream_rows_rolled(struct control *control);

#endif
