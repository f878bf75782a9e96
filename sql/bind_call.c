#include "sql/bind_lambda.h"
#include "sql/bind_plan_internal.h"

#include "sql/exec/agg.h"
#include "sql/exec/fn.h"
#include "sql/exec/udtf.h"

#include <assert.h>

// --- the shape of expressions ----------------------------------------------------------------------

bool bind_ast_equal(const struct ast_expr *x, const struct ast_expr *y)
{
    if (x->kind != y->kind || x->op != y->op || x->arg_count != y->arg_count ||
        x->negated != y->negated || x->star != y->star || x->has_operand != y->has_operand ||
        x->name_count != y->name_count || !str_eq(x->text, y->text))
        return false;
    if (x->kind == AST_TYPED && !str_eq(x->qualifier, y->qualifier))
        return false;
    if (x->kind == AST_CAST && x->type != y->type) {
        const struct ast_type *s = x->type, *t = y->type;
        if (s->kind != t->kind || s->count || t->count || !str_eq(s->name, t->name) ||
            s->precision != t->precision || s->scale != t->scale)
            return false;
    }
    for (uint32_t i = 0; i < x->name_count; i++)
        if (!str_eq(x->names[i], y->names[i]))
            return false;
    for (uint32_t i = 0; i < x->arg_count; i++)
        if (!bind_ast_equal(x->args[i], y->args[i]))
            return false;
    return true;
}

uint32_t bind_weight(const struct ast_expr *x)
{
    const uint32_t whens = x->has_operand ? (x->arg_count - 1) / 2 : 1;
    uint64_t n = 1;
    for (uint32_t i = 0; i < x->arg_count && n <= BIND_EXPR_NODES_MAX; i++)
        n += (uint64_t)bind_weight(x->args[i]) * (i == 0 ? whens : 1);
    return n > BIND_EXPR_NODES_MAX ? BIND_EXPR_NODES_MAX + 1 : (uint32_t)n;
}

bool bind_is_aggregate(const struct ast_expr *x)
{
    return x->kind == AST_CALL && agg_find(x->text) != NULL;
}

bool bind_is_function(const struct ast_expr *x)
{
    return x->kind == AST_CALL &&
           (str_eq(x->text, STR("AS_VALUE")) || fn_find(x->text) || udtf_find(x->text));
}

const struct ast_expr *bind_find_aggregate(const struct ast_expr *x)
{
    if (bind_is_aggregate(x))
        return x;
    for (uint32_t i = 0; i < x->arg_count; i++) {
        const struct ast_expr *found = bind_find_aggregate(x->args[i]);
        if (found)
            return found;
    }
    return NULL;
}

// --- calls -----------------------------------------------------------------------------------------

bool bind_does_not_accept(const struct scope *sc, const struct bind_misfit *m)
{
    struct buf text;
    buf_init(&text, BIND_MESSAGE_BYTES_MAX);
    for (uint32_t i = 0; i < m->n; i++) {
        const bool lambda = m->call->args[i]->kind == AST_LAMBDA;
        buf_printf(&text, "%s%s", i ? ", " : "",
                   lambda        ? "LAMBDA"
                   : m->types[i] ? bind_type_text(sc->b, m->types[i])
                                 : "null");
    }
    (void)bind_fail(sc->b, &m->call->pos,
                    m->match == FN_AMBIGUOUS ? "Function '%s' cannot be resolved due to ambiguous "
                                               "method parameters (%.*s)."
                                             : "Function '%s' does not accept parameters (%.*s).",
                    m->name, (int)text.n, text.p ? text.p : "");
    buf_fini(&text);
    return sql_hint(sc->b->e, "valid alternatives are: %s", m->signatures);
}

bool bind_arguments(struct call *out, const struct scope *sc, const struct ast_expr *x)
{
    struct binder *b = sc->b;
    out->n = x->arg_count;
    out->args = ARENA_ZARRAY(b->a, struct expr *, out->n + 1);
    out->types = ARENA_ZARRAY(b->a, const struct type *, out->n + 1);
    out->want = ARENA_ZARRAY(b->a, const struct type *, out->n + 1);
    for (uint32_t i = 0; i < out->n; i++) {
        const struct ast_expr *arg = x->args[i];
        if (arg->kind == AST_UNIT && schema_find(sc->schema, arg->text) < 0 &&
            !bind_lambda_param(&out->args[i], sc, arg))
            out->args[i] = bind_string(b, arg->text, &arg->pos);
        else if (!bind_expr(&out->args[i], sc, arg))
            return false;
        out->types[i] = out->want[i] = out->args[i]->type;
    }
    return true;
}

