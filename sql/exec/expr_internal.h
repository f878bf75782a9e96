// Inside the expression evaluator: steps, registers, selections, error scopes.
//
// A register holds one column of the block's row count; only rows of the selection it was computed under mean anything,
// the others are initialised (nested ones NULL). Selection 0 is all rows, scope 0 the whole select expression. A step whose
// selection is empty does not run, and nothing reads its register.
//
// Memory: a long program (EVAL_CELLS_MAX) runs over a slice of the rows at a time, in an arena that is used again.
#ifndef SQL_EXEC_EXPR_INTERNAL_H
#define SQL_EXEC_EXPR_INTERNAL_H

#include "sql/exec/expr.h"
#include "sql/exec/fn_internal.h"

struct eval;
struct step;
typedef void step_fn(struct eval *v, const struct step *s);

enum split_null { SPLIT_NULL_IS_FALSE, SPLIT_NULL_IS_ERROR };

struct step {
    step_fn *run;
    enum expr_op op;
    uint16_t out, sel, scope;
    uint16_t sel_true, sel_false; // split
    const uint16_t *args;         // registers
    const uint16_t *sels;         // pick: one per argument
    uint32_t arg_count;
    uint32_t column; // physical column, field, pseudo column
    uint32_t slot;   // constant
    const struct type *type;
    const struct fn *fn;
    const void *state;            // of fn
    const struct column *literal; // one row
    enum split_null split_null;
    uint16_t guarded; // rescue: the scope whose failures become NULL
    uint32_t escape;
    uint32_t site;                     // of a seeded function
    const struct expr_lambda *lambdas; // TRANSFORM, FILTER, REDUCE
};

// A lambda's body runs over a block of its own: columns = parameters, then captures.
struct expr_lambda {
    const struct expr_prog *body;
    const struct schema *schema; // of that block
    uint32_t params;
    uint32_t captures;      // how many
    uint32_t first_capture; // index into the step's args
};

struct expr_prog {
    const struct step *steps;
    uint32_t count;
    uint16_t regs, sels, scopes;
    uint16_t result;
    const struct type *type;
    int column; // bare physical column, -1
};

// A run over rows first … first + n of the block.
struct eval {
    const struct block *b;
    struct expr_env *env;
    struct arena *a;
    uint32_t first, n;
    uint32_t item; // REDUCE: which one of each row's the body is run for
    struct column *regs;
    struct fn_rows *sels;
    uint8_t **errors; // per scope, NULL until the first failure
};

// Registers times rows that one run may have: what it needs is at most 17 bytes of each.
#define EVAL_CELLS_MAX   (UINT32_C(1) << 17)
#define EVAL_SLICE_LEAST UINT32_C(256)

struct constant {
    struct column column;
    struct arena *arena;
    uint32_t rows;
};

struct expr_env {
    struct constant *constants;
    uint32_t slots;
    int64_t now_ms;
};

static inline const struct column *eval_arg(const struct eval *v, const struct step *s, uint32_t i)
{
    return &v->regs[s->args[i]];
}
uint8_t *eval_errors(struct eval *v, uint16_t scope);
// Prepares the result register; under a partial selection the other rows of a nested column are NULL.
struct column *eval_out(struct eval *v, const struct step *s);

// Runs a program over b in v's environment and arena; *errors = rows where it failed, NULL when none did.
void eval_program(struct column *out, const uint8_t **errors, const struct eval *v,
                  const struct expr_prog *p, const struct block *b);

step_fn step_arith, step_negate, step_concat, step_compare, step_like;

// The type two operands of a comparison are brought to; NULL = compare as they are (DECIMAL).
const struct type *expr_compare_type(const struct type *x, const struct type *y);

#endif
