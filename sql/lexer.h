// SQL text to tokens, whole script at once: words, quoted names, literals, operators, each with its place.
//
// Hides comments, escapes and upper-casing: token.text is the identifier as ksqlDB sees it (upper case unless quoted) or the
// string without its quotes. Pure function of the text; tokens and texts live in the arena or point into the script.
#ifndef SQL_LEXER_H
#define SQL_LEXER_H

#include "sql/sql.h"

#define LEXER_SCRIPT_BYTES_MAX ((size_t)16 << 20)

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,     // unquoted identifier or keyword
    TOKEN_QUOTED,   // `name` or "name"
    TOKEN_STRING,   // 'text'
    TOKEN_INTEGER,  // 12
    TOKEN_DECIMAL,  // 1.5
    TOKEN_DOUBLE,   // 1.5e3
    TOKEN_VARIABLE, // ${name}
    TOKEN_LPAREN,
    TOKEN_RPAREN,
    TOKEN_LBRACKET,
    TOKEN_RBRACKET,
    TOKEN_COMMA,
    TOKEN_SEMICOLON,
    TOKEN_DOT,
    TOKEN_STAR,
    TOKEN_PLUS,
    TOKEN_MINUS,
    TOKEN_SLASH,
    TOKEN_PERCENT,
    TOKEN_CONCAT, // ||
    TOKEN_EQ,
    TOKEN_NE, // <> !=
    TOKEN_LT,
    TOKEN_LE,
    TOKEN_GT,
    TOKEN_GE,
    TOKEN_ARROW,  // ->
    TOKEN_LAMBDA, // =>
    TOKEN_ASSIGN, // :=
};

struct token {
    enum token_kind kind;
    struct str text;    // value; for operators the source text
    struct str source;  // as written
    struct sql_pos pos; // column in characters
};

struct token_list {
    struct token *v; // the last one is TOKEN_END
    size_t n;
};

bool lexer_run(struct token_list *out, struct arena *a, const struct sql_script *script,
               struct err *e) ERR_CHECKED;
struct str lexer_upper(struct arena *a, struct str text); // ASCII
// Words that ksqlDB reserves: not an identifier unless quoted. The name is upper case.
bool lexer_reserved(struct str upper);
// Reserved, or not of the form [A-Z_][A-Z0-9_@]*: printed back-quoted.
bool lexer_needs_quotes(struct str name);

#endif
