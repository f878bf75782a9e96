// GROUP BY with SESSION windows: a record joins all sessions of its key that are within the gap, and makes one of them.
//
// A block is first placed: which session each row makes and which it replaces, row by row in seq order. The aggregates then
// run over these steps one after another. A session that changes is deleted under its old bounds and inserted under its new
// ones, as ksqlDB does (a tombstone for every replaced session, in their order); only a record at the very time of a session
// of one record changes it in place. ROWTIME of a result is the session's end.
//
// Late: the session that a record would make ends before stream time - grace - gap. What ended retention ago is not found
// any more. EMIT FINAL: sessions leave the state when they close, by (end, start, key).
#include "sql/exec/due.h"
#include "sql/exec/session.h"

#include "base/hash.h"
#include "schema/rowcodec.h"

#include <assert.h>
#include <stdlib.h>

struct replaced { // by a step
    struct session *from;
    int64_t start, end;
    bool gone; // under these bounds: a tombstone
};

struct session_step {
    uint32_t row;
    struct session *to; // the first of the replaced, if any: their states come to it
    int64_t start, end;
    uint32_t first, count; // replaced
};

struct closing { // EMIT FINAL: owns the session, which has left its list
    struct session *session;
    const struct group *group;
    uint32_t row;
};

struct session_op {
    struct groups *groups;
    struct agg_keys keys;
    int64_t gap, grace, retention;
    VEC(struct session_step) steps; // of one block
    VEC(struct replaced) replaced;
    VEC(struct session *) dead; // freed behind the block
    VEC(struct closing) closing;
    struct due_heap due;
    struct group_list found;
    int64_t looked,
        next; // EMIT FINAL: the store was asked up to here, and has nothing before there
};

static bool session_open(struct op *o, struct err *e)
{
    assert(e && o->node->plan->window.kind == WINDOW_SESSION);
    const struct phys_node *n = o->node;
    const struct window_spec *w = &n->plan->window;
    struct session_op *s = ARENA_NEW(o->x->arena, struct session_op);
    const struct groups_spec spec = {
        .id = n->state_id,
        .name = n->name.p,
        .shape = GROUPS_TIMED,
        .state_bytes = SESSIONS_BYTES,
        .type = &sessions_type,
        .ctx = n,
        .kv = o->x->spec.kv,
        .read = &o->x->read,
    };
    s->groups = groups_new(&spec);
    agg_keys_init(&s->keys);
    s->gap = w->size_ms;
    s->grace = phys_grace(w);
    s->retention = phys_window_retention(w);
    s->looked = s->next = INT64_MIN;
    o->state = s;
    return true;
}

static void free_block(struct op *o)
{
    struct session_op *s = o->state;
    for (size_t i = 0; i < s->dead.n; i++)
        session_free(o->node, s->dead.v[i]);
    for (size_t i = 0; i < s->closing.n; i++)
        session_free(o->node, s->closing.v[i].session);
    s->dead.n = s->steps.n = s->replaced.n = s->closing.n = 0;
}

static void session_close(struct op *o)
{
    struct session_op *s = o->state;
    free_block(o);
    groups_free(s->groups);
    agg_keys_fini(&s->keys);
    vec_fini(&s->steps);
    vec_fini(&s->replaced);
    vec_fini(&s->dead);
    vec_fini(&s->closing);
    vec_fini(&s->due.of);
    vec_fini(&s->found.of);
}

// --- placing rows -------------------------------------------------------------------------------

// Sessions that can neither be found nor emitted any more.
static void forget_old(struct session_op *s, struct sessions *list, int64_t before)
{
    uint32_t n = 0;
    while (n < list->n && list->v[n]->end < before)
        vec_push(&s->dead, list->v[n++]);
    sessions_remove(list, 0, n);
}

static void replace(struct session_op *s, struct session *from, bool gone)
{
    const struct replaced r = {from, from->start, from->end, gone};
    vec_push(&s->replaced, r);
}

