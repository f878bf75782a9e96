#include "sql/state/groups_internal.h"

#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>

#define TABLE_MIN      1024
#define RECOUNT_CREDIT 1024
// What the store adds to a dirty group: page, key prefix.
#define STORE_OVERHEAD 96

static size_t group_size(const struct groups_spec *spec)
{
    return (sizeof(struct group) + 15) / 16 * 16 + spec->state_bytes;
}

static void reset_table(struct groups *s)
{
    s->arena = arena_new(NULL);
    s->slots = TABLE_MIN;
    s->table = mem_zalloc(mem_array_bytes(s->slots, sizeof(struct group_key *)));
    s->count = 0;
    s->bytes = 0;
}

struct groups *groups_new(const struct groups_spec *spec)
{
    assert(spec->state_bytes % 16 == 0 && spec->type->init);
    struct groups *s = mem_zalloc(sizeof *s);
    s->spec = *spec;
    s->group_bytes = group_size(spec);
    s->stream_time = s->saved_time = s->expired = GROUPS_NO_TIME;
    reset_table(s);
    return s;
}

static void drop_group(struct groups *s, struct group *g)
{
    if (s->spec.type->drop)
        s->spec.type->drop(s->spec.ctx, group_state(g));
}

static void drop_all(struct groups *s)
{
    for (size_t i = 0; i < s->slots; i++)
        for (uint32_t k = 0; s->table[i] && k < s->table[i]->n; k++)
            drop_group(s, s->table[i]->windows[k]);
    for (size_t i = 0; i < s->slots; i++)
        if (s->table[i])
            mem_free(s->table[i]->windows);
    mem_free(s->table);
    arena_free(s->arena);
}

void groups_free(struct groups *s)
{
    if (!s)
        return;
    drop_all(s);
    vec_fini(&s->dirty);
    mem_free(s);
}

// --- keys ---------------------------------------------------------------------------------------

static void insert_key(struct groups *s, struct group_key *k)
{
    size_t at = (size_t)k->hash & (s->slots - 1);
    while (s->table[at])
        at = (at + 1) & (s->slots - 1);
    s->table[at] = k;
}

static void grow_table(struct groups *s)
{
    struct group_key **old = s->table;
    const size_t slots = s->slots;
    s->slots *= 2;
    s->table = mem_zalloc(mem_array_bytes(s->slots, sizeof(struct group_key *)));
    for (size_t i = 0; i < slots; i++)
        if (old[i])
            insert_key(s, old[i]);
    mem_free(old);
}

struct group_key *groups_key(struct groups *s, struct str bytes, uint64_t hash)
{
    size_t at = (size_t)hash & (s->slots - 1);
    for (; s->table[at]; at = (at + 1) & (s->slots - 1)) {
        struct group_key *k = s->table[at];
        if (k->hash == hash && str_eq(k->bytes, bytes)) {
            k->batch = s->batch;
            return k;
        }
    }
    struct group_key *k = ARENA_NEW(s->arena, struct group_key);
    k->hash = hash;
    k->bytes = arena_str(s->arena, bytes);
    k->batch = s->batch;
    s->bytes += sizeof *k + bytes.n + 2 * sizeof(struct group_key *);
    s->table[at] = k;
    if (++s->count > s->slots / 2)
        grow_table(s);
    return k;
}

struct str group_key_bytes(const struct group_key *k)
{
    return k->bytes;
}

// --- groups -------------------------------------------------------------------------------------

