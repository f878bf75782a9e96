#include "sql/state/groups_internal.h"

#include "base/hash.h"
#include "base/kv.h"
#include "schema/rowcodec.h"

#include <assert.h>

#define STORE_KEY_MAX   511
#define STORE_VALUE_MAX ((size_t)2 << 30)

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
