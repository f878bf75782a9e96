#include "sql/parser_internal.h"

static struct ast_type *type_node(struct parser *s, const struct sql_pos *pos)
{
    struct ast_type *t = ARENA_NEW(s->a, struct ast_type);
    t->pos = *pos;
    return t;
}

static bool parse_size(unsigned *out, struct parser *s, const char *what)
{
    int64_t v;
    const struct token *t = parse_peek(s, 0);
    if (t->kind != TOKEN_INTEGER)
        return parse_fail(s, what);
    if (!str_to_i64(&v, t->text) || v > 10000)
        return sql_fail(s->e, s->src, &t->pos, "%s is out of range: %.*s", what, STR_ARG(t->text));
    s->at++;
    *out = (unsigned)v;
    return true;
}

static bool parse_decimal(struct ast_type *t, struct parser *s)
{
    t->kind = AST_TYPE_DECIMAL;
    s->at++;
    return parse_expect(s, TOKEN_LPAREN, "(") && parse_size(&t->precision, s, "a precision") &&
           parse_expect(s, TOKEN_COMMA, ",") && parse_size(&t->scale, s, "a scale") &&
           parse_expect(s, TOKEN_RPAREN, ")");
}

// ARRAY<T>, MAP<K, V>, STRUCT<name T, …>
static bool parse_nested(struct ast_type *t, struct parser *s)
{
    LIST(const struct ast_type *) args = {0};
    LIST(struct str) names = {0};
    const struct ast_type *arg;
    struct str name;
    s->at += 2;
    if (!parse_is(s, TOKEN_GT) || t->kind != AST_TYPE_STRUCT) {
        do {
            if (t->kind == AST_TYPE_STRUCT) {
                if (!parse_identifier(&name, s, "a field name"))
                    return false;
                list_push(s->a, &names, name);
            }
            if (!parse_type(&arg, s))
                return false;
            list_push(s->a, &args, arg);
        } while (parse_accept(s, TOKEN_COMMA));
    }
    t->args = args.v;
    t->names = names.v;
    t->count = args.n;
    if ((t->kind == AST_TYPE_ARRAY && t->count != 1) || (t->kind == AST_TYPE_MAP && t->count != 2))
        return sql_fail(s->e, s->src, &t->pos, "%s takes %d types, found %u",
                        t->kind == AST_TYPE_ARRAY ? "ARRAY" : "MAP",
                        t->kind == AST_TYPE_ARRAY ? 1 : 2, t->count);
    return parse_expect(s, TOKEN_GT, "',' or '>'");
}

// VARCHAR(255), VARCHAR(STRING): parameters mean nothing in ksqlDB
static bool skip_parameters(struct parser *s)
{
    if (!parse_accept(s, TOKEN_LPAREN))
        return true;
    do {
        if (!parse_is(s, TOKEN_INTEGER) && !parse_is_word(s, 0, "STRING"))
            return parse_fail(s, "a number or STRING");
        s->at++;
    } while (parse_accept(s, TOKEN_COMMA));
    return parse_expect(s, TOKEN_RPAREN, "',' or ')'");
}

static bool parse_base(struct ast_type *t, struct parser *s)
{
    const bool angle = parse_peek(s, 1)->kind == TOKEN_LT;
    if (parse_is_word(s, 0, "DECIMAL"))
        return parse_decimal(t, s);
    if (angle && parse_is_word(s, 0, "ARRAY"))
        t->kind = AST_TYPE_ARRAY;
    else if (angle && parse_is_word(s, 0, "MAP"))
        t->kind = AST_TYPE_MAP;
    else if (angle && parse_is_word(s, 0, "STRUCT"))
        t->kind = AST_TYPE_STRUCT;
    else
        return parse_identifier(&t->name, s, "a type") && skip_parameters(s);
    return parse_nested(t, s);
}

bool parse_type(const struct ast_type **out, struct parser *s)
{
    struct ast_type *t = type_node(s, &parse_peek(s, 0)->pos);
    if (!parse_enter(s) || !parse_base(t, s))
        return false;
    unsigned suffixes = 0;
    while (parse_is_word(s, 0, "ARRAY")) { // the old spelling: INTEGER ARRAY
        const struct ast_type **args = ARENA_ARRAY(s->a, const struct ast_type *, 1);
        struct ast_type *array = type_node(s, &t->pos);
        if (++suffixes > PARSER_DEPTH_MAX)
            return parse_fail(s, "a type that is nested less deeply");
        args[0] = t;
        array->kind = AST_TYPE_ARRAY;
        array->args = args;
        array->count = 1;
        t = array;
        s->at++;
    }
    parse_leave(s);
    *out = t;
    return true;
}
