#include "sql/exec/join_grouped.h"

#include <assert.h>

void join_grouped_open(struct op *o, enum join_input first, const struct rows_spec *rows)
{
    struct join_grouped *s = ARENA_NEW(o->x->arena, struct join_grouped);
    const struct groups_spec spec = {
        .id = o->node->state_id,
        .name = o->node->name.p,
        .shape = join_shape(o->node),
        .kv = o->x->spec.kv,
        .read = &o->x->read,
    };
    join_init(&s->join, o, first);
    s->groups = rows_new(spec, rows);
    o->state = s;
}

bool join_grouped_push(struct op *o, uint32_t input, const struct block *b, struct err *e)
{
    struct join_grouped *s = o->state;
    assert(e);
    join_push(&s->join, input, b);
    return true;
}

bool join_grouped_begin(struct op *o, struct err *e)
{
    struct join_grouped *s = o->state;
    return join_begin_groups(&s->join, s->groups, e);
}

bool join_grouped_save(struct op *o, struct kv_txn *t, struct err *e)
{
    struct join_grouped *s = o->state;
    return join_save_groups(&s->join, s->groups, t, e);
}

void join_grouped_committed(struct op *o)
{
    struct join_grouped *s = o->state;
    groups_committed(s->groups, o->x->spec.cache_max);
}

void join_grouped_rollback(struct op *o)
{
    struct join_grouped *s = o->state;
    join_rollback(&s->join);
    groups_rollback(s->groups);
}

size_t join_grouped_dirty_bytes(const struct op *o)
{
    const struct join_grouped *s = o->state;
    return groups_dirty_bytes(s->groups);
}

void join_grouped_close(struct op *o)
{
    struct join_grouped *s = o->state;
    join_fini(&s->join);
    groups_free(s->groups);
}
