// GROUP BY with TUMBLING or HOPPING windows and EMIT FINAL: a row per group and window when the window closes, by (window
// start, key). Nothing is emitted for a window before that, and nothing of it changes after: late records are dropped.
//
// A window closes when stream time - grace reaches its end. As in ksqlDB a window is lost without a row when stream time jumps
// so far that the store forgets it in the same moment: its start lies more than the retention before the newest start.
#include "sql/exec/agg_states.h"
#include "sql/exec/due.h"

#include "base/hash.h"
#include "schema/rowcodec.h"

#include <assert.h>
#include <stdlib.h>

#define STEPS_MAX (UINT32_C(1) << 26) // rows x windows of one block

struct closed {
    struct group *group;
    uint32_t row; // that closed it
};

struct final_op {
    struct groups *groups;
    struct agg_keys keys;
    int64_t size, advance, grace, retention;
    VEC(uint32_t) rows; // steps of one block
    VEC(struct group *) of;
    VEC(void *) states;
    VEC(struct closed) closed;
    struct due_heap due; // groups touched in this batch, by window start
    struct group_list found;
    int64_t next; // the store has nothing to close before this start
};

static bool final_open(struct op *o, struct err *e)
{
    const struct phys_node *n = o->node;
    const struct window_spec *w = &n->plan->window;
    assert(e && w->final && w->kind != WINDOW_SESSION);
    struct final_op *s = ARENA_NEW(o->x->arena, struct final_op);
    const struct groups_spec spec = {
        .id = n->state_id,
        .name = n->name.p,
        .shape = GROUPS_WINDOWED,
        .state_bytes = n->state_bytes,
        .type = agg_states_type(n),
        .ctx = n,
        .kv = o->x->spec.kv,
        .read = &o->x->read,
    };
    s->groups = groups_new(&spec);
    agg_keys_init(&s->keys);
    s->size = w->size_ms;
    s->advance = w->advance_ms;
    s->grace = phys_grace(w);
    s->retention = phys_window_retention(w);
    s->next = INT64_MIN;
    o->state = s;
    return true;
}

static void final_close(struct op *o)
{
    struct final_op *s = o->state;
    groups_free(s->groups);
    agg_keys_fini(&s->keys);
    vec_fini(&s->rows);
    vec_fini(&s->of);
    vec_fini(&s->states);
    vec_fini(&s->closed);
    vec_fini(&s->due.of);
    vec_fini(&s->found.of);
}

// --- rows into windows --------------------------------------------------------------------------

static bool add_row(struct op *o, struct group_key *key, uint32_t row, int64_t t, struct err *e)
{
    struct final_op *s = o->state;
    const int64_t close = *groups_stream_time(s->groups) - s->grace;
    for (int64_t start = agg_first_window(t, s->size, s->advance); start <= t;
         start += s->advance) {
        struct group *g;
        if (start + s->size <= close) {
            o->counters.dropped_late++;
            continue;
        }
        if (!groups_get(&g, s->groups, key, start, e))
            return false;
        if (s->rows.n == STEPS_MAX)
            return err_fail(e, ERR_LIMIT, "%.*s: too many windows per record",
                            STR_ARG(o->node->name));
        if (!g->dirty)
            due_push(&s->due, start, g);
        groups_touch(s->groups, g);
        g->present = true;
        g->rowtime = t > g->rowtime ? t : g->rowtime;
        vec_push(&s->rows, row);
        vec_push(&s->of, g);
    }
    return true;
}

static int compare_closed(const void *x, const void *y)
{
    const struct group *a = ((const struct closed *)x)->group;
    const struct group *b = ((const struct closed *)y)->group;
    if (a->window_start != b->window_start)
        return a->window_start < b->window_start ? -1 : 1;
    return a == b ? 0 : str_cmp(group_key_bytes(a->key), group_key_bytes(b->key));
}

static void add_closed(struct final_op *s, struct group *g, int64_t low, uint32_t row)
{
    const struct closed c = {g, row};
    if (g->window_start >= low)
        vec_push(&s->closed, c);
}

// A group of the store that was also touched in this batch is there twice.
static void sort_closed(struct final_op *s, size_t from)
{
    struct closed *v = s->closed.v + from;
    size_t n = s->closed.n - from;
    size_t kept = 0;
    if (n == 0)
        return;
    qsort(v, n, sizeof *v, compare_closed);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || v[kept - 1].group != v[i].group)
            v[kept++] = v[i];
    s->closed.n = from + kept;
}

// Stream time went from `seen` to t with this row.
static bool close_windows(struct final_op *s, int64_t seen, int64_t t, uint32_t row, struct err *e)
{
    const int64_t high = t - s->grace - s->size;
    const int64_t newest = t / s->advance * s->advance;
    const size_t from = s->closed.n;
    int64_t low = seen == GROUPS_NO_TIME ? 0 : seen - s->grace - s->size + 1;
    if (low < newest - s->retention)
        low = newest - s->retention;
    if (high < 0)
        return true;
    while (due_next(&s->due) <= high)
        add_closed(s, due_pop(&s->due).group, low, row);
    if (s->next <= high) {
        s->found.of.n = 0;
        if (!groups_stored(&s->found, &s->next, s->groups, low, high, e))
            return false;
        for (size_t i = 0; i < s->found.of.n; i++)
            add_closed(s, s->found.of.v[i], low, row);
    }
    sort_closed(s, from);
    return true;
}

