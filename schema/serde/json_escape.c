#include "schema/serde/json_escape.h"

#include <assert.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

static char *put_escape(char *p, unsigned char c)
{
    static const char hex[] = "0123456789ABCDEF";
    static const char letters[] = "btn\0fr"; // 8 .. 13
    *p++ = '\\';
    if (c == '"' || c == '\\') {
        *p++ = (char)c;
    } else if (c >= 8 && c <= 13 && c != 11) {
        *p++ = letters[c - 8];
    } else {
        memcpy(p, "u00", 3);
        p[3] = hex[c >> 4];
        p[4] = hex[c & 15];
        p += 5;
    }
    return p;
}

static bool is_special(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

static char *escape_bytes(char *p, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (is_special((unsigned char)s[i]))
            p = put_escape(p, (unsigned char)s[i]);
        else
            *p++ = s[i];
    }
    return p;
}

// Non-zero when one of the eight bytes is a quote, a backslash or below 0x20.
static uint64_t special8(uint64_t v)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    const uint64_t quote = v ^ ones * '"', slash = v ^ ones * '\\';
    return ((v - ones * 0x20) | (quote - ones) | (slash - ones)) & ~v & tops;
}

// n <= 16, without reading behind s + n: two overlapping words when nothing needs an escape.
static char *escape_short(char *p, const char *s, size_t n)
{
    if (n >= 8) {
        uint64_t a, b;
        memcpy(&a, s, 8);
        memcpy(&b, s + n - 8, 8);
        if (!(special8(a) | special8(b))) {
            memcpy(p, &a, 8);
            memcpy(p + n - 8, &b, 8);
            return p + n;
        }
    } else if (n >= 4) {
        uint32_t a, b;
        memcpy(&a, s, 4);
        memcpy(&b, s + n - 4, 4);
        if (!special8((uint64_t)b << 32 | a)) {
            memcpy(p, &a, 4);
            memcpy(p + n - 4, &b, 4);
            return p + n;
        }
    }
    return escape_bytes(p, s, n);
}

#if defined(__SSE2__)
static uint32_t special16(__m128i v)
{
    const __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
    const __m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), low));
}

char *json_escape_into(char *p, struct str v)
{
    size_t i = 0;
    while (v.n - i > 16) {
        const __m128i x = _mm_loadu_si128((const void *)(v.p + i));
        const uint32_t special = special16(x);
        _mm_storeu_si128((void *)p, x); // 6 bytes of room per byte left: never behind the room
        if (special == 0) {
            i += 16;
            p += 16;
            continue;
        }
        const unsigned clean = (unsigned)__builtin_ctz(special);
        p = put_escape(p + clean, (unsigned char)v.p[i + clean]);
        i += clean + 1;
    }
    return escape_short(p, v.p + i, v.n - i);
}
#else
char *json_escape_into(char *p, struct str v)
{
    size_t i = 0;
    for (; v.n - i > 16; i += 8) {
        uint64_t x;
        memcpy(&x, v.p + i, 8);
        if (special8(x)) {
            p = escape_bytes(p, v.p + i, 8);
            continue;
        }
        memcpy(p, &x, 8);
        p += 8;
    }
    return escape_short(p, v.p + i, v.n - i);
}
#endif

void json_put_string(struct buf *out, struct str v)
{
    char *p = buf_room(out, v.n * JSON_ESCAPED_MAX + 2);
    if (!p)
        return;
    *p++ = '"';
    if (v.n)
        p = json_escape_into(p, v);
    *p++ = '"';
    out->n = (size_t)(p - out->p);
    assert(out->n <= out->cap);
}
