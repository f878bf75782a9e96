// From SQL text to the bound plan: lexer, parser, ast, bind. No I/O: fuzzable. Errors carry file:line:column, the line with a
// caret, what was expected; a construct of the dialect that is not built yet is refused by name, never ignored.
#ifndef SQL_SQL_H
#define SQL_SQL_H

#include "sql/plan/logical.h"

struct sql_script {
    const char *file; // for messages
    struct str text;
};

// Plans all statements of all scripts, in order, into one DAG. On failure *e is the first error.
bool sql_plan(const struct plan **out, struct arena *a, const struct sql_script *scripts,
              size_t count, struct err *e) ERR_CHECKED;
// Canonical ksqlDB form of a bound expression (for explain and messages); input names come from `schema`.
void sql_print_expr(struct buf *out, const struct expr *x, const struct schema *input);

#endif
