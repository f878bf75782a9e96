// Comparison, BETWEEN, IN, LIKE: which types go together and what they are converted to.
#include "sql/bind_compare.h"
#include "sql/print.h"

#include "schema/cast.h"

#include <assert.h>

static const char *op_name(enum expr_op op)
{
    static const char *const names[] = {
        [EXPR_EQ] = "EQUAL",
        [EXPR_NE] = "NOT_EQUAL",
        [EXPR_LT] = "LESS_THAN",
        [EXPR_LE] = "LESS_THAN_OR_EQUAL",
        [EXPR_GT] = "GREATER_THAN",
        [EXPR_GE] = "GREATER_THAN_OR_EQUAL",
        [EXPR_DISTINCT] = "IS_DISTINCT_FROM",
        [EXPR_NOT_DISTINCT] = "IS_NOT_DISTINCT_FROM",
    };
    assert(op >= EXPR_EQ && op <= EXPR_NOT_DISTINCT);
    return names[op];
}

static bool is_temporal(const struct type *t)
{
    return t->kind == TYPE_DATE || t->kind == TYPE_TIME || t->kind == TYPE_TIMESTAMP;
}

// ROWTIME, WINDOWSTART, WINDOWEND: compared with a string literal, the text is a point in time.
static bool is_time_pseudo(const struct expr *x)
{
    return x->kind == EXPR_PSEUDO && x->column != PSEUDO_ROWPARTITION &&
           x->column != PSEUDO_ROWOFFSET;
}

// x, a STRING, as something comparable with `other`. A literal is parsed here and now.
static bool string_as(struct expr **io, const struct scope *sc, const struct expr *other)
{
    struct binder *b = sc->b;
    struct expr *x = *io, *parsed;
    const bool pseudo = is_time_pseudo(other);
    const struct type *t = pseudo ? type_scalar(TYPE_TIMESTAMP) : other->type;
    if (x->kind == EXPR_LITERAL) {
        if (!bind_parse(&parsed, b, x, t))
            return bind_fail(b, &x->pos, "cannot read '%.*s' as %s",
                             STR_ARG(x->literal.column.str[0]), bind_type_text(b, t));
        *io = parsed;
        if (pseudo)
            parsed->type = parsed->literal.type = parsed->literal.column.type =
                type_scalar(TYPE_BIGINT);
        return true;
    }
    assert(!pseudo);
    *io = bind_cast(b, x, t);
    return true;
}

static bool same_kind_comparable(enum expr_op op, enum type_kind kind)
{
    const bool equality =
        op == EXPR_EQ || op == EXPR_NE || op == EXPR_DISTINCT || op == EXPR_NOT_DISTINCT;
    return equality ||
           (kind != TYPE_BOOLEAN && kind != TYPE_ARRAY && kind != TYPE_MAP && kind != TYPE_STRUCT);
}

// Makes both sides one type; *fits = false when they cannot be compared.
static bool align(bool *fits, const struct scope *sc, enum expr_op op, struct expr **l,
                  struct expr **r)
{
    struct binder *b = sc->b;
    const struct type *x = (*l)->type, *y = (*r)->type;
    *fits = true;
    if (y->kind == TYPE_STRING &&
        (is_temporal(x) || (is_time_pseudo(*l) && (*r)->kind == EXPR_LITERAL)))
        return string_as(r, sc, *l);
    if (x->kind == TYPE_STRING &&
        (is_temporal(y) || (is_time_pseudo(*r) && (*l)->kind == EXPR_LITERAL)))
        return string_as(l, sc, *r);
    const struct type *common = bind_common(b, x, y);
    if (!common && ((x->kind == TYPE_DATE && y->kind == TYPE_TIMESTAMP) ||
                    (x->kind == TYPE_TIMESTAMP && y->kind == TYPE_DATE)))
        common = type_scalar(TYPE_TIMESTAMP);
    if (!common || !same_kind_comparable(op, common->kind)) {
        *fits = false;
        return true;
    }
    *l = bind_cast(b, *l, common);
    *r = bind_cast(b, *r, common);
    return true;
}

