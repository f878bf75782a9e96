// SELECT by itself, in scripts that are tested: a query whose rows go to whoever asks. A push query (EMIT) gives every row or
// change of a table; a pull query what a table holds, or a stream's rows so far.
#ifndef SQL_BIND_TRANSIENT_H
#define SQL_BIND_TRANSIENT_H

#include "sql/bind_internal.h"

// Becomes a step of the plan (STEP_SELECT, sql/plan/step.h).
bool bind_transient(struct binder *b, const struct ast_statement *st) ERR_CHECKED;

// bind_pull.c: what a pull query may say; what it may read; how it may choose rows of a table.
bool bind_pull_clauses(const struct binder *b, const struct ast_query *q) ERR_CHECKED;
bool bind_pull_source(const struct binder *b, const struct bind_object *o,
                      const struct ast_query *q) ERR_CHECKED;
bool bind_pull_where(const struct binder *b, const struct bind_object *o,
                     const struct ast_query *q) ERR_CHECKED;

#endif
