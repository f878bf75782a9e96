// A stream read from a topic: rows as the scan made them. (Tables: op_table.c.)
#include "sql/exec/op.h"

#include <assert.h>

static bool source_push(struct op *o, uint32_t input, const struct block *b, struct err *e)
{
    assert(input == 0 && b->schema->count == o->node->schema->count);
    struct block *out = op_block(o, b);
    out->columns = b->columns;
    op_origin_source(o, out);
    return op_emit(o, out, e);
}

const struct op_type op_source = {
    .name = "source",
    .push = source_push,
};
