// Comparisons and LIKE. Two-valued: NULL on either side is false; IS [NOT] DISTINCT FROM treats NULL as a value.
#include "sql/exec/expr_internal.h"

#include "schema/decimal.h"
#include "schema/rowcodec.h"
#include "sql/exec/unicode.h"

#include <assert.h>

const struct type *expr_compare_type(const struct type *x, const struct type *y)
{
    if (!x || !y)
        return x ? x : y ? y : type_scalar(TYPE_STRING);
    if (type_is_number(x) && type_is_number(y)) {
        if (x->kind == TYPE_DOUBLE || y->kind == TYPE_DOUBLE)
            return type_scalar(TYPE_DOUBLE);
        if (x->kind == TYPE_DECIMAL || y->kind == TYPE_DECIMAL)
            return NULL;
        return x->kind == y->kind ? x : type_scalar(TYPE_BIGINT);
    }
    if (x->kind == TYPE_STRING)
        return y;
    return x;
}

static bool op_holds(enum expr_op op, int cmp)
{
    switch (op) {
    case EXPR_EQ:
    case EXPR_NOT_DISTINCT:
        return cmp == 0;
    case EXPR_NE:
    case EXPR_DISTINCT:
        return cmp != 0;
    case EXPR_LT:
        return cmp < 0;
    case EXPR_LE:
        return cmp <= 0;
    case EXPR_GT:
        return cmp > 0;
    case EXPR_GE:
        return cmp >= 0;
    case EXPR_OP_NONE:
    case EXPR_ADD:
    case EXPR_SUB:
    case EXPR_MUL:
    case EXPR_DIV:
    case EXPR_MOD:
        break;
    }
    assert(!"not a comparison");
    return false;
}

// Java's operators on doubles: everything but <> is false with a NaN.
static bool double_holds(enum expr_op op, double x, double y)
{
    if (x != x || y != y)
        return op == EXPR_NE || op == EXPR_DISTINCT;
    return op_holds(op, (x > y) - (x < y));
}

static bool decimals_hold(enum expr_op op, const struct column *x, const struct column *y,
                          uint32_t row)
{
    struct decimal d[2];
    const struct column *c[2] = {x, y};
    for (int i = 0; i < 2; i++)
        d[i] = c[i]->type->kind == TYPE_DECIMAL   ? decimal_get(c[i], row)
               : c[i]->type->kind == TYPE_INTEGER ? decimal_from_i64(c[i]->i32[row])
                                                  : decimal_from_i64(c[i]->i64[row]);
    if (!d[0].big.p && !d[1].big.p && d[0].scale == d[1].scale)
        return op_holds(op, (d[0].v > d[1].v) - (d[0].v < d[1].v));
    return op_holds(op, decimal_cmp(d[0], d[1]));
}

static bool nested_hold(enum expr_op op, const struct column *x, const struct column *y,
                        uint32_t row)
{
    struct buf a;
    struct buf b;
    buf_init(&a, FN_TEXT_MAX);
    buf_init(&b, FN_TEXT_MAX);
    rowcodec_encode(&a, x, 1, row);
    rowcodec_encode(&b, y, 1, row);
    const bool holds = op_holds(op, str_cmp(buf_view(&a), buf_view(&b)));
    buf_fini(&a);
    buf_fini(&b);
    return holds;
}

static bool cells_hold(enum expr_op op, const struct column *x, const struct column *y,
                       uint32_t row)
{
    switch (x->type->kind) {
    case TYPE_BOOLEAN:
        return op_holds(op, x->u8[row] - y->u8[row]);
    case TYPE_INTEGER:
        if (y->type->kind == TYPE_DECIMAL)
            return decimals_hold(op, x, y, row);
        return op_holds(op, (x->i32[row] > y->i32[row]) - (x->i32[row] < y->i32[row]));
    case TYPE_DATE:
    case TYPE_TIME:
        return op_holds(op, (x->i32[row] > y->i32[row]) - (x->i32[row] < y->i32[row]));
    case TYPE_BIGINT:
        if (y->type->kind == TYPE_DECIMAL)
            return decimals_hold(op, x, y, row);
        return op_holds(op, (x->i64[row] > y->i64[row]) - (x->i64[row] < y->i64[row]));
    case TYPE_TIMESTAMP:
        return op_holds(op, (x->i64[row] > y->i64[row]) - (x->i64[row] < y->i64[row]));
    case TYPE_DOUBLE:
        return double_holds(op, x->f64[row], y->f64[row]);
    case TYPE_DECIMAL:
        return decimals_hold(op, x, y, row);
    case TYPE_STRING:
    case TYPE_BYTES:
        return op_holds(op, str_cmp(x->str[row], y->str[row]));
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_STRUCT:
        return nested_hold(op, x, y, row);
    }
    assert(!"type kind out of range");
    return false;
}

