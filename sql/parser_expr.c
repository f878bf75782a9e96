#include "sql/parser_internal.h"

typedef LIST(struct ast_expr *) expr_list;

struct ast_expr *parse_node(struct parser *s, enum ast_kind kind, const struct sql_pos *pos)
{
    struct ast_expr *x = ARENA_NEW(s->a, struct ast_expr);
    x->kind = kind;
    x->pos = *pos;
    x->height = 1;
    return x;
}

// Gives x its children and its height; the height is what recursion over trees is bounded by.
static bool set_args(struct ast_expr *x, struct parser *s, const expr_list *args)
{
    x->args = args->v;
    x->arg_count = args->n;
    for (uint32_t i = 0; i < args->n; i++)
        if (x->height <= args->v[i]->height)
            x->height = args->v[i]->height + 1;
    if (x->height > PARSER_HEIGHT_MAX)
        return sql_fail(s->e, s->src, &x->pos, "expression is nested too deeply: at most %d levels",
                        PARSER_HEIGHT_MAX);
    return true;
}

static bool make(struct ast_expr **out, struct parser *s, enum ast_kind kind, struct ast_expr *left,
                 struct ast_expr *right)
{
    expr_list args = {0};
    *out = parse_node(s, kind, &left->pos);
    list_push(s->a, &args, left);
    if (right)
        list_push(s->a, &args, right);
    return set_args(*out, s, &args);
}

static bool parse_expr_list(expr_list *out, struct parser *s, enum token_kind end)
{
    struct ast_expr *x;
    if (parse_is(s, end))
        return true;
    do {
        if (!parse_expr(&x, s))
            return false;
        list_push(s->a, out, x);
    } while (parse_accept(s, TOKEN_COMMA));
    return true;
}

static enum ast_kind number_kind(enum token_kind kind)
{
    return kind == TOKEN_INTEGER ? AST_INTEGER : kind == TOKEN_DECIMAL ? AST_DECIMAL : AST_DOUBLE;
}

static bool is_number(const struct parser *s, size_t ahead)
{
    enum token_kind kind = parse_peek(s, ahead)->kind;
    return kind == TOKEN_INTEGER || kind == TOKEN_DECIMAL || kind == TOKEN_DOUBLE;
}

// NULL, TRUE, FALSE, strings and numbers with their sign.
bool parse_literal(struct ast_expr **out, struct parser *s)
{
    const struct token *t = parse_peek(s, 0);
    if (t->kind == TOKEN_STRING || is_number(s, 0)) {
        *out = parse_node(s, t->kind == TOKEN_STRING ? AST_STRING : number_kind(t->kind), &t->pos);
        (*out)->text = t->text;
        s->at++;
        return true;
    }
    if (t->kind == TOKEN_MINUS && is_number(s, 1)) {
        const struct token *n = parse_peek(s, 1);
        *out = parse_node(s, number_kind(n->kind), &t->pos);
        (*out)->text = arena_printf(s->a, "-%.*s", STR_ARG(n->text));
        s->at += 2;
        return true;
    }
    if (parse_is_word(s, 0, "NULL") || parse_is_word(s, 0, "TRUE") ||
        parse_is_word(s, 0, "FALSE")) {
        *out = parse_node(s, t->text.p[0] == 'N' ? AST_NULL : AST_BOOLEAN, &t->pos);
        (*out)->text = t->text;
        s->at++;
        return true;
    }
    return parse_fail(s, "a literal");
}

static bool parse_case(struct ast_expr **out, struct parser *s)
{
    expr_list args = {0};
    struct ast_expr *x;
    *out = parse_node(s, AST_CASE, &parse_peek(s, 0)->pos);
    s->at++;
    (*out)->has_operand = !parse_is_word(s, 0, "WHEN");
    if ((*out)->has_operand) {
        if (!parse_value(&x, s))
            return false;
        list_push(s->a, &args, x);
    }
    if (!parse_is_word(s, 0, "WHEN"))
        return parse_fail(s, "WHEN");
    while (parse_accept_word(s, "WHEN")) {
        if (!parse_expr(&x, s))
            return false;
        list_push(s->a, &args, x);
        if (!parse_expect_word(s, "THEN") || !parse_expr(&x, s))
            return false;
        list_push(s->a, &args, x);
    }
    if (parse_accept_word(s, "ELSE")) {
        if (!parse_expr(&x, s))
            return false;
        list_push(s->a, &args, x);
        (*out)->has_else = true;
    }
    return parse_expect_word(s, "END") && set_args(*out, s, &args);
}