bool bind_comparison(struct expr **out, const struct scope *sc, const struct ast_expr *x,
                     enum expr_op op, struct expr *left, struct expr *right)
{
    struct binder *b = sc->b;
    bool fits;
    if (!left->type && !right->type)
        return bind_fail(b, &x->pos, "Comparison with NULL not supported: %s %s %s",
                         bind_text(b, x->args[0]), print_op(op), bind_text(b, x->args[1])) ||
               sql_hint(b->e, "use IS NULL");
    if (!left->type)
        left = bind_cast(b, left, right->type);
    if (!right->type)
        right = bind_cast(b, right, left->type);
    const struct type *x_type = left->type, *y_type = right->type;
    if (!align(&fits, sc, op, &left, &right))
        return false;
    if (!fits)
        return bind_fail(b, &x->pos, "%sCannot compare %s (%s) to %s (%s) with %s.",
                         bind_clause_prefix(sc), bind_text(b, x->args[0]),
                         bind_type_text(b, x_type), bind_text(b, x->args[1]),
                         bind_type_text(b, y_type), op_name(op));
    *out = bind_node(b, EXPR_COMPARE, type_scalar(TYPE_BOOLEAN), &x->pos, 2);
    (*out)->op = op;
    (*out)->args[0] = left;
    (*out)->args[1] = right;
    return true;
}

static const char *kind_or_null(const struct expr *x)
{
    return x->type ? type_kind_name(x->type->kind) : "NULL";
}

// It would be false whatever the other side is: surely not what was meant.
static bool null_comparison(const struct scope *sc, const struct ast_expr *x, const struct expr *l,
                            const struct expr *r)
{
    return bind_fail(sc->b, &x->pos,
                     "%sComparison with NULL not supported: %s %s %s\n"
                     "Use 'IS NULL' or 'IS NOT NULL' instead.",
                     bind_clause_prefix(sc), kind_or_null(l), print_op(x->op), kind_or_null(r));
}

bool bind_compare(struct expr **out, const struct scope *sc, const struct ast_expr *x)
{
    struct expr *l, *r;
    if (!bind_expr(&l, sc, x->args[0]) || !bind_expr(&r, sc, x->args[1]))
        return false;
    const bool distinct = x->op == EXPR_DISTINCT || x->op == EXPR_NOT_DISTINCT;
    if ((!l->type || !r->type) && !distinct)
        return null_comparison(sc, x, l, r);
    return bind_comparison(out, sc, x, x->op, l, r);
}

// x BETWEEN low AND high: both bounds must compare with x; all three become one type.
bool bind_between(struct expr **out, const struct scope *sc, const struct ast_expr *x)
{
    struct binder *b = sc->b;
    struct expr *v[3], *check;
    struct ast_expr ge = *x;
    struct ast_expr *pair[2] = {x->args[0], NULL};
    ge.kind = AST_COMPARE;
    ge.args = pair;
    ge.arg_count = 2;
    for (uint32_t i = 0; i < 3; i++)
        if (!bind_expr(&v[i], sc, x->args[i]))
            return false;
    const struct type *common = v[0]->type;
    for (uint32_t i = 1; i < 3; i++) {
        pair[1] = x->args[i];
        if (!bind_comparison(&check, sc, &ge, i == 1 ? EXPR_GE : EXPR_LE, v[0], v[i]))
            return false;
        v[i] = check->args[1];
        const struct type *both = bind_common(b, common, check->args[0]->type);
        common = both ? both : check->args[0]->type;
    }
    *out = bind_node(b, EXPR_BETWEEN, type_scalar(TYPE_BOOLEAN), &x->pos, 3);
    (*out)->negated = x->negated;
    for (uint32_t i = 0; i < 3; i++)
        (*out)->args[i] = bind_cast(b, v[i], common);
    return true;
}

// --- lists of one type: IN, CASE branches, ARRAY, MAP ----------------------------------------------

