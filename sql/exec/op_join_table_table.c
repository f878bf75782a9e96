// Two tables by their common key: what a change of one side makes of the joined row, given what the other side has.
//
// State: per key a row of each side. As Kafka Streams has it (SEMANTICS 8): a change of a side is passed on whenever the result
// can have been there before or is now: with INNER when the other side has a row, with the outer joins also without, unless
// the side in question only fills up. ROWTIME is the later one of both sides.
#include "sql/exec/join_grouped.h"

#include <assert.h>

static const struct rows_spec both_rows = {.slots = 2};

static bool table_table_open(struct op *o, struct err *e)
{
    assert(e && o->node->kind == PLAN_JOIN_TABLE_TABLE);
    join_grouped_open(o, JOIN_LEFT_INPUT, &both_rows);
    return true;
}

// Whether there is a result with only this side's row.
static bool stands_alone(enum join_kind kind, enum join_input side)
{
    return kind == JOIN_FULL || kind == (side == JOIN_LEFT_INPUT ? JOIN_LEFT : JOIN_RIGHT);
}

struct change { // of one side, all by reference
    uint32_t old, new, other;
    int64_t other_time;
};

// Emits [-U] and +I, +U or -D; nothing where no result was or is.
static void add_change(struct op *o, enum join_input side, uint32_t row, const struct change *c)
{
    struct join *j = &((struct join_grouped *)o->state)->join;
    const enum join_kind kind = o->node->plan->join.kind;
    const bool other = c->other != JOIN_NONE;
    struct join_row out = join_result(j, side, row);
    // unmatched: nothing to show, or neither before nor now
    if (!other && (!stands_alone(kind, side) || (c->old == JOIN_NONE && c->new == JOIN_NONE)))
        return;
    if (other && c->other_time > out.rowtime)
        out.rowtime = c->other_time;
    // with the other side alone there is a result, too
    const bool alone = other && stands_alone(kind, (enum join_input) !side);
    const bool was = c->old != JOIN_NONE || alone, is = c->new != JOIN_NONE || alone;
    if (was && o->node->before) {
        out.op = OP_UPDATE_BEFORE;
        out.ref[side] = c->old;
        out.ref[!side] = c->other;
        join_add(j, &out);
    }
    out.op = !is ? OP_DELETE : was ? OP_UPDATE_AFTER : OP_INSERT;
    out.ref[side] = is ? c->new : JOIN_NONE;
    out.ref[!side] = is ? c->other : JOIN_NONE;
    join_add(j, &out);
}

static bool run_row(struct op *o, enum join_input side, uint32_t row, struct err *e)
{
    struct join_grouped *s = o->state;
    struct group *g;
    if (!join_group(&g, &s->join, s->groups, side, row, e))
        return false;
    struct row_slot *slots = row_slots(g);
    const enum join_input other = (enum join_input) !side;
    // the old row is only looked at where some consumer retracts
    struct change c = {.old = o->node->before       ? join_slot(&s->join, side, &slots[side])
                              : slots[side].present ? 0
                                                    : JOIN_NONE,
                       .other = join_slot(&s->join, other, &slots[other]),
                       .other_time = slots[other].rowtime};
    groups_touch(s->groups, g);
    if (!join_set(&s->join, side, row, &(struct join_place){g, &both_rows, side}, e))
        return false;
    c.new = join_slot(&s->join, side, &slots[side]);
    add_change(o, side, row, &c);
    return join_emit_many(&s->join, e);
}

static bool table_table_flush(struct op *o, struct err *e)
{
    struct join_grouped *s = o->state;
    enum join_input side;
    uint32_t row;
    bool any;
    bool ok = join_open(&s->join, &any, e);
    while (ok && any && join_next(&s->join, &side, &row))
        ok = run_row(o, side, row, e);
    ok = ok && join_emit(&s->join, e);
    join_close(&s->join);
    return ok;
}

const struct op_type op_join_table_table = {
    .name = "join",
    .open = table_table_open,
    .push = join_grouped_push,
    .flush = table_table_flush,
    .begin = join_grouped_begin,
    .save = join_grouped_save,
    .committed = join_grouped_committed,
    .rollback = join_grouped_rollback,
    .dirty_bytes = join_grouped_dirty_bytes,
    .close = join_grouped_close,
};
