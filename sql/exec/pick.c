#include "sql/exec/pick.h"

#include <assert.h>

static void pick_scalars(struct column *out, struct arena *a, const struct column *const *parts,
                         const uint16_t *which, uint32_t n)
{
    const size_t width = column_width(out->type);
    char *to = out->data;
    for (uint32_t row = 0; row < n; row++) {
        const struct column *from = which[row] == PICK_NULL ? NULL : parts[which[row]];
        if (from && column_is_valid(from, row))
            memcpy(to + row * width, (const char *)from->data + row * width, width);
        else
            column_set_null(out, a, row, n);
    }
}

void pick_rows(struct column *out, struct arena *a, const struct type *type,
               const struct column *const *parts, uint32_t count, const uint16_t *which, uint32_t n)
{
    assert(count && count < PICK_NULL);
    if (!type_is_nested(type)) {
        column_init(out, a, type, n);
        pick_scalars(out, a, parts, which, n);
        return;
    }
    uint32_t *rows = ARENA_ARRAY(a, uint32_t, count);
    for (uint32_t i = 0; i < count; i++)
        rows[i] = n;
    struct column all;
    column_concat(&all, a, parts, rows, count);
    uint32_t *idx = ARENA_ARRAY(a, uint32_t, n ? n : 1);
    for (uint32_t row = 0; row < n; row++)
        idx[row] = which[row] == PICK_NULL ? UINT32_MAX : which[row] * n + row;
    pick_gather(out, a, &all, count * n, idx, n);
}

void pick_gather(struct column *out, struct arena *a, const struct column *c, uint32_t rows,
                 const uint32_t *idx, uint32_t n)
{
    if (rows == 0) {
        column_init(out, a, c->type, n);
        for (uint32_t i = 0; i < n; i++)
            column_set_null(out, a, i, n);
        return;
    }
    uint32_t *safe = ARENA_ARRAY(a, uint32_t, n ? n : 1);
    for (uint32_t i = 0; i < n; i++)
        safe[i] = idx[i] == UINT32_MAX ? 0 : idx[i];
    column_gather(out, a, c, safe, n);
    for (uint32_t i = 0; i < n; i++)
        if (idx[i] == UINT32_MAX)
            column_set_null(out, a, i, n);
}
