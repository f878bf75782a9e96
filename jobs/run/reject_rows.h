// Rows that a warehouse refused, out of the JSON that it keeps of them (warehouse/reject.h) back into columns of its table. What would
// not come back as it was is refused: bytes that are no text, columns that the output does not have any more. Columns that came since
// are NULL. Inside jobs/run. One thread.
#ifndef JOBS_RUN_REJECT_ROWS_H
#define JOBS_RUN_REJECT_ROWS_H

#include "jobs/run/job.h"

// The row as row 0 of columns of t, in a. ERR_DATA: not to be had.
bool reject_row(const struct column **out, enum row_op *op, struct arena *a,
                const struct job_target *t, const struct reject *r, struct err *e) ERR_CHECKED;

#endif
