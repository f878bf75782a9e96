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

// Only what is picked from is concatenated: of many parts most have no row here, and may be nothing at all.
static void pick_nested(struct column *out, struct arena *a, const struct pick *p, uint32_t n)
{
    const struct column **used = ARENA_ARRAY(a, const struct column *, p->count);
    uint32_t *rows = ARENA_ARRAY(a, uint32_t, p->count);
    uint32_t *place = ARENA_ARRAY(a, uint32_t, p->count);
    uint32_t count = 0;
    memset(place, 0xff, p->count * sizeof *place);
    uint32_t *idx = ARENA_ARRAY(a, uint32_t, n ? n : 1);
    for (uint32_t row = 0; row < n; row++) {
        const uint16_t which = p->which[row];
        idx[row] = UINT32_MAX;
        if (which == PICK_NULL)
            continue;
        if (place[which] == UINT32_MAX) {
            place[which] = count;
            rows[count] = n;
            used[count++] = p->parts[which];
        }
        idx[row] = place[which] * n + row;
    }
    if (count == 0) {
        pick_gather(out, a, &(struct column){.type = p->type}, 0, idx, n);
        return;
    }
    struct column all;
    column_concat(&all, a, used, rows, count);
    pick_gather(out, a, &all, count * n, idx, n);
}

void pick_rows(struct column *out, struct arena *a, const struct pick *p, uint32_t n)
{
    assert(p->count && p->count < PICK_NULL);
    if (!type_is_nested(p->type)) {
        column_init(out, a, p->type, n);
        pick_scalars(out, a, p, n);
        return;
    }
    pick_nested(out, a, p, n);
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
