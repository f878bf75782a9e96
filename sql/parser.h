// Recursive descent over ksqlDB's whole grammar. Variables (DEFINE, ${name}) are put in while parsing, statement by statement.
//
// Nothing is judged here: what is not supported yet parses and is refused by bind. Nesting is bounded, long flat lists are not.
// Stateless; the tree lives in the arena and points into the scripts.
#ifndef SQL_PARSER_H
#define SQL_PARSER_H

#include "sql/ast_statement.h"
#include "sql/sql.h"

#define PARSER_DEPTH_MAX  400 // nested calls of the grammar's rules: half as many parentheses
#define PARSER_HEIGHT_MAX 600 // of an expression tree: a + b + c … is one deeper per operator

bool parser_run(struct ast_script *out, struct arena *a, const struct sql_script *scripts,
                size_t count, struct err *e) ERR_CHECKED;
// A list of columns without its parentheses, into out->elements.
bool parser_columns(struct ast_statement *out, struct arena *a, const struct sql_script *text,
                    struct err *e) ERR_CHECKED;
// One expression: for tests and tools.
bool parser_expression(struct ast_expr **out, struct arena *a, const struct sql_script *text,
                       struct err *e) ERR_CHECKED;

#endif
