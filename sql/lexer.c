#include "sql/lexer.h"
#include "sql/sql_internal.h"

#include "base/vec.h"

#include <assert.h>
#include <stdlib.h>

struct lexer {
    struct arena *a;
    const struct sql_source *src;
    struct str text;
    size_t at;
    struct sql_pos pos; // of `at`
    VEC(struct token) tokens;
};

// Sorted. What is in ksqlDB's grammar but not in its nonReserved rule.
static const char *const reserved[] = {
    "ADVANCE",  "ALL",      "AND",      "AS",     "AT",        "BEGINNING", "BETWEEN", "BY",
    "CASE",     "CAST",     "CATALOG",  "CREATE", "CROSS",     "DECIMAL",   "DEFINE",  "DELETE",
    "DESCRIBE", "DISTINCT", "DROP",     "ELSE",   "END",       "EXISTS",    "EXPORT",  "EXTENDED",
    "FALSE",    "FROM",     "FULL",     "GROUP",  "HAVING",    "HOPPING",   "IN",      "INNER",
    "INSERT",   "INTO",     "IS",       "JOIN",   "LEFT",      "LIKE",      "LIMIT",   "LIST",
    "LOAD",     "NOT",      "NULL",     "ON",     "OR",        "OUTER",     "PRINT",   "PROPERTIES",
    "QUERIES",  "QUERY",    "RENAME",   "RIGHT",  "RUN",       "SAMPLE",    "SCRIPT",  "SELECT",
    "SIZE",     "STREAM",   "STREAMS",  "TABLE",  "TERMINATE", "THEN",      "TO",      "TOPICS",
    "TRUE",     "TUMBLING", "UNDEFINE", "UNSET",  "VALUES",    "WHEN",      "WHERE",   "WINDOW",
    "WITH",     "WITHIN",
};

static int word_cmp(const void *key, const void *item)
{
    const char *const *word = item;
    return str_cmp(*(const struct str *)key, str_from(*word));
}