static bool is_string_literal(const struct expr *x)
{
    return x->kind == EXPR_LITERAL && x->type && x->type->kind == TYPE_STRING && !x->literal.null;
}

// The type that decides: of the first item that is not NULL and not a string literal, widened by the numbers after it.
static const struct type *list_type(const struct scope *sc, struct expr *const *items, uint32_t n)
{
    const struct type *t = NULL, *text = NULL;
    for (uint32_t i = 0; i < n; i++) {
        if (!items[i]->type)
            continue;
        if (is_string_literal(items[i])) {
            text = items[i]->type;
            continue;
        }
        const struct type *both = bind_common(sc->b, t, items[i]->type);
        t = both ? both : t;
    }
    return t ? t : text;
}

// Number and BOOLEAN literals become text where text is wanted; anything else stays.
struct expr *bind_literal_text(struct binder *b, struct expr *x, const struct ast_expr *ast)
{
    if (x->kind != EXPR_LITERAL || (!type_is_number(x->type) && x->type->kind != TYPE_BOOLEAN))
        return x;
    if (x->type->kind == TYPE_BOOLEAN)
        return bind_string(b, x->literal.column.u8[0] ? STR("true") : STR("false"), &x->pos);
    return bind_string(b, str_from(bind_text(b, ast)), &x->pos);
}

// Coerced without CAST; a STRUCT also to one with more fields, which are then NULL.
static bool can_coerce(struct binder *b, const struct type *from, const struct type *to)
{
    if (cast_implicit(from, to))
        return true;
    const struct type *both = bind_common(b, to, from);
    return both && type_equal(both, to) && cast_supported(from, to);
}

enum fitting {
    FITS,
    MISFITS,
    FIT_FAILED
}; // FIT_FAILED: a literal that cannot be read, the error is set
static enum fitting fit(struct expr **io, const struct scope *sc, const struct ast_expr *ast,
                        const struct type *t);

static bool no_operator(const struct scope *sc, const struct expr *x, const struct ast_expr *ast,
                        const struct type *t, const struct type *own)
{
    return bind_fail(sc->b, &x->pos,
                     "%soperator does not exist: %s = %s (%s)\n"
                     "Hint: You might need to add explicit type casts.",
                     bind_invalid_prefix(sc), bind_type_text(sc->b, t), bind_type_text(sc->b, own),
                     bind_text(sc->b, ast));
}

// STRUCT(…), ARRAY[…], MAP(…): their items are made to fit one by one.
static enum fitting fit_items(struct expr *x, const struct scope *sc, const struct ast_expr *ast,
                              const struct type *t)
{
    struct arena *a = sc->b->a;
    enum fitting f = FITS;
    if (x->kind == EXPR_STRUCT) {
        struct field *fields = ARENA_ZARRAY(a, struct field, x->arg_count + 1);
        for (uint32_t i = 0; i < x->arg_count && f == FITS; i++) {
            const int at = type_field(t, x->type->fields[i].name);
            if (at >= 0)
                f = fit(&x->args[i], sc, ast->args[i], t->fields[at].type);
            fields[i] = (struct field){x->type->fields[i].name, x->args[i]->type};
        }
        x->type = f == FITS ? type_struct(a, fields, x->arg_count) : x->type;
        return f;
    }
    const bool map = x->kind == EXPR_MAP;
    const struct type *item = t->fields[map ? 1 : 0].type;
    for (uint32_t i = map; i < x->arg_count && f == FITS; i += map ? 2 : 1)
        f = fit(&x->args[i], sc, ast->args[i], item);
    if (f == FITS)
        x->type = map ? type_map(a, x->type->fields[0].type, item) : type_array(a, item);
    return f;
}

static bool constructs(const struct expr *x, const struct type *t)
{
    return (x->kind == EXPR_STRUCT && t->kind == TYPE_STRUCT) ||
           (x->kind == EXPR_ARRAY && t->kind == TYPE_ARRAY) ||
           (x->kind == EXPR_MAP && t->kind == TYPE_MAP);
}