// The hot ones: equality with a literal and order of 64 bit numbers, without NULLs on either side.
static bool compare_fast(struct eval *v, const struct step *s, struct column *out)
{
    const struct column *x = eval_arg(v, s, 0);
    const struct column *y = eval_arg(v, s, 1);
    const struct fn_rows rows = v->sels[s->sel];
    if (x->valid || y->valid || !type_equal(x->type, y->type))
        return false;
    if (x->type->kind == TYPE_STRING && (s->op == EXPR_EQ || s->op == EXPR_NE)) {
        const uint8_t same = s->op == EXPR_EQ;
        FN_EACH(row, rows)
        out->u8[row] = str_eq(x->str[row], y->str[row]) ? same : !same;
        return true;
    }
    if (x->type->kind == TYPE_BIGINT && s->op == EXPR_GT) {
        FN_EACH(row, rows)
        out->u8[row] = x->i64[row] > y->i64[row];
        return true;
    }
    return false;
}

void step_compare(struct eval *v, const struct step *s)
{
    assert(s->arg_count == 2 && s->op >= EXPR_EQ);
    struct column *out = eval_out(v, s);
    const struct column *x = eval_arg(v, s, 0);
    const struct column *y = eval_arg(v, s, 1);
    if (compare_fast(v, s, out))
        return;
    FN_EACH(row, v->sels[s->sel])
    {
        const bool has_x = column_is_valid(x, row);
        const bool has_y = column_is_valid(y, row);
        if (has_x && has_y)
            out->u8[row] = cells_hold(s->op, x, y, row);
        else if (s->op == EXPR_DISTINCT)
            out->u8[row] = has_x != has_y;
        else
            out->u8[row] = s->op == EXPR_NOT_DISTINCT && has_x == has_y;
    }
}

// One element of a pattern: a literal character, '_' or '%'.
enum like_kind { LIKE_CHAR, LIKE_ONE, LIKE_MANY, LIKE_END };

static enum like_kind like_next(uint32_t *out, struct str pattern, size_t *at, uint32_t escape)
{
    if (*at >= pattern.n)
        return LIKE_END;
    *out = unicode_next(pattern, at);
    if (escape && *out == escape && *at < pattern.n) {
        *out = unicode_next(pattern, at);
        return LIKE_CHAR;
    }
    return *out == '%' ? LIKE_MANY : *out == '_' ? LIKE_ONE : LIKE_CHAR;
}

// Greedy with one point to come back to: the last '%' swallows one more character on every mismatch.
static bool like(struct str s, struct str pattern, uint32_t escape)
{
    size_t at = 0;
    size_t p = 0;
    size_t back_at = 0;
    size_t back_p = SIZE_MAX;
    for (;;) {
        uint32_t want = 0;
        size_t next_p = p;
        size_t next_at = at;
        const enum like_kind kind = like_next(&want, pattern, &next_p, escape);
        if (kind == LIKE_MANY) {
            back_p = p = next_p;
            back_at = at;
            continue;
        }
        if (kind == LIKE_END && at == s.n)
            return true;
        const bool same =
            kind != LIKE_END && at < s.n && (unicode_next(s, &next_at) == want || kind == LIKE_ONE);
        if (same) {
            p = next_p;
            at = next_at;
            continue;
        }
        if (back_p == SIZE_MAX || back_at >= s.n)
            return false;
        unicode_next(s, &back_at);
        at = back_at;
        p = back_p;
    }
}

void step_like(struct eval *v, const struct step *s)
{
    assert(s->arg_count == 2);
    struct column *out = eval_out(v, s);
    const struct column *text = eval_arg(v, s, 0);
    const struct column *pattern = eval_arg(v, s, 1);
    FN_EACH(row, v->sels[s->sel])
    {
        if (column_is_valid(text, row) && column_is_valid(pattern, row))
            out->u8[row] = like(text->str[row], pattern->str[row], s->escape);
        else
            eval_errors(v, s->scope)[row] = 1;
    }
}
