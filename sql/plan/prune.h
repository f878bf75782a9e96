// Which columns, and which fields of STRUCT columns, each node of a plan must deliver. Used while compiling only.
#ifndef SQL_PLAN_PRUNE_H
#define SQL_PLAN_PRUNE_H

#include "sql/plan/logical.h"

struct use {
    bool used;
    bool all;           // every field; otherwise only the used ones of `fields`
    struct use *fields; // one per field of a STRUCT
};

// Marks the whole of a column.
void use_all(struct use *u);
// What evaluating x needs of the input's columns; wanted = the part of x's value that is needed, NULL = all of it.
void use_expr(struct use *columns, struct arena *a, const struct expr *x, const struct use *wanted);
void use_merge(struct use *to, struct arena *a, const struct use *from, const struct type *t);
// The type reduced to the used fields.
const struct type *use_type(struct arena *a, const struct type *t, const struct use *u);

#endif
