// Rows of constant expressions (INSERT … VALUES, ASSERT VALUES) as blocks.
#ifndef SQL_EXEC_CONSTANT_H
#define SQL_EXEC_CONSTANT_H

#include "sql/plan/step.h"

// One row with the columns of row->object; columns not given are NULL. *out and everything in it live in the arena. ROWTIME is
// now_ms when it is not given.
bool constant_row(struct block **out, struct arena *a, const struct plan_row *row, int64_t now_ms,
                  struct err *e) ERR_CHECKED;
// One BIGINT; false with ERR_DATA when it is NULL.
bool constant_i64(int64_t *out, const struct expr *x, struct err *e) ERR_CHECKED;

#endif