// The session that row makes of list[low, high) and itself.
static void make_session(struct op *o, struct sessions *list, uint32_t low, uint32_t high,
                         struct session_step step)
{
    struct session_op *s = o->state;
    const bool same = high == low + 1 && list->v[low]->start == step.start &&
                      list->v[low]->end == step.end && step.start == step.end;
    step.first = (uint32_t)s->replaced.n;
    step.count = high - low;
    for (uint32_t i = low; i < high; i++) {
        replace(s, list->v[i], !same);
        if (i > low)
            vec_push(&s->dead, list->v[i]);
    }
    if (low == high) {
        step.to = session_new(o->node, step.start, step.end);
        sessions_insert(list, low, step.to);
    } else {
        step.to = list->v[low];
        sessions_remove(list, low + 1, high);
        *step.to = (struct session){step.start, step.end};
    }
    vec_push(&s->steps, step);
}

static void queue(struct session_op *s, struct group *g, struct sessions *list)
{
    if (!list->n || list->v[0]->end >= list->queued)
        return;
    list->queued = list->v[0]->end;
    due_push(&s->due, list->queued, g);
}

// seen: stream time before this row.
static void place_row(struct op *o, struct group *g, uint32_t row, int64_t t, int64_t seen)
{
    struct session_op *s = o->state;
    struct sessions *list = group_state(g);
    const int64_t close = *groups_stream_time(s->groups) - s->grace - s->gap;
    const int64_t oldest = seen == GROUPS_NO_TIME ? INT64_MIN : seen - s->retention;
    const int64_t from = t - s->gap > oldest ? t - s->gap : oldest + 1;
    uint32_t low = sessions_from(list, from);
    uint32_t high = low;
    while (high < list->n && list->v[high]->start <= t + s->gap)
        high++;
    struct session_step step = {.row = row, .start = t, .end = t};
    if (low < high) {
        step.start = list->v[low]->start < t ? list->v[low]->start : t;
        step.end = list->v[high - 1]->end > t ? list->v[high - 1]->end : t;
    }
    if (step.end < close) {
        o->counters.dropped_late++;
        return;
    }
    groups_touch(s->groups, g);
    make_session(o, list, low, high, step);
    forget_old(s, list, oldest);
    g->present = list->n > 0;
    if (step.end > g->rowtime)
        g->rowtime = step.end;
    if (o->node->plan->window.final)
        queue(s, g, list);
}

// --- EMIT FINAL ---------------------------------------------------------------------------------

static int compare_closing(const void *x, const void *y)
{
    const struct closing *a = x;
    const struct closing *b = y;
    if (a->session->end != b->session->end)
        return a->session->end < b->session->end ? -1 : 1;
    if (a->session->start != b->session->start)
        return a->session->start < b->session->start ? -1 : 1;
    return str_cmp(group_key_bytes(a->group->key), group_key_bytes(b->group->key));
}

static void close_sessions(struct session_op *s, struct group *g, int64_t close, uint32_t row)
{
    struct sessions *list = group_state(g);
    uint32_t n = 0;
    while (n < list->n && list->v[n]->end < close) {
        const struct closing c = {list->v[n++], g, row};
        vec_push(&s->closing, c);
    }
    if (n) {
        groups_touch(s->groups, g);
        sessions_remove(list, 0, n);
        g->present = list->n > 0;
    }
    queue(s, g, list);
}

// What ends before `close`, once: stream time has reached it with this row.
static bool close_before(struct session_op *s, int64_t close, uint32_t row, struct err *e)
{
    const size_t from = s->closing.n;
    while (due_next(&s->due) < close) {
        struct group *g = due_pop(&s->due).group;
        ((struct sessions *)group_state(g))->queued = INT64_MAX;
        close_sessions(s, g, close, row);
    }
    if (s->next < close) {
        s->found.of.n = 0;
        if (!groups_stored(&s->found, &s->next, s->groups, s->looked, close - 1, e))
            return false;
        s->looked = close;
        for (size_t i = 0; i < s->found.of.n; i++)
            close_sessions(s, s->found.of.v[i], close, row);
    }
    if (s->closing.n > from)
        qsort(s->closing.v + from, s->closing.n - from, sizeof *s->closing.v, compare_closing);
    return true;
}