// Arguments as the overload wants them.
static void cast_arguments(struct call *c, struct binder *b)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (c->want[i])
            c->args[i] = bind_cast(b, c->args[i], c->want[i]);
}

// ksqlDB's scalar functions have lower case names in messages, its aggregates upper case ones.
const char *bind_fn_name(const struct binder *b, const char *name)
{
    char *out = arena_strdup(b->a, name);
    for (char *p = out; *p; p++)
        *p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
    return out;
}

bool bind_match(const struct type **type, struct call *out, const struct scope *sc,
                const struct ast_expr *x, const struct fn *fn)
{
    struct binder *b = sc->b;
    if (!bind_arguments(out, sc, x))
        return false;
    *type = NULL;
    const enum fn_match match = fn_resolve(type, b->a, fn, out->want, out->types, out->n);
    if (match != FN_MATCHES || x->star)
        return bind_does_not_accept(
            sc, &(struct bind_misfit){bind_fn_name(b, fn->name), fn->signatures,
                                      x->star ? FN_NO_MATCH : match, out->types, x, out->n});
    cast_arguments(out, b);
    return true;
}

static bool bind_function(struct expr **out, const struct scope *sc, const struct ast_expr *x,
                          const struct fn *fn)
{
    struct call c;
    const struct type *type;
    if (fn->lambda != FN_LAMBDA_NONE || bind_has_lambda(x))
        return bind_lambda_call(out, sc, x, fn);
    if (!bind_match(&type, &c, sc, x, fn))
        return false;
    *out = bind_node(sc->b, EXPR_CALL, type, &x->pos, 0);
    (*out)->fn = fn;
    (*out)->args = c.args;
    (*out)->arg_count = c.n;
    (*out)->site = ++sc->b->sites;
    return true;
}

struct bind_limit { // the latest first
    const struct bind_limit *next;
    const struct agg *agg;
    int64_t limit; // 0 = none
};

// ksql.functions.collect_list.limit: NULL when it is not the limit of an aggregate.
static const struct agg *limited_aggregate(struct str property)
{
    const struct str prefix = STR("ksql.functions."), suffix = STR(".limit");
    if (property.n <= prefix.n + suffix.n || !str_starts(property, prefix) ||
        !str_ends(property, suffix))
        return NULL;
    const struct agg *agg = agg_find(str_slice(property, prefix.n, property.n - suffix.n));
    return agg && agg->limited ? agg : NULL;
}

bool bind_set_limit(bool *done, struct binder *b, const struct ast_statement *st)
{
    const struct agg *agg = limited_aggregate(st->name);
    *done = agg != NULL;
    if (!agg)
        return true;
    struct bind_limit *made = ARENA_NEW(b->a, struct bind_limit);
    *made = (struct bind_limit){b->limits, agg, 0};
    if (st->kind == AST_SET && !str_to_i64(&made->limit, st->value))
        return bind_fail(b, &st->name_pos, "property '%.*s' is not a number: '%.*s'",
                         STR_ARG(st->name), STR_ARG(st->value));
    b->limits = made;
    return true;
}

static int64_t limit_of(const struct binder *b, const struct agg *agg)
{
    for (const struct bind_limit *l = b->limits; l; l = l->next)
        if (l->agg == agg)
            return l->limit;
    return 0;
}

// AVG() and AVG(*) are AVG(ROWTIME), as in ksqlDB; COUNT needs no argument.
static void default_argument(struct call *c, struct binder *b, const struct ast_expr *x)
{
    c->args[0] = bind_node(b, EXPR_PSEUDO, type_scalar(TYPE_BIGINT), &x->pos, 0);
    c->args[0]->column = PSEUDO_ROWTIME;
    c->types[0] = c->want[0] = c->args[0]->type;
    c->n = 1;
}

