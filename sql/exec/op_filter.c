// WHERE and HAVING. Streams: rows that hold; a null value never does. Tables: a row that stops to hold becomes a
// tombstone, exactly when the previous row held (SEMANTICS 3); inputs bring -U rows for that.
#include "sql/exec/op.h"

#include <assert.h>

static void count_drops(struct op *o, uint32_t rows, uint32_t kept, uint64_t errors)
{
    o->counters.dropped_error += errors;
    o->counters.dropped_filter += rows - kept - errors;
}

static bool filter_stream(struct op *o, const struct block *b, struct err *e)
{
    uint32_t *idx = ARENA_ARRAY(o->x->window, uint32_t, b->rows);
    uint64_t errors = 0;
    uint32_t n = expr_filter(idx, &errors, o->node->predicate, b, o->x->env, o->x->window);
    if (b->null_value) {
        uint32_t kept = 0;
        for (uint32_t i = 0; i < n; i++)
            if (!b->null_value[idx[i]])
                idx[kept++] = idx[i];
        n = kept;
    }
    count_drops(o, b->rows, n, errors);
    if (n == b->rows) {
        struct block *same = op_block(o, b);
        same->columns = b->columns;
        return op_emit(o, same, e);
    }
    struct block *out = block_gather(o->x->window, b, idx, n);
    out->schema = o->node->schema;
    return op_emit(o, out, e);
}

// What becomes of one change: before and after = whether the predicate held.
struct change {
    uint32_t *idx;
    uint8_t *op;
    uint32_t n;
};

static void change_add(struct change *c, uint32_t row, enum row_op op)
{
    c->idx[c->n] = row;
    c->op[c->n++] = (uint8_t)op;
}

// A change is [-U] then +I, +U or -D with equal seq. Returns the position behind it.
static uint32_t filter_change(struct change *out, const struct phys_node *node,
                              const struct block *b, const uint8_t *holds, uint32_t row)
{
    const bool has_before = b->op[row] == OP_UPDATE_BEFORE;
    const uint32_t after = has_before ? row + 1 : row;
    const bool before_holds = has_before && holds[row];
    assert(after < b->rows && b->op[after] != OP_UPDATE_BEFORE);
    const bool after_holds = b->op[after] != OP_DELETE && holds[after];
    if (before_holds && node->before)
        change_add(out, row, OP_UPDATE_BEFORE);
    if (after_holds)
        change_add(out, after, before_holds ? OP_UPDATE_AFTER : OP_INSERT);
    else if (before_holds)
        change_add(out, after, OP_DELETE);
    return after + 1;
}

static bool filter_table(struct op *o, const struct block *b, struct err *e)
{
    struct arena *a = o->x->window;
    uint32_t *idx = ARENA_ARRAY(a, uint32_t, b->rows);
    uint8_t *holds = arena_zalloc(a, b->rows);
    uint64_t errors = 0;
    const uint32_t n = expr_filter(idx, &errors, o->node->predicate, b, o->x->env, a);
    for (uint32_t i = 0; i < n; i++)
        holds[idx[i]] = 1;
    struct change change = {ARENA_ARRAY(a, uint32_t, b->rows), arena_alloc(a, b->rows), 0};
    if (b->op) {
        for (uint32_t row = 0; row < b->rows;)
            row = filter_change(&change, o->node, b, holds, row);
    } else {
        for (uint32_t i = 0; i < n; i++)
            change_add(&change, idx[i], OP_INSERT);
    }
    count_drops(o, b->rows, change.n, errors < b->rows - change.n ? errors : b->rows - change.n);
    struct block *out = block_gather(a, b, change.idx, change.n);
    out->schema = o->node->schema;
    out->op = change.op;
    for (uint32_t c = out->schema->key_count; c < out->schema->count; c++)
        for (uint32_t i = 0; i < out->rows; i++)
            if (out->op[i] == OP_DELETE)
                column_set_null(&out->columns[c], a, i, out->rows);
    return op_emit(o, out, e);
}

// The decoder has applied the predicate; null values, which it lets pass, still go.
static bool filter_decided(struct op *o, const struct block *b, struct err *e)
{
    if (b->null_value && memchr(b->null_value, 1, b->rows)) {
        uint32_t *idx = ARENA_ARRAY(o->x->window, uint32_t, b->rows);
        uint32_t n = 0;
        for (uint32_t i = 0; i < b->rows; i++)
            if (!b->null_value[i])
                idx[n++] = i;
        count_drops(o, b->rows, n, 0);
        b = block_gather(o->x->window, b, idx, n);
    }
    struct block *same = op_block(o, b);
    same->columns = b->columns;
    return op_emit(o, same, e);
}

static bool filter_push(struct op *o, uint32_t input, const struct block *b, struct err *e)
{
    assert(input == 0);
    if (!o->node->predicate)
        return filter_decided(o, b, e);
    return o->node->table ? filter_table(o, b, e) : filter_stream(o, b, e);
}

const struct op_type op_filter = {
    .name = "filter",
    .push = filter_push,
};