static bool place_rows(struct op *o, const struct block *b, struct err *e)
{
    struct session_op *s = o->state;
    const uint32_t *idx = s->keys.idx;
    int64_t *stream_time = groups_stream_time(s->groups);
    for (uint32_t i = 0; i < s->keys.n; i++) {
        const struct str bytes = agg_key(&s->keys, i);
        const int64_t t = b->rowtime[idx[i]];
        const int64_t seen = *stream_time;
        struct group *g;
        if (t > seen)
            *stream_time = t;
        if (t < 0) { // as with other windows: no session holds a time before the epoch
            o->counters.dropped_late++;
            continue;
        }
        if (!groups_get(&g, s->groups,
                        groups_key(s->groups, bytes, hash_bytes(bytes.p, bytes.n, 0)), 0, e))
            return false;
        place_row(o, g, idx[i], t, seen);
        if (o->node->plan->window.final && t > seen &&
            !close_before(s, t - s->grace - s->gap, idx[i], e))
            return false;
    }
    return true;
}

// --- running the aggregates ---------------------------------------------------------------------

// Blocks with a row per step, and with a row per replaced session; NULL = not wanted.
struct results {
    struct block *after, *before;
};

struct agg_run {
    const struct phys_agg *agg;
    const struct column **args;
    uint8_t *error;
    struct arena *a;
    struct column *after, *before; // NULL = not wanted
};

static void run_step(const struct agg_run *run, const struct session_op *s, uint32_t at)
{
    const struct agg *agg = run->agg->agg;
    const struct agg_ctx *ctx = &run->agg->ctx;
    const struct session_step *step = &s->steps.v[at];
    const struct replaced *r = step->count ? s->replaced.v + step->first : NULL;
    void *state = agg_state(run->agg, session_states(step->to));
    const void *result = state;
    for (uint32_t i = 0; run->before && i < step->count; i++) {
        const void *old = agg_state(run->agg, session_states(r[i].from));
        agg->emit(ctx, run->before, run->a, &old, step->first + i, 1);
    }
    for (uint32_t i = 1; i < step->count; i++)
        if (!agg->merge(ctx, state, agg_state(run->agg, session_states(r[i].from))))
            run->error[step->row] = 1;
    agg->update(ctx, &state, run->args, &step->row, 1, run->error);
    if (run->after)
        agg->emit(ctx, run->after, run->a, &result, at, 1);
}

static bool run_aggregates(struct op *o, const struct block *b, const struct results *to,
                           struct err *e)
{
    const struct session_op *s = o->state;
    const struct phys_node *n = o->node;
    for (uint32_t i = 0; i < n->agg_count; i++) {
        const uint32_t column = n->expr_count + i;
        const struct agg_run run = {
            .agg = &n->aggs[i],
            .args = agg_args(o, &n->aggs[i], b),
            .error = arena_zalloc(o->x->window, b->rows),
            .a = o->x->window,
            .after = to->after ? &to->after->columns[column] : NULL,
            .before = to->before ? &to->before->columns[column] : NULL,
        };
        for (uint32_t k = 0; k < s->steps.n; k++)
            run_step(&run, s, k);
        if (!agg_rows_fit(o, run.agg, run.error, b->rows, e))
            return false;
    }
    return true;
}

// --- emission -----------------------------------------------------------------------------------

static struct block *new_block(struct op *o, uint32_t rows)
{
    struct arena *a = o->x->window;
    struct block *out = block_new(a, o->node->schema, rows);
    out->seq = ARENA_ARRAY(a, uint64_t, rows + 1);
    out->op = arena_alloc(a, rows + 1);
    out->window_start = ARENA_ARRAY(a, int64_t, rows + 1);
    out->window_end = ARENA_ARRAY(a, int64_t, rows + 1);
    out->origin = o->x->program->seeded ? ARENA_ARRAY(a, uint64_t, rows + 1) : NULL;
    return out;
}

