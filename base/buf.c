#include "base/buf.h"

#include "base/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

void buf_init(struct buf *out, size_t max)
{
    assert(max > 0);
    *out = (struct buf){.max = max};
}

void buf_fini(struct buf *s)
{
    mem_free(s->p);
    s->p = NULL;
    s->n = s->cap = 0;
}

void buf_clear(struct buf *s)
{
    s->n = 0;
    s->failed = false;
}

char *buf_room_slow(struct buf *s, size_t bytes)
{
    if (s->failed)
        return NULL;
    if (bytes > s->max || s->n > s->max - bytes) {
        s->failed = true;
        return NULL;
    }
    if (s->cap - s->n < bytes) {
        size_t cap = s->cap ? s->cap * 2 : 64;
        while (cap < s->n + bytes)
            cap *= 2;
        s->cap = cap > s->max ? s->max : cap;
        s->p = mem_realloc(s->p, s->cap);
    }
    return s->p + s->n;
}

void buf_put(struct buf *s, const void *p, size_t n)
{
    if (n == 0)
        return;
    char *to = buf_room(s, n);
    if (!to)
        return;
    memcpy(to, p, n);
    s->n += n;
}

void buf_str(struct buf *s, struct str v)
{
    buf_put(s, v.p, v.n);
}

void buf_text(struct buf *s, const char *z)
{
    buf_put(s, z, strlen(z));
}

void buf_printf(struct buf *s, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    assert(n >= 0);
    // One byte more for the NUL that vsnprintf writes.
    char *to = buf_room(s, (size_t)n + 1);
    if (!to)
        return;
    va_start(args, fmt);
    vsnprintf(to, (size_t)n + 1, fmt, args);
    va_end(args);
    s->n += (size_t)n;
}

void buf_u64(struct buf *s, uint64_t v)
{
    char digits[20];
    size_t i = sizeof digits;
    do {
        digits[--i] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    buf_put(s, digits + i, sizeof digits - i);
}

void buf_i64(struct buf *s, int64_t v)
{
    if (v < 0)
        buf_char(s, '-');
    buf_u64(s, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void buf_hex(struct buf *s, const void *p, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *b = p;
    char *to = buf_room(s, 2 * n);
    if (!to)
        return;
    for (size_t i = 0; i < n; i++) {
        to[2 * i] = hex[b[i] >> 4];
        to[2 * i + 1] = hex[b[i] & 15];
    }
    s->n += 2 * n;
}

bool buf_ok(const struct buf *s, const char *what, struct err *e)
{
    return !s->failed || err_fail(e, ERR_LIMIT, "%s is longer than %zu bytes", what, s->max);
}

void buf_u8(struct buf *s, uint8_t v)
{
    buf_char(s, (char)v);
}

void buf_le32(struct buf *s, uint32_t v)
{
    unsigned char b[4];
    for (int i = 0; i < 4; i++)
        b[i] = (unsigned char)(v >> (8 * i));
    buf_put(s, b, sizeof b);
}

void buf_le64(struct buf *s, uint64_t v)
{
    unsigned char b[8];
    for (int i = 0; i < 8; i++)
        b[i] = (unsigned char)(v >> (8 * i));
    buf_put(s, b, sizeof b);
}

void buf_varint(struct buf *s, uint64_t v)
{
    unsigned char b[10];
    size_t n = 0;
    while (v >= 0x80) {
        b[n++] = (unsigned char)(v | 0x80);
        v >>= 7;
    }
    b[n++] = (unsigned char)v;
    buf_put(s, b, n);
}

bool cur_u8(struct cursor *c, uint8_t *out)
{
    if (c->p == c->end)
        return false;
    *out = *c->p++;
    return true;
}

bool cur_bytes(struct cursor *c, const uint8_t **out, size_t n)
{
    if ((size_t)(c->end - c->p) < n)
        return false;
    *out = c->p;
    c->p += n;
    return true;
}

bool cur_le32(struct cursor *c, uint32_t *out)
{
    const uint8_t *b;
    if (!cur_bytes(c, &b, 4))
        return false;
    *out = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    return true;
}

bool cur_le64(struct cursor *c, uint64_t *out)
{
    uint32_t low, high;
    if ((size_t)(c->end - c->p) < 8 || !cur_le32(c, &low) || !cur_le32(c, &high))
        return false;
    *out = (uint64_t)high << 32 | low;
    return true;
}

bool cur_varint(struct cursor *c, uint64_t *out)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t b;
        if (!cur_u8(c, &b) || (shift == 63 && b > 1))
            return false;
        v |= (uint64_t)(b & 0x7F) << shift;
        if (!(b & 0x80)) {
            *out = v;
            return true;
        }
    }
    return false;
}
