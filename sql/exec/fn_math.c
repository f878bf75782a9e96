// Functions of numbers: ABS CEIL FLOOR ROUND SIGN. DECIMAL results that leave their type fail the row.
#include "sql/exec/fn_internal.h"

#include "schema/decimal.h"
#include "schema/text.h"

#include <assert.h>
#include <gmp.h>
#include <math.h>

static const struct type *number_resolve(struct arena *a, const struct type **want,
                                         const struct type *const *args, uint32_t n)
{
    assert(a && want && n == 1);
    if (!args[0] || !type_is_number(args[0]))
        return NULL;
    return args[0];
}

enum rounding { ROUND_FLOOR, ROUND_CEIL, ROUND_HALF, ROUND_DOWN };

// What cutting towards zero left over, as what must be added to the whole part.
static int64_t carry(struct decimal rest, enum rounding how)
{
    const struct decimal zero = {0};
    const struct decimal half = {.v = 5, .scale = 1};
    const struct decimal minus_half = {.v = -5, .scale = 1};
    const int sign = decimal_cmp(rest, zero);
    switch (how) {
    case ROUND_FLOOR:
        return sign < 0 ? -1 : 0;
    case ROUND_CEIL:
        return sign > 0 ? 1 : 0;
    case ROUND_HALF: // halves go towards +infinity
        return decimal_cmp(rest, half) >= 0 ? 1 : decimal_cmp(rest, minus_half) < 0 ? -1 : 0;
    case ROUND_DOWN:
        return 0;
    }
    return 0;
}

// Decimals of any size: d at so many places, as the result's type; false when it does not fit.
static bool big_round(struct decimal *out, struct arena *a, struct decimal d, int64_t places,
                      enum rounding how, const struct type *to)
{
    struct decimal whole, rest;
    if (places < d.scale) {
        if (places < -100000) {
            *out = (struct decimal){.scale = to->scale};
            return true;
        }
        d.scale -= (int32_t)places;
        if (!decimal_rescale(&whole, a, d, UINT16_MAX, 0, DECIMAL_DOWN) ||
            !decimal_arith(&rest, a, DECIMAL_SUB, d, whole, UINT16_MAX, (unsigned)d.scale) ||
            !decimal_arith(&d, a, DECIMAL_ADD, whole, decimal_from_i64(carry(rest, how)),
                           UINT16_MAX, 0))
            return false;
        d.scale = (int32_t)places;
    }
    return decimal_rescale(out, a, d, to->precision, to->scale, DECIMAL_EXACT);
}

static bool is_big(const struct column *x)
{
    return x->type->kind == TYPE_DECIMAL && x->type->precision > 38;
}

static void big_cells(const struct fn_call *call, struct column *out, const struct column *x,
                      const struct column *places, struct fn_rows rows, enum rounding how)
{
    FN_EACH(row, rows)
    {
        struct decimal d;
        if (big_round(&d, call->a, decimal_get(x, row), places ? places->i32[row] : 0, how,
                      out->type))
            decimal_set(out, call->a, row, d);
        else
            call->error[row] = 1;
    }
}

// DECIMAL cells of up to 38 digits as i128, whatever the column's width.
static i128 wide_get(const struct column *c, uint32_t row)
{
    return c->type->precision <= 18 ? (i128)c->i64[row] : c->i128[row];
}

static i128 power10(unsigned n)
{
    i128 v = 1;
    while (n--)
        v *= 10;
    return v;
}

static void wide_set(const struct fn_call *call, struct column *out, uint32_t row, i128 v)
{
    const i128 bound = power10(out->type->precision);
    if (v >= bound || v <= -bound)
        call->error[row] = 1;
    else if (out->type->precision <= 18)
        out->i64[row] = (int64_t)v;
    else
        out->i128[row] = v;
}

static void big_abs(const struct fn_call *call, struct column *out, const struct column *x,
                    uint32_t row)
{
    const struct decimal zero = {.scale = x->type->scale};
    struct decimal d = decimal_get(x, row);
    if (decimal_cmp(d, zero) < 0 &&
        !decimal_arith(&d, call->a, DECIMAL_SUB, zero, d, x->type->precision, x->type->scale))
        call->error[row] = 1;
    else
        decimal_set(out, call->a, row, d);
}

