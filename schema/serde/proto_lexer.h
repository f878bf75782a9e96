// Tokens of .proto texts: names with their dots, numbers, strings (escapes resolved), single characters. Comments are white
// space. One thread's.
#ifndef SCHEMA_SERDE_PROTO_LEXER_H
#define SCHEMA_SERDE_PROTO_LEXER_H

#include "base/arena.h"
#include "base/err.h"

enum proto_token_kind { PROTO_END, PROTO_NAME, PROTO_NUMBER, PROTO_TEXT, PROTO_CHAR };

struct proto_token {
    enum proto_token_kind kind;
    struct str text; // NAME and NUMBER as written, TEXT without quotes, CHAR one byte
};

struct proto_lexer {
    struct arena *a;
    struct str text;
    size_t at;
    unsigned line;
    struct proto_token token; // the current one
    struct err *e;
};

bool proto_lexer_open(struct proto_lexer *out, struct arena *a, struct str text,
                      struct err *e) ERR_CHECKED; // stands at the first token
bool proto_next(struct proto_lexer *s) ERR_CHECKED;
bool proto_is(const struct proto_lexer *s, char c);             // at this character?
bool proto_is_name(const struct proto_lexer *s, const char *z); // at this word?
bool proto_expect(struct proto_lexer *s, char c) ERR_CHECKED;   // and past it
bool proto_name(struct str *out, struct proto_lexer *s) ERR_CHECKED;
bool proto_number(int64_t *out, struct proto_lexer *s) ERR_CHECKED; // decimal, hex, octal, signed
bool proto_fail(const struct proto_lexer *s, const char *what); // "line N: expected what, found …"

#endif
