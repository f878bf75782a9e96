#include "base/buf.h"

#include "base/mem.h"

#include <assert.h>
#include <endian.h>
#include <stdarg.h>
#include <stdio.h>

enum { BUF_FIRST = 64, VARINT_MAX = 10 };

void buf_init(struct buf *out, size_t max)
{
    assert(out && max > 0);
    *out = (struct buf){.max = max};
}

void buf_fini(struct buf *s)
{
    mem_free(s->p);
    *s = (struct buf){.max = s->max};
}

void buf_clear(struct buf *s)
{
    s->n = 0;
    s->failed = false;
}

char *buf_room_slow(struct buf *s, size_t bytes)
{
    assert(s->max > 0 && s->n <= s->max);
    if (s->failed || bytes > s->max - s->n) {
        s->failed = true;
        return NULL;
    }
    const size_t want = s->n + bytes;
    if (want > s->cap || !s->p) {
        size_t cap = s->cap ? s->cap * 2 : BUF_FIRST;
        if (cap < want)
            cap = want;
        if (cap > s->max)
            cap = s->max;
        s->p = mem_realloc(s->p, cap);
        s->cap = cap;
    }
    return s->p + s->n;
}

void buf_put(struct buf *s, const void *p, size_t n)
{
    if (n == 0)
        return;
    char *at = buf_room(s, n);
    if (at) {
        memcpy(at, p, n);
        s->n += n;
    }
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
    char small[256];
    va_list ap;
    va_start(ap, fmt);
    va_list again;
    va_copy(again, ap);
    const int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    assert(n >= 0);
    if ((size_t)n < sizeof small) {
        buf_put(s, small, (size_t)n);
    } else {
        char *big = mem_alloc((size_t)n + 1);
        vsnprintf(big, (size_t)n + 1, fmt, again);
        buf_put(s, big, (size_t)n);
        mem_free(big);
    }
    va_end(again);
}

void buf_u64(struct buf *s, uint64_t v)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    buf_put(s, digits + at, sizeof digits - at);
}

void buf_i64(struct buf *s, int64_t v)
{
    if (v < 0)
        buf_char(s, '-');
    buf_u64(s, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void buf_hex(struct buf *s, const void *p, size_t n)
{
    static const char digit[] = "0123456789abcdef";
    const unsigned char *u = p;
    if (n == 0)
        return;
    char *at = buf_room(s, mem_array_bytes(n, 2));
    if (!at)
        return;
    for (size_t i = 0; i < n; i++) {
        at[2 * i] = digit[u[i] >> 4];
        at[2 * i + 1] = digit[u[i] & 15];
    }
    s->n += 2 * n;
}

bool buf_ok(const struct buf *s, const char *what, struct err *e)
{
    if (!s->failed)
        return true;
    return err_fail(e, ERR_LIMIT, "%s is larger than the allowed %zu bytes", what, s->max);
}

void buf_u8(struct buf *s, uint8_t v)
{
    buf_char(s, (char)v);
}

void buf_le32(struct buf *s, uint32_t v)
{
    v = htole32(v);
    buf_put(s, &v, sizeof v);
}

void buf_le64(struct buf *s, uint64_t v)
{
    v = htole64(v);
    buf_put(s, &v, sizeof v);
}

void buf_varint(struct buf *s, uint64_t v)
{
    unsigned char bytes[VARINT_MAX];
    size_t n = 0;
    while (v >= 0x80) {
        bytes[n++] = (unsigned char)(v | 0x80);
        v >>= 7;
    }
    bytes[n++] = (unsigned char)v;
    buf_put(s, bytes, n);
}

static size_t cur_left(const struct cursor *c)
{
    assert(c->p <= c->end);
    return (size_t)(c->end - c->p);
}

bool cur_u8(struct cursor *c, uint8_t *out)
{
    if (cur_left(c) < 1)
        return false;
    *out = *c->p++;
    return true;
}

bool cur_le32(struct cursor *c, uint32_t *out)
{
    uint32_t v = 0;
    if (cur_left(c) < sizeof v)
        return false;
    memcpy(&v, c->p, sizeof v);
    c->p += sizeof v;
    *out = le32toh(v);
    return true;
}

bool cur_le64(struct cursor *c, uint64_t *out)
{
    uint64_t v = 0;
    if (cur_left(c) < sizeof v)
        return false;
    memcpy(&v, c->p, sizeof v);
    c->p += sizeof v;
    *out = le64toh(v);
    return true;
}

// Canonical forms only: at most ten bytes, nothing above bit 63, no trailing zero byte.
bool cur_varint(struct cursor *c, uint64_t *out)
{
    uint64_t v = 0;
    const size_t left = cur_left(c);
    for (size_t i = 0; i < left && i < VARINT_MAX; i++) {
        const uint8_t b = c->p[i];
        if (i == VARINT_MAX - 1 && b > 1)
            return false;
        v |= (uint64_t)(b & 0x7F) << (7 * i);
        if (b < 0x80) {
            if (b == 0 && i > 0)
                return false;
            c->p += i + 1;
            *out = v;
            return true;
        }
    }
    return false;
}

bool cur_bytes(struct cursor *c, const uint8_t **out, size_t n)
{
    if (cur_left(c) < n)
        return false;
    *out = c->p;
    c->p += n;
    return true;
}