static void abs_eval(const struct fn_call *call, struct column *out,
                     const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 1);
    const struct column *x = args[0];
    FN_EACH(row, rows)
    {
        if (x->type->kind == TYPE_INTEGER) // Math.abs(MIN_VALUE) = MIN_VALUE
            out->i32[row] = x->i32[row] < 0 ? (int32_t)(0u - (uint32_t)x->i32[row]) : x->i32[row];
        else if (x->type->kind == TYPE_BIGINT)
            out->i64[row] = x->i64[row] < 0 ? (int64_t)(0u - (uint64_t)x->i64[row]) : x->i64[row];
        else if (x->type->kind == TYPE_DOUBLE)
            out->f64[row] = fabs(x->f64[row]);
        else if (is_big(x))
            big_abs(call, out, x, row);
        else
            wide_set(call, out, row, wide_get(x, row) < 0 ? -wide_get(x, row) : wide_get(x, row));
    }
}

static i128 wide_round(i128 v, i128 unit, enum rounding how)
{
    const i128 rest = v % unit;
    if (rest == 0)
        return v;
    const i128 cut = v - rest; // toward zero
    if (how == ROUND_FLOOR)
        return v < 0 ? cut - unit : cut;
    return v < 0 ? cut : cut + unit;
}

static void floor_ceil(const struct fn_call *call, struct column *out, const struct column *x,
                       struct fn_rows rows, enum rounding how)
{
    if (x->type->kind == TYPE_INTEGER || x->type->kind == TYPE_BIGINT) {
        *out = *x;
        return;
    }
    if (is_big(x)) {
        big_cells(call, out, x, NULL, rows, how);
        return;
    }
    const i128 unit = x->type->kind == TYPE_DECIMAL ? power10(x->type->scale) : 1;
    FN_EACH(row, rows)
    {
        if (x->type->kind == TYPE_DOUBLE)
            out->f64[row] = how == ROUND_FLOOR ? floor(x->f64[row]) : ceil(x->f64[row]);
        else
            wide_set(call, out, row, wide_round(wide_get(x, row), unit, how));
    }
}

static void floor_eval(const struct fn_call *call, struct column *out,
                       const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 1);
    floor_ceil(call, out, args[0], rows, ROUND_FLOOR);
}

static void ceil_eval(const struct fn_call *call, struct column *out,
                      const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 1);
    floor_ceil(call, out, args[0], rows, ROUND_CEIL);
}

static const struct type *sign_resolve(struct arena *a, const struct type **want,
                                       const struct type *const *args, uint32_t n)
{
    return number_resolve(a, want, args, n) ? type_scalar(TYPE_INTEGER) : NULL;
}

static void sign_eval(const struct fn_call *call, struct column *out,
                      const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(call && n == 1);
    const struct column *x = args[0];
    FN_EACH(row, rows)
    {
        i128 v;
        if (x->type->kind == TYPE_DOUBLE)
            v = (x->f64[row] > 0) - (x->f64[row] < 0);
        else if (x->type->kind == TYPE_DECIMAL)
            v = decimal_cmp(decimal_get(x, row), (struct decimal){0});
        else
            v = x->type->kind == TYPE_INTEGER ? x->i32[row] : x->i64[row];
        out->i32[row] = (v > 0) - (v < 0);
    }
}

static const struct type *round_resolve(struct arena *a, const struct type **want,
                                        const struct type *const *args, uint32_t n)
{
    const struct type *t = number_resolve(a, want, args, 1);
    if (!t || (n == 2 && args[1] && args[1]->kind != TYPE_INTEGER))
        return NULL;
    if (n == 2) {
        fn_want(want, 1, TYPE_INTEGER);
        return t;
    }
    if (t->kind == TYPE_DOUBLE)
        return type_scalar(TYPE_BIGINT);
    if (t->kind == TYPE_DECIMAL) // ksqlDB: DECIMAL(p - s, 0)
        return type_decimal(a, t->precision > t->scale ? (unsigned)(t->precision - t->scale) : 1,
                            0);
    return t;
}

// ksqlDB rounds half up for positive and half down for negative values: halves go towards +infinity.
static i128 wide_round_half(i128 v, i128 unit)
{
    i128 quotient = v / unit;
    const i128 rest = v % unit;
    if (rest > 0 && rest >= unit - rest)
        quotient++;
    if (rest < 0 && -rest > unit + rest)
        quotient--;
    return quotient;
}

// Math.round: floor(x + 1/2) computed exactly, saturating, NaN = 0.
static int64_t double_round(double v)
{
    if (v != v)
        return 0;
    if (v >= 9223372036854775807.0)
        return INT64_MAX;
    if (v <= -9223372036854775808.0)
        return INT64_MIN;
    const double whole = floor(v);
    return (int64_t)whole + (v - whole >= 0.5 ? 1 : 0);
}

