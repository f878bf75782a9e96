#include "sql/parser_internal.h"

static bool is_alias(const struct parser *s)
{
    if (!parse_is_identifier(s, 0))
        return false;
    if (parse_is_word(s, 0, "EMIT"))
        return !parse_is_word(s, 1, "CHANGES") && !parse_is_word(s, 1, "FINAL");
    return !(parse_is_word(s, 0, "PARTITION") && parse_is_word(s, 1, "BY"));
}

// [AS] name
static bool parse_alias(struct str *out, struct parser *s)
{
    if (parse_accept_word(s, "AS"))
        return parse_identifier(out, s, "an alias");
    if (is_alias(s))
        return parse_identifier(out, s, "an alias");
    return true;
}

static bool parse_item(struct ast_item *out, struct parser *s)
{
    *out = (struct ast_item){.kind = AST_ITEM_EXPR, .pos = parse_peek(s, 0)->pos};
    if (parse_accept(s, TOKEN_STAR)) {
        out->kind = AST_ITEM_ALL;
        return true;
    }
    if (parse_is_identifier(s, 0) && parse_peek(s, 1)->kind == TOKEN_DOT &&
        parse_peek(s, 2)->kind == TOKEN_STAR) {
        out->kind = AST_ITEM_ALL;
        if (!parse_identifier(&out->alias, s, "a source name"))
            return false;
        s->at += 2;
        return true;
    }
    if (!parse_expr(&out->x, s))
        return false;
    if (parse_is(s, TOKEN_ARROW) && parse_peek(s, 1)->kind == TOKEN_STAR) {
        out->kind = AST_ITEM_FIELDS;
        s->at += 2;
        return true;
    }
    return parse_alias(&out->alias, s);
}

static bool parse_items(struct ast_query *q, struct parser *s)
{
    LIST(struct ast_item) items = {0};
    struct ast_item item;
    do {
        if (!parse_item(&item, s))
            return false;
        list_push(s->a, &items, item);
    } while (parse_accept(s, TOKEN_COMMA));
    q->items = items.v;
    q->item_count = items.n;
    return true;
}

static bool parse_duration(struct ast_duration *out, struct parser *s)
{
    const struct token *t = parse_peek(s, 0);
    if (t->kind != TOKEN_INTEGER)
        return parse_fail(s, "a whole number");
    if (!str_to_u64(&out->count, t->text))
        return sql_fail(s->e, s->src, &t->pos, "number is out of range: %.*s", STR_ARG(t->text));
    s->at++;
    t = parse_peek(s, 0);
    if (t->kind != TOKEN_WORD || !parse_is_unit(t->text))
        return parse_fail(s, "DAYS, HOURS, MINUTES, SECONDS or MILLISECONDS");
    out->unit = t->text;
    s->at++;
    return true;
}

// , RETENTION n unit  and  , GRACE PERIOD n unit
static bool parse_window_options(struct ast_window *w, struct parser *s)
{
    while (parse_accept(s, TOKEN_COMMA)) {
        if (!w->retention.unit.p && parse_accept_word(s, "RETENTION")) {
            if (!parse_duration(&w->retention, s))
                return false;
        } else if (!w->grace.unit.p && parse_accept_word(s, "GRACE")) {
            if (!parse_expect_word(s, "PERIOD") || !parse_duration(&w->grace, s))
                return false;
        } else {
            return parse_fail(s, "RETENTION or GRACE PERIOD, each at most once");
        }
    }
    return parse_expect(s, TOKEN_RPAREN, "',' or ')'");
}

static bool parse_window(struct ast_window **out, struct parser *s)
{
    struct ast_window *w = ARENA_NEW(s->a, struct ast_window);
    *out = w;
    if (parse_is_identifier(s, 0) && parse_peek(s, 1)->kind == TOKEN_WORD)
        s->at++; // a window's name means nothing
    w->pos = parse_peek(s, 0)->pos;
    if (parse_accept_word(s, "TUMBLING"))
        w->kind = WINDOW_TUMBLING;
    else if (parse_accept_word(s, "HOPPING"))
        w->kind = WINDOW_HOPPING;
    else if (parse_accept_word(s, "SESSION"))
        w->kind = WINDOW_SESSION;
    else
        return parse_fail(s, "TUMBLING, HOPPING or SESSION");
    if (!parse_expect(s, TOKEN_LPAREN, "("))
        return false;
    if (w->kind != WINDOW_SESSION && !parse_expect_word(s, "SIZE"))
        return false;
    if (!parse_duration(&w->size, s))
        return false;
    if (w->kind == WINDOW_HOPPING &&
        (!parse_expect(s, TOKEN_COMMA, ",") || !parse_expect_word(s, "ADVANCE") ||
         !parse_expect_word(s, "BY") || !parse_duration(&w->advance, s)))
        return false;
    return parse_window_options(w, s);
}

// WITHIN n unit | (n unit, n unit) [GRACE PERIOD n unit]
static bool parse_within(struct ast_relation *r, struct parser *s)
{
    if (!parse_accept_word(s, "WITHIN"))
        return true;
    if (parse_accept(s, TOKEN_LPAREN)) {
        if (!parse_duration(&r->before, s) || !parse_expect(s, TOKEN_COMMA, ",") ||
            !parse_duration(&r->after, s) || !parse_expect(s, TOKEN_RPAREN, ")"))
            return false;
    } else {
        if (!parse_duration(&r->before, s))
            return false;
        r->after = r->before;
    }
    if (parse_accept_word(s, "GRACE"))
        return parse_expect_word(s, "PERIOD") && parse_duration(&r->grace, s);
    return true;
}

