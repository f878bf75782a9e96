// GROUP BY, unwindowed or with TUMBLING and HOPPING windows.
//
// A block becomes a list of steps: (row, group, update or undo), in seq order; aggregates then run over the list column
// by column. Uncollapsed, every step (but an undo followed by the redo of the same group) emits the group's row; collapsed,
// the dirty groups are emitted once, in key order, at the end of the batch.
//
// Stream time advances with every row that has a key; a window is late when its end <= stream time - grace (SEMANTICS 5).
#include "sql/exec/agg_before.h"
#include "sql/exec/agg_states.h"

#include "base/hash.h"
#include "base/vec.h"
#include "schema/rowcodec.h"
#include "sql/state/groups.h"

#include <assert.h>

#define EMIT_ROWS 4096
#define STEPS_MAX (UINT32_C(1) << 26) // rows x windows of one block

struct step_list {
    uint32_t *row;
    struct group **group;
    void **state;     // of the group; moved along by aggregate
    int64_t *rowtime; // of the group after the step
    uint8_t *undo;
    uint8_t *emits; // 0: the redo that follows emits for both
    uint8_t *fresh; // the group had no row before
    uint32_t n, cap;
};

struct aggregate {
    struct groups *groups;
    struct agg_keys keys;
    struct agg_before before; // collapsed, and some consumer takes back
    int64_t size, advance, grace;
};

static bool aggregate_open(struct op *o, struct err *e)
{
    assert(e && o->node->kind == PLAN_AGGREGATE);
    const struct phys_node *n = o->node;
    const struct window_spec *w = &n->plan->window;
    struct aggregate *s = ARENA_NEW(o->x->arena, struct aggregate);
    const struct groups_spec spec = {
        .id = n->state_id,
        .name = n->name.p,
        .shape = w->kind == WINDOW_NONE ? GROUPS_PLAIN : GROUPS_WINDOWED,
        .state_bytes = n->state_bytes,
        .type = agg_states_type(n),
        .ctx = n,
        .kv = o->x->spec.kv,
        .read = &o->x->read,
    };
    s->groups = groups_new(&spec);
    agg_keys_init(&s->keys);
    agg_before_init(&s->before);
    s->size = w->size_ms;
    s->advance = w->kind == WINDOW_HOPPING ? w->advance_ms : w->size_ms;
    s->grace = w->kind == WINDOW_NONE ? 0 : phys_grace(w);
    o->state = s;
    return true;
}

static void aggregate_close(struct op *o)
{
    struct aggregate *s = o->state;
    groups_free(s->groups);
    agg_keys_fini(&s->keys);
    agg_before_fini(&s->before);
}

// --- from rows to steps -------------------------------------------------------------------------

static void steps_init(struct step_list *out, struct arena *a, uint32_t cap)
{
    out->n = 0;
    out->cap = cap;
    out->row = ARENA_ARRAY(a, uint32_t, cap + 1);
    out->group = ARENA_ARRAY(a, struct group *, cap + 1);
    out->state = ARENA_ARRAY(a, void *, cap + 1);
    out->rowtime = ARENA_ARRAY(a, int64_t, cap + 1);
    out->undo = arena_zalloc(a, cap + 1);
    out->emits = arena_zalloc(a, cap + 1);
    out->fresh = arena_zalloc(a, cap + 1);
}

static void steps_add(struct step_list *out, struct groups *groups, struct group *g, uint32_t row,
                      int64_t rowtime, bool undo)
{
    assert(out->n < out->cap);
    const uint32_t i = out->n++;
    groups_touch(groups, g);
    if (rowtime > g->rowtime)
        g->rowtime = rowtime;
    out->row[i] = row;
    out->group[i] = g;
    out->rowtime[i] = g->rowtime;
    out->undo[i] = undo;
    out->emits[i] = 1;
    out->fresh[i] = !g->present;
    g->present = true;
}

static bool plain_steps(struct op *o, struct step_list *out, const struct block *b, struct err *e)
{
    struct aggregate *s = o->state;
    const uint32_t *idx = s->keys.idx;
    const struct group *last = NULL;
    for (uint32_t i = 0; i < s->keys.n; i++) {
        const struct str bytes = agg_key(&s->keys, i);
        struct group *g;
        if (!groups_get(&g, s->groups,
                        groups_key(s->groups, bytes, hash_bytes(bytes.p, bytes.n, 0)), 0, e))
            return false;
        const bool undo = b->op && b->op[idx[i]] == OP_UPDATE_BEFORE;
        if (undo && !g->present) {
            last = NULL;
            continue; // its row came before this operator's state began
        }
        // The redo of the row undone just before, in the same group: one change, not two.
        if (last == g && idx[i] == idx[i - 1] + 1 && !undo && out->undo[out->n - 1])
            out->emits[out->n - 1] = 0;
        steps_add(out, s->groups, g, idx[i], b->rowtime[idx[i]], undo);
        last = g;
    }
    return true;
}

