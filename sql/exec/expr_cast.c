// CAST between all types that ksqlDB converts. NULL stays NULL; what does not convert is an exception of the row.
#include "sql/exec/expr_internal.h"

#include "schema/decimal.h"
#include "schema/text.h"

#include <assert.h>
#include <math.h>

#define DAY_MS INT64_C(86400000)

struct cast {
    struct arena *a;
    struct column *out;
    const struct column *from;
    struct buf *text; // scratch
};

static struct str trimmed(const struct column *c, uint32_t row)
{
    struct str s = str_trim(c->str[row]);
    if (s.n > 1 && s.p[0] == '+') // parseInt and BigDecimal take it
        s = str_slice(s, 1, s.n);
    return s;
}

// Java's (long) of a double: saturates, NaN = 0.
static int64_t double_to_i64(double v)
{
    if (v != v)
        return 0;
    if (v >= 9223372036854775807.0)
        return INT64_MAX;
    return v <= -9223372036854775808.0 ? INT64_MIN : (int64_t)v;
}

static int32_t double_to_i32(double v)
{
    if (v != v)
        return 0;
    return v >= 2147483647.0 ? INT32_MAX : v <= -2147483648.0 ? INT32_MIN : (int32_t)v;
}

// BigDecimal.longValue(): drops the fraction, keeps the low 64 bits.
static int64_t decimal_low64(struct decimal d)
{
    int64_t v = 0;
    if (d.big.p) {
        if (!decimal_to_i64(&v, d))
            return 0;
        return v;
    }
    for (int32_t i = 0; i < d.scale; i++)
        d.v /= 10;
    return (int64_t)(uint64_t)d.v;
}

static int64_t floor_days(int64_t ms)
{
    return ms / DAY_MS - (ms % DAY_MS < 0);
}

static bool to_i64(int64_t *out, const struct column *c, uint32_t row)
{
    switch (c->type->kind) {
    case TYPE_INTEGER:
    case TYPE_DATE:
    case TYPE_TIME:
        *out = c->i32[row];
        return true;
    case TYPE_BIGINT:
    case TYPE_TIMESTAMP:
        *out = c->i64[row];
        return true;
    case TYPE_DOUBLE:
        *out = double_to_i64(c->f64[row]);
        return true;
    case TYPE_DECIMAL:
        *out = decimal_low64(decimal_get(c, row));
        return true;
    case TYPE_STRING:
        return str_to_i64(out, trimmed(c, row));
    case TYPE_BOOLEAN:
    case TYPE_BYTES:
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_STRUCT:
        return false;
    }
    return false;
}

static bool cast_integer(const struct cast *x, uint32_t row)
{
    int64_t v;
    if (x->from->type->kind == TYPE_DOUBLE) {
        x->out->i32[row] = double_to_i32(x->from->f64[row]);
        return true;
    }
    if (!to_i64(&v, x->from, row))
        return false;
    if (x->from->type->kind == TYPE_STRING && (v > INT32_MAX || v < INT32_MIN))
        return false;
    x->out->i32[row] = (int32_t)(uint32_t)(uint64_t)v;
    return true;
}

static bool cast_double(const struct cast *x, uint32_t row)
{
    int64_t v;
    double *out = &x->out->f64[row];
    if (x->from->type->kind == TYPE_STRING)
        return text_parse_double(out, str_trim(x->from->str[row]));
    if (x->from->type->kind == TYPE_DECIMAL) {
        *out = decimal_to_double(decimal_get(x->from, row));
        return true;
    }
    if (!to_i64(&v, x->from, row))
        return false;
    *out = (double)v;
    return true;
}

static bool cast_decimal(const struct cast *x, uint32_t row)
{
    struct decimal d;
    const struct type *t = x->out->type;
    int64_t v;
    if (x->from->type->kind == TYPE_DECIMAL)
        d = decimal_get(x->from, row);
    else if (x->from->type->kind == TYPE_DOUBLE) {
        if (!decimal_from_double_digits(&d, x->a, x->from->f64[row], t->precision))
            return false;
    } else if (x->from->type->kind == TYPE_STRING) {
        if (!decimal_parse(&d, x->a, str_trim(x->from->str[row])))
            return false;
    } else {
        if (!to_i64(&v, x->from, row))
            return false;
        d = decimal_from_i64(v);
    }
    struct decimal r;
    if (!decimal_rescale(&r, x->a, d, t->precision, t->scale, DECIMAL_HALF_UP))
        return false;
    decimal_set(x->out, x->a, row, r);
    return true;
}

// SqlBooleans.parseBoolean: any non-empty prefix of "true" or "yes", any case.
static bool text_is_true(struct str s)
{
    const struct str words[2] = {STR("true"), STR("yes")};
    for (int i = 0; i < 2; i++)
        if (s.n && s.n <= words[i].n && str_eq_nocase(s, str_slice(words[i], 0, s.n)))
            return true;
    return false;
}

static bool cast_string(const struct cast *x, uint32_t row)
{
    buf_clear(x->text);
    text_cell(x->text, x->from, row);
    if (x->text->failed)
        return false;
    x->out->str[row] = arena_str(x->a, buf_view(x->text));
    return true;
}