static bool parse_cast(struct ast_expr **out, struct parser *s)
{
    expr_list args = {0};
    struct ast_expr *x;
    *out = parse_node(s, AST_CAST, &parse_peek(s, 0)->pos);
    s->at++;
    if (!parse_expect(s, TOKEN_LPAREN, "(") || !parse_expr(&x, s) || !parse_expect_word(s, "AS") ||
        !parse_type(&(*out)->type, s) || !parse_expect(s, TOKEN_RPAREN, ")"))
        return false;
    list_push(s->a, &args, x);
    return set_args(*out, s, &args);
}

// STRUCT(name := x, …) and MAP(key := value, …)
static bool parse_pairs(struct ast_expr **out, struct parser *s, enum ast_kind kind)
{
    expr_list args = {0};
    LIST(struct str) names = {0};
    struct ast_expr *x;
    struct str name;
    *out = parse_node(s, kind, &parse_peek(s, 0)->pos);
    s->at += 2;
    if (!parse_is(s, TOKEN_RPAREN)) {
        do {
            if (kind == AST_STRUCT) {
                if (!parse_identifier(&name, s, "a field name"))
                    return false;
                list_push(s->a, &names, name);
            } else {
                if (!parse_expr(&x, s))
                    return false;
                list_push(s->a, &args, x);
            }
            if (!parse_expect(s, TOKEN_ASSIGN, ":=") || !parse_expr(&x, s))
                return false;
            list_push(s->a, &args, x);
        } while (parse_accept(s, TOKEN_COMMA));
    }
    (*out)->names = names.v;
    (*out)->name_count = names.n;
    return parse_expect(s, TOKEN_RPAREN, ")") && set_args(*out, s, &args);
}

static bool parse_array(struct ast_expr **out, struct parser *s)
{
    expr_list args = {0};
    *out = parse_node(s, AST_ARRAY, &parse_peek(s, 0)->pos);
    s->at += 2;
    return parse_expr_list(&args, s, TOKEN_RBRACKET) && parse_expect(s, TOKEN_RBRACKET, "]") &&
           set_args(*out, s, &args);
}

// x => … or (x, y) => …
static bool is_lambda(const struct parser *s)
{
    size_t n = 0;
    if (parse_is_identifier(s, 0))
        return parse_peek(s, 1)->kind == TOKEN_LAMBDA;
    if (parse_peek(s, n++)->kind != TOKEN_LPAREN)
        return false;
    while (parse_is_identifier(s, n) && parse_peek(s, n + 1)->kind == TOKEN_COMMA)
        n += 2;
    return parse_is_identifier(s, n) && parse_peek(s, n + 1)->kind == TOKEN_RPAREN &&
           parse_peek(s, n + 2)->kind == TOKEN_LAMBDA;
}

static bool parse_lambda(struct ast_expr **out, struct parser *s)
{
    expr_list args = {0};
    LIST(struct str) names = {0};
    struct ast_expr *x;
    struct str name;
    *out = parse_node(s, AST_LAMBDA, &parse_peek(s, 0)->pos);
    bool many = parse_accept(s, TOKEN_LPAREN);
    do {
        if (!parse_identifier(&name, s, "a lambda parameter"))
            return false;
        list_push(s->a, &names, name);
    } while (many && parse_accept(s, TOKEN_COMMA));
    if ((many && !parse_expect(s, TOKEN_RPAREN, ")")) || !parse_expect(s, TOKEN_LAMBDA, "=>") ||
        !parse_expr(&x, s))
        return false;
    list_push(s->a, &args, x);
    (*out)->names = names.v;
    (*out)->name_count = names.n;
    return set_args(*out, s, &args);
}

