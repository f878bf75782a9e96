// A table's rows with the rows of another table that they name: any number of left rows may name the same right one.
//
// State: left rows with the key they name, right rows, and the subscriptions: (named key, left key) in order. As Kafka Streams
// has it (SEMANTICS 8): an update of a left row is passed on even when it changes nothing, an unmatched one as a tombstone
// (INNER), and so is the deletion of a row that never matched; a change of a right row goes to its subscribers by their keys,
// with its own time; a left row's result has the later time of both.
#include "sql/exec/join.h"

#include "base/hash.h"
#include "schema/rowcodec.h"
#include "sql/state/ordered.h"

#include <assert.h>

enum {
    LEFT_ROW,
    LEFT_NAMES,
    LEFT_SLOTS
}; // slots of a left group: the row, the key codec's bytes of what it names

static const struct rows_spec left_rows = {.slots = LEFT_SLOTS};
static const struct rows_spec right_rows = {.slots = 1};

struct foreign_key {
    struct join join;
    struct groups *left, *right;
    struct ordered *subscriptions;
    struct column named; // of the window's left rows
    struct buf key, name;
};

static bool foreign_open(struct op *o, struct err *e)
{
    assert(e && o->node->kind == PLAN_JOIN_FOREIGN_KEY);
    struct foreign_key *s = ARENA_NEW(o->x->arena, struct foreign_key);
    struct groups_spec spec = {
        .id = o->node->join->side_id[0],
        .name = o->node->name.p,
        .shape = GROUPS_PLAIN,
        .kv = o->x->spec.kv,
        .read = &o->x->read,
    };
    const struct ordered_spec subscriptions = {o->node->state_id, spec.name, spec.kv, spec.read};
    join_init(&s->join, o, JOIN_LEFT_INPUT);
    s->left = rows_new(spec, &left_rows);
    spec.id = o->node->join->side_id[1];
    s->right = rows_new(spec, &right_rows);
    s->subscriptions = ordered_new(&subscriptions);
    buf_init(&s->key, 4 * ORDERED_KEY_MAX);
    buf_init(&s->name, (size_t)1 << 30);
    o->state = s;
    return true;
}

static bool foreign_push(struct op *o, uint32_t input, const struct block *b, struct err *e)
{
    assert(e);
    join_push(&((struct foreign_key *)o->state)->join, input, b);
    return true;
}

static bool get_group(struct group **out, struct groups *groups, struct str key, struct err *e)
{
    return groups_get(out, groups, groups_key(groups, key, hash_bytes(key.p, key.n, 0)), 0, e);
}

// What a left row names; STR_NONE for NULL.
static struct str named(struct foreign_key *s, uint32_t row)
{
    if (!column_is_valid(&s->named, row))
        return STR_NONE;
    buf_clear(&s->name);
    keycodec_encode(&s->name, &s->named, 1, row);
    return buf_view(&s->name);
}

static struct str subscription_key(struct foreign_key *s, struct str name, struct str left_key)
{
    buf_clear(&s->key);
    ordered_part(&s->key, name);
    if (left_key.p)
        ordered_part(&s->key, left_key);
    return buf_view(&s->key);
}

// --- a left row changes --------------------------------------------------------------------------

struct side { // of a result
    uint32_t left, right;
};

// Whether there is a result for them.
static bool shows(const struct op *o, struct side x)
{
    return x.left != JOIN_NONE && (x.right != JOIN_NONE || o->node->plan->join.kind == JOIN_LEFT);
}

static void add_change(struct op *o, struct join_row *out, struct side before, struct side after)
{
    struct join *j = &((struct foreign_key *)o->state)->join;
    const bool was = shows(o, before), is = shows(o, after);
    if (was && o->node->before) {
        out->op = OP_UPDATE_BEFORE;
        out->ref[0] = before.left;
        out->ref[1] = before.right;
        join_add(j, out);
    }
    out->op = !is ? OP_DELETE : was ? OP_UPDATE_AFTER : OP_INSERT;
    out->ref[0] = is ? after.left : JOIN_NONE;
    out->ref[1] = is ? after.right : JOIN_NONE;
    join_add(j, out);
}

