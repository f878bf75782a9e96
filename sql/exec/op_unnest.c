// Table functions in a select list: a row becomes as many rows as the longest of their arrays has items, the shorter ones
// padded with NULL. A null value, and a row whose arrays are all empty or NULL, gives none.
#include "sql/exec/op.h"
#include "sql/exec/pick.h"

#include "base/vec.h"

#include <assert.h>

#define ROWS_MAX (UINT32_C(1) << 27)

struct item_rows {
    VEC(uint32_t) of;
};

struct unnested {
    const struct column *arrays;
    uint32_t count;
    VEC(uint32_t) rows;      // input row of each output row
    struct item_rows *items; // per array: child row, UINT32_MAX = padding
};

static void unnest_row(struct unnested *s, uint32_t row)
{
    uint32_t rows = 0;
    for (uint32_t k = 0; k < s->count; k++) {
        uint32_t first;
        const uint32_t n = column_items(&s->arrays[k], row, &first);
        rows = n > rows ? n : rows;
    }
    for (uint32_t i = 0; i < rows; i++)
        vec_push(&s->rows, row);
    for (uint32_t k = 0; k < s->count; k++) {
        uint32_t first;
        const uint32_t n = column_items(&s->arrays[k], row, &first);
        for (uint32_t i = 0; i < rows; i++)
            vec_push(&s->items[k].of, i < n ? first + i : UINT32_MAX);
    }
}

static struct block *unnested_block(struct op *o, const struct unnested *s, const struct block *b)
{
    struct arena *a = o->x->window;
    const uint32_t rows = (uint32_t)s->rows.n;
    struct block *out = block_gather(a, b, s->rows.v, rows);
    struct column *columns = ARENA_ARRAY(a, struct column, o->node->schema->count + 1);
    memcpy(columns, out->columns, b->schema->count * sizeof *columns);
    for (uint32_t k = 0; k < s->count; k++)
        pick_gather(&columns[b->schema->count + k], a, &s->arrays[k].children[0],
                    s->arrays[k].child_rows, s->items[k].of.v, rows);
    out->schema = o->node->schema;
    out->columns = columns;
    op_origin_results(o, out);
    return out;
}

static bool unnest_push(struct op *o, uint32_t input, const struct block *b, struct err *e)
{
    assert(input == 0 && o->node->expr_count > 0);
    struct arena *a = o->x->window;
    struct column *arrays = ARENA_ARRAY(a, struct column, o->node->expr_count);
    struct unnested s = {.arrays = arrays, .count = o->node->expr_count};
    bool ok = true;
    for (uint32_t k = 0; k < s.count; k++)
        expr_run(&arrays[k], o->node->exprs[k], b, o->x->env, a);
    s.items = mem_zalloc(mem_array_bytes(s.count, sizeof *s.items));
    for (uint32_t row = 0; row < b->rows; row++)
        if (!b->null_value || !b->null_value[row])
            unnest_row(&s, row);
    if (s.rows.n >= ROWS_MAX)
        ok = err_fail(e, ERR_LIMIT, "%.*s: table functions make %zu rows of one block",
                      STR_ARG(o->node->name), s.rows.n);
    else if (s.rows.n)
        ok = op_emit(o, unnested_block(o, &s, b), e);
    for (uint32_t k = 0; k < s.count; k++)
        vec_fini(&s.items[k].of);
    mem_free(s.items);
    vec_fini(&s.rows);
    return ok;
}

const struct op_type op_unnest = {
    .name = "unnest",
    .push = unnest_push,
};
