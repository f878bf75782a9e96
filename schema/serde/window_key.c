#include "schema/serde/window_key.h"

static void put_i64(struct buf *out, int64_t v)
{
    for (int shift = 56; shift >= 0; shift -= 8)
        buf_u8(out, (uint8_t)((uint64_t)v >> shift));
}

static int64_t take_i64(const char *p)
{
    uint64_t v = 0;
    for (size_t i = 0; i < sizeof v; i++)
        v = v << 8 | (uint8_t)p[i];
    return (int64_t)v;
}

void window_key_put(struct buf *out, enum window_key kind, int64_t start, int64_t end)
{
    if (kind == WINDOW_KEY_SESSION)
        put_i64(out, end);
    put_i64(out, start);
}

bool window_key_take(int64_t *start, int64_t *end, struct payload *key, enum window_key kind)
{
    const size_t bytes = sizeof(int64_t) * (kind == WINDOW_KEY_SESSION ? 2 : 1);
    if (!key->p || key->n < bytes)
        return false;
    key->n -= bytes;
    if (kind == WINDOW_KEY_SESSION)
        *end = take_i64(key->p + key->n);
    *start = take_i64(key->p + key->n + bytes - sizeof(int64_t));
    return true;
}