// Position of the first window >= window_start; consecutive records mostly hit the same few.
static uint32_t find_window(const struct group_key *k, int64_t window_start)
{
    for (uint32_t i = k->hint; i < k->n && i < k->hint + 2; i++)
        if (k->windows[i]->window_start == window_start)
            return i;
    uint32_t low = 0;
    uint32_t high = k->n;
    while (low < high) {
        const uint32_t mid = low + (high - low) / 2;
        if (k->windows[mid]->window_start < window_start)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void insert_window(struct group_key *k, uint32_t at, struct group *g)
{
    if (k->n == k->cap) {
        k->cap = k->cap ? k->cap * 2 : 1;
        k->windows = mem_realloc(k->windows, mem_array_bytes(k->cap, sizeof(struct group *)));
    }
    memmove(k->windows + at + 1, k->windows + at, (k->n - at) * sizeof(struct group *));
    k->windows[at] = g;
    k->n++;
}

bool groups_get(struct group **out, struct groups *s, struct group_key *k, int64_t window_start,
                struct err *e)
{
    const uint32_t at = find_window(k, window_start);
    k->hint = at;
    if (at < k->n && k->windows[at]->window_start == window_start) {
        *out = k->windows[at];
        return true;
    }
    struct group *g = arena_zalloc(s->arena, s->group_bytes);
    g->key = k;
    g->window_start = window_start;
    g->rowtime = INT64_MIN;
    g->stored_time = GROUPS_NO_TIME;
    s->spec.type->init(s->spec.ctx, group_state(g));
    if (!groups_load(s, g, e)) {
        drop_group(s, g);
        return false;
    }
    if (s->spec.type->heap_bytes)
        g->heap = s->spec.type->heap_bytes(s->spec.ctx, group_state(g));
    s->bytes += s->group_bytes + sizeof(struct group *) + g->heap;
    insert_window(k, at, g);
    *out = g;
    return true;
}

void groups_touch_slow(struct groups *s, struct group *g)
{
    assert(!g->dirty);
    g->dirty = true;
    g->was_present = g->present;
    g->note = 0;
    vec_push(&s->dirty, g);
    s->dirty_bytes += s->group_bytes + g->key->bytes.n + STORE_OVERHEAD;
    s->sorted = false;
}

static int compare_groups(const void *x, const void *y)
{
    const struct group *a = *(struct group *const *)x;
    const struct group *b = *(struct group *const *)y;
    const int keys = a->key == b->key ? 0 : str_cmp(a->key->bytes, b->key->bytes);
    if (keys)
        return keys;
    return (a->window_start > b->window_start) - (a->window_start < b->window_start);
}

struct group *const *groups_dirty(struct groups *s, size_t *n)
{
    if (!s->sorted && s->dirty.n)
        qsort(s->dirty.v, s->dirty.n, sizeof(struct group *), compare_groups);
    s->sorted = true;
    *n = s->dirty.n;
    return s->dirty.v;
}

// Asked once per window. Heap parts are counted anew only when the calls since have paid for looking at every dirty group.
size_t groups_dirty_bytes(struct groups *s)
{
    if (!s->spec.type->heap_bytes || s->dirty.n == 0)
        return s->dirty_bytes;
    s->recount += RECOUNT_CREDIT;
    if (s->recount >= s->dirty.n) {
        s->recount = 0;
        s->dirty_heap = 0;
        for (size_t i = 0; i < s->dirty.n; i++)
            s->dirty_heap += s->spec.type->heap_bytes(s->spec.ctx, group_state(s->dirty.v[i]));
    }
    return s->dirty_bytes + s->dirty_heap;
}

int64_t *groups_stream_time(struct groups *s)
{
    return &s->stream_time;
}

// --- batches ------------------------------------------------------------------------------------

// Which groups stay in memory.
struct keep {
    uint64_t batch; // keys used since
    int64_t window; // windows from
};

static void move_key(struct groups *s, const struct group_key *old, struct keep keep)
{
    struct group_key *k = groups_key(s, old->bytes, old->hash);
    k->batch = old->batch;
    for (uint32_t i = 0; i < old->n; i++) {
        struct group *g = old->windows[i];
        if (old->batch < keep.batch || g->window_start < keep.window) {
            drop_group(s, g);
            continue;
        }
        struct group *copy = arena_alloc(s->arena, s->group_bytes);
        memcpy(copy, g, s->group_bytes);
        copy->key = k;
        s->bytes += s->group_bytes + sizeof(struct group *) + g->heap;
        insert_window(k, k->n, copy);
    }
}

static void rebuild(struct groups *s, struct keep keep)
{
    assert(!s->dirty.n);
    struct group_key **table = s->table;
    const size_t slots = s->slots;
    struct arena *arena = s->arena;
    reset_table(s);
    for (size_t i = 0; i < slots; i++) {
        struct group_key *old = table[i];
        if (!old)
            continue;
        bool any = false;
        for (uint32_t k = 0; k < old->n; k++)
            any |= old->batch >= keep.batch && old->windows[k]->window_start >= keep.window;
        if (any)
            move_key(s, old, keep);
        for (uint32_t k = 0; !any && k < old->n; k++)
            drop_group(s, old->windows[k]);
        mem_free(old->windows);
    }
    mem_free(table);
    arena_free(arena);
}

static void clean_dirty(struct groups *s)
{
    for (size_t i = 0; i < s->dirty.n; i++) {
        struct group *g = s->dirty.v[i];
        g->dirty = false;
        if (!s->spec.type->heap_bytes)
            continue;
        const size_t heap = s->spec.type->heap_bytes(s->spec.ctx, group_state(g));
        s->bytes = s->bytes - g->heap + heap;
        g->heap = heap;
    }
    s->dirty.n = 0;
    s->dirty_bytes = 0;
    s->dirty_heap = s->recount = 0;
}

void groups_committed(struct groups *s, size_t cache_max)
{
    const bool moved = s->saved_time != s->stream_time;
    clean_dirty(s);
    s->saved_time = s->stream_time;
    s->stored = s->spec.kv != NULL;
    if (!s->spec.kv)
        return; // nothing to evict into: groups stay where they are
    const int64_t window = s->spec.shape == GROUPS_WINDOWED ? s->expired : INT64_MIN;
    if (s->bytes > cache_max)
        rebuild(s, (struct keep){s->batch, window});
    else if (moved && s->bytes > cache_max / 2) // expired windows are never touched again: no hurry
        rebuild(s, (struct keep){0, window});
    if (s->bytes > cache_max)
        rebuild(s, (struct keep){s->batch + 1, window});
}

void groups_rollback(struct groups *s)
{
    s->dirty.n = 0;
    s->dirty_bytes = 0;
    s->dirty_heap = s->recount = 0;
    s->stream_time = s->saved_time;
    drop_all(s);
    reset_table(s);
    s->begun = false; // the stored times may be ahead of nothing: read them again
}
