#include "sql/state/groups.h"

#include "base/hash.h"
#include "base/kv.h"
#include "base/vec.h"
#include "schema/rowcodec.h"

#include <assert.h>
#include <stdlib.h>

#define STORE_KEY_MAX   511
#define STORE_VALUE_MAX ((size_t)2 << 30)
#define TABLE_MIN       1024
#define RECOUNT_CREDIT  1024
// What the store adds to a dirty group: page, key prefix.
#define STORE_OVERHEAD 96

struct group_key {
    uint64_t hash;
    struct str bytes;
    struct group **windows; // ascending by window start
    uint32_t n, cap;
    uint32_t hint;  // of the window found last
    uint64_t batch; // in which it was last used
};

struct groups {
    struct groups_spec spec;
    struct arena *arena; // keys and groups
    struct group_key **table;
    size_t slots, count;
    size_t group_bytes;
    size_t bytes; // of keys and groups, heap parts of clean ones included at commit
    VEC(struct group *) dirty;
    size_t dirty_bytes;
    size_t dirty_heap, recount; // heap parts at the last count; credit towards the next one
    bool sorted;
    bool stored; // the store holds groups of this operator
    bool begun;
    uint64_t batch;
    int64_t stream_time, saved_time;
    int64_t expired; // of the last save
};

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

// --- the store's form ---------------------------------------------------------------------------

static void put_prefix(struct buf *out, const struct groups *s, char kind)
{
    for (int shift = 56; shift >= 0; shift -= 8)
        buf_u8(out, (uint8_t)(s->spec.id >> shift));
    buf_char(out, kind);
}

// Returns whether the key itself had to go into the value.
static bool put_store_key(struct buf *out, const struct groups *s, struct str key,
                          int64_t window_start)
{
    put_prefix(out, s, 'g');
    if (s->spec.shape == GROUPS_WINDOWED)
        keycodec_encode_i64(out, window_start);
    const bool hashed = out->n + 1 + key.n > STORE_KEY_MAX;
    buf_u8(out, hashed);
    if (!hashed) {
        buf_str(out, key);
        return false;
    }
    buf_le64(out, hash_bytes(key.p, key.n, 1));
    buf_le64(out, hash_bytes(key.p, key.n, 2));
    return true;
}

static void put_value(struct buf *out, const struct groups *s, struct group *g, bool with_key)
{
    const struct str key = g->key->bytes;
    if (with_key) {
        buf_varint(out, key.n);
        buf_str(out, key);
    }
    buf_le64(out, (uint64_t)g->rowtime);
    s->spec.type->save(s->spec.ctx, out, group_state(g));
}

static bool read_value(const struct groups *s, struct group *g, bool with_key, struct str value,
                       struct err *e)
{
    struct cursor in = {(const uint8_t *)value.p, (const uint8_t *)value.p + value.n};
    const struct str key = g->key->bytes;
    const uint8_t *stored = NULL;
    uint64_t n = 0;
    uint64_t rowtime = 0;
    if (with_key && (!cur_varint(&in, &n) || n > value.n || !cur_bytes(&in, &stored, (size_t)n)))
        return err_fail(e, ERR_DATA, "stored state of %s is malformed", s->spec.name);
    if (with_key && !str_eq((struct str){(const char *)stored, (size_t)n}, key))
        return err_fail(e, ERR_BUG, "two keys of %s have the same 128 bit hash", s->spec.name);
    if (!cur_le64(&in, &rowtime))
        return err_fail(e, ERR_DATA, "stored state of %s is malformed", s->spec.name);
    g->rowtime = (int64_t)rowtime;
    if (!s->spec.type->load(s->spec.ctx, group_state(g), &in, e))
        return err_wrap(e, "%s", s->spec.name);
    if (in.p != in.end)
        return err_fail(e, ERR_DATA, "stored state of %s is longer than it should be",
                        s->spec.name);
    g->present = true;
    return true;
}

