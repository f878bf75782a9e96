// Scalar functions: one table declares name, signatures, null and determinism rules, help text and kernel.
//
// Errors: an argument that is itself a call has its own error scope, its failure is a NULL argument (ksqlDB's
// evaluateOrReturnNull); any other exception makes the whole select expression NULL.
//
// bind asks fn_find() and resolve(); the evaluator runs eval() over whole columns. The table is constant; thread-safe.
#ifndef SQL_EXEC_FN_H
#define SQL_EXEC_FN_H

#include "schema/block.h"

enum fn_determinism {
    FN_PURE,      // foldable when the arguments are literals
    FN_BATCH_NOW, // depends on the batch's now (UNIX_TIMESTAMP)
    FN_SEEDED,    // hash of the row's origin (sql/exec/op.h) and the call site: UUID, RANDOM
};
enum fn_nulls {
    FN_NULL_IN_NULL_OUT, // the evaluator skips rows with a NULL argument: result NULL
    FN_SEES_NULLS,
};

enum fn_lambda { FN_LAMBDA_NONE, FN_LAMBDA_TRANSFORM, FN_LAMBDA_FILTER, FN_LAMBDA_REDUCE };

// Rows to compute: idx[0..n), or 0..n-1 when idx is NULL. Columns are indexed by row number, not by position in idx.
struct fn_rows {
    const uint32_t *idx;
    uint32_t n;
};

struct fn_call {
    struct arena *a;       // results; lives as long as the window
    uint32_t total;        // rows in every column
    int64_t now_ms;        // the batch's
    const uint64_t *seeds; // per row, FN_SEEDED only
    uint8_t *
        error; // error[row] = 1: an exception at this row (the whole select expression becomes NULL)
    const void *state; // from prepare(), NULL when the function has none
};

enum fn_match { FN_MATCHES, FN_NO_MATCH, FN_AMBIGUOUS };

struct fn {
    const char *name; // upper case
    // One overload per line; what people read is what overloads are chosen by (fn_signature.c):
    // "SUBSTRING(STRING, INTEGER[, INTEGER]) -> STRING". A capital letter is any type, `T...` any number of them.
    const char *signatures;
    const char *help;
    const char
        *example; // an expression, and what CAST(... AS STRING) makes of it: the tests run them
    const char *gives;
    enum fn_determinism determinism;
    enum fn_nulls nulls;
    enum fn_lambda
        lambda; // takes lambdas: bound and run by bind_lambda.c, expr_lambda.c; nothing below
    // Optional: the result type where the signature does not say all, or NULL when the arguments do not fit. The number of arguments
    // fits. want[i] = type each argument is cast to first (preset to args[i]; args[i] NULL = the untyped NULL literal).
    const struct type *(*resolve)(struct arena *a, const struct type **want,
                                  const struct type *const *args, uint32_t n);
    // Optional: compile constant arguments once (patterns, zones). consts[i] = literal or NULL. Fails with ERR_SQL.
    bool (*prepare)(const void **state, struct arena *a, const struct value *const *consts,
                    uint32_t n, struct err *e);
    // out: `total` prepared rows, to be filled in ascending order, or replaced as a whole.
    void (*eval)(const struct fn_call *call, struct column *out, const struct column *const *args,
                 uint32_t n, struct fn_rows rows);
};

// The overload that takes arguments of these types: exactly, else widened (numbers; texts to dates and times).
enum fn_match fn_resolve(const struct type **result, struct arena *a, const struct fn *f,
                         const struct type **want, const struct type *const *args, uint32_t n);

// docs/functions.md: scalar functions, then aggregates.
void fn_print_docs(struct buf *out);

const struct fn *fn_find(struct str name); // any case; NULL when unknown
size_t fn_count(void);
void fn_sorted(const struct fn **out);   // fn_count() of them, by name
const char *fn_nearest(struct str name); // "did you mean", NULL when nothing is near

#endif
