// The compiler's inside, shared by expr.c (everything but lambdas) and expr_lambda.c.
#ifndef SQL_EXEC_EXPR_COMPILER_H
#define SQL_EXEC_EXPR_COMPILER_H

#include "sql/exec/expr_internal.h"

#include "base/vec.h"

struct compiler {
    struct arena *a;
    const struct expr_input *in;
    VEC(struct step) steps;
    VEC(const struct type *) types; // per register
    uint16_t sels, scopes;
    struct err *e;
    bool failed;
    // A lambda's body: its input are its parameters, then what it takes from outside.
    struct compiler *outer; // NULL = not a lambda
    uint32_t first_param, param_count;
    VEC(const struct expr *) captures; // columns, pseudo columns, parameters of lambdas around
};

// Where a sub-expression is evaluated.
struct place {
    uint16_t sel, scope;
};

uint16_t expr_compile_node(struct compiler *c, const struct expr *x, struct place at);
// … and cast to t (NULL = as it is).
uint16_t expr_compile_as(struct compiler *c, const struct expr *x, const struct type *t,
                         struct place at);
uint16_t expr_compile_fail(struct compiler *c, const struct expr *x, const char *what);
// Adds a step with its result register; args are copied.
uint16_t expr_emit(struct compiler *c, struct step s, const uint16_t *args, uint32_t n);
const struct expr_prog *expr_finish(const struct compiler *c, uint16_t result);
// Calls whose fn has a lambda; columns and parameters inside of bodies.
uint16_t expr_compile_lambda_call(struct compiler *c, const struct expr *x, struct place at);
uint16_t expr_compile_captured(struct compiler *c, const struct expr *x, struct place at);

static inline struct step expr_step_at(step_fn *run, const struct type *t, struct place at)
{
    return (struct step){.run = run, .type = t, .sel = at.sel, .scope = at.scope};
}

#endif
