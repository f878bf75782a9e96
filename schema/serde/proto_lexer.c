#include "schema/serde/proto_lexer.h"

#include <assert.h>

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char peek(const struct proto_lexer *s, size_t ahead)
{
    return s->at + ahead < s->text.n ? s->text.p[s->at + ahead] : '\0';
}

bool proto_fail(const struct proto_lexer *s, const char *what)
{
    const struct str t = s->token.text;
    return err_fail(s->e, ERR_DATA, "Protobuf schema, line %u: expected %s, found %s%.*s", s->line,
                    what, s->token.kind == PROTO_END ? "the end" : "", (int)(t.n < 64 ? t.n : 64),
                    t.n ? t.p : "");
}

static bool skip_blanks(struct proto_lexer *s)
{
    for (;;) {
        const char c = peek(s, 0);
        if (s->at >= s->text.n)
            return true;
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v') {
            s->line += c == '\n';
            s->at++;
        } else if (c == '/' && peek(s, 1) == '/') {
            while (s->at < s->text.n && s->text.p[s->at] != '\n')
                s->at++;
        } else if (c == '/' && peek(s, 1) == '*') {
            const unsigned line = s->line;
            for (s->at += 2; s->at < s->text.n && !(peek(s, 0) == '*' && peek(s, 1) == '/');
                 s->at++)
                s->line += s->text.p[s->at] == '\n';
            if (s->at >= s->text.n)
                return err_fail(s->e, ERR_DATA,
                                "Protobuf schema, line %u: a comment without an end", line);
            s->at += 2;
        } else {
            return true;
        }
    }
}

// Escapes: what names and numbers in options need; others stand for themselves.
static bool lex_text(struct proto_lexer *s)
{
    const char quote = s->text.p[s->at++];
    char *p = arena_alloc(s->a, s->text.n - s->at + 1);
    size_t n = 0;
    while (s->at < s->text.n && s->text.p[s->at] != quote && s->text.p[s->at] != '\n') {
        if (s->text.p[s->at] == '\\' && s->at + 1 < s->text.n)
            s->at++;
        p[n++] = s->text.p[s->at++];
    }
    s->token = (struct proto_token){PROTO_TEXT, {p, n}};
    if (peek(s, 0) != quote)
        return err_fail(s->e, ERR_DATA, "Protobuf schema, line %u: a string without an end",
                        s->line);
    s->at++;
    return true;
}

bool proto_next(struct proto_lexer *s)
{
    if (!skip_blanks(s))
        return false;
    const size_t from = s->at;
    const char c = peek(s, 0);
    if (from >= s->text.n) {
        s->token = (struct proto_token){PROTO_END, STR_NONE};
        return true;
    }
    if (c == '"' || c == '\'')
        return lex_text(s);
    enum proto_token_kind kind = PROTO_CHAR;
    if (is_letter(c) || (c == '.' && is_letter(peek(s, 1)))) {
        kind = PROTO_NAME;
        for (s->at++; is_letter(peek(s, 0)) || is_digit(peek(s, 0)) || peek(s, 0) == '.';)
            s->at++;
    } else if (is_digit(c)) {
        kind = PROTO_NUMBER;
        for (s->at++; is_letter(peek(s, 0)) || is_digit(peek(s, 0)) || peek(s, 0) == '.';)
            s->at++;
    } else {
        s->at++;
    }
    s->token = (struct proto_token){kind, str_slice(s->text, from, s->at)};
    return true;
}

bool proto_lexer_open(struct proto_lexer *out, struct arena *a, struct str text, struct err *e)
{
    *out = (struct proto_lexer){.a = a, .text = text, .line = 1, .e = e};
    return proto_next(out);
}

bool proto_is(const struct proto_lexer *s, char c)
{
    return s->token.kind == PROTO_CHAR && s->token.text.p[0] == c;
}

bool proto_is_name(const struct proto_lexer *s, const char *z)
{
    return s->token.kind == PROTO_NAME && str_eq(s->token.text, str_from(z));
}

bool proto_expect(struct proto_lexer *s, char c)
{
    const char what[] = {'\'', c, '\'', '\0'};
    return proto_is(s, c) ? proto_next(s) : proto_fail(s, what);
}

bool proto_name(struct str *out, struct proto_lexer *s)
{
    *out = s->token.text;
    return s->token.kind == PROTO_NAME ? proto_next(s) : proto_fail(s, "a name");
}

static bool digit_of(unsigned *out, char c, unsigned base)
{
    const unsigned v = is_digit(c)              ? (unsigned)(c - '0')
                       : (c >= 'a' && c <= 'f') ? (unsigned)(c - 'a') + 10
                       : (c >= 'A' && c <= 'F') ? (unsigned)(c - 'A') + 10
                                                : 99;
    *out = v;
    return v < base;
}

bool proto_number(int64_t *out, struct proto_lexer *s)
{
    bool negative = false;
    if (proto_is(s, '-')) {
        negative = true;
        if (!proto_next(s))
            return false;
    }
    struct str t = s->token.text;
    unsigned base = 10, digit;
    int64_t v = 0;
    if (s->token.kind != PROTO_NUMBER)
        return proto_fail(s, "a number");
    if (t.n > 2 && t.p[0] == '0' && (t.p[1] == 'x' || t.p[1] == 'X')) {
        base = 16;
        t = str_slice(t, 2, t.n);
    } else if (t.n > 1 && t.p[0] == '0') {
        base = 8;
    }
    for (size_t i = 0; i < t.n; i++) {
        if (!digit_of(&digit, t.p[i], base) || v > INT64_MAX / 32)
            return proto_fail(s, "an integer");
        v = v * base + digit;
    }
    *out = negative ? -v : v;
    return proto_next(s);
}