// A result of row `row` of b.
static void put_row(struct block *out, uint32_t at, int64_t start, int64_t end,
                    const struct block *b, uint32_t row)
{
    out->window_start[at] = start;
    out->window_end[at] = out->rowtime[at] = end;
    out->seq[at] = b->seq ? b->seq[row] : 0;
    if (out->origin)
        out->origin[at] = b->origin[row];
}

static struct block *after_block(struct op *o, const struct block *b, const struct column *keys)
{
    const struct session_op *s = o->state;
    const uint32_t n = (uint32_t)s->steps.n;
    struct block *out = new_block(o, n);
    uint32_t *rows = ARENA_ARRAY(o->x->window, uint32_t, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        const struct session_step *step = &s->steps.v[i];
        rows[i] = step->row;
        put_row(out, i, step->start, step->end, b, step->row);
        const bool same = step->count && !s->replaced.v[step->first].gone;
        out->op[i] = same ? OP_UPDATE_AFTER : OP_INSERT;
    }
    for (uint32_t i = 0; i < o->node->expr_count; i++)
        column_gather(&out->columns[i], o->x->window, &keys[i], rows, n);
    return out;
}

// A row per replaced session, values not yet there.
static struct block *replaced_block(struct op *o, const struct block *b, const struct column *keys,
                                    enum row_op op)
{
    const struct session_op *s = o->state;
    const uint32_t n = (uint32_t)s->replaced.n;
    struct block *out = new_block(o, n);
    uint32_t *rows = ARENA_ARRAY(o->x->window, uint32_t, n + 1);
    for (size_t i = 0; i < s->steps.n; i++) {
        const struct session_step *step = &s->steps.v[i];
        for (uint32_t k = step->first; k < step->first + step->count; k++) {
            const struct replaced *r = &s->replaced.v[k];
            rows[k] = step->row;
            put_row(out, k, r->start, r->end, b, step->row);
            out->op[k] = (uint8_t)op;
        }
    }
    for (uint32_t i = 0; i < o->node->expr_count; i++)
        column_gather(&out->columns[i], o->x->window, &keys[i], rows, n);
    return out;
}

static struct block *tombstones(struct op *o, const struct block *b, const struct column *keys)
{
    struct block *out = replaced_block(o, b, keys, OP_DELETE);
    for (uint32_t c = o->node->expr_count; c < out->schema->count; c++)
        for (uint32_t i = 0; i < out->rows; i++)
            column_set_null(&out->columns[c], o->x->window, i, out->rows);
    return out;
}

// Step by step: what is replaced (-U where wanted, -D), then the result.
static bool emit_steps(struct op *o, const struct results *r, struct block *gone, struct err *e)
{
    const struct session_op *s = o->state;
    struct arena *a = o->x->window;
    const uint32_t steps = (uint32_t)s->steps.n;
    const uint32_t replaced = (uint32_t)s->replaced.n;
    const struct block *parts[3] = {r->after, gone, r->before};
    uint32_t *idx = ARENA_ARRAY(a, uint32_t, steps + 2 * (size_t)replaced + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < steps; i++) {
        const struct session_step *step = &s->steps.v[i];
        for (uint32_t k = step->first; k < step->first + step->count; k++) {
            if (r->before)
                idx[n++] = steps + replaced + k;
            if (s->replaced.v[k].gone)
                idx[n++] = steps + k;
        }
        idx[n++] = i;
    }
    struct block *all = block_concat(a, parts, r->before ? 3 : 2);
    struct block *out = block_gather(a, all, idx, n);
    out->schema = o->node->schema;
    op_origin_results(o, out);
    return op_emit(o, out, e);
}