static bool add_rows(struct op *o, const struct block *b, struct err *e)
{
    struct final_op *s = o->state;
    const uint32_t *idx = s->keys.idx;
    int64_t *stream_time = groups_stream_time(s->groups);
    for (uint32_t i = 0; i < s->keys.n; i++) {
        const struct str bytes = agg_key(&s->keys, i);
        const int64_t t = b->rowtime[idx[i]];
        const int64_t seen = *stream_time;
        if (t > seen)
            *stream_time = t;
        if (t < 0) { // no window holds a time before the epoch, or a record without one
            o->counters.dropped_late++;
            continue;
        }
        struct group_key *key = groups_key(s->groups, bytes, hash_bytes(bytes.p, bytes.n, 0));
        if (!add_row(o, key, idx[i], t, e) || (t > seen && !close_windows(s, seen, t, idx[i], e)))
            return false;
    }
    return true;
}

// --- results ------------------------------------------------------------------------------------

static bool run_aggregates(struct op *o, const struct block *b, struct err *e)
{
    struct final_op *s = o->state;
    const uint32_t n = (uint32_t)s->rows.n;
    while (s->states.cap < n)
        vec_push(&s->states, NULL);
    for (uint32_t i = 0; i < o->node->agg_count; i++) {
        const struct phys_agg *agg = &o->node->aggs[i];
        uint8_t *error = arena_zalloc(o->x->window, b->rows);
        const struct column **args = agg_args(o, agg, b);
        for (uint32_t k = 0; k < n; k++)
            s->states.v[k] = agg_state(agg, group_state(s->of.v[k]));
        agg->agg->update(&agg->ctx, s->states.v, args, s->rows.v, n, error);
        if (!agg_rows_fit(o, agg, error, b->rows, e))
            return false;
    }
    s->states.n = 0;
    return true;
}

static bool put_row(struct op *o, struct block *out, uint32_t i, const struct closed *c,
                    const struct block *b, struct err *e)
{
    const struct final_op *s = o->state;
    const struct str key = group_key_bytes(c->group->key);
    struct cursor in = {(const uint8_t *)key.p, (const uint8_t *)key.p + key.n};
    if (!keycodec_decode(out->columns, o->node->expr_count, i, o->x->window, &in, e))
        return err_wrap(e, "%.*s", STR_ARG(o->node->name));
    out->rowtime[i] = c->group->rowtime;
    out->window_start[i] = c->group->window_start;
    out->window_end[i] = c->group->window_start + s->size;
    out->seq[i] = b->seq ? b->seq[c->row] : 0;
    if (out->origin)
        out->origin[i] = b->origin[c->row];
    return true;
}

static bool emit_closed(struct op *o, const struct block *b, struct err *e)
{
    struct final_op *s = o->state;
    struct arena *a = o->x->window;
    const uint32_t n = (uint32_t)s->closed.n;
    struct block *out = block_new(a, o->node->schema, n);
    const void **states = ARENA_ARRAY(a, const void *, n + 1);
    out->seq = ARENA_ARRAY(a, uint64_t, n + 1);
    out->op = arena_zalloc(a, n + 1); // OP_INSERT
    out->window_start = ARENA_ARRAY(a, int64_t, n + 1);
    out->window_end = ARENA_ARRAY(a, int64_t, n + 1);
    out->origin = b->origin ? ARENA_ARRAY(a, uint64_t, n + 1) : NULL;
    for (uint32_t i = 0; i < n; i++)
        if (!put_row(o, out, i, &s->closed.v[i], b, e))
            return false;
    for (uint32_t k = 0; k < o->node->agg_count; k++) {
        const struct phys_agg *agg = &o->node->aggs[k];
        for (uint32_t i = 0; i < n; i++)
            states[i] = agg_state(agg, group_state(s->closed.v[i].group));
        agg->agg->emit(&agg->ctx, &out->columns[o->node->expr_count + k], a, states, 0, n);
    }
    op_origin_results(o, out);
    return op_emit(o, out, e);
}

static bool final_push(struct op *o, uint32_t input, const struct block *b, struct err *e)
{
    assert(input == 0);
    struct final_op *s = o->state;
    s->rows.n = s->of.n = s->closed.n = 0;
    return agg_keys_make(&s->keys, o, b, e) && add_rows(o, b, e) && run_aggregates(o, b, e) &&
           emit_closed(o, b, e);
}

// --- batches ------------------------------------------------------------------------------------

static bool final_begin(struct op *o, struct err *e)
{
    struct final_op *s = o->state;
    s->next = INT64_MIN;
    return groups_begin(s->groups, e);
}

static bool final_save(struct op *o, struct kv_txn *t, struct err *e)
{
    struct final_op *s = o->state;
    const int64_t time = *groups_stream_time(s->groups);
    const int64_t expired = time == GROUPS_NO_TIME ? INT64_MIN : time - s->size - s->grace + 1;
    return groups_save(s->groups, t, expired, e);
}

static void final_committed(struct op *o)
{
    struct final_op *s = o->state;
    if (o->x->spec.kv)
        s->due.of.n = 0; // what is open is found in the store
    groups_committed(s->groups, o->x->spec.cache_max);
}

static void final_rollback(struct op *o)
{
    struct final_op *s = o->state;
    s->due.of.n = 0;
    groups_rollback(s->groups);
}

static size_t final_dirty_bytes(const struct op *o)
{
    return groups_dirty_bytes(((const struct final_op *)o->state)->groups);
}

const struct op_type op_final = {
    .name = "final",
    .open = final_open,
    .push = final_push,
    .begin = final_begin,
    .save = final_save,
    .committed = final_committed,
    .rollback = final_rollback,
    .dirty_bytes = final_dirty_bytes,
    .close = final_close,
};
