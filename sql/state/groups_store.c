#include "sql/state/groups_internal.h"

#include "base/hash.h"
#include "base/kv.h"
#include "schema/rowcodec.h"

#include <assert.h>

#define STORE_KEY_MAX   511
#define STORE_VALUE_MAX ((size_t)2 << 30)
#define PREFIX_BYTES    9 // id, kind
#define KEY_I64_BYTES   9 // keycodec_encode_i64
#define DELETE_AT_ONCE  1000

// --- the store's form ---------------------------------------------------------------------------

static void put_prefix(struct buf *out, const struct groups *s, char kind)
{
    for (int shift = 56; shift >= 0; shift -= 8)
        buf_u8(out, (uint8_t)(s->spec.id >> shift));
    buf_char(out, kind);
}

// The key, or its hash: then returns true, and the key itself has to go into the value. Both kinds of keys of a TIMED group
// have the same suffix.
static bool put_suffix(struct buf *out, const struct groups *s, struct str key)
{
    const size_t time_bytes = s->spec.shape == GROUPS_PLAIN ? 0 : KEY_I64_BYTES;
    const bool hashed = PREFIX_BYTES + time_bytes + 1 + key.n > STORE_KEY_MAX;
    buf_u8(out, hashed);
    if (!hashed) {
        buf_str(out, key);
        return false;
    }
    buf_le64(out, hash_bytes(key.p, key.n, 1));
    buf_le64(out, hash_bytes(key.p, key.n, 2));
    return true;
}

static bool put_store_key(struct buf *out, const struct groups *s, struct str key,
                          int64_t window_start)
{
    put_prefix(out, s, 'g');
    if (s->spec.shape == GROUPS_WINDOWED)
        keycodec_encode_i64(out, window_start);
    return put_suffix(out, s, key);
}

static bool put_time_key(struct buf *out, const struct groups *s, struct str key, int64_t time)
{
    put_prefix(out, s, 't');
    keycodec_encode_i64(out, time);
    return put_suffix(out, s, key);
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
    if (s->spec.type->time)
        g->stored_time = s->spec.type->time(s->spec.ctx, group_state(g));
    return true;
}

bool groups_load(struct groups *s, struct group *g, struct err *e)
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

// Moves the entry by which a TIMED group is found.
static bool save_time(struct groups *s, struct kv_txn *t, struct group *g, struct buf *key,
                      struct err *e)
{
    const int64_t time =
        g->present ? s->spec.type->time(s->spec.ctx, group_state(g)) : GROUPS_NO_TIME;
    const int64_t old = g->stored_time;
    g->stored_time = time;
    if (time == old)
        return true;
    if (old != GROUPS_NO_TIME) {
        buf_clear(key);
        (void)put_time_key(key, s, g->key->bytes, old);
        if (!kv_del(t, KV_STATE, buf_view(key), e))
            return false;
    }
    if (time == GROUPS_NO_TIME)
        return true;
    buf_clear(key);
    const bool hashed = put_time_key(key, s, g->key->bytes, time);
    const struct str value = hashed ? g->key->bytes : (struct str){"", 0};
    return kv_put(t, KV_STATE, buf_view(key), value, e);
}