static bool emit_changes(struct op *o, const struct block *b, const struct column *keys,
                         struct err *e)
{
    const struct results r = {
        .after = after_block(o, b, keys),
        .before = o->node->before ? replaced_block(o, b, keys, OP_UPDATE_BEFORE) : NULL,
    };
    return run_aggregates(o, b, &r, e) && emit_steps(o, &r, tombstones(o, b, keys), e);
}

static bool emit_closed(struct op *o, const struct block *b, struct err *e)
{
    struct session_op *s = o->state;
    struct arena *a = o->x->window;
    const struct phys_node *node = o->node;
    const uint32_t n = (uint32_t)s->closing.n;
    if (!run_aggregates(o, b, &(struct results){NULL, NULL}, e))
        return false;
    struct block *out = new_block(o, n);
    const void **states = ARENA_ARRAY(a, const void *, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        const struct closing *c = &s->closing.v[i];
        const struct str key = group_key_bytes(c->group->key);
        struct cursor in = {(const uint8_t *)key.p, (const uint8_t *)key.p + key.n};
        if (!keycodec_decode(out->columns, node->expr_count, i, a, &in, e))
            return err_wrap(e, "%.*s", STR_ARG(node->name));
        put_row(out, i, c->session->start, c->session->end, b, c->row);
        out->op[i] = OP_INSERT;
    }
    for (uint32_t k = 0; k < node->agg_count; k++) {
        const struct phys_agg *agg = &node->aggs[k];
        for (uint32_t i = 0; i < n; i++)
            states[i] = agg_state(agg, session_states(s->closing.v[i].session));
        agg->agg->emit(&agg->ctx, &out->columns[node->expr_count + k], a, states, 0, n);
    }
    op_origin_results(o, out);
    return op_emit(o, out, e);
}

static bool run_block(struct op *o, const struct block *b, struct err *e)
{
    struct session_op *s = o->state;
    if (!agg_keys_make(&s->keys, o, b, e) || !place_rows(o, b, e))
        return false;
    if (o->node->plan->window.final)
        return emit_closed(o, b, e);
    return emit_changes(o, b, s->keys.columns, e);
}

static bool session_push(struct op *o, uint32_t input, const struct block *b, struct err *e)
{
    assert(input == 0);
    const bool ok = run_block(o, b, e);
    free_block(o);
    return ok;
}

// --- batches ------------------------------------------------------------------------------------

// With a store the heap holds the groups of this batch only: the others are found there.
static void clear_due(struct session_op *s)
{
    for (size_t i = 0; i < s->due.of.n; i++)
        ((struct sessions *)group_state(s->due.of.v[i].group))->queued = INT64_MAX;
    s->due.of.n = 0;
}

static bool session_begin(struct op *o, struct err *e)
{
    struct session_op *s = o->state;
    s->looked = s->next = INT64_MIN;
    return groups_begin(s->groups, e);
}

static bool session_save(struct op *o, struct kv_txn *t, struct err *e)
{
    struct session_op *s = o->state;
    const int64_t time = *groups_stream_time(s->groups);
    const bool keeps = o->node->plan->window.final || time == GROUPS_NO_TIME;
    return groups_save(s->groups, t, keeps ? GROUPS_NO_TIME : time - s->retention, e);
}

static void session_committed(struct op *o)
{
    struct session_op *s = o->state;
    if (o->x->spec.kv)
        clear_due(s);
    groups_committed(s->groups, o->x->spec.cache_max);
}

static void session_rollback(struct op *o)
{
    struct session_op *s = o->state;
    s->due.of.n = 0;
    groups_rollback(s->groups);
}

static size_t session_dirty_bytes(const struct op *o)
{
    return groups_dirty_bytes(((const struct session_op *)o->state)->groups);
}

const struct op_type op_session = {
    .name = "session",
    .open = session_open,
    .push = session_push,
    .begin = session_begin,
    .save = session_save,
    .committed = session_committed,
    .rollback = session_rollback,
    .dirty_bytes = session_dirty_bytes,
    .close = session_close,
};