static uint32_t windows_per_row(const struct aggregate *s)
{
    return (uint32_t)((s->size + s->advance - 1) / s->advance);
}

static bool window_steps(struct op *o, struct step_list *out, const struct block *b, struct err *e)
{
    struct aggregate *s = o->state;
    const uint32_t *idx = s->keys.idx;
    int64_t *stream_time = groups_stream_time(s->groups);
    for (uint32_t i = 0; i < s->keys.n; i++) {
        const struct str bytes = agg_key(&s->keys, i);
        const int64_t t = b->rowtime[idx[i]];
        struct group_key *key = groups_key(s->groups, bytes, hash_bytes(bytes.p, bytes.n, 0));
        if (t > *stream_time)
            *stream_time = t;
        if (t < 0) { // no window holds a time before the epoch, or a record without one
            o->counters.dropped_late++;
            continue;
        }
        const int64_t close = *stream_time - s->grace;
        int64_t start = agg_first_window(t, s->size, s->advance);
        for (; start <= t; start += s->advance) {
            struct group *g;
            if (start + s->size <= close) {
                o->counters.dropped_late++;
                continue;
            }
            if (!groups_get(&g, s->groups, key, start, e))
                return false;
            steps_add(out, s->groups, g, idx[i], t, false);
        }
    }
    return true;
}

// --- running the aggregates ---------------------------------------------------------------------

static void point_states(struct step_list *s, const struct phys_agg *agg)
{
    for (uint32_t i = 0; i < s->n; i++)
        s->state[i] = agg_state(agg, group_state(s->group[i]));
}

// Collapsed: whole runs of updates or undos at a time.
static void run_batch(const struct phys_agg *agg, struct step_list *s,
                      const struct column *const *args, uint8_t *error)
{
    for (uint32_t i = 0; i < s->n;) {
        uint32_t end = i + 1;
        while (end < s->n && s->undo[end] == s->undo[i])
            end++;
        (s->undo[i] ? agg->agg->undo : agg->agg->update)(&agg->ctx, s->state + i, args, s->row + i,
                                                         end - i, error);
        i = end;
    }
}

// Where the values go; before may be NULL.
struct values {
    struct column *before, *after;
};

// Uncollapsed: the value before and after every step.
static void run_steps(const struct phys_agg *agg, struct step_list *s,
                      const struct column *const *args, uint8_t *error, struct arena *a,
                      const struct values *to)
{
    for (uint32_t i = 0; i < s->n; i++) {
        const void *state = s->state[i];
        if (to->before)
            agg->agg->emit(&agg->ctx, to->before, a, &state, i, 1);
        (s->undo[i] ? agg->agg->undo : agg->agg->update)(&agg->ctx, s->state + i, args, s->row + i,
                                                         1, error);
        agg->agg->emit(&agg->ctx, to->after, a, &state, i, 1);
    }
}

static bool run_aggregates(struct op *o, struct step_list *s, const struct block *b,
                           struct block *before, struct block *after, struct err *e)
{
    struct arena *a = o->x->window;
    const struct phys_node *n = o->node;
    for (uint32_t i = 0; i < n->agg_count; i++) {
        const struct phys_agg *agg = &n->aggs[i];
        const struct column **args = agg_args(o, agg, b);
        uint8_t *error = arena_zalloc(a, b->rows);
        point_states(s, agg);
        const uint32_t column = n->expr_count + i;
        if (!after)
            run_batch(agg, s, args, error);
        else
            run_steps(agg, s, args, error, a,
                      &(struct values){before ? &before->columns[column] : NULL,
                                       &after->columns[column]});
        if (!agg_rows_fit(o, agg, error, b->rows, e))
            return false;
    }
    return true;
}

// --- emission -----------------------------------------------------------------------------------

static void put_windows(struct op *o, struct block *out, struct group *const *groups)
{
    const struct aggregate *s = o->state;
    if (o->node->plan->window.kind == WINDOW_NONE)
        return;
    out->window_start = ARENA_ARRAY(o->x->window, int64_t, out->rows + 1);
    out->window_end = ARENA_ARRAY(o->x->window, int64_t, out->rows + 1);
    for (uint32_t i = 0; i < out->rows; i++) {
        out->window_start[i] = groups[i]->window_start;
        out->window_end[i] = groups[i]->window_start + s->size;
    }
}