static bool save_group(struct groups *s, struct kv_txn *t, struct group *g, struct buf *key,
                       struct buf *value, struct err *e)
{
    if (s->spec.shape == GROUPS_TIMED && !save_time(s, t, g, key, e))
        return false;
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

// Up to DELETE_AT_ONCE suffixes of 't' entries before `expired`, each behind its length and time.
static bool find_expired(struct buf *out, struct groups *s, struct kv_txn *t, int64_t expired,
                         uint32_t *found, struct err *e)
{
    struct buf prefix;
    struct kv_cursor *c;
    struct str key;
    struct str value;
    enum kv_found got = KV_ABSENT;
    buf_init(&prefix, 64);
    put_prefix(&prefix, s, 't');
    buf_clear(out);
    *found = 0;
    if (!kv_cursor_open(&c, t, KV_STATE, buf_view(&prefix), buf_view(&prefix), e)) {
        buf_fini(&prefix);
        return false;
    }
    while (*found < DELETE_AT_ONCE && (got = kv_cursor_next(c, &key, &value, e)) == KV_FOUND) {
        struct cursor in = {(const uint8_t *)key.p + prefix.n, (const uint8_t *)key.p + key.n};
        int64_t time = 0;
        if (!keycodec_decode_i64(&time, &in) || time >= expired)
            break;
        buf_varint(out, key.n);
        buf_str(out, key);
        ++*found;
    }
    kv_cursor_close(c);
    buf_fini(&prefix);
    return got != KV_FAILED;
}

// Deletes a 't' entry and the group that it finds.
static bool delete_timed(struct groups *s, struct kv_txn *t, struct str time_key, struct err *e)
{
    const size_t from = PREFIX_BYTES + KEY_I64_BYTES;
    struct buf key;
    buf_init(&key, 2 * STORE_KEY_MAX);
    put_prefix(&key, s, 'g');
    buf_put(&key, time_key.p + from, time_key.n - from);
    const bool ok = kv_del(t, KV_STATE, buf_view(&key), e) && kv_del(t, KV_STATE, time_key, e);
    buf_fini(&key);
    return ok;
}

static bool delete_expired_timed(struct groups *s, struct kv_txn *t, int64_t expired, struct err *e)
{
    struct buf keys;
    uint32_t found = DELETE_AT_ONCE;
    bool ok = true;
    buf_init(&keys, (size_t)DELETE_AT_ONCE * 2 * STORE_KEY_MAX);
    while (ok && found == DELETE_AT_ONCE) {
        ok = find_expired(&keys, s, t, expired, &found, e);
        struct cursor in = {(const uint8_t *)keys.p, (const uint8_t *)keys.p + keys.n};
        for (uint32_t i = 0; ok && i < found; i++) {
            uint64_t n = 0;
            const uint8_t *p = NULL;
            ok = cur_varint(&in, &n) && cur_bytes(&in, &p, (size_t)n);
            assert(ok); // written above
            ok = delete_timed(s, t, (struct str){(const char *)p, (size_t)n}, e);
        }
    }
    buf_fini(&keys);
    return ok;
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
    if (ok && s->spec.shape != GROUPS_PLAIN && expired > s->expired) {
        ok = !s->stored || (windowed ? delete_expired : delete_expired_timed)(s, t, expired, e);
        s->expired = expired;
    }
    return ok && save_meta(s, t, e);
}

// --- by time ------------------------------------------------------------------------------------

// The key bytes of a stored entry whose suffix `in` stands at.
static bool entry_key(struct str *out, const struct groups *s, struct cursor *in, struct str value)
{
    uint8_t hashed = 0;
    if (!cur_u8(in, &hashed))
        return false;
    *out = (struct str){(const char *)in->p, (size_t)(in->end - in->p)};
    if (!hashed)
        return true;
    *out = value;
    if (s->spec.shape == GROUPS_TIMED)
        return true;
    struct cursor at = {(const uint8_t *)value.p, (const uint8_t *)value.p + value.n};
    const uint8_t *p = NULL;
    uint64_t n = 0;
    if (!cur_varint(&at, &n) || !cur_bytes(&at, &p, (size_t)n))
        return false;
    *out = (struct str){(const char *)p, (size_t)n};
    return true;
}

static bool load_entry(struct group_list *out, struct groups *s, struct cursor *in, int64_t time,
                       struct str value, struct err *e)
{
    struct str key;
    struct group *g;
    if (!entry_key(&key, s, in, value))
        return err_fail(e, ERR_DATA, "stored state of %s is malformed", s->spec.name);
    if (!groups_get(&g, s, groups_key(s, key, hash_bytes(key.p, key.n, 0)),
                    s->spec.shape == GROUPS_WINDOWED ? time : 0, e))
        return false;
    vec_push(&out->of, g);
    return true;
}

bool groups_stored(struct group_list *out, int64_t *next, struct groups *s, int64_t from,
                   int64_t to, struct err *e)
{
    assert(s->spec.shape != GROUPS_PLAIN);
    struct buf prefix;
    struct buf start;
    struct kv_cursor *c = NULL;
    struct str key;
    struct str value;
    *next = INT64_MAX;
    if (!s->stored)
        return true;
    if (!*s->spec.read && !kv_begin_read(s->spec.read, s->spec.kv, e))
        return false;
    buf_init(&prefix, 64);
    buf_init(&start, 64);
    put_prefix(&prefix, s, s->spec.shape == GROUPS_WINDOWED ? 'g' : 't');
    buf_str(&start, buf_view(&prefix));
    keycodec_encode_i64(&start, from);
    bool ok = kv_cursor_open(&c, *s->spec.read, KV_STATE, buf_view(&prefix), buf_view(&start), e);
    for (bool more = ok; ok && more;) {
        const enum kv_found found = kv_cursor_next(c, &key, &value, e);
        int64_t time = INT64_MAX;
        ok = found != KV_FAILED;
        more = found == KV_FOUND;
        if (!more)
            break;
        struct cursor in = {(const uint8_t *)key.p + prefix.n, (const uint8_t *)key.p + key.n};
        if (!keycodec_decode_i64(&time, &in))
            ok = err_fail(e, ERR_DATA, "stored state of %s is malformed", s->spec.name);
        else if (time <= to)
            ok = load_entry(out, s, &in, time, value, e);
        else
            *next = time;
        more &= time <= to;
    }
    kv_cursor_close(c);
    buf_fini(&start);
    buf_fini(&prefix);
    return ok;
}