static bool right_slot(struct row_slot **out, struct foreign_key *s, struct str name, struct err *e)
{
    struct group *g;
    *out = NULL;
    if (!name.p)
        return true;
    if (!get_group(&g, s->right, name, e))
        return false;
    *out = row_slots(g);
    return true;
}

static uint32_t right_ref(struct foreign_key *s, struct row_slot *slot)
{
    return slot ? join_slot(&s->join, JOIN_RIGHT_INPUT, slot) : JOIN_NONE;
}

static void subscribe(struct foreign_key *s, struct str key, struct str old, struct str new)
{
    if (old.p && new.p && str_eq(old, new))
        return;
    if (old.p)
        ordered_del(s->subscriptions, subscription_key(s, old, key));
    if (new.p)
        ordered_put(s->subscriptions, subscription_key(s, new, key), key);
}

static bool run_left(struct op *o, uint32_t row, struct err *e)
{
    struct foreign_key *s = o->state;
    struct join *j = &s->join;
    struct join_row out = join_result(j, JOIN_LEFT_INPUT, row);
    const struct str key = join_key(j, JOIN_LEFT_INPUT, row);
    const bool gone = join_is_delete(j, JOIN_LEFT_INPUT, row);
    struct row_slot *right;
    struct group *g;
    if (!get_group(&g, s->left, key, e))
        return false;
    struct row_slot *slots = row_slots(g);
    const bool was = slots[LEFT_ROW].present;
    struct side before = {was ? 0 : JOIN_NONE, JOIN_NONE}, after = {JOIN_NONE, JOIN_NONE};
    struct str old = STR_NONE;
    if (was && slots[LEFT_NAMES].present)
        old = arena_str(o->x->window, row_slot_bytes(&slots[LEFT_NAMES]));
    if (was) {
        if (!right_slot(&right, s, old, e))
            return false;
        // the old rows are only looked at where some consumer retracts
        before.right = right && right->present ? 0 : JOIN_NONE;
        if (o->node->before) {
            before.left = join_slot(j, JOIN_LEFT_INPUT, &slots[LEFT_ROW]);
            before.right = right_ref(s, right);
        }
    }
    const struct str new = gone ? STR_NONE : named(s, row);
    subscribe(s, key, old, new);
    groups_touch(s->left, g);
    if (!join_set(j, JOIN_LEFT_INPUT, row, &(struct join_place){g, &left_rows, LEFT_ROW}, e) ||
        !right_slot(&right, s, new, e))
        return false;
    row_slot_set(g, &left_rows, LEFT_NAMES, new, 0);
    after.left = join_slot(j, JOIN_LEFT_INPUT, &slots[LEFT_ROW]);
    after.right = right_ref(s, right);
    if (!was && !shows(o, after))
        return true;
    if (right && right->present && right->rowtime > out.rowtime)
        out.rowtime = right->rowtime;
    add_change(o, &out, before, after);
    return join_emit_many(j, e);
}

// --- a right row changes -------------------------------------------------------------------------

static bool notify(struct op *o, struct str left_key, struct join_row *out, struct row_slot *new,
                   const struct str *old, struct err *e)
{
    struct foreign_key *s = o->state;
    struct join *j = &s->join;
    struct group *g;
    if (!get_group(&g, s->left, left_key, e))
        return false;
    struct row_slot *slot = &row_slots(g)[LEFT_ROW];
    if (!slot->present)
        return err_fail(e, ERR_BUG, "%s: a subscription without its row", o->node->name.p);
    const uint32_t left = join_slot(j, JOIN_LEFT_INPUT, slot);
    struct side before = {left,
                          old->p ? 0 : JOIN_NONE}; // 0: only looked at where some consumer retracts
    if (old->p && o->node->before)
        before.right = join_stored(j, JOIN_RIGHT_INPUT, *old);
    out->key = join_stored_key(j, left_key);
    add_change(o, out, before, (struct side){left, right_ref(s, new)});
    return join_emit_many(j, e);
}

