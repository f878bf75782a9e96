#include "schema/serde/proto_defaults.h"

#include <assert.h>

static bool has_default(const struct type *t)
{
    switch (t->kind) {
    case TYPE_BOOLEAN:
    case TYPE_INTEGER:
    case TYPE_BIGINT:
    case TYPE_DOUBLE:
    case TYPE_STRING:
    case TYPE_BYTES:
    case TYPE_ARRAY:
    case TYPE_MAP:
        return true;
    case TYPE_DECIMAL:
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_STRUCT:
        break;
    }
    return false;
}

static bool stays_null(const uint8_t *absent, uint32_t row)
{
    return absent && absent[row];
}

static bool changes(const struct column *c, uint32_t rows, const uint8_t *absent)
{
    for (uint32_t row = 0; c->valid && row < rows; row++)
        if (!c->valid[row] && !stays_null(absent, row))
            return true;
    return false;
}

// Scalars: zero bytes are the default of each of them.
static void fill_scalar(struct column *out, struct arena *a, uint32_t rows, const uint8_t *absent)
{
    const size_t width = column_width(out->type);
    char *data = arena_alloc(a, mem_array_bytes((size_t)rows + 1, width));
    uint8_t *valid = arena_alloc(a, (size_t)rows + 1);
    memcpy(data, out->data, rows * width);
    for (uint32_t row = 0; row < rows; row++) {
        if (!out->valid[row])
            memset(data + row * width, 0, width);
        valid[row] = out->valid[row] || !stays_null(absent, row);
    }
    if (column_holds_str(out->type))
        for (uint32_t row = 0; row < rows; row++)
            if (!out->valid[row])
                ((struct str *)(void *)data)[row] = STR("");
    out->data = data;
    out->valid = valid;
}

// Lists: a NULL one's range is unspecified, so the ranges are made anew with the same items.
static void fill_list(struct column *out, struct arena *a, uint32_t rows, const uint8_t *absent)
{
    uint32_t *idx = ARENA_ARRAY(a, uint32_t, (size_t)rows + 1);
    uint8_t *valid = arena_alloc(a, (size_t)rows + 1);
    struct column dense;
    for (uint32_t row = 0; row < rows; row++) {
        idx[row] = row;
        valid[row] = column_is_valid(out, row) || !stays_null(absent, row);
    }
    column_gather(&dense, a, out, idx, rows); // NULL rows have no items in it
    *out = dense;
    out->valid = valid;
}

void proto_defaults(struct column *out, struct arena *a, const struct column *in, uint32_t rows,
                    const uint8_t *absent)
{
    *out = *in;
    const bool list = in->type->kind == TYPE_ARRAY || in->type->kind == TYPE_MAP;
    if (has_default(in->type) && changes(in, rows, absent)) {
        if (list)
            fill_list(out, a, rows, absent);
        else
            fill_scalar(out, a, rows, absent);
    }
    if (in->type->field_count == 0)
        return;
    const struct column *children = out->children;
    out->children = ARENA_ARRAY(a, struct column, in->type->field_count);
    const uint32_t child_rows = list ? out->child_rows : rows;
    uint8_t *none = NULL; // children of a NULL STRUCT are NULL
    for (uint32_t row = 0; !list && row < rows; row++) {
        if (column_is_valid(out, row))
            continue;
        none = none ? none : arena_zalloc(a, rows);
        none[row] = 1;
    }
    for (uint32_t i = 0; i < in->type->field_count; i++) {
        struct column child = children[i];
        if (list && child.type->kind == TYPE_STRUCT)
            child.valid = NULL; // an item that is NULL is written as an empty message
        proto_defaults(&out->children[i], a, &child, child_rows, none);
    }
}
