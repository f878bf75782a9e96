#include "sql/parser_internal.h"

#include "base/map.h"

#include <assert.h>

const struct token *parse_peek(const struct parser *s, size_t ahead)
{
    size_t i = s->at + ahead;
    return &s->tokens.v[i < s->tokens.n ? i : s->tokens.n - 1];
}

bool parse_is(const struct parser *s, enum token_kind kind)
{
    return parse_peek(s, 0)->kind == kind;
}

bool parse_is_word(const struct parser *s, size_t ahead, const char *word)
{
    const struct token *t = parse_peek(s, ahead);
    return t->kind == TOKEN_WORD && str_eq(t->text, str_from(word));
}

bool parse_accept(struct parser *s, enum token_kind kind)
{
    if (!parse_is(s, kind))
        return false;
    s->at += kind != TOKEN_END;
    return true;
}

bool parse_accept_word(struct parser *s, const char *word)
{
    if (!parse_is_word(s, 0, word))
        return false;
    s->at++;
    return true;
}

void parse_fail_at(struct parser *s, const char *expecting)
{
    const struct token *t = parse_peek(s, 0);
    if (t->kind == TOKEN_END) {
        (void)sql_fail(s->e, s->src, &t->pos, "Syntax Error: end of script, expecting %s",
                       expecting);
        return;
    }
    struct str text = t->source;
    if (text.n > 40)
        text = str_slice(text, 0, utf8_offset(text, 40));
    (void)sql_fail(s->e, s->src, &t->pos, "Syntax Error: unexpected '%.*s', expecting %s",
                   STR_ARG(text), expecting);
    if (t->kind == TOKEN_WORD && lexer_reserved(t->text))
        (void)sql_hint(s->e, "%.*s is a reserved word: back-quote it to use it as a name",
                       STR_ARG(t->text));
}

bool parse_expect(struct parser *s, enum token_kind kind, const char *what)
{
    return parse_accept(s, kind) || parse_fail(s, what);
}

bool parse_expect_word(struct parser *s, const char *word)
{
    return parse_accept_word(s, word) || parse_fail(s, word);
}

bool parse_enter(struct parser *s)
{
    if (++s->depth <= PARSER_DEPTH_MAX)
        return true;
    return sql_fail(s->e, s->src, &parse_peek(s, 0)->pos, "nested too deeply: at most %d levels",
                    PARSER_DEPTH_MAX / 2);
}

void parse_leave(struct parser *s)
{
    assert(s->depth > 0);
    s->depth--;
}

bool parse_is_identifier(const struct parser *s, size_t ahead)
{
    const struct token *t = parse_peek(s, ahead);
    return t->kind == TOKEN_QUOTED || (t->kind == TOKEN_WORD && !lexer_reserved(t->text));
}

bool parse_identifier(struct str *out, struct parser *s, const char *what)
{
    if (!parse_is_identifier(s, 0))
        return parse_fail(s, what);
    *out = parse_peek(s, 0)->text;
    s->at++;
    return true;
}

bool parse_string(struct str *out, struct parser *s, const char *what)
{
    if (!parse_is(s, TOKEN_STRING))
        return parse_fail(s, what);
    *out = parse_peek(s, 0)->text;
    s->at++;
    return true;
}

bool parse_is_unit(struct str word)
{
    static const char *const units[] = {
        "DAY",         "DAYS",         "HOUR", "HOURS", "MINUTE", "MINUTES", "SECOND", "SECONDS",
        "MILLISECOND", "MILLISECONDS", "YEAR", "YEARS", "MONTH",  "MONTHS",  "WEEK",   "WEEKS"};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (str_eq(word, str_from(units[i])))
            return true;
    return false;
}

// --- variables -----------------------------------------------------------------------------------

struct variables {
    struct map *values; // name -> index into list
    LIST(struct str) list;
};

static void define(struct variables *s, struct arena *a, struct str name, struct str value)
{
    bool added;
    *map_put(s->values, name, &added) = s->list.n;
    list_push(a, &s->list, value);
}

// NULL when not defined (or undefined again); names in any case
static const struct str *variable(const struct variables *s, struct arena *a, struct str name)
{
    const uint64_t *i = map_get(s->values, lexer_upper(a, name));
    return i && s->list.v && s->list.v[*i].p ? &s->list.v[*i] : NULL;
}

