#include "sql/exec/op.h"

#include <assert.h>

struct block *op_block(struct op *o, const struct block *b)
{
    struct block *out = ARENA_NEW(o->x->window, struct block);
    *out = *b;
    out->schema = o->node->schema;
    out->columns = ARENA_ZARRAY(o->x->window, struct column, o->node->schema->count + 1);
    out->arena = o->x->window;
    return out;
}

// Outputs never see what a key had before.
static const struct block *without_before(struct op *o, const struct block *b)
{
    if (!b->op || !memchr(b->op, OP_UPDATE_BEFORE, b->rows))
        return b;
    uint32_t *idx = ARENA_ARRAY(o->x->window, uint32_t, b->rows);
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->rows; i++)
        if (b->op[i] != OP_UPDATE_BEFORE)
            idx[n++] = i;
    return block_gather(o->x->window, b, idx, n);
}

bool op_emit(struct op *o, const struct block *b, struct err *e)
{
    assert(b->schema == o->node->schema);
    if (!b->rows)
        return true;
    o->counters.rows_out += b->rows;
    if (o->node->output >= 0) {
        const struct block *out = without_before(o, b);
        if (out->rows && !o->x->spec.emit(o->x->spec.emit_arg, (size_t)o->node->output, out, e))
            return err_wrap(e, "output %.*s", STR_ARG(o->node->name));
    }
    for (uint32_t i = 0; i < o->consumer_count; i++) {
        struct op *to = o->consumers[i].to;
        to->counters.rows_in += b->rows;
        if (!to->type->push(to, o->consumers[i].input, b, e))
            return false;
    }
    return true;
}
