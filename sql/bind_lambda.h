// Lambdas: x => … as an argument of TRANSFORM, FILTER, REDUCE. Their parameters are names in front of the columns'.
#ifndef SQL_BIND_LAMBDA_H
#define SQL_BIND_LAMBDA_H

#include "sql/bind_internal.h"

#include "sql/exec/fn.h"

// Parameters in scope, the innermost lambda first; numbered from the outermost.
struct bind_lambda {
    const struct bind_lambda *outer;
    const struct str *names;
    const struct type *const *types;
    uint32_t count, first;
};

// False: x is no parameter of a lambda around.
bool bind_lambda_param(struct expr **out, const struct scope *sc, const struct ast_expr *x);
bool bind_has_lambda(const struct ast_expr *call);
bool bind_lambda_call(struct expr **out, const struct scope *sc, const struct ast_expr *x,
                      const struct fn *fn) ERR_CHECKED;

// What a call that no overload fits is refused with (bind_call.c). A NULL type is the NULL literal.
struct bind_misfit {
    const char *name, *signatures;
    enum fn_match match;
    const struct type *const *types;
    const struct ast_expr *call; // whose lambdas have no type
    uint32_t n;
};
bool bind_does_not_accept(const struct scope *sc, const struct bind_misfit *m);
const char *bind_fn_name(const struct binder *b, const char *name);

#endif
