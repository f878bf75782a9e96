#include "base/str.h"

#include <assert.h>

static unsigned char lower(char c)
{
    const unsigned char u = (unsigned char)c;
    return u >= 'A' && u <= 'Z' ? (unsigned char)(u + ('a' - 'A')) : u;
}

bool str_eq_nocase(struct str x, struct str y)
{
    if (x.n != y.n)
        return false;
    for (size_t i = 0; i < x.n; i++) {
        if (lower(x.p[i]) != lower(y.p[i]))
            return false;
    }
    return true;
}

int str_cmp(struct str x, struct str y)
{
    const size_t n = x.n < y.n ? x.n : y.n;
    const int c = n ? memcmp(x.p, y.p, n) : 0;
    if (c != 0)
        return c;
    return x.n < y.n ? -1 : x.n > y.n;
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n &&
           (suffix.n == 0 || memcmp(s.p + (s.n - suffix.n), suffix.p, suffix.n) == 0);
}

struct str str_slice(struct str s, size_t from, size_t to)
{
    if (to > s.n)
        to = s.n;
    if (from > to)
        from = to;
    return (struct str){s.p ? s.p + from : NULL, to - from};
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
    while (s.n > 0 && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool str_find(size_t *out, struct str s, struct str needle)
{
    assert(out);
    if (needle.n == 0) {
        *out = 0;
        return true;
    }
    const char *p = s.n >= needle.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
    if (!p)
        return false;
    *out = (size_t)(p - s.p);
    return true;
}

bool str_split_once(struct str *head, struct str *tail, struct str s, char sep)
{
    assert(head && tail);
    const char *p = s.n ? memchr(s.p, sep, s.n) : NULL;
    if (!p)
        return false;
    const size_t at = (size_t)(p - s.p);
    *head = str_slice(s, 0, at);
    *tail = str_slice(s, at + 1, s.n);
    return true;
}

bool str_to_u64(uint64_t *out, struct str s)
{
    assert(out);
    if (s.n == 0)
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        const unsigned digit = (unsigned char)s.p[i] - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(v, 10U, &v) || __builtin_add_overflow(v, digit, &v))
            return false;
    }
    *out = v;
    return true;
}

bool str_to_i64(int64_t *out, struct str s)
{
    assert(out);
    const bool negative = s.n > 0 && s.p[0] == '-';
    uint64_t v = 0;
    const bool sign = negative || (s.n > 0 && s.p[0] == '+');
    if (!str_to_u64(&v, str_slice(s, sign, s.n)))
        return false;
    if (v > (uint64_t)INT64_MAX + negative)
        return false;
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

enum { DISTANCE_MAX = 64 }; // longer strings are not typing mistakes of each other

static size_t min3(size_t x, size_t y, size_t z)
{
    const size_t m = x < y ? x : y;
    return m < z ? m : z;
}

// Optimal string alignment: insert, delete, replace, swap neighbours. ASCII case does not count.
size_t str_distance(struct str x, struct str y)
{
    if (x.n > DISTANCE_MAX || y.n > DISTANCE_MAX)
        return x.n > y.n ? x.n : y.n;
    size_t rows[3][DISTANCE_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= y.n; j++)
        before[j] = last[j] = j;
    for (size_t i = 1; i <= x.n; i++) {
        row[0] = i;
        for (size_t j = 1; j <= y.n; j++) {
            const size_t differ = lower(x.p[i - 1]) != lower(y.p[j - 1]);
            row[j] = min3(last[j] + 1, row[j - 1] + 1, last[j - 1] + differ);
            if (i > 1 && j > 1 && lower(x.p[i - 1]) == lower(y.p[j - 2]) &&
                lower(x.p[i - 2]) == lower(y.p[j - 1]) && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        size_t *const oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    return last[y.n];
}

static bool is_continuation(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

// Table 3-7 of the Unicode standard: the second byte's range excludes overlong forms and surrogates.
size_t utf8_decode(uint32_t *out, const char *p, size_t n)
{
    assert(out);
    if (n == 0)
        return 0;
    const unsigned char *u = (const unsigned char *)p;
    const unsigned char c = u[0];
    if (c < 0x80) {
        *out = c;
        return 1;
    }
    if (c < 0xC2 || c > 0xF4)
        return 0;
    if (c < 0xE0) {
        if (n < 2 || !is_continuation(u[1]))
            return 0;
        *out = ((uint32_t)(c & 0x1F) << 6) | (u[1] & 0x3FU);
        return 2;
    }
    if (c < 0xF0) {
        const unsigned char low = c == 0xE0 ? 0xA0 : 0x80, high = c == 0xED ? 0x9F : 0xBF;
        if (n < 3 || u[1] < low || u[1] > high || !is_continuation(u[2]))
            return 0;
        *out = ((uint32_t)(c & 0x0F) << 12) | ((u[1] & 0x3FU) << 6) | (u[2] & 0x3FU);
        return 3;
    }
    const unsigned char low = c == 0xF0 ? 0x90 : 0x80, high = c == 0xF4 ? 0x8F : 0xBF;
    if (n < 4 || u[1] < low || u[1] > high || !is_continuation(u[2]) || !is_continuation(u[3]))
        return 0;
    *out = ((uint32_t)(c & 0x07) << 18) | ((u[1] & 0x3FU) << 12) | ((u[2] & 0x3FU) << 6) |
           (u[3] & 0x3FU);
    return 4;
}

bool utf8_valid(const char *p, size_t n)
{
    size_t i = 0;
    while (i < n) {
        uint64_t eight = 0;
        while (n - i >= sizeof eight) {
            memcpy(&eight, p + i, sizeof eight);
            if (eight & UINT64_C(0x8080808080808080))
                break;
            i += sizeof eight;
        }
        if (i == n)
            break;
        uint32_t code = 0;
        const size_t k = utf8_decode(&code, p + i, n - i);
        if (k == 0)
            return false;
        i += k;
    }
    return true;
}

size_t utf8_count(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += !is_continuation((unsigned char)s.p[i]);
    return n;
}

size_t utf8_offset(struct str s, size_t index)
{
    for (size_t i = 0; i < s.n; i++) {
        if (is_continuation((unsigned char)s.p[i]))
            continue;
        if (index == 0)
            return i;
        index--;
    }
    return s.n;
}

size_t utf8_encode(char out[4], uint32_t c)
{
    assert(c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF));
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | (c >> 6));
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | (c >> 12));
        out[1] = (char)(0x80 | ((c >> 6) & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | (c >> 18));
    out[1] = (char)(0x80 | ((c >> 12) & 0x3F));
    out[2] = (char)(0x80 | ((c >> 6) & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}
