// A stream's rows with what a table has for their key at that moment: INNER drops rows without, LEFT fills up with NULL.
//
// State: the table's rows, as far as the join shows them. Both inputs are gone through in seq order, the table first: a row
// of the stream refers to the row in the state, or to the one that this window has put there.
#include "sql/exec/join.h"

#include <assert.h>

static const struct rows_spec table_rows = {.slots = 1};

struct stream_table {
    struct join join;
    struct groups *groups;
};

static bool stream_table_open(struct op *o, struct err *e)
{
    assert(e && o->node->kind == PLAN_JOIN_STREAM_TABLE);
    struct stream_table *s = ARENA_NEW(o->x->arena, struct stream_table);
    const struct groups_spec spec = {
        .id = o->node->state_id,
        .name = o->node->name.p,
        .shape = join_shape(o->node),
        .kv = o->x->spec.kv,
        .read = &o->x->read,
    };
    join_init(&s->join, o, JOIN_RIGHT_INPUT);
    s->groups = rows_new(spec, &table_rows);
    o->state = s;
    return true;
}

static bool stream_table_push(struct op *o, uint32_t input, const struct block *b, struct err *e)
{
    assert(e);
    join_push(&((struct stream_table *)o->state)->join, input, b);
    return true;
}

static bool probe(struct op *o, struct group *g, uint32_t row, struct err *e)
{
    struct join *j = &((struct stream_table *)o->state)->join;
    struct join_row out = join_result(j, JOIN_LEFT_INPUT, row);
    out.ref[0] = row;
    out.ref[1] = join_slot(j, JOIN_RIGHT_INPUT, row_slots(g));
    if (out.ref[1] == JOIN_NONE && o->node->plan->join.kind == JOIN_INNER) {
        o->counters.dropped_unmatched++;
        return true;
    }
    join_add(j, &out);
    return join_emit_many(j, e);
}

static bool pad(struct op *o, uint32_t row, struct err *e)
{
    struct join *j = &((struct stream_table *)o->state)->join;
    struct join_row out = join_result(j, JOIN_LEFT_INPUT, row);
    out.ref[0] = row;
    join_add(j, &out);
    return join_emit_many(j, e);
}

static bool run_row(struct op *o, enum join_input input, uint32_t row, struct err *e)
{
    struct stream_table *s = o->state;
    struct group *g;
    if (join_part(&s->join, input, row) == JOIN_PADDED)
        return pad(o, row, e);
    if (!join_group(&g, &s->join, s->groups, input, row, e))
        return false;
    if (input == JOIN_LEFT_INPUT)
        return probe(o, g, row, e);
    groups_touch(s->groups, g);
    return join_set(&s->join, input, row, &(struct join_place){g, &table_rows, 0}, e);
}

static bool run_window(struct op *o, struct err *e)
{
    struct stream_table *s = o->state;
    enum join_input input;
    uint32_t row;
    while (join_next(&s->join, &input, &row))
        if (!run_row(o, input, row, e))
            return false;
    return join_emit(&s->join, e);
}

static bool stream_table_flush(struct op *o, struct err *e)
{
    struct stream_table *s = o->state;
    bool any;
    const bool ok = join_open(&s->join, &any, e) && (!any || run_window(o, e));
    join_close(&s->join);
    return ok;
}

static bool stream_table_begin(struct op *o, struct err *e)
{
    struct stream_table *s = o->state;
    return join_begin_groups(&s->join, s->groups, e);
}

static bool stream_table_save(struct op *o, struct kv_txn *t, struct err *e)
{
    struct stream_table *s = o->state;
    return join_save_groups(&s->join, s->groups, t, e);
}

static void stream_table_committed(struct op *o)
{
    groups_committed(((struct stream_table *)o->state)->groups, o->x->spec.cache_max);
}

static void stream_table_rollback(struct op *o)
{
    struct stream_table *s = o->state;
    join_rollback(&s->join);
    groups_rollback(s->groups);
}

static size_t stream_table_dirty_bytes(const struct op *o)
{
    return groups_dirty_bytes(((const struct stream_table *)o->state)->groups);
}

static void stream_table_close(struct op *o)
{
    struct stream_table *s = o->state;
    join_fini(&s->join);
    groups_free(s->groups);
}

const struct op_type op_join_stream_table = {
    .name = "join",
    .open = stream_table_open,
    .push = stream_table_push,
    .flush = stream_table_flush,
    .begin = stream_table_begin,
    .save = stream_table_save,
    .committed = stream_table_committed,
    .rollback = stream_table_rollback,
    .dirty_bytes = stream_table_dirty_bytes,
    .close = stream_table_close,
};