static struct block *steps_block(struct op *o, const struct step_list *s, const struct block *b,
                                 const struct column *keys)
{
    struct arena *a = o->x->window;
    struct block *out = block_new(a, o->node->schema, s->n);
    for (uint32_t i = 0; i < o->node->expr_count; i++)
        column_gather(&out->columns[i], a, &keys[i], s->row, s->n);
    out->rowtime = s->rowtime;
    out->seq = ARENA_ARRAY(a, uint64_t, s->n + 1);
    out->op = arena_alloc(a, s->n + 1);
    out->origin = b->origin ? ARENA_ARRAY(a, uint64_t, s->n + 1) : NULL;
    for (uint32_t i = 0; i < s->n; i++) {
        out->seq[i] = b->seq ? b->seq[s->row[i]] : 0;
        if (b->origin)
            out->origin[i] = b->origin[s->row[i]];
        out->op[i] = s->fresh[i] ? OP_INSERT : OP_UPDATE_AFTER;
    }
    put_windows(o, out, s->group);
    return out;
}

// Leaves out steps that do not emit and puts -U rows in front, where wanted.
static bool emit_steps(struct op *o, const struct step_list *s, const struct block *before,
                       const struct block *after, struct err *e)
{
    struct arena *a = o->x->window;
    const struct block *parts[2] = {after, before};
    struct block *all = before ? block_concat(a, parts, 2) : NULL;
    uint32_t *idx = ARENA_ARRAY(a, uint32_t, 2 * (size_t)s->n + 1);
    uint32_t n = 0;
    bool undone = false; // the step before did not emit: its before-value is this change's
    for (uint32_t i = 0; i < s->n; i++) {
        const uint32_t from = undone ? i - 1 : i;
        undone = !s->emits[i];
        if (undone)
            continue;
        if (before && !s->fresh[from])
            idx[n++] = s->n + from;
        idx[n++] = i;
    }
    struct block *out = block_gather(a, before ? all : after, idx, n);
    out->schema = o->node->schema;
    op_origin_results(o, out);
    return op_emit(o, out, e);
}

static bool run_uncollapsed(struct op *o, struct step_list *s, const struct block *b,
                            const struct column *keys, struct err *e)
{
    struct block *after = steps_block(o, s, b, keys);
    struct block *before = o->node->before ? steps_block(o, s, b, keys) : NULL;
    if (before)
        memset(before->op, OP_UPDATE_BEFORE, before->rows);
    if (!run_aggregates(o, s, b, before, after, e))
        return false;
    return emit_steps(o, s, before, after, e);
}

// The values of groups that had a row and are first touched in this batch.
static bool keep_before(struct op *o, const struct step_list *steps, struct err *e)
{
    struct aggregate *s = o->state;
    struct group **first = ARENA_ARRAY(o->x->window, struct group *, steps->n + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < steps->n; i++)
        if (steps->group[i]->was_present && !steps->group[i]->note) {
            steps->group[i]->note = UINT32_MAX; // until it is kept
            first[n++] = steps->group[i];
        }
    return n == 0 || agg_before_keep(&s->before, o, first, n, e);
}

static bool aggregate_push(struct op *o, uint32_t input, const struct block *b, struct err *e)
{
    assert(input == 0);
    struct aggregate *s = o->state;
    if (!agg_keys_make(&s->keys, o, b, e))
        return false;
    const uint32_t n = s->keys.n;
    if (n == 0)
        return true;
    const bool windowed = o->node->plan->window.kind != WINDOW_NONE;
    const uint64_t cap = (uint64_t)n * (windowed ? windows_per_row(s) : 1);
    if (cap > STEPS_MAX)
        return err_fail(e, ERR_LIMIT, "%.*s: %u windows per record", STR_ARG(o->node->name),
                        windows_per_row(s));
    struct step_list steps;
    steps_init(&steps, o->x->window, (uint32_t)cap);
    if (!(windowed ? window_steps : plain_steps)(o, &steps, b, e))
        return false;
    if (o->node->collapsed && o->node->before && !keep_before(o, &steps, e))
        return false;
    if (o->node->collapsed)
        return run_aggregates(o, &steps, b, NULL, NULL, e);
    return run_uncollapsed(o, &steps, b, s->keys.columns, e);
}

