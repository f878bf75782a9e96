#include "sql/exec/fn_cell.h"

#include "schema/decimal.h"
#include "schema/rowcodec.h"

#include <assert.h>
#include <math.h>

#define CELL_BYTES_MAX ((size_t)64 << 20)

// Double.compare: -0.0 < 0.0 < … < NaN.
static int double_compare(double x, double y)
{
    if (x < y)
        return -1;
    if (x > y)
        return 1;
    if (x != x || y != y)
        return (x != x) - (y != y);
    return (signbit(y) != 0) - (signbit(x) != 0);
}

static int nested_compare(const struct column *x, uint32_t x_row, const struct column *y,
                          uint32_t y_row)
{
    struct buf a;
    struct buf b;
    buf_init(&a, CELL_BYTES_MAX);
    buf_init(&b, CELL_BYTES_MAX);
    rowcodec_encode(&a, x, 1, x_row);
    rowcodec_encode(&b, y, 1, y_row);
    const int cmp = str_cmp(buf_view(&a), buf_view(&b));
    buf_fini(&a);
    buf_fini(&b);
    return cmp;
}

int cell_compare(const struct column *x, uint32_t x_row, const struct column *y, uint32_t y_row)
{
    assert(x->type->kind == y->type->kind);
    switch (x->type->kind) {
    case TYPE_BOOLEAN:
        return x->u8[x_row] - y->u8[y_row];
    case TYPE_INTEGER:
    case TYPE_DATE:
    case TYPE_TIME:
        return (x->i32[x_row] > y->i32[y_row]) - (x->i32[x_row] < y->i32[y_row]);
    case TYPE_BIGINT:
    case TYPE_TIMESTAMP:
        return (x->i64[x_row] > y->i64[y_row]) - (x->i64[x_row] < y->i64[y_row]);
    case TYPE_DOUBLE:
        return double_compare(x->f64[x_row], y->f64[y_row]);
    case TYPE_DECIMAL:
        return decimal_cmp(decimal_get(x, x_row), decimal_get(y, y_row));
    case TYPE_STRING:
    case TYPE_BYTES:
        return str_cmp(x->str[x_row], y->str[y_row]);
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_STRUCT:
        return nested_compare(x, x_row, y, y_row);
    }
    assert(!"type kind out of range");
    return 0;
}
