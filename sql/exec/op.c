#include "sql/exec/op.h"

#include "base/hash.h"

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

uint64_t op_origin_part(uint64_t from, uint64_t k)
{
    const uint64_t key[2] = {from, k};
    return hash_bytes(key, sizeof key, 0);
}

void op_origin_source(struct op *o, struct block *b)
{
    if (!o->x->program->seeded)
        return;
    assert(b->partition && b->offset);
    const struct str job = o->x->spec.job ? str_from(o->x->spec.job) : STR("");
    const struct program_source *from = &o->x->program->sources[o->node->source].pub;
    const uint64_t topic = hash_bytes(from->topic.p, from->topic.n, hash_str(job));
    const uint64_t source = hash_bytes(from->object.p, from->object.n, topic);
    b->origin = ARENA_ARRAY(o->x->window, uint64_t, b->rows);
    for (uint32_t i = 0; i < b->rows; i++) {
        const uint64_t place[2] = {(uint64_t)b->partition[i], (uint64_t)b->offset[i]};
        b->origin[i] = hash_bytes(place, sizeof place, source);
    }
}

void op_origin_results(struct op *o, struct block *b)
{
    if (!o->x->program->seeded)
        return;
    struct op_origin *at = &o->origin;
    uint64_t *results = ARENA_ARRAY(o->x->window, uint64_t, b->rows);
    for (uint32_t i = 0; i < b->rows; i++) {
        if (b->origin[i] != at->from)
            *at = (struct op_origin){b->origin[i], 0};
        results[i] = op_origin_part(at->from, at->results);
        at->results += !b->op || b->op[i] != OP_UPDATE_BEFORE; // one change with what follows it
    }
    b->origin = results;
}

void op_origin_writer(struct op *o, struct block *b, uint32_t writer)
{
    if (!o->x->program->seeded)
        return;
    uint64_t *origins = ARENA_ARRAY(o->x->window, uint64_t, b->rows);
    for (uint32_t i = 0; i < b->rows; i++)
        origins[i] = op_origin_part(b->origin[i], writer);
    b->origin = origins;
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