// x as t: coerced, or a literal read as one. Depth is that of the expression.
static enum fitting fit(struct expr **io, const struct scope *sc, const struct ast_expr *ast,
                        const struct type *t)
{
    struct binder *b = sc->b;
    struct expr *x = *io;
    struct expr *as = NULL;
    if (!x->type || can_coerce(b, x->type, t)) {
        *io = bind_cast(b, x, t);
        return FITS;
    }
    if (is_string_literal(x)) {
        if (!bind_parse(&as, b, x, t)) {
            (void)bind_fail(b, &x->pos, "%sinvalid input syntax for type %s: \"%.*s\".",
                            bind_invalid_prefix(sc), type_kind_name(t->kind),
                            STR_ARG(x->literal.column.str[0]));
            return FIT_FAILED;
        }
    } else if (constructs(x, t)) {
        const enum fitting f = fit_items(x, sc, ast, t);
        if (f != FITS)
            return f;
        as = can_coerce(b, x->type, t) ? bind_cast(b, x, t) : NULL;
    } else if (t->kind == TYPE_STRING) {
        as = bind_literal_text(b, x, ast);
        as = as == x ? NULL : as;
    }
    *io = as ? as : x;
    return as ? FITS : MISFITS;
}

bool bind_unify(struct expr **items, const struct scope *sc, struct ast_expr *const *asts,
                uint32_t n)
{
    const struct type *t = list_type(sc, items, n);
    if (!t)
        return true; // all NULL: the caller knows whether that is allowed
    for (uint32_t i = 0; i < n; i++) {
        const struct type *own = items[i]->type;
        const enum fitting f = fit(&items[i], sc, asts[i], t);
        if (f != FITS)
            return f == MISFITS && no_operator(sc, items[i], asts[i], t, own);
    }
    return true;
}

// ROWTIME IN ('2020-01-01', …): the strings are points in time
static bool time_literals(struct expr **items, const struct scope *sc, uint32_t n)
{
    if (!is_time_pseudo(items[0]))
        return true;
    for (uint32_t i = 1; i < n; i++)
        if (is_string_literal(items[i]) && !string_as(&items[i], sc, items[0]))
            return false;
    return true;
}

bool bind_in(struct expr **out, const struct scope *sc, const struct ast_expr *x)
{
    *out = bind_node(sc->b, EXPR_IN, type_scalar(TYPE_BOOLEAN), &x->pos, x->arg_count);
    (*out)->negated = x->negated;
    for (uint32_t i = 0; i < x->arg_count; i++)
        if (!bind_expr(&(*out)->args[i], sc, x->args[i]))
            return false;
    if (!time_literals((*out)->args, sc, x->arg_count) ||
        !bind_unify((*out)->args, sc, x->args, x->arg_count))
        return false;
    return (*out)->args[0]->type ||
           bind_fail(sc->b, &x->pos, "Comparison with NULL not supported: %s", bind_text(sc->b, x));
}

bool bind_like(struct expr **out, const struct scope *sc, const struct ast_expr *x)
{
    struct binder *b = sc->b;
    *out = bind_node(b, EXPR_LIKE, type_scalar(TYPE_BOOLEAN), &x->pos, 2);
    (*out)->negated = x->negated;
    for (uint32_t i = 0; i < 2; i++) {
        struct expr *arg;
        if (!bind_expr(&arg, sc, x->args[i]))
            return false;
        if (arg->type && arg->type->kind != TYPE_STRING)
            return bind_fail(b, &x->args[i]->pos,
                             "LIKE condition must be between strings, found %s (%s)",
                             bind_text(b, x->args[i]), bind_type_text(b, arg->type));
        (*out)->args[i] = bind_cast(b, arg, type_scalar(TYPE_STRING));
    }
    if (!x->text.p)
        return true;
    uint32_t cp;
    if (x->text.n == 0 || utf8_decode(&cp, x->text.p, x->text.n) != x->text.n)
        return bind_fail(b, &x->pos, "Expected ESCAPE to be a single character, found '%.*s'",
                         STR_ARG(x->text));
    (*out)->escape = cp;
    return true;
}
