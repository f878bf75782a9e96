// Table functions: one input row becomes a row per item of an array. Each is a function that gives the array; op_unnest.c
// makes rows of it. The table is constant; thread-safe.
#ifndef SQL_EXEC_UDTF_H
#define SQL_EXEC_UDTF_H

#include "sql/exec/fn.h"

struct udtf {
    struct fn fn;     // gives the ARRAY whose items become rows
    const char *rows; // signature for people
};

const struct udtf *udtf_find(struct str name); // any case; NULL when unknown
void udtf_print_docs(struct buf *out);

#endif
