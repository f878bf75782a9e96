#include "sql/exec/pick.h"

#include <assert.h>

static void pick_scalars(struct column *out, struct arena *a, const struct pick *p, uint32_t n)
{
    const size_t width = column_width(out->type);
    char *to = out->data;
    for (uint32_t row = 0; row < n; row++) {
        const struct column *from = p->which[row] == PICK_NULL ? NULL : p->parts[p->which[row]];
        if (from && column_is_valid(from, row))
            memcpy(to + row * width, (const char *)from->data + row * width, width);
        else
            column_set_null(out, a, row, n);
    }
}

void pick_rows(struct column *out, struct arena *a, const struct pick *p, uint32_t n)
{
    assert(p->count && p->count < PICK_NULL);
    if (!type_is_nested(p->type)) {
        column_init(out, a, p->type, n);
        pick_scalars(out, a, p, n);
        return;
    }
    uint32_t *rows = ARENA_ARRAY(a, uint32_t, p->count);
    for (uint32_t i = 0; i < p->count; i++)
        rows[i] = n;
    struct column all;
    column_concat(&all, a, p->parts, rows, p->count);
    uint32_t *idx = ARENA_ARRAY(a, uint32_t, n ? n : 1);
    for (uint32_t row = 0; row < n; row++)
        idx[row] = p->which[row] == PICK_NULL ? UINT32_MAX : p->which[row] * n + row;
    pick_gather(out, a, &all, p->count * n, idx, n);
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