// Each change with what its group had when the batch began in front.
static bool emit_both(struct op *o, const struct block *after, struct group *const *groups,
                      struct err *e)
{
    const struct aggregate *s = o->state;
    struct arena *a = o->x->window;
    const uint32_t n = after->rows;
    struct block *before = op_block(o, after);
    uint32_t *idx = ARENA_ARRAY(a, uint32_t, 2 * (size_t)n + 1);
    uint32_t count = 0;
    before->op = arena_alloc(a, n + 1);
    memset(before->op, OP_UPDATE_BEFORE, n);
    for (uint32_t i = 0; i < after->schema->count; i++)
        if (i < o->node->expr_count)
            before->columns[i] = after->columns[i];
        else
            column_init(&before->columns[i], a, after->schema->columns[i].type, n);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = o->node->expr_count; !groups[i]->was_present && k < after->schema->count;
             k++)
            column_set_null(&before->columns[k], a, i, n);
        if (groups[i]->was_present) {
            if (!agg_before_put(&s->before, o, before, i, groups[i], e))
                return err_wrap(e, "%.*s", STR_ARG(o->node->name));
            idx[count++] = n + i;
        }
        idx[count++] = i;
    }
    const struct block *parts[2] = {after, before};
    struct block *out = block_gather(a, block_concat(a, parts, 2), idx, count);
    out->schema = o->node->schema;
    return op_emit(o, out, e);
}

static bool emit_groups(struct op *o, struct group *const *groups, uint32_t n, uint64_t seq,
                        struct err *e)
{
    struct arena *a = o->x->window;
    const struct phys_node *node = o->node;
    struct block *out = block_new(a, node->schema, n);
    const void **states = ARENA_ARRAY(a, const void *, n + 1);
    out->seq = ARENA_ARRAY(a, uint64_t, n + 1);
    out->op = arena_alloc(a, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        const struct str key = group_key_bytes(groups[i]->key);
        struct cursor in = {(const uint8_t *)key.p, (const uint8_t *)key.p + key.n};
        if (!keycodec_decode(out->columns, node->expr_count, i, a, &in, e))
            return err_wrap(e, "%.*s", STR_ARG(node->name));
        out->rowtime[i] = groups[i]->rowtime;
        out->seq[i] = seq + i;
        out->op[i] = groups[i]->was_present ? OP_UPDATE_AFTER : OP_INSERT;
    }
    for (uint32_t k = 0; k < node->agg_count; k++) {
        const struct phys_agg *agg = &node->aggs[k];
        for (uint32_t i = 0; i < n; i++)
            states[i] = (const char *)group_state(groups[i]) + agg->offset;
        agg->agg->emit(&agg->ctx, &out->columns[node->expr_count + k], a, states, 0, n);
    }
    put_windows(o, out, groups);
    return node->before ? emit_both(o, out, groups, e) : op_emit(o, out, e);
}

static bool aggregate_end(struct op *o, struct err *e)
{
    struct aggregate *s = o->state;
    size_t n;
    if (!o->node->collapsed)
        return true;
    struct group *const *dirty = groups_dirty(s->groups, &n);
    for (size_t i = 0; i < n; i += EMIT_ROWS) {
        const uint32_t rows = (uint32_t)(n - i < EMIT_ROWS ? n - i : EMIT_ROWS);
        if (!emit_groups(o, dirty + i, rows, i, e))
            return false;
        if (!op_flush_all(o->x, e)) // joins keep what they get
            return false;
        arena_reset(o->x->window);
    }
    return true;
}

static bool aggregate_begin(struct op *o, struct err *e)
{
    struct aggregate *s = o->state;
    agg_before_clear(&s->before);
    return groups_begin(s->groups, e);
}

static bool aggregate_save(struct op *o, struct kv_txn *t, struct err *e)
{
    struct aggregate *s = o->state;
    const int64_t time = *groups_stream_time(s->groups);
    const int64_t expired = time == GROUPS_NO_TIME ? INT64_MIN : time - s->size - s->grace + 1;
    return groups_save(s->groups, t, expired, e);
}

static void aggregate_committed(struct op *o)
{
    groups_committed(((struct aggregate *)o->state)->groups, o->x->spec.cache_max);
}

static void aggregate_rollback(struct op *o)
{
    groups_rollback(((struct aggregate *)o->state)->groups);
}

static size_t aggregate_dirty_bytes(const struct op *o)
{
    const struct aggregate *s = o->state;
    return groups_dirty_bytes(s->groups) + s->before.rows.n;
}

const struct op_type op_aggregate = {
    .name = "aggregate",
    .open = aggregate_open,
    .push = aggregate_push,
    .begin = aggregate_begin,
    .end = aggregate_end,
    .save = aggregate_save,
    .committed = aggregate_committed,
    .rollback = aggregate_rollback,
    .dirty_bytes = aggregate_dirty_bytes,
    .close = aggregate_close,
};
