#include "schema/serde/serde_internal.h"

#include <assert.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// One quartet at p: 1..3 bytes to out, 0 when malformed.
static size_t decode_quartet(char out[3], const char *p)
{
    const int v0 = digit_value(p[0]), v1 = digit_value(p[1]);
    if (v0 < 0 || v1 < 0)
        return 0;
    const size_t pad = p[3] != '=' ? 0 : p[2] != '=' ? 1 : 2;
    const int v2 = pad == 2 ? 0 : digit_value(p[2]);
    const int v3 = pad ? 0 : digit_value(p[3]);
    if (v2 < 0 || v3 < 0)
        return 0;
    const uint32_t bits =
        (uint32_t)v0 << 18 | (uint32_t)v1 << 12 | (uint32_t)v2 << 6 | (uint32_t)v3;
    out[0] = (char)(bits >> 16);
    out[1] = (char)(bits >> 8);
    out[2] = (char)bits;
    return 3 - pad;
}

bool serde_base64_decode(struct str *out, struct arena *a, struct str text)
{
    char *bytes = arena_alloc(a, text.n / 4 * 3 + 4);
    size_t n = 0, i = 0;
    while (true) {
        while (i < text.n && (unsigned char)text.p[i] <= ' ')
            i++;
        if (i == text.n)
            break;
        if (text.n - i < 4)
            return false;
        const size_t got = decode_quartet(bytes + n, text.p + i);
        n += got;
        i += 4;
        if (got == 0 || (got < 3 && i != text.n))
            return false;
    }
    *out = (struct str){bytes, n};
    return true;
}

void serde_base64_encode(struct buf *out, struct str bytes)
{
    const size_t need = (bytes.n + 2) / 3 * 4;
    char *p = need ? buf_room(out, need) : NULL;
    if (!p)
        return;
    for (size_t i = 0; i < bytes.n; i += 3, p += 4) {
        const size_t left = bytes.n - i;
        const uint32_t b0 = (uint8_t)bytes.p[i];
        const uint32_t b1 = left > 1 ? (uint8_t)bytes.p[i + 1] : 0;
        const uint32_t b2 = left > 2 ? (uint8_t)bytes.p[i + 2] : 0;
        const uint32_t bits = b0 << 16 | b1 << 8 | b2;
        p[0] = digits[bits >> 18];
        p[1] = digits[bits >> 12 & 63];
        p[2] = left > 1 ? digits[bits >> 6 & 63] : '=';
        p[3] = left > 2 ? digits[bits & 63] : '=';
    }
    out->n += need;
    assert(out->n <= out->cap);
}
