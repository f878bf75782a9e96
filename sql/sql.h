// From SQL text to the bound plan: lexer, parser, ast, bind. No I/O: fuzzable. Errors carry file:line:column, the line with a
// caret, what was expected; a construct of the dialect that is not built yet is refused by name, never ignored.
#ifndef SQL_SQL_H
#define SQL_SQL_H

#include "sql/plan/logical.h"

struct sql_script {
    const char *file; // for messages
    struct str text;
};

// Who runs the statements: a job, whose topics others write; or a script that is tested, with topics of its own.
enum sql_use { SQL_JOB, SQL_TEST };

struct sql_property {
    struct str name, value;
};

struct sql_spec {
    const struct sql_script *scripts;
    size_t count;
    enum sql_use use;
    const struct sql_property *properties; // as if SET before the first statement
    size_t property_count;
    // Where the schemas of formats with a registry are looked up; NULL = such statements are refused. What it does beneath is
    // the caller's: nothing in sql/ does I/O.
    struct registry *registry;
};

bool sql_plan_spec(const struct plan **out, struct arena *a, const struct sql_spec *spec,
                   struct err *e) ERR_CHECKED;
// Plans all statements of all scripts, in order, into one DAG, as a job. On failure *e is the first error.
bool sql_plan(const struct plan **out, struct arena *a, const struct sql_script *scripts,
              size_t count, struct err *e) ERR_CHECKED;
// A list of columns as it stands in CREATE STREAM ( … ): name type [[PRIMARY] KEY], …
bool sql_columns(const struct schema **out, struct arena *a, struct str text,
                 struct err *e) ERR_CHECKED;
// Canonical ksqlDB form of a bound expression (for explain and messages); input names come from `schema`.
void sql_print_expr(struct buf *out, const struct expr *x, const struct schema *input);

#endif
