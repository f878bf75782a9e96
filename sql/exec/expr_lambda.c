// Compiling TRANSFORM, FILTER and REDUCE: each lambda's body is a program of its own over a block of items.
#include "sql/exec/expr_compiler.h"

#include "sql/exec/expr_steps.h"

#include <assert.h>

static bool same_place(const struct expr *x, const struct expr *y)
{
    return x->kind == y->kind && x->column == y->column;
}

static const struct type *place_type(const struct compiler *c, const struct expr *x)
{
    if (x->kind != EXPR_COLUMN)
        return x->type;
    const int32_t physical = c->in->columns ? c->in->columns[x->column] : (int32_t)x->column;
    assert(physical >= 0);
    return c->in->schema->columns[physical].type;
}

#define LAMBDA_PARAMS_MAX 3 // REDUCE over a map: state, key, value

// A column of the body's block: an own parameter, or what is taken from outside.
uint16_t expr_compile_captured(struct compiler *c, const struct expr *x, struct place at)
{
    assert(c->outer);
    struct step s = expr_step_at(step_column, place_type(c, x), at);
    if (x->kind == EXPR_PARAM && x->column >= c->first_param) {
        s.column = x->column - c->first_param;
        assert(s.column < c->param_count);
        return expr_emit(c, s, NULL, 0);
    }
    size_t i = 0;
    while (i < c->captures.n && !same_place(c->captures.v[i], x))
        i++;
    if (i == c->captures.n)
        vec_push(&c->captures, x);
    s.column = c->param_count + (uint32_t)i;
    return expr_emit(c, s, NULL, 0);
}

static const struct schema *body_schema(const struct compiler *body, const struct expr *lambda,
                                        const struct type *const *params)
{
    const uint32_t n = lambda->param_count + (uint32_t)body->captures.n;
    assert(lambda->param_count <= LAMBDA_PARAMS_MAX);
    struct schema_column *columns = ARENA_ZARRAY(body->a, struct schema_column, n);
    for (uint32_t i = 0; i < n; i++)
        columns[i].type = i < lambda->param_count
                              ? params[i]
                              : place_type(body, body->captures.v[i - lambda->param_count]);
    struct schema *s = ARENA_NEW(body->a, struct schema);
    *s = (struct schema){.count = n, .columns = columns};
    return s;
}

// The registers of the step's arguments, growing.
typedef VEC(uint16_t) register_list;

// NOLINTNEXTLINE(readability-function-size): a lambda of a call, what it is given, and where it runs
static void compile_lambda(struct expr_lambda *out, struct compiler *c, const struct expr *lambda,
                           const struct type *want, const struct type *const *params,
                           register_list *args, struct place at)
{
    struct compiler body = {.a = c->a, .in = c->in, .sels = 1, .scopes = 1, .e = c->e, .outer = c};
    const struct place whole = {0, 0};
    body.first_param = lambda->column;
    body.param_count = lambda->param_count;
    const uint16_t result = expr_compile_as(&body, lambda->args[0], want, whole);
    c->failed |= body.failed;
    if (!c->failed) {
        out->body = expr_finish(&body, result);
        out->schema = body_schema(&body, lambda, params);
        out->params = lambda->param_count;
        out->captures = (uint32_t)body.captures.n;
        out->first_capture = (uint32_t)args->n;
    }
    for (size_t i = 0; i < body.captures.n && !c->failed; i++)
        vec_push(args, expr_compile_node(c, body.captures.v[i], at));
    vec_fini(&body.steps);
    vec_fini(&body.types);
    vec_fini(&body.captures);
}

uint16_t expr_compile_lambda_call(struct compiler *c, const struct expr *x, struct place at)
{
    static step_fn *const steps[] = {
        [FN_LAMBDA_TRANSFORM] = step_transform,
        [FN_LAMBDA_FILTER] = step_filter,
        [FN_LAMBDA_REDUCE] = step_reduce,
    };
    const bool reduce = x->fn->lambda == FN_LAMBDA_REDUCE;
    const struct type *t = x->args[0]->type;
    const struct type *params[LAMBDA_PARAMS_MAX] = {x->type, NULL, NULL};
    struct expr_lambda *lambdas = ARENA_ZARRAY(c->a, struct expr_lambda, x->arg_count);
    register_list args = {0};
    struct step s = expr_step_at(steps[x->fn->lambda], x->type, at);
    assert(t && (t->kind == TYPE_ARRAY || t->kind == TYPE_MAP));
    for (uint32_t i = 0; i < t->field_count; i++)
        params[i + (reduce ? 1 : 0)] = t->fields[i].type;
    for (uint32_t i = 0; i < (reduce ? 2u : 1u); i++)
        vec_push(&args, expr_compile_as(c, x->args[i], i ? x->type : t, at));
    for (uint32_t i = reduce ? 2 : 1, k = 0; i < x->arg_count && !c->failed; i++, k++) {
        const struct expr *lambda = x->args[i];
        const struct type *want = reduce                              ? x->type
                                  : x->fn->lambda == FN_LAMBDA_FILTER ? type_scalar(TYPE_BOOLEAN)
                                                                      : x->type->fields[k].type;
        compile_lambda(&lambdas[k], c, lambda, want, params, &args, at);
    }
    s.lambdas = lambdas;
    const uint16_t out = c->failed ? 0 : expr_emit(c, s, args.v, (uint32_t)args.n);
    vec_fini(&args);
    return out;
}