static bool load_group(struct groups *s, struct group *g, struct err *e)
{
    struct buf key;
    struct str value;
    if (!s->stored || (s->spec.shape == GROUPS_WINDOWED && g->window_start < s->expired))
        return true;
    if (!*s->spec.read && !kv_begin_read(s->spec.read, s->spec.kv, e))
        return false;
    buf_init(&key, 2 * STORE_KEY_MAX);
    const bool hashed = put_store_key(&key, s, g->key->bytes, g->window_start);
    const enum kv_found found = kv_get(&value, *s->spec.read, KV_STATE, buf_view(&key), e);
    buf_fini(&key);
    if (found == KV_FOUND)
        return read_value(s, g, hashed, value, e);
    return found == KV_ABSENT;
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
    s->spec.type->init(s->spec.ctx, group_state(g));
    if (!load_group(s, g, e)) {
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

static bool load_meta(struct groups *s, struct kv_txn *t, struct err *e)
{
    struct buf key;
    struct str value;
    buf_init(&key, 64);
    put_prefix(&key, s, 'm');
    const enum kv_found found = kv_get(&value, t, KV_STATE, buf_view(&key), e);
    buf_fini(&key);
    if (found == KV_FAILED)
        return false;
    // The meta key is written with the first groups, so its absence means that there are none.
    s->stored = found == KV_FOUND;
    s->stream_time = s->saved_time = s->expired = GROUPS_NO_TIME;
    if (!s->stored)
        return true;
    struct cursor in = {(const uint8_t *)value.p, (const uint8_t *)value.p + value.n};
    uint64_t time = 0;
    uint64_t expired = 0;
    if (!cur_le64(&in, &time) || !cur_le64(&in, &expired))
        return err_fail(e, ERR_DATA, "stored stream time of %s is malformed", s->spec.name);
    s->stream_time = s->saved_time = (int64_t)time;
    s->expired = (int64_t)expired;
    return true;
}

bool groups_begin(struct groups *s, struct err *e)
{
    s->batch++;
    if (s->begun || !s->spec.kv)
        return true;
    if (!*s->spec.read && !kv_begin_read(s->spec.read, s->spec.kv, e))
        return false;
    if (!load_meta(s, *s->spec.read, e))
        return false;
    s->begun = true;
    return true;
}

static bool save_group(struct groups *s, struct kv_txn *t, struct group *g, struct buf *key,
                       struct buf *value, struct err *e)
{
    buf_clear(key);
    buf_clear(value);
    const bool hashed = put_store_key(key, s, g->key->bytes, g->window_start);
    if (!g->present)
        return kv_del(t, KV_STATE, buf_view(key), e);
    put_value(value, s, g, hashed);
    if (!buf_ok(value, "state of one group", e))
        return err_wrap(e, "%s", s->spec.name);
    return kv_put(t, KV_STATE, buf_view(key), buf_view(value), e);
}

// Windows lie in the store by their start: everything in front of `expired` goes, start by start.
static bool delete_expired(struct groups *s, struct kv_txn *t, int64_t expired, struct err *e)
{
    struct buf prefix;
    buf_init(&prefix, 64);
    bool ok = true;
    for (bool more = true; ok && more;) {
        struct kv_cursor *c;
        struct str key;
        struct str value;
        int64_t start = 0;
        buf_clear(&prefix);
        put_prefix(&prefix, s, 'g');
        ok = kv_cursor_open(&c, t, KV_STATE, buf_view(&prefix), buf_view(&prefix), e);
        if (!ok)
            break;
        const enum kv_found found = kv_cursor_next(c, &key, &value, e);
        ok = found != KV_FAILED;
        if (found == KV_FOUND) {
            struct cursor in = {(const uint8_t *)key.p + prefix.n, (const uint8_t *)key.p + key.n};
            more = keycodec_decode_i64(&start, &in) && start < expired;
        } else {
            more = false;
        }
        kv_cursor_close(c);
        keycodec_encode_i64(&prefix, start);
        if (ok && more)
            ok = kv_del_prefix(t, KV_STATE, buf_view(&prefix), e);
    }
    buf_fini(&prefix);
    return ok;
}

static bool save_meta(struct groups *s, struct kv_txn *t, struct err *e)
{
    struct buf key;
    struct buf value;
    buf_init(&key, 64);
    buf_init(&value, 64);
    put_prefix(&key, s, 'm');
    buf_le64(&value, (uint64_t)s->stream_time);
    buf_le64(&value, (uint64_t)s->expired);
    const bool ok = kv_put(t, KV_STATE, buf_view(&key), buf_view(&value), e);
    buf_fini(&key);
    buf_fini(&value);
    return ok;
}

bool groups_save(struct groups *s, struct kv_txn *t, int64_t expired, struct err *e)
{
    assert(!*s->spec.read && s->spec.kv);
    const bool windowed = s->spec.shape == GROUPS_WINDOWED;
    size_t n;
    struct group *const *dirty = groups_dirty(s, &n);
    struct buf key;
    struct buf value;
    buf_init(&key, 2 * STORE_KEY_MAX);
    buf_init(&value, STORE_VALUE_MAX);
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++)
        if (!windowed || dirty[i]->window_start >= expired)
            ok = save_group(s, t, dirty[i], &key, &value, e);
    buf_fini(&key);
    buf_fini(&value);
    if (ok && windowed && expired > s->expired) {
        ok = !s->stored || delete_expired(s, t, expired, e);
        s->expired = expired;
    }
    return ok && save_meta(s, t, e);
}

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
    const int64_t window = s->spec.shape == GROUPS_WINDOWED ? s->expired : INT64_MIN;
    if (s->spec.kv && s->bytes > cache_max)
        rebuild(s, (struct keep){s->batch, window});
    else if (moved && s->bytes > cache_max / 2) // expired windows are never touched again: no hurry
        rebuild(s, (struct keep){0, window});
    if (s->spec.kv && s->bytes > cache_max)
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
