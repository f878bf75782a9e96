// The type that values of two types can both become without losing anything: what ARRAY, CASE and generic functions need.
#include "schema/type.h"

#include <assert.h>

void type_decimal_shape(const struct type *t, unsigned *precision, unsigned *scale)
{
    assert(type_is_number(t) && t->kind != TYPE_DOUBLE);
    *precision = t->kind == TYPE_DECIMAL ? t->precision : t->kind == TYPE_INTEGER ? 10 : 19;
    *scale = t->kind == TYPE_DECIMAL ? t->scale : 0;
}

static const struct type *common_number(struct arena *a, const struct type *x, const struct type *y)
{
    unsigned px, sx, py, sy;
    if (x->kind == TYPE_DOUBLE || y->kind == TYPE_DOUBLE)
        return type_scalar(TYPE_DOUBLE);
    if (x->kind != TYPE_DECIMAL && y->kind != TYPE_DECIMAL)
        return type_scalar(TYPE_BIGINT);
    type_decimal_shape(x, &px, &sx);
    type_decimal_shape(y, &py, &sy);
    const unsigned whole = px - sx > py - sy ? px - sx : py - sy;
    const unsigned scale = sx > sy ? sx : sy;
    return type_decimal(a, whole + scale, scale);
}

// STRUCT: the fields of both, in the order they come.
static const struct type *common_struct(struct arena *a, const struct type *x, const struct type *y)
{
    struct field *fields =
        ARENA_ZARRAY(a, struct field, (size_t)x->field_count + y->field_count + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < x->field_count; i++) {
        const int k = type_field(y, x->fields[i].name);
        const struct type *t = x->fields[i].type;
        t = k < 0 ? t : type_common(a, t, y->fields[k].type);
        if (!t)
            return NULL;
        fields[n++] = (struct field){x->fields[i].name, t};
    }
    for (uint32_t i = 0; i < y->field_count; i++)
        if (type_field(x, y->fields[i].name) < 0)
            fields[n++] = y->fields[i];
    return type_struct(a, fields, n);
}

static const struct type *common_nested(struct arena *a, const struct type *x, const struct type *y)
{
    if (x->kind != y->kind || !type_is_nested(x))
        return NULL;
    if (x->kind == TYPE_STRUCT)
        return common_struct(a, x, y);
    const uint32_t at = x->kind == TYPE_ARRAY ? 0 : 1;
    const struct type *item = type_common(a, x->fields[at].type, y->fields[at].type);
    if (!item)
        return NULL;
    return at == 0 ? type_array(a, item) : type_map(a, x->fields[0].type, item);
}

const struct type *type_common(struct arena *a, const struct type *x, const struct type *y)
{
    if (!x || !y)
        return x ? x : y;
    if (type_equal(x, y))
        return x;
    return type_is_number(x) && type_is_number(y) ? common_number(a, x, y) : common_nested(a, x, y);
}
