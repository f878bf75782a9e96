#include "sql/bind_lambda.h"

#include "schema/cast.h"

#include <assert.h>

#define PARAMS_MAX 3 // REDUCE over a map: state, key, value

bool bind_lambda_param(struct expr **out, const struct scope *sc, const struct ast_expr *x)
{
    if ((x->kind != AST_COLUMN && x->kind != AST_UNIT) || x->qualifier.p)
        return false;
    for (const struct bind_lambda *l = sc->lambda; l; l = l->outer) {
        for (uint32_t i = 0; i < l->count; i++) {
            if (!str_eq(l->names[i], x->text))
                continue;
            *out = bind_node(sc->b, EXPR_PARAM, l->types[i], &x->pos, 0);
            (*out)->column = l->first + i;
            return true;
        }
    }
    return false;
}

bool bind_has_lambda(const struct ast_expr *call)
{
    for (uint32_t i = 0; i < call->arg_count; i++)
        if (call->args[i]->kind == AST_LAMBDA)
            return true;
    return false;
}

static bool check_names(const struct scope *sc, const struct ast_expr *lambda)
{
    for (uint32_t i = 0; i < lambda->name_count; i++)
        for (uint32_t k = 0; k < i; k++)
            if (str_eq(lambda->names[i], lambda->names[k]))
                return bind_fail(sc->b, &lambda->pos,
                                 "Reserved lambda parameter name: %.*s is used twice",
                                 STR_ARG(lambda->names[i]));
    return true;
}

static bool bind_lambda(struct expr **out, const struct scope *sc, const struct ast_expr *x,
                        const struct type *const *params)
{
    const struct bind_lambda *outer = sc->lambda;
    const struct bind_lambda l = {
        .outer = outer,
        .names = x->names,
        .types = params,
        .count = x->name_count,
        .first = outer ? outer->first + outer->count : 0,
    };
    struct scope inner = *sc;
    struct expr *body;
    inner.lambda = &l;
    if (!check_names(sc, x) || !bind_expr(&body, &inner, x->args[0]))
        return false;
    *out = bind_node(sc->b, EXPR_LAMBDA, body->type, &x->pos, 1);
    (*out)->args[0] = body;
    (*out)->column = l.first;
    (*out)->param_count = l.count;
    return true;
}

// The arguments that are no lambdas first: they say what the parameters are.
static bool bind_plain(struct expr **args, const struct type **types, const struct scope *sc,
                       const struct ast_expr *x)
{
    for (uint32_t i = 0; i < x->arg_count; i++) {
        if (x->args[i]->kind == AST_LAMBDA)
            continue;
        if (!bind_expr(&args[i], sc, x->args[i]))
            return false;
        types[i] = args[i]->type;
    }
    return true;
}

// Number of arguments, kinds of arguments, parameters of the lambdas.
static bool shape_fits(const struct ast_expr *x, const struct fn *fn, const struct type *list,
                       uint32_t params)
{
    const bool reduce = fn->lambda == FN_LAMBDA_REDUCE;
    const bool map = list && list->kind == TYPE_MAP;
    const uint32_t lambdas = fn->lambda == FN_LAMBDA_TRANSFORM && map ? 2 : 1;
    const uint32_t plain = reduce ? 2 : 1;
    if (!list || (list->kind != TYPE_ARRAY && !map) || x->arg_count != plain + lambdas)
        return false;
    for (uint32_t i = 0; i < x->arg_count; i++)
        if ((x->args[i]->kind == AST_LAMBDA) != (i >= plain) ||
            (i >= plain && x->args[i]->name_count != params))
            return false;
    return true;
}

static const struct type *result_type(const struct scope *sc, const struct fn *fn,
                                      struct expr *const *args, uint32_t n)
{
    struct arena *a = sc->b->a;
    const struct type *list = args[0]->type, *first = args[n - 1]->type;
    switch (fn->lambda) {
    case FN_LAMBDA_TRANSFORM:
        if (list->kind == TYPE_ARRAY)
            return first ? type_array(a, first) : NULL;
        if (!args[1]->type || args[1]->type->kind != TYPE_STRING || !first)
            return NULL;
        return type_map(a, args[1]->type, first);
    case FN_LAMBDA_FILTER:
        return !first || first->kind == TYPE_BOOLEAN ? list : NULL;
    case FN_LAMBDA_REDUCE:
        return args[1]->type && (!first || cast_implicit(first, args[1]->type)) ? args[1]->type
                                                                                : NULL;
    case FN_LAMBDA_NONE:
        break;
    }
    return NULL;
}

static bool misfit(const struct scope *sc, const struct ast_expr *x, const struct fn *fn,
                   const struct type *const *types)
{
    return bind_does_not_accept(sc,
                                &(struct bind_misfit){bind_fn_name(sc->b, fn->name), fn->signatures,
                                                      FN_NO_MATCH, types, x, x->arg_count});
}

bool bind_lambda_call(struct expr **out, const struct scope *sc, const struct ast_expr *x,
                      const struct fn *fn)
{
    struct binder *b = sc->b;
    const uint32_t n = x->arg_count;
    struct expr **args = ARENA_ZARRAY(b->a, struct expr *, n + 1);
    const struct type **types = ARENA_ZARRAY(b->a, const struct type *, n + 1);
    const struct type **params = ARENA_ZARRAY(b->a, const struct type *, PARAMS_MAX);
    uint32_t count = 0;
    if (!bind_plain(args, types, sc, x))
        return false;
    if (fn->lambda == FN_LAMBDA_REDUCE && n > 1)
        params[count++] = types[1];
    for (uint32_t i = 0; n && types[0] && i < types[0]->field_count && count < PARAMS_MAX; i++)
        params[count++] = types[0]->fields[i].type;
    if (fn->lambda == FN_LAMBDA_NONE || x->star || !n || !shape_fits(x, fn, types[0], count))
        return misfit(sc, x, fn, types);
    for (uint32_t i = 0; i < n; i++)
        if (x->args[i]->kind == AST_LAMBDA && !bind_lambda(&args[i], sc, x->args[i], params))
            return false;
    const struct type *type = result_type(sc, fn, args, n);
    if (!type)
        return misfit(sc, x, fn, types);
    *out = bind_node(b, EXPR_CALL, type, &x->pos, 0);
    (*out)->fn = fn;
    (*out)->args = args;
    (*out)->arg_count = n;
    (*out)->site = ++b->sites;
    return true;
}