// A whole token: the value is SQL text of one token.
static bool replace_token(struct token *t, struct parser *s, const struct variables *vars)
{
    const struct str *value = variable(vars, s->a, t->text);
    const struct sql_pos pos = t->pos;
    const struct sql_script one = {pos.file, value ? *value : STR_NONE};
    struct token_list list;
    struct err ignored;
    err_clear(&ignored);
    if (!value)
        return sql_fail(s->e, s->src, &pos, "variable '%.*s' is not defined", STR_ARG(t->text));
    if (!lexer_run(&list, s->a, &one, &ignored) || list.n != 2)
        return sql_fail(s->e, s->src, &pos,
                        "value of variable '%.*s' is not one name or literal: %.*s",
                        STR_ARG(t->text), STR_ARG(*value));
    const struct str source = t->source;
    *t = list.v[0];
    t->pos = pos;
    t->source = source;
    return true;
}

#define VARIABLE_STRING_BYTES_MAX ((size_t)64 << 10)

// ${name} inside a string; names that are not defined stay as they are.
static bool replace_in_string(struct token *t, struct parser *s, const struct variables *vars)
{
    struct buf text;
    size_t at, from = 0;
    if (!str_find(&at, t->text, STR("${")))
        return true;
    buf_init(&text, VARIABLE_STRING_BYTES_MAX);
    while (from < t->text.n) {
        struct str rest = str_slice(t->text, from, t->text.n), name, tail;
        if (!str_find(&at, rest, STR("${")))
            at = rest.n;
        buf_str(&text, str_slice(rest, 0, at));
        from += at;
        if (from >= t->text.n)
            break;
        const struct str *value = NULL;
        if (str_split_once(&name, &tail, str_slice(t->text, from + 2, t->text.n), '}'))
            value = variable(vars, s->a, name);
        buf_str(&text, value ? *value : STR("${"));
        from += value ? name.n + 3 : 2;
    }
    bool ok = !text.failed;
    if (ok)
        t->text = arena_str(s->a, buf_view(&text));
    buf_fini(&text);
    return ok ||
           sql_fail(s->e, s->src, &t->pos, "string is too long after its variables are put in");
}

static bool replace_variables(struct parser *s, const struct variables *vars)
{
    for (size_t i = s->at; i < s->tokens.n && s->tokens.v[i].kind != TOKEN_SEMICOLON; i++) {
        struct token *t = &s->tokens.v[i];
        if (t->kind == TOKEN_VARIABLE && !replace_token(t, s, vars))
            return false;
        if (t->kind == TOKEN_STRING && !replace_in_string(t, s, vars))
            return false;
    }
    return true;
}

// --- scripts -------------------------------------------------------------------------------------

typedef LIST(struct ast_statement *) statement_list;

static bool parse_script(statement_list *out, struct parser *s, struct variables *vars)
{
    struct ast_statement *st;
    while (!parse_is(s, TOKEN_END)) {
        if (parse_accept(s, TOKEN_SEMICOLON))
            continue;
        const char *from = parse_peek(s, 0)->source.p;
        if (!replace_variables(s, vars) || !parse_statement(&st, s))
            return false;
        const struct token *last = &s->tokens.v[s->at - 1];
        st->text = (struct str){from, (size_t)(last->source.p + last->source.n - from)};
        if (!parse_expect(s, TOKEN_SEMICOLON, "';'"))
            return false;
        if (st->kind == AST_DEFINE)
            define(vars, s->a, st->name, st->value);
        if (st->kind == AST_UNDEFINE)
            define(vars, s->a, st->name, STR_NONE);
        list_push(s->a, out, st);
    }
    return true;
}

bool parser_run(struct ast_script *out, struct arena *a, const struct sql_script *scripts,
                size_t count, struct err *e)
{
    const struct sql_source src = {scripts, count};
    struct variables vars = {.values = map_new(a)};
    statement_list list = {0};
    for (size_t i = 0; i < count; i++) {
        struct parser s = {.a = a, .src = &src, .e = e};
        if (!lexer_run(&s.tokens, a, &scripts[i], e) || !parse_script(&list, &s, &vars))
            return false;
    }
    *out = (struct ast_script){list.v, list.n};
    return true;
}

bool parser_expression(struct ast_expr **out, struct arena *a, const struct sql_script *text,
                       struct err *e)
{
    const struct sql_source src = {text, 1};
    struct parser s = {.a = a, .src = &src, .e = e};
    return lexer_run(&s.tokens, a, text, e) && parse_expr(out, &s) &&
           (parse_is(&s, TOKEN_END) || parse_fail(&s, "the end of the expression"));
}

bool parser_columns(struct ast_statement *out, struct arena *a, const struct sql_script *text,
                    struct err *e)
{
    const struct sql_source src = {text, 1};
    struct parser s = {.a = a, .src = &src, .e = e};
    *out = (struct ast_statement){.kind = AST_ASSERT_SOURCE, .pos = {text->file, 1, 1}};
    return lexer_run(&s.tokens, a, text, e) && parse_element_list(out, &s) &&
           (parse_is(&s, TOKEN_END) || parse_fail(&s, "',' or the end"));
}