static bool check_literals(const struct scope *sc, const struct ast_expr *x, const struct call *c,
                           const struct agg *agg)
{
    const struct value **consts = ARENA_ZARRAY(sc->b->a, const struct value *, c->n + 1);
    const uint32_t from = agg->last_literal    ? c->n - 1
                          : agg->literals_from ? agg->literals_from - 1
                                               : c->n;
    for (uint32_t i = 0; i < c->n; i++) {
        if (c->args[i]->kind == EXPR_LITERAL)
            consts[i] = &c->args[i]->literal;
        else if (i >= from)
            return bind_fail(sc->b, &x->args[i]->pos,
                             "Parameter %u passed to function %s must be a literal constant, but "
                             "was expression: '%s'",
                             i + 1, agg->name, bind_text(sc->b, x->args[i]));
    }
    const struct agg_ctx ctx = {.arg_types = c->types, .arg_count = c->n, .consts = consts};
    const char *wrong = agg->check ? agg->check(&ctx) : NULL;
    return !wrong || bind_fail(sc->b, &x->pos, "%s", wrong);
}

static bool add_call(const struct scope *sc, const struct ast_expr *x, const struct agg *agg)
{
    struct binder *b = sc->b;
    struct grouping *g = sc->group;
    struct call c;
    if (!bind_arguments(&c, g->input, x))
        return false;
    if (c.n == 0 && agg->args_min == 1)
        default_argument(&c, b, x);
    const struct type *type = NULL;
    if (c.n >= agg->args_min && c.n <= agg->args_max)
        type = agg->resolve(b->a, c.want, c.types, c.n);
    if (!type)
        return bind_does_not_accept(
            sc, &(struct bind_misfit){agg->name, agg->signatures, FN_NO_MATCH, c.types, x, c.n});
    cast_arguments(&c, b);
    if (!check_literals(sc, x, &c, agg))
        return false;
    const struct plan_aggregate made = {agg, c.args, c.n, type, limit_of(b, agg)};
    list_push(b->a, &g->aggregates, made);
    list_push(b->a, &g->calls, x);
    return true;
}

// An aggregate above the aggregation is a column of it; equal calls share one.
static bool bind_aggregate(struct expr **out, const struct scope *sc, const struct ast_expr *x,
                           const struct agg *agg)
{
    struct binder *b = sc->b;
    const struct grouping *g = sc->group;
    uint32_t at;
    for (uint32_t i = 0; i < x->arg_count; i++)
        if (bind_find_aggregate(x->args[i]))
            return bind_fail(b, &x->pos, "Aggregate functions can not be nested: %s",
                             bind_text(b, x));
    for (at = 0; at < g->calls.n && !bind_ast_equal(g->calls.v[at], x); at++)
        ;
    if (at == BIND_AGGREGATES_MAX)
        return bind_fail(b, &x->pos, "too many aggregates: at most %d", BIND_AGGREGATES_MAX);
    if (at == g->calls.n && !add_call(sc, x, agg))
        return false;
    *out = bind_node(b, EXPR_COLUMN, g->aggregates.v[at].type, &x->pos, 0);
    (*out)->column = g->key_count + at;
    return true;
}

static bool unknown_function(const struct scope *sc, const struct ast_expr *x)
{
    const char *near = fn_nearest(x->text);
    (void)bind_fail(sc->b, &x->pos, "Can't find any functions with the name '%.*s'",
                    STR_ARG(x->text));
    return near ? sql_hint(sc->b->e, "did you mean %s?", near) : false;
}

bool bind_call(struct expr **out, const struct scope *sc, const struct ast_expr *x)
{
    const struct agg *agg = agg_find(x->text);
    if (str_eq(x->text, STR("AS_VALUE"))) { // a copy of the key for the value: the value itself
        if (x->arg_count != 1)
            return bind_fail(sc->b, &x->pos, "AS_VALUE takes one argument, found %u", x->arg_count);
        return bind_expr(out, sc, x->args[0]);
    }
    if (agg && sc->group)
        return bind_aggregate(out, sc, x, agg);
    if (agg)
        return bind_fail(sc->b, &x->pos,
                         "Use of aggregate function %.*s requires a GROUP BY clause",
                         STR_ARG(x->text));
    if (udtf_find(x->text))
        return bind_table_function(out, sc, x);
    const struct fn *fn = fn_find(x->text);
    return fn ? bind_function(out, sc, x, fn) : unknown_function(sc, x);
}
