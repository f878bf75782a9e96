// Arithmetic: 32 and 64 bit integers wrap, DOUBLE follows IEEE, DECIMAL is exact. A NULL operand is an exception.
#include "sql/exec/expr_internal.h"

#include "schema/decimal.h"

#include <assert.h>
#include <math.h>

static bool null_operand(struct eval *v, const struct step *s, struct column *out, uint32_t row)
{
    for (uint32_t i = 0; i < s->arg_count; i++) {
        if (column_is_valid(eval_arg(v, s, i), row))
            continue;
        eval_errors(v, s->scope)[row] = 1;
        column_set_null(out, v->a, row, v->n);
        return true;
    }
    return false;
}

static bool divide_i64(int64_t *out, enum expr_op op, int64_t x, int64_t y)
{
    if (y == 0)
        return false;
    if (y == -1) // MIN / -1 wraps, MIN % -1 = 0
        *out = op == EXPR_DIV ? (int64_t)(0 - (uint64_t)x) : 0;
    else
        *out = op == EXPR_DIV ? x / y : x % y;
    return true;
}

// Two's complement: computed in 64 bits and cut, which wraps as Java's int does.
static bool integer_op(int64_t *out, enum expr_op op, int64_t x, int64_t y)
{
    if (op == EXPR_ADD)
        *out = (int64_t)((uint64_t)x + (uint64_t)y);
    else if (op == EXPR_SUB)
        *out = (int64_t)((uint64_t)x - (uint64_t)y);
    else if (op == EXPR_MUL)
        *out = (int64_t)((uint64_t)x * (uint64_t)y);
    else
        return divide_i64(out, op, x, y);
    return true;
}

static void arith_i32(struct eval *v, const struct step *s, struct column *out)
{
    const struct column *x = eval_arg(v, s, 0);
    const struct column *y = eval_arg(v, s, 1);
    FN_EACH(row, v->sels[s->sel])
    {
        int64_t r;
        if (null_operand(v, s, out, row))
            continue;
        if (integer_op(&r, s->op, x->i32[row], y->i32[row]))
            out->i32[row] = (int32_t)(uint32_t)(uint64_t)r;
        else
            eval_errors(v, s->scope)[row] = 1;
    }
}

static void arith_i64(struct eval *v, const struct step *s, struct column *out)
{
    const struct column *x = eval_arg(v, s, 0);
    const struct column *y = eval_arg(v, s, 1);
    FN_EACH(row, v->sels[s->sel])
    {
        if (null_operand(v, s, out, row))
            continue;
        if (!integer_op(&out->i64[row], s->op, x->i64[row], y->i64[row]))
            eval_errors(v, s->scope)[row] = 1;
    }
}

static double double_op(enum expr_op op, double x, double y)
{
    return op == EXPR_ADD   ? x + y
           : op == EXPR_SUB ? x - y
           : op == EXPR_MUL ? x * y
           : op == EXPR_DIV ? x / y
                            : fmod(x, y);
}

static void arith_f64(struct eval *v, const struct step *s, struct column *out)
{
    const struct column *x = eval_arg(v, s, 0);
    const struct column *y = eval_arg(v, s, 1);
    FN_EACH(row, v->sels[s->sel])
    {
        if (!null_operand(v, s, out, row))
            out->f64[row] = double_op(s->op, x->f64[row], y->f64[row]);
    }
}

static unsigned digits_of(const struct type *t)
{
    return t->kind == TYPE_INTEGER ? 10u : t->kind == TYPE_BIGINT ? 19u : t->precision;
}

static i128 wide(const struct column *c, uint32_t row)
{
    if (c->type->kind == TYPE_INTEGER)
        return c->i32[row];
    if (c->type->kind == TYPE_BIGINT || c->type->precision <= 18)
        return c->i64[row];
    return c->i128[row];
}

static unsigned scale_of(const struct type *t)
{
    return t->kind == TYPE_DECIMAL ? t->scale : 0;
}

static i128 power10(unsigned n)
{
    i128 p = 1;
    while (n--)
        p *= 10;
    return p;
}

static struct decimal decimal_cell(const struct column *c, uint32_t row)
{
    return c->type->kind == TYPE_DECIMAL ? decimal_get(c, row)
                                         : decimal_from_i64((int64_t)wide(c, row));
}

static enum decimal_op decimal_op_of(enum expr_op op)
{
    return op == EXPR_ADD   ? DECIMAL_ADD
           : op == EXPR_SUB ? DECIMAL_SUB
           : op == EXPR_MUL ? DECIMAL_MUL
           : op == EXPR_DIV ? DECIMAL_DIV
                            : DECIMAL_MOD;
}

