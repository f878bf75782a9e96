#include "schema/type.h"

#include <assert.h>

static const struct type scalars[] = {
    [TYPE_BOOLEAN] = {.kind = TYPE_BOOLEAN},     [TYPE_INTEGER] = {.kind = TYPE_INTEGER},
    [TYPE_BIGINT] = {.kind = TYPE_BIGINT},       [TYPE_DOUBLE] = {.kind = TYPE_DOUBLE},
    [TYPE_STRING] = {.kind = TYPE_STRING},       [TYPE_BYTES] = {.kind = TYPE_BYTES},
    [TYPE_DATE] = {.kind = TYPE_DATE},           [TYPE_TIME] = {.kind = TYPE_TIME},
    [TYPE_TIMESTAMP] = {.kind = TYPE_TIMESTAMP},
};

const struct type *type_scalar(enum type_kind kind)
{
    assert(kind <= TYPE_TIMESTAMP && kind != TYPE_DECIMAL);
    return &scalars[kind];
}

const struct type *type_decimal(struct arena *a, unsigned precision, unsigned scale)
{
    assert(precision >= 1 && precision <= UINT16_MAX && scale <= precision);
    struct type *t = ARENA_NEW(a, struct type);
    t->kind = TYPE_DECIMAL;
    t->precision = (uint16_t)precision;
    t->scale = (uint16_t)scale;
    return t;
}

static const struct type *nested_new(struct arena *a, enum type_kind kind,
                                     const struct field *fields, size_t n)
{
    struct type *t = ARENA_NEW(a, struct type);
    struct field *copy = ARENA_ARRAY(a, struct field, n ? n : 1);
    for (size_t i = 0; i < n; i++) {
        assert(fields[i].type);
        copy[i].name = arena_str(a, fields[i].name);
        copy[i].type = fields[i].type;
    }
    t->kind = kind;
    t->field_count = (uint32_t)n;
    t->fields = copy;
    return t;
}

const struct type *type_array(struct arena *a, const struct type *item)
{
    const struct field f = {STR("ITEM"), item};
    return nested_new(a, TYPE_ARRAY, &f, 1);
}

const struct type *type_map(struct arena *a, const struct type *key, const struct type *value)
{
    const struct field f[2] = {{STR("KEY"), key}, {STR("VALUE"), value}};
    return nested_new(a, TYPE_MAP, f, 2);
}

const struct type *type_struct(struct arena *a, const struct field *fields, size_t n)
{
    assert(n <= UINT32_MAX);
    return nested_new(a, TYPE_STRUCT, fields, n);
}

bool type_equal(const struct type *x, const struct type *y)
{
    if (x == y)
        return true;
    if (x->kind != y->kind || x->precision != y->precision || x->scale != y->scale ||
        x->field_count != y->field_count)
        return false;
    for (uint32_t i = 0; i < x->field_count; i++) {
        if (!str_eq(x->fields[i].name, y->fields[i].name) ||
            !type_equal(x->fields[i].type, y->fields[i].type))
            return false;
    }
    return true;
}

bool type_is_number(const struct type *t)
{
    return t->kind >= TYPE_INTEGER && t->kind <= TYPE_DECIMAL;
}

bool type_is_nested(const struct type *t)
{
    return t->kind >= TYPE_ARRAY;
}

// A back-quoted identifier; a back quote inside is doubled, as the lexer reads it.
static void quoted_print(struct buf *out, struct str name)
{
    buf_char(out, '`');
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '`')
            buf_char(out, '`');
        buf_char(out, name.p[i]);
    }
    buf_char(out, '`');
}

void type_print(struct buf *out, const struct type *t)
{
    buf_text(out, type_kind_name(t->kind));
    if (t->kind == TYPE_DECIMAL) {
        buf_printf(out, "(%u, %u)", (unsigned)t->precision, (unsigned)t->scale);
        return;
    }
    if (!type_is_nested(t))
        return;
    // ksqlDB prints an empty struct as "STRUCT< >".
    buf_text(out, t->field_count ? "<" : "< ");
    for (uint32_t i = 0; i < t->field_count; i++) {
        if (i)
            buf_text(out, ", ");
        if (t->kind == TYPE_STRUCT) {
            quoted_print(out, t->fields[i].name);
            buf_char(out, ' ');
        }
        type_print(out, t->fields[i].type);
    }
    buf_char(out, '>');
}

const char *type_kind_name(enum type_kind kind)
{
    switch (kind) {
    case TYPE_BOOLEAN:
        return "BOOLEAN";
    case TYPE_INTEGER:
        return "INTEGER";
    case TYPE_BIGINT:
        return "BIGINT";
    case TYPE_DOUBLE:
        return "DOUBLE";
    case TYPE_DECIMAL:
        return "DECIMAL";
    case TYPE_STRING:
        return "STRING";
    case TYPE_BYTES:
        return "BYTES";
    case TYPE_DATE:
        return "DATE";
    case TYPE_TIME:
        return "TIME";
    case TYPE_TIMESTAMP:
        return "TIMESTAMP";
    case TYPE_ARRAY:
        return "ARRAY";
    case TYPE_MAP:
        return "MAP";
    case TYPE_STRUCT:
        return "STRUCT";
    }
    assert(!"type kind out of range");
    return "";
}

int type_field(const struct type *t, struct str name)
{
    for (uint32_t i = 0; i < t->field_count; i++) {
        if (str_eq(t->fields[i].name, name))
            return (int)i;
    }
    return -1;
}

int schema_find(const struct schema *s, struct str name)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (str_eq(s->columns[i].name, name))
            return (int)i;
    }
    return -1;
}

bool schema_equal(const struct schema *x, const struct schema *y)
{
    if (x->count != y->count || x->key_count != y->key_count || x->windowed != y->windowed)
        return false;
    for (uint32_t i = 0; i < x->count; i++) {
        if (!str_eq(x->columns[i].name, y->columns[i].name) ||
            !type_equal(x->columns[i].type, y->columns[i].type))
            return false;
    }
    return true;
}

void schema_print(struct buf *out, const struct schema *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (i)
            buf_text(out, ", ");
        quoted_print(out, s->columns[i].name);
        buf_char(out, ' ');
        type_print(out, s->columns[i].type);
        if (i < s->key_count)
            buf_text(out, " KEY");
    }
}
