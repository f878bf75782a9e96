#include "sql/exec/session.h"

#include <assert.h>

struct session *session_new(const struct phys_node *n, int64_t start, int64_t end)
{
    struct session *s = mem_alloc((sizeof *s + 15) / 16 * 16 + n->state_bytes);
    *s = (struct session){start, end};
    agg_states_init(n, session_states(s));
    return s;
}

void session_free(const struct phys_node *n, struct session *s)
{
    agg_states_drop(n, session_states(s));
    mem_free(s);
}

uint32_t sessions_from(const struct sessions *s, int64_t time)
{
    uint32_t low = 0;
    uint32_t high = s->n;
    if (s->n && s->v[s->n - 1]->end < time) // most records come in order
        return s->n;
    while (low < high) {
        const uint32_t mid = low + (high - low) / 2;
        if (s->v[mid]->end < time)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

void sessions_insert(struct sessions *s, uint32_t at, struct session *one)
{
    assert(at <= s->n);
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 1;
        s->v = mem_realloc(s->v, mem_array_bytes(s->cap, sizeof(struct session *)));
    }
    memmove(s->v + at + 1, s->v + at, (s->n - at) * sizeof(struct session *));
    s->v[at] = one;
    s->n++;
}

void sessions_remove(struct sessions *s, uint32_t from, uint32_t to)
{
    assert(from <= to && to <= s->n);
    memmove(s->v + from, s->v + to, (s->n - to) * sizeof(struct session *));
    s->n -= to - from;
}

static void list_init(const void *ctx, void *state)
{
    assert(ctx);
    *(struct sessions *)state = (struct sessions){.queued = INT64_MAX};
}

static void list_save(const void *ctx, struct buf *out, const void *state)
{
    const struct sessions *s = state;
    buf_varint(out, s->n);
    for (uint32_t i = 0; i < s->n; i++) {
        buf_le64(out, (uint64_t)s->v[i]->start);
        buf_le64(out, (uint64_t)s->v[i]->end);
        agg_states_save(ctx, out, session_states(s->v[i]));
    }
}

static bool malformed(struct err *e)
{
    return err_fail(e, ERR_DATA, "stored sessions are malformed");
}

static bool list_load(const void *ctx, void *state, struct cursor *in, struct err *e)
{
    struct sessions *s = state;
    uint64_t n = 0;
    if (!cur_varint(in, &n) || n > UINT32_MAX)
        return malformed(e);
    while (n--) {
        uint64_t start = 0;
        uint64_t end = 0;
        if (!cur_le64(in, &start) || !cur_le64(in, &end))
            return malformed(e);
        struct session *one = session_new(ctx, (int64_t)start, (int64_t)end);
        const bool in_order = s->n == 0 || s->v[s->n - 1]->end < one->start;
        sessions_insert(s, s->n, one);
        if (!in_order || one->start > one->end)
            return malformed(e);
        if (!agg_states_load(ctx, session_states(one), in, e))
            return false;
    }
    return true;
}

static void list_drop(const void *ctx, void *state)
{
    struct sessions *s = state;
    for (uint32_t i = 0; i < s->n; i++)
        session_free(ctx, s->v[i]);
    mem_free(s->v);
}

static size_t list_heap(const void *ctx, const void *state)
{
    const struct phys_node *n = ctx;
    const struct sessions *s = state;
    size_t bytes = s->cap * sizeof(struct session *);
    bytes += s->n * (sizeof(struct session) + 16 + n->state_bytes);
    for (uint32_t i = 0; agg_states_have_heap(n) && i < s->n; i++)
        bytes += agg_states_heap(n, session_states(s->v[i]));
    return bytes;
}

// By which the store finds the key: EMIT FINAL asks for the session that closes first, expiry for the last one.
static int64_t list_time(const void *ctx, const void *state)
{
    const struct phys_node *n = ctx;
    const struct sessions *s = state;
    assert(s->n > 0);
    return s->v[n->plan->window.final ? 0 : s->n - 1]->end;
}

const struct groups_type sessions_type = {
    .init = list_init,
    .save = list_save,
    .load = list_load,
    .drop = list_drop,
    .heap_bytes = list_heap,
    .time = list_time,
};
