#include "base/str.h"

#include "base/mem.h"

#include <assert.h>

static unsigned char ascii_lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
}

bool str_eq_nocase(struct str x, struct str y)
{
    if (x.n != y.n)
        return false;
    for (size_t i = 0; i < x.n; i++)
        if (ascii_lower((unsigned char)x.p[i]) != ascii_lower((unsigned char)y.p[i]))
            return false;
    return true;
}

int str_cmp(struct str x, struct str y)
{
    size_t n = x.n < y.n ? x.n : y.n;
    int c = n ? memcmp(x.p, y.p, n) : 0;
    return c ? c : (x.n > y.n) - (x.n < y.n);
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n &&
           (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

struct str str_slice(struct str s, size_t from, size_t to)
{
    if (to > s.n)
        to = s.n;
    if (from > to)
        from = to;
    return (struct str){s.p ? s.p + from : NULL, to - from};
}

static bool ascii_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
    while (s.n && ascii_space(s.p[0]))
        s.p++, s.n--;
    while (s.n && ascii_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool str_find(size_t *out, struct str s, struct str needle)
{
    if (needle.n == 0) {
        *out = 0;
        return true;
    }
    const char *p = s.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
    if (p)
        *out = (size_t)(p - s.p);
    return p != NULL;
}

bool str_split_once(struct str *head, struct str *tail, struct str s, char sep)
{
    const char *p = s.n ? memchr(s.p, sep, s.n) : NULL;
    if (!p)
        return false;
    size_t at = (size_t)(p - s.p);
    *head = str_slice(s, 0, at);
    *tail = str_slice(s, at + 1, s.n);
    return true;
}

bool str_to_u64(uint64_t *out, struct str s)
{
    if (s.n == 0)
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(v, 10U, &v) || __builtin_add_overflow(v, digit, &v))
            return false;
    }
    *out = v;
    return true;
}

bool str_to_i64(int64_t *out, struct str s)
{
    bool negative = s.n && s.p[0] == '-';
    if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
        s = str_slice(s, 1, s.n);
    uint64_t v;
    if (!str_to_u64(&v, s) || v > (uint64_t)INT64_MAX + negative)
        return false;
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

size_t str_distance(struct str x, struct str y)
{
    enum { MAX = 64 };
    if (x.n > MAX || y.n > MAX)
        return x.n > y.n ? x.n : y.n;
    size_t row[MAX + 1];
    for (size_t j = 0; j <= y.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= x.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= y.n; j++) {
            size_t up = row[j];
            bool same =
                ascii_lower((unsigned char)x.p[i - 1]) == ascii_lower((unsigned char)y.p[j - 1]);
            size_t best = diagonal + !same;
            best = best < up + 1 ? best : up + 1;
            best = best < row[j - 1] + 1 ? best : row[j - 1] + 1;
            diagonal = up;
            row[j] = best;
        }
    }
    return row[y.n];
}

size_t utf8_decode(uint32_t *out, const char *p, size_t n)
{
    const unsigned char *s = (const unsigned char *)p;
    if (n == 0)
        return 0;
    if (s[0] < 0x80) {
        *out = s[0];
        return 1;
    }
    size_t len = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    if (s[0] < 0xC2 || s[0] > 0xF4 || n < len)
        return 0;
    uint32_t v = s[0] & (0x7FU >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
        v = v << 6 | (s[i] & 0x3F);
    }
    // Overlong forms and surrogates (RFC 3629 section 3).
    if ((len == 3 && v < 0x800) || (len == 4 && v < 0x10000) || v > 0x10FFFF ||
        (v >= 0xD800 && v <= 0xDFFF))
        return 0;
    *out = v;
    return len;
}

size_t utf8_encode(char out[4], uint32_t cp)
{
    assert(cp <= 0x10FFFF);
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xC0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xE0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    out[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

bool utf8_valid(const char *p, size_t n)
{
    for (size_t i = 0; i < n;) {
        uint64_t eight;
        if (n - i >= 8 && (memcpy(&eight, p + i, 8), (eight & 0x8080808080808080ULL) == 0)) {
            i += 8;
            continue;
        }
        uint32_t cp;
        size_t len = utf8_decode(&cp, p + i, n - i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

size_t utf8_count(struct str s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.n; i++)
        count += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return count;
}

size_t utf8_offset(struct str s, size_t index)
{
    size_t i = 0;
    for (; i < s.n; i++) {
        if (((unsigned char)s.p[i] & 0xC0) == 0x80)
            continue;
        if (index-- == 0)
            break;
    }
    return i;
}