static bool parse_argument(struct ast_expr **out, struct parser *s)
{
    const struct token *t = parse_peek(s, 0);
    enum token_kind next = parse_peek(s, 1)->kind;
    if (is_lambda(s))
        return parse_lambda(out, s);
    if (t->kind == TOKEN_WORD && parse_is_unit(t->text) &&
        (next == TOKEN_COMMA || next == TOKEN_RPAREN)) {
        *out = parse_node(s, AST_UNIT, &t->pos);
        (*out)->text = t->text;
        s->at++;
        return true;
    }
    return parse_expr(out, s);
}

static bool parse_call(struct ast_expr **out, struct parser *s)
{
    expr_list args = {0};
    struct ast_expr *x;
    *out = parse_node(s, AST_CALL, &parse_peek(s, 0)->pos);
    if (!parse_identifier(&(*out)->text, s, "a function name") ||
        !parse_expect(s, TOKEN_LPAREN, "("))
        return false;
    if (parse_accept(s, TOKEN_STAR)) {
        (*out)->star = true;
        return parse_expect(s, TOKEN_RPAREN, ")");
    }
    if (!parse_is(s, TOKEN_RPAREN)) {
        do {
            if (!parse_argument(&x, s))
                return false;
            list_push(s->a, &args, x);
        } while (parse_accept(s, TOKEN_COMMA));
    }
    return parse_expect(s, TOKEN_RPAREN, "',' or ')'") && set_args(*out, s, &args);
}

// name, source.name, name(…), DATE '…'
static bool parse_named(struct ast_expr **out, struct parser *s)
{
    const struct token *t = parse_peek(s, 0), *next = parse_peek(s, 1);
    if (next->kind == TOKEN_LPAREN)
        return parse_call(out, s);
    if (next->kind == TOKEN_STRING && t->kind == TOKEN_WORD) {
        *out = parse_node(s, AST_TYPED, &t->pos);
        (*out)->qualifier = t->text;
        (*out)->text = next->text;
        s->at += 2;
        return true;
    }
    *out = parse_node(s, AST_COLUMN, &t->pos);
    if (!parse_identifier(&(*out)->text, s, "an expression"))
        return false;
    if (parse_is(s, TOKEN_DOT) && parse_is_identifier(s, 1)) {
        s->at++;
        (*out)->qualifier = (*out)->text;
        return parse_identifier(&(*out)->text, s, "a column name");
    }
    return true;
}

static bool parse_primary(struct ast_expr **out, struct parser *s)
{
    const struct token *t = parse_peek(s, 0);
    enum token_kind next = parse_peek(s, 1)->kind;
    if (t->kind == TOKEN_LPAREN) {
        s->at++;
        return parse_expr(out, s) && parse_expect(s, TOKEN_RPAREN, ")");
    }
    if (parse_is_word(s, 0, "CASE"))
        return parse_case(out, s);
    if (parse_is_word(s, 0, "CAST"))
        return parse_cast(out, s);
    if (parse_is_word(s, 0, "ARRAY") && next == TOKEN_LBRACKET)
        return parse_array(out, s);
    if (next == TOKEN_LPAREN && (parse_is_word(s, 0, "MAP") || parse_is_word(s, 0, "STRUCT")))
        return parse_pairs(out, s, t->text.p[0] == 'M' ? AST_MAP : AST_STRUCT);
    if (parse_is_identifier(s, 0))
        return parse_named(out, s);
    if (t->kind == TOKEN_STRING || is_number(s, 0) || parse_is_word(s, 0, "NULL") ||
        parse_is_word(s, 0, "TRUE") || parse_is_word(s, 0, "FALSE"))
        return parse_literal(out, s);
    return parse_fail(s, "an expression");
}

// primary followed by [index] and ->field
static bool parse_postfix(struct ast_expr **out, struct parser *s)
{
    struct ast_expr *x, *index;
    if (!parse_primary(&x, s))
        return false;
    for (;;) {
        struct ast_expr *up;
        if (parse_accept(s, TOKEN_LBRACKET)) {
            if (!parse_value(&index, s) || !parse_expect(s, TOKEN_RBRACKET, "]") ||
                !make(&up, s, AST_INDEX, x, index))
                return false;
        } else if (parse_is(s, TOKEN_ARROW) && parse_peek(s, 1)->kind != TOKEN_STAR) {
            s->at++;
            if (!make(&up, s, AST_FIELD, x, NULL) ||
                !parse_identifier(&up->text, s, "a field name"))
                return false;
        } else {
            break;
        }
        x = up;
    }
    *out = x;
    return true;
}