bool lexer_reserved(struct str upper)
{
    return bsearch(&upper, reserved, sizeof reserved / sizeof reserved[0], sizeof reserved[0],
                   word_cmp) != NULL;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(char c)
{
    return is_letter(c) || is_digit(c) || c == '_' || c == '@';
}

bool lexer_needs_quotes(struct str name)
{
    if (name.n == 0 || is_digit(name.p[0]) || name.p[0] == '@')
        return true;
    for (size_t i = 0; i < name.n; i++)
        if (!is_word(name.p[i]) || (name.p[i] >= 'a' && name.p[i] <= 'z'))
            return true;
    return lexer_reserved(name);
}

struct str lexer_upper(struct arena *a, struct str text)
{
    char *upper = arena_alloc(a, text.n + 1);
    for (size_t i = 0; i < text.n; i++) {
        const char c = text.p[i];
        upper[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    upper[text.n] = '\0';
    return (struct str){upper, text.n};
}

static char peek(const struct lexer *s, size_t ahead)
{
    return s->at + ahead < s->text.n ? s->text.p[s->at + ahead] : '\0';
}

// Moves over n bytes, keeping line and column (in characters).
static void advance(struct lexer *s, size_t n)
{
    for (size_t i = 0; i < n; i++, s->at++) {
        char c = s->text.p[s->at];
        if (c == '\n') {
            s->pos.line++;
            s->pos.column = 1;
        } else if (((unsigned char)c & 0xc0) != 0x80) {
            s->pos.column++;
        }
    }
}

static bool skip_comment(struct lexer *s, bool *skipped, struct err *e)
{
    size_t n = 2;
    *skipped = false;
    if (peek(s, 0) == '-' && peek(s, 1) == '-') {
        while (s->at + n < s->text.n && peek(s, n) != '\n')
            n++;
    } else if (peek(s, 0) == '/' && peek(s, 1) == '*') {
        while (s->at + n + 1 < s->text.n && !(peek(s, n) == '*' && peek(s, n + 1) == '/'))
            n++;
        if (s->at + n + 1 >= s->text.n)
            return sql_fail(e, s->src, &s->pos, "comment is not closed: expecting '*/'");
        n += 2;
    } else {
        return true;
    }
    advance(s, n);
    *skipped = true;
    return true;
}

static bool skip_blank(struct lexer *s, struct err *e)
{
    for (;;) {
        size_t n = 0;
        while (s->at + n < s->text.n && memchr(" \t\r\n", peek(s, n), 4))
            n++;
        advance(s, n);
        bool skipped;
        if (!skip_comment(s, &skipped, e))
            return false;
        if (!skipped)
            return true;
    }
}

static void add(struct lexer *s, enum token_kind kind, size_t n, struct str text)
{
    const struct token t = {kind, text, {s->text.p + s->at, n}, s->pos};
    vec_push(&s->tokens, t);
    advance(s, n);
}

static void add_word(struct lexer *s)
{
    size_t n = 1;
    while (is_word(peek(s, n)))
        n++;
    add(s, TOKEN_WORD, n, lexer_upper(s->a, (struct str){s->text.p + s->at, n}));
}

// A quoted run: the quote doubled is the quote itself.
static bool add_quoted(struct lexer *s, enum token_kind kind, struct err *e)
{
    const char quote = peek(s, 0);
    size_t n = 1, len = 0;
    bool closed = false;
    while (s->at + n < s->text.n && !closed) {
        if (peek(s, n) == quote && peek(s, n + 1) == quote && s->at + n + 1 < s->text.n)
            n++;
        else
            closed = peek(s, n) == quote;
        len += !closed;
        n++;
    }
    if (!closed)
        return sql_fail(e, s->src, &s->pos, "%s is not closed: expecting %c",
                        kind == TOKEN_STRING ? "string" : "quoted name", quote);
    if (memchr(s->text.p + s->at, '\0', n))
        return sql_fail(e, s->src, &s->pos, "unexpected byte 0x00 inside quotes");
    if (kind == TOKEN_QUOTED && len == 0)
        return sql_fail(e, s->src, &s->pos, "a quoted name must not be empty");
    char *text = arena_alloc(s->a, len + 1);
    for (size_t i = 1, k = 0; k < len; i++) {
        text[k++] = peek(s, i);
        i += peek(s, i) == quote;
    }
    text[len] = '\0';
    add(s, kind, n, (struct str){text, len});
    return true;
}

static size_t digits(const struct lexer *s, size_t n)
{
    while (is_digit(peek(s, n)))
        n++;
    return n;
}

static bool add_number(struct lexer *s, struct err *e)
{
    enum token_kind kind = TOKEN_INTEGER;
    size_t n = digits(s, 0);
    if (peek(s, n) == '.') {
        kind = TOKEN_DECIMAL;
        n = digits(s, n + 1);
    }
    if (peek(s, n) == 'e' || peek(s, n) == 'E') {
        size_t sign = peek(s, n + 1) == '-' || peek(s, n + 1) == '+';
        if (is_digit(peek(s, n + 1 + sign))) {
            kind = TOKEN_DOUBLE;
            n = digits(s, n + 1 + sign);
        }
    }
    if (!is_word(peek(s, n))) {
        add(s, kind, n, (struct str){s->text.p + s->at, n});
        return true;
    }
    if (kind == TOKEN_INTEGER) { // 1R: an identifier that begins with a digit
        add_word(s);
        return true;
    }
    return sql_fail(e, s->src, &s->pos, "malformed number: %.*s", (int)n + 1, s->text.p + s->at);
}

static bool add_variable(struct lexer *s, struct err *e)
{
    size_t n = 2;
    while (is_word(peek(s, n)))
        n++;
    if (n == 2 || peek(s, n) != '}')
        return sql_fail(e, s->src, &s->pos, "malformed variable: expecting ${name}");
    add(s, TOKEN_VARIABLE, n + 1, (struct str){s->text.p + s->at + 2, n - 2});
    return true;
}

static enum token_kind two_char_op(char c, char d)
{
    static const struct {
        char op[3];
        enum token_kind kind;
    } table[] = {
        {"||", TOKEN_CONCAT}, {"<>", TOKEN_NE},    {"!=", TOKEN_NE},     {"<=", TOKEN_LE},
        {">=", TOKEN_GE},     {"->", TOKEN_ARROW}, {"=>", TOKEN_LAMBDA}, {":=", TOKEN_ASSIGN},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].op[0] == c && table[i].op[1] == d)
            return table[i].kind;
    return TOKEN_END;
}

static bool add_operator(struct lexer *s, struct err *e)
{
    static const char ops[] = "()[],;.*+-/%=<>";
    static const enum token_kind kinds[] = {
        TOKEN_LPAREN,    TOKEN_RPAREN,  TOKEN_LBRACKET, TOKEN_RBRACKET, TOKEN_COMMA,
        TOKEN_SEMICOLON, TOKEN_DOT,     TOKEN_STAR,     TOKEN_PLUS,     TOKEN_MINUS,
        TOKEN_SLASH,     TOKEN_PERCENT, TOKEN_EQ,       TOKEN_LT,       TOKEN_GT,
    };
    const char c = peek(s, 0);
    enum token_kind two = two_char_op(c, peek(s, 1));
    if (two != TOKEN_END) {
        add(s, two, 2, (struct str){s->text.p + s->at, 2});
        return true;
    }
    const char *p = c ? strchr(ops, c) : NULL;
    if (p) {
        add(s, kinds[p - ops], 1, (struct str){s->text.p + s->at, 1});
        return true;
    }
    uint32_t cp;
    size_t n = utf8_decode(&cp, s->text.p + s->at, s->text.n - s->at);
    if (n == 0 || cp < ' ' || cp == 0x7f)
        return sql_fail(e, s->src, &s->pos, "unexpected byte 0x%02x", (unsigned char)c);
    (void)sql_fail(e, s->src, &s->pos, "unexpected character '%.*s'", (int)n, s->text.p + s->at);
    return sql_hint(e, "names with other characters than letters, digits and _ need back quotes");
}

static bool next_token(struct lexer *s, struct err *e)
{
    const char c = peek(s, 0);
    if (is_letter(c) || c == '_') {
        add_word(s);
        return true;
    }
    if (c == '\'')
        return add_quoted(s, TOKEN_STRING, e);
    if (c == '`' || c == '"')
        return add_quoted(s, TOKEN_QUOTED, e);
    if (is_digit(c) || (c == '.' && is_digit(peek(s, 1))))
        return add_number(s, e);
    if (c == '$' && peek(s, 1) == '{')
        return add_variable(s, e);
    return add_operator(s, e);
}

bool lexer_run(struct token_list *out, struct arena *a, const struct sql_script *script,
               struct err *e)
{
    assert(script->file);
    const struct sql_source src = {script, 1};
    struct lexer s = {.a = a,
                      .src = &src,
                      .text = script->text.n ? script->text : STR(""),
                      .pos = {script->file, 1, 1}};
    bool ok = true;
    if (script->text.n > LEXER_SCRIPT_BYTES_MAX)
        return sql_fail(e, &src, &s.pos, "script has %zu bytes, at most %zu are allowed",
                        script->text.n, LEXER_SCRIPT_BYTES_MAX);
    if (!utf8_valid(script->text.p, script->text.n))
        return sql_fail(e, &src, &s.pos, "script is not valid UTF-8");
    if (str_starts(s.text, STR("\xef\xbb\xbf"))) // a byte order mark
        s.at = 3;
    for (ok = skip_blank(&s, e); ok && s.at < s.text.n; ok = ok && skip_blank(&s, e))
        ok = next_token(&s, e);
    if (ok) {
        add(&s, TOKEN_END, 0, STR("end of script"));
        out->v = ARENA_ARRAY(a, struct token, s.tokens.n);
        memcpy(out->v, s.tokens.v, s.tokens.n * sizeof(struct token));
        out->n = s.tokens.n;
    }
    vec_fini(&s.tokens);
    return ok;
}
