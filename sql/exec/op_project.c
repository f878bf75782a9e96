// SELECT list and PARTITION BY: every column computed; ROWTIME, windows and row kinds pass. A null value and a
// tombstone keep their computed key and stay null.
#include "sql/exec/op.h"

#include <assert.h>

static bool is_null_row(const struct block *b, uint32_t row)
{
    return (b->null_value && b->null_value[row]) || (b->op && b->op[row] == OP_DELETE);
}

static bool any_null_row(const struct block *b)
{
    return (b->null_value && memchr(b->null_value, 1, b->rows)) ||
           (b->op && memchr(b->op, OP_DELETE, b->rows));
}

// The column may be the input's own: nulls go into a copy.
static void clear_null_rows(struct column *c, struct arena *a, const struct block *b)
{
    uint32_t *all = ARENA_ARRAY(a, uint32_t, b->rows);
    struct column copy;
    for (uint32_t row = 0; row < b->rows; row++)
        all[row] = row;
    column_gather(&copy, a, c, all, b->rows);
    for (uint32_t row = 0; row < b->rows; row++)
        if (is_null_row(b, row))
            column_set_null(&copy, a, row, b->rows);
    *c = copy;
}

static bool project_push(struct op *o, uint32_t input, const struct block *b, struct err *e)
{
    assert(input == 0 && o->node->expr_count == o->node->schema->count);
    struct arena *a = o->x->window;
    struct block *out = op_block(o, b);
    const bool nulls = any_null_row(b);
    out->partition = NULL;
    out->offset = NULL;
    for (uint32_t i = 0; i < out->schema->count; i++) {
        expr_run(&out->columns[i], o->node->exprs[i], b, o->x->env, a);
        if (nulls && i >= out->schema->key_count)
            clear_null_rows(&out->columns[i], a, b);
    }
    return op_emit(o, out, e);
}

const struct op_type op_project = {
    .name = "project",
    .push = project_push,
};
