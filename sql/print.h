// Trees back to text, as ksqlDB prints them: upper-case words, one pair of parentheses per operator, names back-quoted where
// they need it. Printing, parsing and printing again gives the same text. Pure functions.
#ifndef SQL_PRINT_H
#define SQL_PRINT_H

#include "sql/ast_statement.h"

void print_name(struct buf *out, struct str name);
void print_string(struct buf *out, struct str text); // 'it''s'
void print_ast_type(struct buf *out, const struct ast_type *t);
void print_ast(struct buf *out, const struct ast_expr *x);
void print_query(struct buf *out, const struct ast_query *q);
void print_statement(struct buf *out, const struct ast_statement *st); // without its ';'
const char *print_op(enum expr_op op); // "+", "<=", "IS DISTINCT FROM"
void print_expr(struct buf *out, const struct expr *x, const struct schema *input); // bound

#endif