static bool run_right(struct op *o, uint32_t row, struct err *e)
{
    struct foreign_key *s = o->state;
    struct join *j = &s->join;
    struct join_row out = join_result(j, JOIN_RIGHT_INPUT, row);
    const struct str name = join_key(j, JOIN_RIGHT_INPUT, row);
    struct ordered_scan *c;
    struct str key;
    struct str left_key;
    struct group *g;
    if (!get_group(&g, s->right, name, e))
        return false;
    struct row_slot *slot = row_slots(g);
    const struct str old = slot->present ? arena_str(o->x->window, row_slot_bytes(slot)) : STR_NONE;
    groups_touch(s->right, g);
    if (!join_set(j, JOIN_RIGHT_INPUT, row, &(struct join_place){g, &right_rows, 0}, e))
        return false;
    const struct str prefix = subscription_key(s, name, STR_NONE);
    if (!ordered_open(&c, s->subscriptions, prefix, prefix, e))
        return false;
    enum kv_found found;
    while ((found = ordered_next(c, &key, &left_key, e)) == KV_FOUND)
        if (!notify(o, left_key, &out, slot, &old, e)) {
            found = KV_FAILED;
            break;
        }
    ordered_close(c);
    return found == KV_ABSENT;
}

static bool run_window(struct op *o, struct err *e)
{
    struct foreign_key *s = o->state;
    enum join_input input;
    uint32_t row;
    const struct block *left = s->join.side[JOIN_LEFT_INPUT].rows;
    if (left)
        expr_run(&s->named, o->node->exprs[0], left, o->x->env, o->x->window);
    while (join_next(&s->join, &input, &row))
        if (!(input == JOIN_LEFT_INPUT ? run_left(o, row, e) : run_right(o, row, e)))
            return false;
    return join_emit(&s->join, e);
}

static bool foreign_flush(struct op *o, struct err *e)
{
    struct foreign_key *s = o->state;
    bool any;
    const bool ok = join_open(&s->join, &any, e) && (!any || run_window(o, e));
    join_close(&s->join);
    return ok;
}

// --- batches -------------------------------------------------------------------------------------

static bool foreign_begin(struct op *o, struct err *e)
{
    struct foreign_key *s = o->state;
    struct str note;
    return groups_begin(s->left, e) && groups_begin(s->right, e) &&
           ordered_begin(s->subscriptions, &note, e);
}

static bool foreign_save(struct op *o, struct kv_txn *t, struct err *e)
{
    struct foreign_key *s = o->state;
    return groups_save(s->left, t, INT64_MIN, e) && groups_save(s->right, t, INT64_MIN, e) &&
           ordered_save(s->subscriptions, t, STR("1"), e);
}

static void foreign_committed(struct op *o)
{
    struct foreign_key *s = o->state;
    groups_committed(s->left, o->x->spec.cache_max);
    groups_committed(s->right, o->x->spec.cache_max);
    ordered_committed(s->subscriptions);
}

static void foreign_rollback(struct op *o)
{
    struct foreign_key *s = o->state;
    join_close(&s->join);
    groups_rollback(s->left);
    groups_rollback(s->right);
    ordered_rollback(s->subscriptions);
}

static size_t foreign_dirty_bytes(const struct op *o)
{
    const struct foreign_key *s = o->state;
    return groups_dirty_bytes(s->left) + groups_dirty_bytes(s->right) +
           ordered_dirty_bytes(s->subscriptions);
}

static void foreign_close(struct op *o)
{
    struct foreign_key *s = o->state;
    join_fini(&s->join);
    groups_free(s->left);
    groups_free(s->right);
    ordered_free(s->subscriptions);
    buf_fini(&s->key);
    buf_fini(&s->name);
}

const struct op_type op_join_foreign_key = {
    .name = "join",
    .open = foreign_open,
    .push = foreign_push,
    .flush = foreign_flush,
    .begin = foreign_begin,
    .save = foreign_save,
    .committed = foreign_committed,
    .rollback = foreign_rollback,
    .dirty_bytes = foreign_dirty_bytes,
    .close = foreign_close,
};
