#include "base/base64.h"

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

void base64_encode(struct buf *out, struct str bytes)
{
    assert(bytes.n <= SIZE_MAX / 4);
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

// n digits (2 to 4) at p: n - 1 bytes to out. False when one is no digit.
static bool decode_digits(char *out, const char *p, size_t n)
{
    assert(n >= 2 && n <= 4);
    uint32_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        const int value = digit_value(p[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        if (i > 0)
            out[i - 1] = (char)(bits >> (6 - 2 * i));
    }
    return true;
}

static bool decode_compact(size_t *out, char *bytes, struct str text)
{
    size_t n = text.n;
    while (n > 0 && text.n - n < 2 && text.p[n - 1] == '=')
        n--;
    if (n % 4 == 1 || (n != text.n && text.n % 4 != 0))
        return false;
    *out = 0;
    for (size_t i = 0; i < n; i += 4) {
        const size_t here = n - i < 4 ? n - i : 4;
        if (!decode_digits(bytes + *out, text.p + i, here))
            return false;
        *out += here - 1;
    }
    return true;
}

static bool decode_padded(size_t *out, char *bytes, struct str text)
{
    *out = 0;
    for (size_t i = 0, here = 4;; i += 4) {
        while (i < text.n && (unsigned char)text.p[i] <= ' ')
            i++;
        if (i == text.n)
            return true;
        if (here < 4 || text.n - i < 4) // padding ends the text
            return false;
        const char *p = text.p + i;
        here = p[3] != '=' ? 4 : p[2] != '=' ? 3 : 2;
        if (!decode_digits(bytes + *out, p, here))
            return false;
        *out += here - 1;
    }
}

bool base64_decode(struct str *out, struct arena *a, struct str text, enum base64_form form)
{
    assert(out && a);
    char *bytes = arena_alloc(a, text.n / 4 * 3 + 3);
    size_t n;
    const bool ok =
        form == BASE64_COMPACT ? decode_compact(&n, bytes, text) : decode_padded(&n, bytes, text);
    if (ok)
        *out = (struct str){bytes, n};
    return ok;
}
