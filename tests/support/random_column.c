#include "tests/support/random_column.h"

#include "schema/decimal.h"

#include <math.h>

uint64_t random_u64(struct random_state *r)
{
    uint64_t z = (r->s += UINT64_C(0x9e3779b97f4a7c15)); // splitmix64
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t random_below(struct random_state *r, uint64_t n)
{
    return random_u64(r) % n;
}

// Numbers of all sizes: uniform ones would hardly ever be small.
static int64_t random_i64(struct random_state *r)
{
    return (int64_t)random_u64(r) >> random_below(r, 64);
}

double random_double(struct random_state *r)
{
    static const double special[] = {0.0,      -0.0,      1.0,      -1.5,
                                     HUGE_VAL, -HUGE_VAL, 4.9e-324, 1.7976931348623157e308};
    switch (random_below(r, 4)) {
    case 0:
        return special[random_below(r, sizeof special / sizeof *special)];
    case 1:
        return (double)random_i64(r) / 100;
    default: {
        const uint64_t bits = random_u64(r);
        double v;
        memcpy(&v, &bits, sizeof v);
        return v;
    }
    }
}

const struct type *random_type(struct random_state *r, struct arena *a, unsigned depth)
{
    const uint64_t pick = random_below(r, depth ? 16 : 12);
    if (pick < 9) {
        static const enum type_kind scalars[] = {TYPE_BOOLEAN, TYPE_INTEGER, TYPE_BIGINT,
                                                 TYPE_DOUBLE,  TYPE_STRING,  TYPE_BYTES,
                                                 TYPE_DATE,    TYPE_TIME,    TYPE_TIMESTAMP};
        return type_scalar(scalars[pick]);
    }
    if (pick < 12) {
        static const unsigned most[] = {18, 38, 60};
        const unsigned precision = 1 + (unsigned)random_below(r, most[pick - 9]);
        return type_decimal(a, precision, (unsigned)random_below(r, precision + 1));
    }
    if (pick == 12)
        return type_map(a, type_scalar(TYPE_STRING), random_type(r, a, depth - 1));
    if (pick == 13)
        return type_array(a, random_type(r, a, depth - 1));
    struct field fields[9];
    const size_t n = 1 + random_below(r, 9);
    for (size_t i = 0; i < n; i++)
        fields[i] = (struct field){arena_printf(a, "F%zu", i), random_type(r, a, depth - 1)};
    return type_struct(a, fields, n);
}

static struct str random_str(struct random_state *r, struct arena *a)
{
    const size_t n = random_below(r, 4) ? random_below(r, 6) : random_below(r, 300);
    char *p = arena_alloc(a, n + 1);
    for (size_t i = 0; i < n;
         i++) // few different bytes, 0 and 255 among them: prefixes and escapes happen
        p[i] = "\0\0\1ab\xff"[random_below(r, 6)];
    return (struct str){p, n};
}

static struct decimal random_decimal(struct random_state *r, struct arena *a, const struct type *t)
{
    char text[80];
    size_t n = 0;
    if (random_below(r, 2))
        text[n++] = '-';
    const uint64_t digits = 1 + random_below(r, t->precision);
    for (uint64_t i = 0; i < digits; i++)
        text[n++] = (char)('0' + random_below(r, 10));
    struct decimal d;
    if (!decimal_parse(&d, a, (struct str){text, n}))
        return (struct decimal){.scale = t->scale};
    d.scale = t->scale;
    return d;
}

static void random_value(struct column *c, struct random_state *r, struct arena *a, uint32_t row)
{
    switch (c->type->kind) {
    case TYPE_BOOLEAN:
        c->u8[row] = (uint8_t)random_below(r, 2);
        return;
    case TYPE_INTEGER:
    case TYPE_DATE:
    case TYPE_TIME:
        c->i32[row] = (int32_t)random_i64(r);
        return;
    case TYPE_BIGINT:
    case TYPE_TIMESTAMP:
        c->i64[row] = random_i64(r);
        return;
    case TYPE_DOUBLE:
        c->f64[row] = random_double(r);
        return;
    case TYPE_DECIMAL:
        decimal_set(c, a, row, random_decimal(r, a, c->type));
        return;
    case TYPE_STRING:
    case TYPE_BYTES:
        c->str[row] = random_str(r, a);
        return;
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_STRUCT:
        return; // their children are filled as columns
    }
}

static void fill(struct column *c, struct random_state *r, struct arena *a, uint32_t from,
                 uint32_t to, enum random_nulls nulls)
{
    for (uint32_t row = from; row < to; row++) {
        if (nulls == RANDOM_NULLS && random_below(r, 5) == 0)
            column_set_null(c, a, row, c->cap);
    }
    if (c->type->kind == TYPE_STRUCT) {
        for (uint32_t i = 0; i < c->type->field_count; i++)
            fill(&c->children[i], r, a, from, to, nulls);
        for (uint32_t row = from; row < to; row++) {
            if (!column_is_valid(c, row))
                column_set_null(c, a, row,
                                c->cap); // the children may have made themselves valid: not so
        }
        return;
    }
    const bool items = c->type->kind == TYPE_ARRAY || c->type->kind == TYPE_MAP;
    for (uint32_t row = from; row < to; row++) {
        if (!column_is_valid(c, row))
            continue;
        random_value(c, r, a, row);
        if (!items)
            continue;
        const uint32_t n = (uint32_t)random_below(r, 5);
        const uint32_t first = column_append_items(c, a, n);
        for (uint32_t i = 0; i < c->type->field_count; i++) {
            const bool map_key = c->type->kind == TYPE_MAP && i == 0;
            fill(&c->children[i], r, a, first, first + n, map_key ? RANDOM_NO_NULLS : nulls);
        }
        c->offsets[row] = first;
        c->offsets[row + 1] = first + n;
    }
}

static void sort_maps(struct column *c, struct arena *a, uint32_t rows)
{
    const bool items = c->type->kind == TYPE_ARRAY || c->type->kind == TYPE_MAP;
    for (uint32_t i = 0; i < c->type->field_count; i++)
        sort_maps(&c->children[i], a, items ? c->child_rows : rows);
    if (c->type->kind == TYPE_MAP)
        column_sort_maps(c, a, rows);
}

void random_column(struct column *out, struct random_state *r, struct arena *a,
                   const struct type *t, uint32_t rows, enum random_nulls nulls)
{
    column_init(out, a, t, rows);
    fill(out, r, a, 0, rows, nulls);
    sort_maps(out, a, rows);
}

static int sign_of(int64_t v)
{
    return (v > 0) - (v < 0);
}

// Double.compare
static int double_compare(double x, double y)
{
    if (isnan(x) || isnan(y))
        return (isnan(x) != 0) - (isnan(y) != 0);
    if (x == y)
        return (signbit(y) != 0) - (signbit(x) != 0);
    return x < y ? -1 : 1;
}

static int items_compare(const struct column *x, uint32_t xrow, const struct column *y,
                         uint32_t yrow)
{
    uint32_t xfirst;
    uint32_t yfirst;
    const uint32_t xn = column_items(x, xrow, &xfirst);
    const uint32_t yn = column_items(y, yrow, &yfirst);
    for (uint32_t k = 0; k < xn && k < yn; k++) {
        for (uint32_t i = 0; i < x->type->field_count; i++) {
            const int c = column_compare(&x->children[i], xfirst + k, &y->children[i], yfirst + k);
            if (c)
                return c;
        }
    }
    return (xn > yn) - (xn < yn);
}

int column_compare(const struct column *x, uint32_t xrow, const struct column *y, uint32_t yrow)
{
    const bool xv = column_is_valid(x, xrow);
    const bool yv = column_is_valid(y, yrow);
    if (!xv || !yv)
        return xv - yv;
    switch (x->type->kind) {
    case TYPE_BOOLEAN:
        return x->u8[xrow] - y->u8[yrow];
    case TYPE_INTEGER:
    case TYPE_DATE:
    case TYPE_TIME:
        return sign_of((int64_t)x->i32[xrow] - y->i32[yrow]);
    case TYPE_BIGINT:
    case TYPE_TIMESTAMP:
        return (x->i64[xrow] > y->i64[yrow]) - (x->i64[xrow] < y->i64[yrow]);
    case TYPE_DOUBLE:
        return double_compare(x->f64[xrow], y->f64[yrow]);
    case TYPE_DECIMAL:
        return decimal_cmp(decimal_get(x, xrow), decimal_get(y, yrow));
    case TYPE_STRING:
    case TYPE_BYTES:
        return sign_of(str_cmp(x->str[xrow], y->str[yrow]));
    case TYPE_ARRAY:
    case TYPE_MAP:
        return items_compare(x, xrow, y, yrow);
    case TYPE_STRUCT:
        for (uint32_t i = 0; i < x->type->field_count; i++) {
            const int c = column_compare(&x->children[i], xrow, &y->children[i], yrow);
            if (c)
                return c;
        }
        return 0;
    }
    return 0;
}