static bool parse_unary(struct ast_expr **out, struct parser *s)
{
    const struct token *t = parse_peek(s, 0);
    struct ast_expr *x;
    if (t->kind == TOKEN_MINUS && is_number(s, 1))
        return parse_literal(out, s);
    if (t->kind == TOKEN_MINUS || t->kind == TOKEN_PLUS) {
        s->at++;
        if (!parse_enter(s) || !parse_unary(&x, s))
            return false;
        parse_leave(s);
        if (!make(out, s, t->kind == TOKEN_MINUS ? AST_NEGATE : AST_PLUS, x, NULL))
            return false;
        (*out)->pos = t->pos;
        return true;
    }
    if (!parse_postfix(&x, s))
        return false;
    while (parse_is_word(s, 0, "AT") && parse_is_word(s, 1, "TIME")) {
        struct ast_expr *up;
        s->at += 2;
        if (!make(&up, s, AST_AT_ZONE, x, NULL) || !parse_expect_word(s, "ZONE") ||
            !parse_string(&up->text, s, "a time zone"))
            return false;
        x = up;
    }
    *out = x;
    return true;
}

// Binding strength of a binary operator: || weakest, then + -, then * / %. 0 = not one.
static unsigned strength(enum token_kind kind, enum expr_op *op)
{
    static const struct {
        enum token_kind kind;
        enum expr_op op;
        unsigned strength;
    } table[] = {
        {TOKEN_CONCAT, EXPR_OP_NONE, 1}, {TOKEN_PLUS, EXPR_ADD, 2},  {TOKEN_MINUS, EXPR_SUB, 2},
        {TOKEN_STAR, EXPR_MUL, 3},       {TOKEN_SLASH, EXPR_DIV, 3}, {TOKEN_PERCENT, EXPR_MOD, 3},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].kind == kind) {
            *op = table[i].op;
            return table[i].strength;
        }
    }
    return 0;
}

static bool parse_binary(struct ast_expr **out, struct parser *s, unsigned least)
{
    struct ast_expr *x, *right;
    enum expr_op op = EXPR_OP_NONE;
    if (!parse_unary(&x, s))
        return false;
    for (;;) {
        struct ast_expr *up;
        unsigned n = strength(parse_peek(s, 0)->kind, &op);
        if (n < least || n == 0)
            break;
        enum expr_op mine = op;
        s->at++;
        if (!parse_binary(&right, s, n + 1) ||
            !make(&up, s, n == 1 ? AST_CONCAT : AST_ARITH, x, right))
            return false;
        up->op = mine;
        x = up;
    }
    *out = x;
    return true;
}

bool parse_value(struct ast_expr **out, struct parser *s)
{
    if (!parse_enter(s) || !parse_binary(out, s, 1))
        return false;
    parse_leave(s);
    return true;
}

static bool comparison_op(enum token_kind kind, enum expr_op *op)
{
    static const struct {
        enum token_kind kind;
        enum expr_op op;
    } table[] = {
        {TOKEN_EQ, EXPR_EQ}, {TOKEN_NE, EXPR_NE}, {TOKEN_LT, EXPR_LT},
        {TOKEN_LE, EXPR_LE}, {TOKEN_GT, EXPR_GT}, {TOKEN_GE, EXPR_GE},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].kind == kind) {
            *op = table[i].op;
            return true;
        }
    }
    return false;
}

// x IS [NOT] NULL, x IS [NOT] DISTINCT FROM y; the IS is already taken.
static bool parse_is_predicate(struct ast_expr **out, struct parser *s, struct ast_expr *x)
{
    struct ast_expr *right;
    bool negated = parse_accept_word(s, "NOT");
    if (parse_accept_word(s, "NULL")) {
        if (!make(out, s, AST_IS_NULL, x, NULL))
            return false;
        (*out)->negated = negated;
        return true;
    }
    if (!parse_accept_word(s, "DISTINCT"))
        return parse_fail(s, "NULL or DISTINCT FROM");
    if (!parse_expect_word(s, "FROM") || !parse_value(&right, s) ||
        !make(out, s, AST_COMPARE, x, right))
        return false;
    (*out)->op = negated ? EXPR_NOT_DISTINCT : EXPR_DISTINCT;
    return true;
}