// JOIN, INNER JOIN, LEFT [OUTER] JOIN …; NONE when no join follows
static bool parse_join_kind(enum ast_join *out, struct parser *s)
{
    static const struct {
        const char *word;
        enum ast_join join;
    } table[] = {
        {"INNER", AST_JOIN_INNER},
        {"LEFT", AST_JOIN_LEFT},
        {"RIGHT", AST_JOIN_RIGHT},
        {"FULL", AST_JOIN_FULL},
    };
    *out = AST_JOIN_NONE;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (parse_accept_word(s, table[i].word)) {
            *out = table[i].join;
            if (*out != AST_JOIN_INNER)
                (void)parse_accept_word(s, "OUTER");
            return parse_expect_word(s, "JOIN");
        }
    }
    if (parse_accept_word(s, "JOIN"))
        *out = AST_JOIN_INNER;
    return true;
}

static bool parse_relation(struct ast_relation *out, struct parser *s, enum ast_join join)
{
    *out = (struct ast_relation){.join = join, .pos = parse_peek(s, 0)->pos};
    if (!parse_identifier(&out->name, s, "a stream or table name") || !parse_alias(&out->alias, s))
        return false;
    if (join == AST_JOIN_NONE)
        return true;
    return parse_within(out, s) && parse_expect_word(s, "ON") && parse_expr(&out->on, s);
}

static bool parse_from(struct ast_query *q, struct parser *s)
{
    LIST(struct ast_relation) from = {0};
    struct ast_relation r;
    enum ast_join join = AST_JOIN_NONE;
    do {
        if (!parse_relation(&r, s, join))
            return false;
        list_push(s->a, &from, r);
        if (!parse_join_kind(&join, s))
            return false;
    } while (join != AST_JOIN_NONE);
    q->from = from.v;
    q->from_count = from.n;
    return true;
}

// GROUP BY (a, b): true when the parenthesis at the current token is the list's, not an expression's.
static bool is_paren_list(const struct parser *s)
{
    size_t n = 0, depth = 0;
    bool comma = false;
    if (!parse_is(s, TOKEN_LPAREN))
        return false;
    if (parse_peek(s, 1)->kind == TOKEN_RPAREN)
        return true;
    for (;; n++) {
        enum token_kind kind = parse_peek(s, n)->kind;
        if (kind == TOKEN_END || kind == TOKEN_SEMICOLON)
            return false;
        if (kind == TOKEN_LPAREN || kind == TOKEN_LBRACKET)
            depth++;
        if ((kind == TOKEN_RPAREN || kind == TOKEN_RBRACKET) && --depth == 0)
            return comma;
        comma = comma || (kind == TOKEN_COMMA && depth == 1);
    }
}

static bool parse_by(struct ast_expr ***out, uint32_t *count, struct parser *s)
{
    LIST(struct ast_expr *) list = {0};
    struct ast_expr *x;
    if (!parse_expect_word(s, "BY"))
        return false;
    const bool paren = is_paren_list(s);
    s->at += paren;
    if (!(paren && parse_is(s, TOKEN_RPAREN))) {
        do {
            if (!parse_value(&x, s))
                return false;
            list_push(s->a, &list, x);
        } while (parse_accept(s, TOKEN_COMMA));
    }
    *out = list.v;
    *count = list.n;
    return !paren || parse_expect(s, TOKEN_RPAREN, "',' or ')'");
}

static bool parse_emit(struct ast_query *q, struct parser *s)
{
    q->emit_pos = parse_peek(s, 0)->pos;
    if (!parse_accept_word(s, "EMIT"))
        return true;
    if (parse_accept_word(s, "CHANGES"))
        q->emit = AST_EMIT_CHANGES;
    else if (parse_accept_word(s, "FINAL"))
        q->emit = AST_EMIT_FINAL;
    else
        return parse_fail(s, "CHANGES or FINAL");
    return true;
}

static bool parse_limit(struct ast_query *q, struct parser *s)
{
    q->limit_pos = parse_peek(s, 0)->pos;
    if (!parse_accept_word(s, "LIMIT"))
        return true;
    if (!parse_is(s, TOKEN_INTEGER))
        return parse_fail(s, "a whole number");
    q->limit = parse_peek(s, 0)->text;
    s->at++;
    return true;
}

static bool parse_clauses(struct ast_query *q, struct parser *s)
{
    if (parse_accept_word(s, "WINDOW") && !parse_window(&q->window, s))
        return false;
    if (parse_accept_word(s, "WHERE") && !parse_expr(&q->where, s))
        return false;
    q->has_group = parse_accept_word(s, "GROUP");
    if (q->has_group && !parse_by(&q->group_by, &q->group_count, s))
        return false;
    q->partition_pos = parse_peek(s, 0)->pos;
    q->has_partition = parse_accept_word(s, "PARTITION");
    if (q->has_partition && !parse_by(&q->partition_by, &q->partition_count, s))
        return false;
    if (parse_accept_word(s, "HAVING") && !parse_expr(&q->having, s))
        return false;
    return parse_emit(q, s) && parse_limit(q, s);
}

bool parse_query(struct ast_query **out, struct parser *s)
{
    struct ast_query *q = ARENA_NEW(s->a, struct ast_query);
    *out = q;
    q->pos = parse_peek(s, 0)->pos;
    return parse_expect_word(s, "SELECT") && parse_items(q, s) && parse_expect_word(s, "FROM") &&
           parse_from(q, s) && parse_clauses(q, s);
}