// BigDecimal.valueOf(v).setScale(places, DOWN).doubleValue(): the digits that Java prints of v are cut.
static double double_cut_places(double v, int places)
{
    if (!isfinite(v) || places > 400)
        return v;
    struct buf text;
    struct buf cut;
    int64_t exponent = 0; // digits before the point
    double out = 0;
    buf_init(&text, 64);
    buf_init(&cut, 64);
    text_double(&text, fabs(v));
    bool point = false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == 'E') {
            int64_t e = 0;
            (void)str_to_i64(&e, str_slice(buf_view(&text), i + 1, text.n));
            exponent += e;
            break;
        }
        point |= text.p[i] == '.';
        if (text.p[i] == '.')
            continue;
        buf_char(&cut, text.p[i]);
        exponent += !point;
    }
    const int64_t keep = exponent + places;
    if (keep < (int64_t)cut.n)
        cut.n = keep > 0 ? (size_t)keep : 0;
    const int64_t shift = exponent - (int64_t)cut.n;
    buf_printf(&cut, "E%lld", (long long)shift);
    if (cut.p[0] == 'E' || !text_parse_double(&out, buf_view(&cut)))
        out = 0;
    buf_fini(&text);
    buf_fini(&cut);
    return v < 0 && out > 0 ? -out : out;
}

// new BigDecimal(v).setScale(places, …).doubleValue(): v's exact binary value is rounded.
static double double_round_places(double v, int places)
{
    if (!isfinite(v) || places > 340)
        return v;
    if (places < -310)
        return 0;
    int exponent;
    const double fraction = frexp(fabs(v), &exponent);
    mpz_t number;
    mpz_t unit;
    mpz_t rest;
    mpz_init_set_d(number, ldexp(fraction, 53));
    mpz_init_set_ui(unit, 1);
    mpz_init(rest);
    exponent -= 53;
    if (exponent > 0)
        mpz_mul_2exp(number, number, (unsigned long)exponent);
    else
        mpz_mul_2exp(unit, unit, (unsigned long)-exponent);
    mpz_ui_pow_ui(rest, 10, (unsigned long)(places < 0 ? -places : places));
    if (places < 0)
        mpz_mul(unit, unit, rest);
    else
        mpz_mul(number, number, rest);
    mpz_tdiv_qr(number, rest, number, unit);
    mpz_mul_2exp(rest, rest, 1);
    const int half = mpz_cmp(rest, unit);
    if (v > 0 ? half >= 0 : half > 0)
        mpz_add_ui(number, number, 1);
    struct buf text;
    buf_init(&text, 4096);
    char *digits = buf_room(&text, mpz_sizeinbase(number, 10) + 2);
    double out = v;
    if (digits) {
        mpz_get_str(digits, 10, number);
        text.n = strlen(digits);
        buf_printf(&text, "e%d", -places);
        if (!text_parse_double(&out, buf_view(&text)))
            out = fabs(v);
    }
    buf_fini(&text);
    mpz_clears(number, unit, rest, NULL);
    return v < 0 ? -out : out;
}

struct places {
    int n;
    enum rounding how; // ROUND_HALF, ROUND_DOWN
};

static void round_decimal(const struct fn_call *call, struct column *out, const struct column *x,
                          uint32_t row, struct places to)
{
    const int places = to.n;
    const int scale = x->type->scale;
    const i128 v = wide_get(x, row);
    if (out->type->scale == scale && places >= scale) {
        wide_set(call, out, row, v);
        return;
    }
    if (scale - places > 38) {
        wide_set(call, out, row, 0);
        return;
    }
    const i128 unit = power10((unsigned)(scale - places));
    const i128 rounded = to.how == ROUND_HALF ? wide_round_half(v, unit) : v / unit;
    // With places the type keeps its scale; without, the result has scale 0. A rescaled value has at most the digits
    // of v plus one, so the product stays in range whenever it can fit the type.
    wide_set(call, out, row, out->type->scale == scale ? rounded * unit : rounded);
}

// (long) d in Java.
static int64_t double_cut(double v)
{
    if (v != v)
        return 0;
    if (v >= 9223372036854775807.0)
        return INT64_MAX;
    return v <= -9223372036854775808.0 ? INT64_MIN : (int64_t)v;
}

