// A stream's rows with what a table has for their key at that moment: INNER drops rows without, LEFT fills up with NULL.
//
// State: the table's rows, as far as the join shows them. Both inputs are gone through in seq order, the table first: a row
// of the stream refers to the row in the state, or to the one that this window has put there.
#include "sql/exec/join_grouped.h"

#include <assert.h>

static const struct rows_spec table_rows = {.slots = 1};

static bool stream_table_open(struct op *o, struct err *e)
{
    assert(e && o->node->kind == PLAN_JOIN_STREAM_TABLE);
    join_grouped_open(o, JOIN_RIGHT_INPUT, &table_rows);
    return true;
}

static bool probe(struct op *o, struct group *g, uint32_t row, struct err *e)
{
    struct join *j = &((struct join_grouped *)o->state)->join;
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
    struct join *j = &((struct join_grouped *)o->state)->join;
    struct join_row out = join_result(j, JOIN_LEFT_INPUT, row);
    out.ref[0] = row;
    join_add(j, &out);
    return join_emit_many(j, e);
}

static bool run_row(struct op *o, enum join_input input, uint32_t row, struct err *e)
{
    struct join_grouped *s = o->state;
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
    struct join_grouped *s = o->state;
    enum join_input input;
    uint32_t row;
    while (join_next(&s->join, &input, &row))
        if (!run_row(o, input, row, e))
            return false;
    return join_emit(&s->join, e);
}

static bool stream_table_flush(struct op *o, struct err *e)
{
    struct join_grouped *s = o->state;
    bool any;
    const bool ok = join_open(&s->join, &any, e) && (!any || run_window(o, e));
    join_close(&s->join);
    return ok;
}

const struct op_type op_join_stream_table = {
    .name = "join",
    .open = stream_table_open,
    .push = join_grouped_push,
    .flush = stream_table_flush,
    .begin = join_grouped_begin,
    .save = join_grouped_save,
    .committed = join_grouped_committed,
    .rollback = join_grouped_rollback,
    .dirty_bytes = join_grouped_dirty_bytes,
    .close = join_grouped_close,
};
