// Comparison, BETWEEN, IN, LIKE, and lists of one type (CASE branches, ARRAY, MAP).
#ifndef SQL_BIND_COMPARE_H
#define SQL_BIND_COMPARE_H

#include "sql/bind_internal.h"

bool bind_compare(struct expr **out, const struct scope *sc, const struct ast_expr *x) ERR_CHECKED;
bool bind_comparison(struct expr **out, const struct scope *sc, const struct ast_expr *x,
                     enum expr_op op, struct expr *left, struct expr *right) ERR_CHECKED;
bool bind_between(struct expr **out, const struct scope *sc, const struct ast_expr *x) ERR_CHECKED;
bool bind_in(struct expr **out, const struct scope *sc, const struct ast_expr *x) ERR_CHECKED;
bool bind_like(struct expr **out, const struct scope *sc, const struct ast_expr *x) ERR_CHECKED;
// Casts items to their common type (left alone when all are NULL).
bool bind_unify(struct expr **items, const struct scope *sc, struct ast_expr *const *asts,
                uint32_t n) ERR_CHECKED;
struct expr *bind_literal_text(struct binder *b, struct expr *x, const struct ast_expr *ast);

#endif