static void round_cells(const struct fn_call *call, struct column *out,
                        const struct column *const *args, uint32_t n, struct fn_rows rows,
                        enum rounding how)
{
    const struct column *x = args[0];
    if (is_big(x)) {
        big_cells(call, out, x, n == 2 ? args[1] : NULL, rows, how);
        return;
    }
    FN_EACH(row, rows)
    {
        const int places = n == 2 ? args[1]->i32[row] : 0;
        if (x->type->kind == TYPE_DOUBLE && n == 1)
            out->i64[row] = how == ROUND_HALF ? double_round(x->f64[row]) : double_cut(x->f64[row]);
        else if (x->type->kind == TYPE_DOUBLE)
            out->f64[row] = how == ROUND_HALF ? double_round_places(x->f64[row], places)
                                              : double_cut_places(x->f64[row], places);
        else if (x->type->kind == TYPE_DECIMAL)
            round_decimal(call, out, x, row, (struct places){places, how});
        else if (x->type->kind == TYPE_INTEGER)
            out->i32[row] = x->i32[row];
        else
            out->i64[row] = x->i64[row];
    }
}

static void round_eval(const struct fn_call *call, struct column *out,
                       const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    round_cells(call, out, args, n, rows, ROUND_HALF);
}

static void trunc_eval(const struct fn_call *call, struct column *out,
                       const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    round_cells(call, out, args, n, rows, ROUND_DOWN);
}

static const struct fn fns[] = {
    {
        .name = "ABS",
        .signatures = "ABS(INTEGER) -> INTEGER\nABS(BIGINT) -> BIGINT\nABS(DECIMAL) -> "
                      "DECIMAL\nABS(DOUBLE) -> DOUBLE",
        .help = "Absolute value; of the smallest INTEGER or BIGINT that number itself.",
        .example = "ABS(-3)",
        .gives = "3",
        .resolve = number_resolve,
        .eval = abs_eval,
    },
    {
        .name = "FLOOR",
        .signatures = "FLOOR(INTEGER) -> INTEGER\nFLOOR(BIGINT) -> BIGINT\nFLOOR(DECIMAL) -> "
                      "DECIMAL\nFLOOR(DOUBLE) -> DOUBLE",
        .help = "The largest whole number not above the value; a DECIMAL keeps its scale.",
        .example = "FLOOR(2.7E0)",
        .gives = "2.0",
        .resolve = number_resolve,
        .eval = floor_eval,
    },
    {
        .name = "CEIL",
        .signatures = "CEIL(INTEGER) -> INTEGER\nCEIL(BIGINT) -> BIGINT\nCEIL(DECIMAL) -> "
                      "DECIMAL\nCEIL(DOUBLE) -> DOUBLE",
        .help = "The smallest whole number not below the value; a DECIMAL keeps its scale.",
        .example = "CEIL(2.1E0)",
        .gives = "3.0",
        .resolve = number_resolve,
        .eval = ceil_eval,
    },
    {
        .name = "SIGN",
        .signatures = "SIGN(INTEGER) -> INTEGER\nSIGN(BIGINT) -> INTEGER\nSIGN(DECIMAL) -> "
                      "INTEGER\nSIGN(DOUBLE) -> INTEGER",
        .help = "-1, 0 or 1.",
        .example = "SIGN(-2.5E0)",
        .gives = "-1",
        .resolve = sign_resolve,
        .eval = sign_eval,
    },
    {
        .name = "TRUNC",
        .signatures = "TRUNC(DOUBLE) -> BIGINT\nTRUNC(DOUBLE, INTEGER) -> DOUBLE\n"
                      "TRUNC(DECIMAL) -> DECIMAL\nTRUNC(DECIMAL, INTEGER) -> DECIMAL\n"
                      "TRUNC(INTEGER[, INTEGER]) -> INTEGER\nTRUNC(BIGINT[, INTEGER]) -> BIGINT",
        .help =
            "Cuts to whole numbers or to so many decimal places, towards zero. Without places a "
            "DECIMAL(p, s) becomes a DECIMAL(p - s, 0).",
        .example = "TRUNC(-12345.678E0, 1)",
        .gives = "-12345.6",
        .resolve = round_resolve,
        .eval = trunc_eval,
    },
    {
        .name = "ROUND",
        .signatures = "ROUND(DOUBLE) -> BIGINT\nROUND(DOUBLE, INTEGER) -> DOUBLE\n"
                      "ROUND(DECIMAL) -> DECIMAL\nROUND(DECIMAL, INTEGER) -> DECIMAL\n"
                      "ROUND(INTEGER[, INTEGER]) -> INTEGER\nROUND(BIGINT[, INTEGER]) -> BIGINT",
        .help = "Rounds to whole numbers or to so many decimal places; halves go up (towards "
                "+infinity). Without places a "
                "DECIMAL(p, s) becomes a DECIMAL(p - s, 0).",
        .example = "ROUND(2.345, 2)",
        .gives = "2.350",
        .resolve = round_resolve,
        .eval = round_eval,
    },
};
FN_FAMILY(math, "Numbers");
