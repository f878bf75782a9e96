// Shared by parser.c (statements), parser_query.c (queries), parser_expr.c (expressions and types).
#ifndef SQL_PARSER_INTERNAL_H
#define SQL_PARSER_INTERNAL_H

#include "sql/lexer.h"
#include "sql/parser.h"
#include "sql/sql_internal.h"

struct parser {
    struct arena *a;
    const struct sql_source *src;
    struct token_list tokens;
    size_t at;
    unsigned depth;
    struct err *e;
};

const struct token *parse_peek(const struct parser *s, size_t ahead);
bool parse_is(const struct parser *s, enum token_kind kind);
bool parse_is_word(const struct parser *s, size_t ahead, const char *word);
bool parse_accept(struct parser *s, enum token_kind kind);
bool parse_accept_word(struct parser *s, const char *word);
bool parse_expect(struct parser *s, enum token_kind kind, const char *what) ERR_CHECKED;
bool parse_expect_word(struct parser *s, const char *word) ERR_CHECKED;
// "syntax error at 'x': expecting …"; is false.
void parse_fail_at(struct parser *s, const char *expecting);
#define parse_fail(s, expecting) (parse_fail_at((s), (expecting)), false)
bool parse_enter(struct parser *s) ERR_CHECKED; // one level of nesting
void parse_leave(struct parser *s);

bool parse_is_identifier(const struct parser *s, size_t ahead);
bool parse_identifier(struct str *out, struct parser *s, const char *what) ERR_CHECKED;
bool parse_string(struct str *out, struct parser *s, const char *what) ERR_CHECKED;
bool parse_is_unit(struct str word); // DAY, DAYS, HOUR …

struct ast_expr *parse_node(struct parser *s, enum ast_kind kind, const struct sql_pos *pos);
bool parse_expr(struct ast_expr **out, struct parser *s) ERR_CHECKED;  // boolean expression
bool parse_value(struct ast_expr **out, struct parser *s) ERR_CHECKED; // valueExpression
bool parse_literal(struct ast_expr **out, struct parser *s) ERR_CHECKED;
bool parse_type(const struct ast_type **out, struct parser *s) ERR_CHECKED;
bool parse_query(struct ast_query **out, struct parser *s) ERR_CHECKED;
bool parse_element_list(struct ast_statement *st, struct parser *s) ERR_CHECKED; // columns
bool parse_statement(struct ast_statement **out, struct parser *s) ERR_CHECKED;  // without its ';'

#endif