static bool parse_between(struct ast_expr **out, struct parser *s, struct ast_expr *x)
{
    expr_list args = {0};
    struct ast_expr *low, *high;
    *out = parse_node(s, AST_BETWEEN, &x->pos);
    if (!parse_value(&low, s) || !parse_expect_word(s, "AND") || !parse_value(&high, s))
        return false;
    list_push(s->a, &args, x);
    list_push(s->a, &args, low);
    list_push(s->a, &args, high);
    return set_args(*out, s, &args);
}

static bool parse_in(struct ast_expr **out, struct parser *s, struct ast_expr *x)
{
    expr_list args = {0};
    *out = parse_node(s, AST_IN, &x->pos);
    list_push(s->a, &args, x);
    if (!parse_expect(s, TOKEN_LPAREN, "("))
        return false;
    if (parse_is(s, TOKEN_RPAREN))
        return parse_fail(s, "an expression");
    return parse_expr_list(&args, s, TOKEN_RPAREN) && parse_expect(s, TOKEN_RPAREN, "',' or ')'") &&
           set_args(*out, s, &args);
}

static bool parse_like(struct ast_expr **out, struct parser *s, struct ast_expr *x)
{
    struct ast_expr *pattern;
    if (!parse_value(&pattern, s) || !make(out, s, AST_LIKE, x, pattern))
        return false;
    if (parse_accept_word(s, "ESCAPE"))
        return parse_string(&(*out)->text, s, "the escape character as a string");
    return true;
}

static bool parse_predicate(struct ast_expr **out, struct parser *s)
{
    struct ast_expr *x, *right;
    enum expr_op op;
    if (!parse_value(&x, s))
        return false;
    *out = x;
    if (comparison_op(parse_peek(s, 0)->kind, &op)) {
        s->at++;
        if (!parse_value(&right, s) || !make(out, s, AST_COMPARE, x, right))
            return false;
        (*out)->op = op;
        return true;
    }
    if (parse_accept_word(s, "IS"))
        return parse_is_predicate(out, s, x);
    bool negated = parse_is_word(s, 0, "NOT");
    size_t ahead = negated ? 1 : 0;
    bool (*parse)(struct ast_expr **, struct parser *, struct ast_expr *) = NULL;
    if (parse_is_word(s, ahead, "BETWEEN"))
        parse = parse_between;
    else if (parse_is_word(s, ahead, "IN"))
        parse = parse_in;
    else if (parse_is_word(s, ahead, "LIKE"))
        parse = parse_like;
    if (!parse)
        return true;
    s->at += ahead + 1;
    if (!parse(out, s, x))
        return false;
    (*out)->negated = negated;
    return true;
}

static bool parse_not(struct ast_expr **out, struct parser *s)
{
    const struct token *t = parse_peek(s, 0);
    struct ast_expr *x;
    if (!parse_accept_word(s, "NOT"))
        return parse_predicate(out, s);
    if (!parse_enter(s) || !parse_not(&x, s))
        return false;
    parse_leave(s);
    if (!make(out, s, AST_NOT, x, NULL))
        return false;
    (*out)->pos = t->pos;
    return true;
}

// One level of a flat chain: x word x word x …
static bool parse_chain(struct ast_expr **out, struct parser *s, enum ast_kind kind)
{
    const bool is_or = kind == AST_OR;
    expr_list args = {0};
    struct ast_expr *x;
    do {
        if (!(is_or ? parse_chain(&x, s, AST_AND) : parse_not(&x, s)))
            return false;
        list_push(s->a, &args, x);
    } while (parse_accept_word(s, is_or ? "OR" : "AND"));
    if (args.n == 1) {
        *out = args.v[0];
        return true;
    }
    *out = parse_node(s, kind, &args.v[0]->pos);
    return set_args(*out, s, &args);
}

bool parse_expr(struct ast_expr **out, struct parser *s)
{
    if (!parse_enter(s) || !parse_chain(out, s, AST_OR))
        return false;
    parse_leave(s);
    return true;
}