static void arith_decimal(struct eval *v, const struct step *s, struct column *out)
{
    const struct column *x = eval_arg(v, s, 0);
    const struct column *y = eval_arg(v, s, 1);
    FN_EACH(row, v->sels[s->sel])
    {
        struct decimal r;
        if (null_operand(v, s, out, row))
            continue;
        if (decimal_arith(&r, v->a, decimal_op_of(s->op), decimal_cell(x, row),
                          decimal_cell(y, row), s->type->precision, s->type->scale))
            decimal_set(out, v->a, row, r);
        else
            eval_errors(v, s->scope)[row] = 1;
    }
}

// Sum, difference and product within 38 digits: the typing rules leave room for every result, so there is no check.
static void arith_decimal_fast(struct eval *v, const struct step *s, struct column *out)
{
    const struct column *x = eval_arg(v, s, 0);
    const struct column *y = eval_arg(v, s, 1);
    const bool product = s->op == EXPR_MUL;
    const i128 grow_x = product ? 1 : power10(s->type->scale - scale_of(x->type));
    const i128 grow_y = product ? 1 : power10(s->type->scale - scale_of(y->type));
    FN_EACH(row, v->sels[s->sel])
    {
        if (null_operand(v, s, out, row))
            continue;
        const i128 a = wide(x, row) * grow_x;
        const i128 b = wide(y, row) * grow_y;
        const i128 r = product ? a * b : s->op == EXPR_ADD ? a + b : a - b;
        if (s->type->precision <= 18)
            out->i64[row] = (int64_t)r;
        else
            out->i128[row] = r;
    }
}

// Holds for the types that ksqlDB's rules give; a plan with other types takes the checked way.
static bool fits_fast(const struct step *s, const struct type *x, const struct type *y)
{
    unsigned p;
    unsigned scale;
    if (s->op == EXPR_DIV || s->op == EXPR_MOD || s->type->precision > 38)
        return false;
    decimal_result(&p, &scale, decimal_op_of(s->op), digits_of(x), scale_of(x), digits_of(y),
                   scale_of(y));
    return p == s->type->precision && scale == s->type->scale;
}

void step_arith(struct eval *v, const struct step *s)
{
    assert(s->arg_count == 2 && s->op >= EXPR_ADD && s->op <= EXPR_MOD);
    struct column *out = eval_out(v, s);
    if (s->type->kind == TYPE_INTEGER)
        arith_i32(v, s, out);
    else if (s->type->kind == TYPE_BIGINT)
        arith_i64(v, s, out);
    else if (s->type->kind == TYPE_DOUBLE)
        arith_f64(v, s, out);
    else if (fits_fast(s, eval_arg(v, s, 0)->type, eval_arg(v, s, 1)->type))
        arith_decimal_fast(v, s, out);
    else
        arith_decimal(v, s, out);
}

void step_concat(struct eval *v, const struct step *s)
{
    assert(s->arg_count == 2 && s->type->kind == TYPE_STRING);
    struct column *out = eval_out(v, s);
    FN_EACH(row, v->sels[s->sel])
    {
        if (null_operand(v, s, out, row))
            continue;
        const struct str x = eval_arg(v, s, 0)->str[row];
        const struct str y = eval_arg(v, s, 1)->str[row];
        char *p = arena_alloc(v->a, x.n + y.n + 1);
        if (x.n)
            memcpy(p, x.p, x.n);
        if (y.n)
            memcpy(p + x.n, y.p, y.n);
        out->str[row] = (struct str){p, x.n + y.n};
    }
}

void step_negate(struct eval *v, const struct step *s)
{
    struct column *out = eval_out(v, s);
    const struct column *x = eval_arg(v, s, 0);
    FN_EACH(row, v->sels[s->sel])
    {
        if (null_operand(v, s, out, row))
            continue;
        if (s->type->kind == TYPE_INTEGER)
            out->i32[row] = (int32_t)(0u - (uint32_t)x->i32[row]);
        else if (s->type->kind == TYPE_DOUBLE)
            out->f64[row] = -x->f64[row];
        else if (s->type->kind == TYPE_BIGINT || s->type->precision <= 18)
            out->i64[row] = (int64_t)(0 - (uint64_t)x->i64[row]);
        else if (s->type->precision <= 38)
            out->i128[row] = -x->i128[row];
        else {
            struct decimal r;
            if (decimal_arith(&r, v->a, DECIMAL_SUB, (struct decimal){.scale = s->type->scale},
                              decimal_get(x, row), s->type->precision, s->type->scale))
                decimal_set(out, v->a, row, r);
            else
                eval_errors(v, s->scope)[row] = 1;
        }
    }
}
