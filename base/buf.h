// struct buf: a growing byte buffer with a mandatory maximum. Overrunning it sets `failed` (sticky) and
// drops the write; callers check once at the end with buf_ok(). Owned by one thread.
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"
#include "base/str.h"

struct buf {
    char *p;
    size_t n;
    size_t cap;
    size_t max;
    bool failed;
};

void buf_init(struct buf *out, size_t max); // no allocation yet
void buf_fini(struct buf *s);
void buf_clear(struct buf *s); // keeps the memory, clears failed
// At least `bytes` of room behind n: returns p + n (never NULL, also for no bytes), or NULL when that would pass max.
char *buf_room_slow(struct buf *s, size_t bytes);
void buf_put(struct buf *s, const void *p, size_t n);
void buf_str(struct buf *s, struct str v);
void buf_text(struct buf *s, const char *z);
void buf_printf(struct buf *s, const char *fmt, ...) ERR_PRINTF(2, 3);
void buf_i64(struct buf *s, int64_t v); // decimal digits
void buf_u64(struct buf *s, uint64_t v);
void buf_hex(struct buf *s, const void *p, size_t n);                          // lower case
bool buf_ok(const struct buf *s, const char *what, struct err *e) ERR_CHECKED; // ERR_LIMIT

static inline char *buf_room(struct buf *s, size_t bytes)
{
    if (s->cap - s->n >= bytes && s->p && !s->failed)
        return s->p + s->n;
    return buf_room_slow(s, bytes);
}

static inline void buf_char(struct buf *s, char c)
{
    char *p = buf_room(s, 1);
    if (p) {
        *p = c;
        s->n++;
    }
}

static inline struct str buf_view(const struct buf *s)
{
    return (struct str){s->p, s->n};
}

// Little-endian fixed-width integers and LEB128, for the internal codecs.
void buf_u8(struct buf *s, uint8_t v);
void buf_le32(struct buf *s, uint32_t v);
void buf_le64(struct buf *s, uint64_t v);
void buf_varint(struct buf *s, uint64_t v);

// Reading the same: a cursor over bytes; each call fails (returns false) at the end of input.
struct cursor {
    const uint8_t *p;
    const uint8_t *end;
};
bool cur_u8(struct cursor *c, uint8_t *out);
bool cur_le32(struct cursor *c, uint32_t *out);
bool cur_le64(struct cursor *c, uint64_t *out);
bool cur_varint(struct cursor *c, uint64_t *out);
bool cur_bytes(struct cursor *c, const uint8_t **out, size_t n);

#endif