static bool cast_time(const struct cast *x, uint32_t row)
{
    const enum type_kind from = x->from->type->kind;
    const enum type_kind to = x->out->type->kind;
    const struct column *c = x->from;
    if (from == TYPE_STRING && to == TYPE_DATE)
        return text_parse_date(&x->out->i32[row], str_trim(c->str[row]));
    if (from == TYPE_STRING && to == TYPE_TIME)
        return text_parse_time(&x->out->i32[row], str_trim(c->str[row]));
    if (from == TYPE_STRING)
        return text_parse_timestamp(&x->out->i64[row], str_trim(c->str[row]));
    if (from == TYPE_TIMESTAMP && to == TYPE_DATE)
        x->out->i32[row] = (int32_t)floor_days(c->i64[row]);
    else if (from == TYPE_TIMESTAMP && to == TYPE_TIME)
        x->out->i32[row] = (int32_t)(c->i64[row] - floor_days(c->i64[row]) * DAY_MS);
    else if (from == TYPE_DATE && to == TYPE_TIMESTAMP)
        x->out->i64[row] = c->i32[row] * DAY_MS;
    else if (from == TYPE_BIGINT && to == TYPE_TIMESTAMP)
        x->out->i64[row] = c->i64[row];
    else
        return false;
    return true;
}

static bool cast_cell(const struct cast *x, uint32_t row)
{
    switch (x->out->type->kind) {
    case TYPE_BOOLEAN:
        if (x->from->type->kind != TYPE_STRING)
            return false;
        x->out->u8[row] = text_is_true(str_trim(x->from->str[row]));
        return true;
    case TYPE_INTEGER:
        return cast_integer(x, row);
    case TYPE_BIGINT:
        return to_i64(&x->out->i64[row], x->from, row);
    case TYPE_DOUBLE:
        return cast_double(x, row);
    case TYPE_DECIMAL:
        return cast_decimal(x, row);
    case TYPE_STRING:
        return cast_string(x, row);
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
        return cast_time(x, row);
    case TYPE_BYTES:
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_STRUCT:
        return false;
    }
    return false;
}

static void cast_cells(struct column *out, struct arena *a, const struct column *from,
                       struct fn_rows rows, uint32_t total, uint8_t *error)
{
    struct buf text;
    buf_init(&text, FN_TEXT_MAX);
    const struct cast x = {.a = a, .out = out, .from = from, .text = &text};
    FN_EACH(row, rows)
    {
        if (!column_is_valid(from, row)) {
            column_set_null(out, a, row, total);
        } else if (!cast_cell(&x, row)) {
            error[row] = 1;
            column_set_null(out, a, row, total);
        }
    }
    buf_fini(&text);
}

// Items are cast whole; a failing item fails its row.
static void cast_items(struct column *out, struct arena *a, const struct column *from,
                       struct fn_rows rows, uint32_t total, uint8_t *error)
{
    uint8_t *bad = arena_zalloc(a, from->child_rows ? from->child_rows : 1);
    column_need_valid(out, a, total);
    for (uint32_t row = 0; row < total; row++)
        out->valid[row] = column_is_valid(from, row);
    memcpy(out->offsets, from->offsets, ((size_t)total + 1) * sizeof *out->offsets);
    out->child_rows = from->child_rows;
    for (uint32_t i = 0; i < out->type->field_count; i++)
        expr_cast(&out->children[i], a, out->type->fields[i].type, &from->children[i],
                  (struct fn_rows){NULL, from->child_rows}, from->child_rows, bad);
    FN_EACH(row, rows)
    {
        uint32_t first = 0;
        const uint32_t count = column_items(from, row, &first);
        for (uint32_t i = 0; i < count; i++)
            error[row] |= bad[first + i];
    }
}

// Fields by name; what the source lacks is NULL.
static void cast_struct(struct column *out, struct arena *a, const struct column *from,
                        struct fn_rows rows, uint32_t total, uint8_t *error)
{
    if (from->valid) {
        column_need_valid(out, a, total);
        memcpy(out->valid, from->valid, total);
    }
    for (uint32_t i = 0; i < out->type->field_count; i++) {
        const int field = type_field(from->type, out->type->fields[i].name);
        if (field >= 0) {
            expr_cast(&out->children[i], a, out->type->fields[i].type, &from->children[field], rows,
                      total, error);
            continue;
        }
        for (uint32_t row = 0; row < total; row++)
            column_set_null(&out->children[i], a, row, total);
    }
}

void expr_cast(struct column *out, struct arena *a, const struct type *to, const struct column *from,
               struct fn_rows rows, uint32_t total, uint8_t *error)
{
    if (type_equal(to, from->type)) {
        *out = *from;
        return;
    }
    column_init(out, a, to, total);
    const bool items = to->kind == TYPE_ARRAY || to->kind == TYPE_MAP;
    if (items && from->type->kind == to->kind)
        cast_items(out, a, from, rows, total, error);
    else if (to->kind == TYPE_STRUCT && from->type->kind == TYPE_STRUCT)
        cast_struct(out, a, from, rows, total, error);
    else
        cast_cells(out, a, from, rows, total, error);
}

void step_cast(struct eval *v, const struct step *s)
{
    assert(s->arg_count == 1);
    expr_cast(&v->regs[s->out], v->a, s->type, eval_arg(v, s, 0), v->sels[s->sel], v->n,
              eval_errors(v, s->scope));
}
