// DOUBLE as text and back.
//
// Printing: Raffaele Giulietti's Schubfach ("The Schubfach way to render doubles", 2020), which is what the JDK does
// since 19, with a short cut in front for numbers of at most two decimals. Parsing: Clinger's exact case, then
// Lemire's ("Number Parsing at a Gigabyte per Second", 2021), then strtod_l for what neither can decide.
#include "schema/text_internal.h"

#include <assert.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>

#define MANTISSA_BITS 52
#define HIDDEN_BIT    (UINT64_C(1) << MANTISSA_BITS)
#define MANTISSA_MASK (HIDDEN_BIT - 1)
#define EXPONENT_MAX  0x7ff

typedef unsigned __int128 u128;

double number_pow10(unsigned n)
{
    static const double table[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    assert(n <= 22);
    return table[n];
}

static uint64_t double_bits(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

// --- printing ----------------------------------------------------------------------------------------------------------

// digits * 10^exponent
struct shortest {
    uint64_t digits;
    int exponent;
};

// g * cp / 2^128 with the lowest bit telling "not exact"; g is rounded up, hence "> 1".
static uint64_t round_to_odd(struct pow10_bits g, uint64_t cp)
{
    const u128 x = (u128)g.low * cp;
    const u128 y = (u128)g.high * cp + (uint64_t)(x >> 64);
    return (uint64_t)(y >> 64) | ((uint64_t)y > 1);
}

static struct pow10_bits pow10_ceil(int k)
{
    struct pow10_bits g = pow10_bits(k);
    if (k < 0 || k > 55) { // 10^0 .. 10^55 are exact in 128 bits
        g.low++;
        g.high += g.low == 0;
    }
    return g;
}

// v = c * 2^q; boundaries of the interval that rounds to v are at c -/+ 1/2, the lower one at 1/4 when `narrow`.
static struct shortest schubfach(uint64_t c, int q, bool narrow)
{
    const uint64_t out = c & 1; // boundaries belong to the interval of an even c
    const int k = (q * 1262611 - (narrow ? 524031 : 0)) >> 22;
    const int h = q + ((-k * 1741647) >> 19) + 1;
    const struct pow10_bits g = pow10_ceil(-k);
    const uint64_t vbl = round_to_odd(g, (4 * c - 2 + narrow) << h);
    const uint64_t vb = round_to_odd(g, 4 * c << h);
    const uint64_t vbr = round_to_odd(g, (4 * c + 2) << h);
    const uint64_t s = vb / 4;
    if (s >= 100) { // the JDK prints two digits at least: one digit less is tried from three on
        const uint64_t shorter = s / 10 * 10;
        const bool below = vbl + out <= 4 * shorter;
        const bool above = 4 * (shorter + 10) + out <= vbr;
        if (below != above)
            return (struct shortest){below ? shorter : shorter + 10, k};
    }
    const bool below = vbl + out <= 4 * s;
    const bool above = 4 * (s + 1) + out <= vbr;
    if (below != above)
        return (struct shortest){below ? s : s + 1, k};
    const uint64_t middle = 4 * s + 2;
    const bool up = vb > middle || (vb == middle && (s & 1));
    return (struct shortest){s + up, k};
}

static struct shortest shortest_of(uint64_t bits)
{
    const uint64_t fraction = bits & MANTISSA_MASK;
    const int biased = (int)(bits >> MANTISSA_BITS) & EXPONENT_MAX;
    if (biased) {
        const int q = biased - 1075;
        const uint64_t c = HIDDEN_BIT | fraction;
        if (q <= 0 && q > -53 && (c & ((UINT64_C(1) << -q) - 1)) == 0)
            return (struct shortest){c >> -q, 0}; // a whole number below 2^53
        return schubfach(c, q, fraction == 0 && biased > 1);
    }
    if (fraction <
        3) { // the two smallest numbers have one digit only: asked for with one more (4.9E-324)
        struct shortest s = schubfach(10 * fraction, -1074, false);
        s.exponent--;
        return s;
    }
    return schubfach(fraction, -1074, false);
}

// At most two decimals and less than 2^50 hundredths, as money is: if the nearest hundredth divides back to v it is the
// decimal, and no other one as short can be, because hundredths are wider apart than doubles here.
static bool hundredths(struct shortest *out, double v)
{
    if (!(v < 1e13))
        return false;
    const uint64_t m = (uint64_t)(v * 100 + 0.5);
    if ((double)m / 100 != v)
        return false;
    *out = (struct shortest){m, -2};
    return true;
}

static size_t digits_print(char out[20], uint64_t v)
{
    char reversed[20];
    size_t n = 0;
    do {
        reversed[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    for (size_t i = 0; i < n; i++)
        out[i] = reversed[n - 1 - i];
    return n;
}

// d.dddE±n outside of [10^-3, 10^7)
static char *scientific(char *p, const char *digits, size_t n, int exponent)
{
    *p++ = digits[0];
    *p++ = '.';
    if (n == 1)
        *p++ = '0';
    for (size_t i = 1; i < n; i++)
        *p++ = digits[i];
    *p++ = 'E';
    if (exponent < 0)
        *p++ = '-';
    return p + digits_print(p, (uint64_t)(exponent < 0 ? -exponent : exponent));
}

// `point` digits stand before the point (may be negative).
static char *plain(char *p, const char *digits, int n, int point)
{
    if (point <= 0) {
        *p++ = '0';
        *p++ = '.';
        for (int i = point; i < 0; i++)
            *p++ = '0';
        memcpy(p, digits, (size_t)n);
        return p + n;
    }
    for (int i = 0; i < point; i++)
        *p++ = i < n ? digits[i] : '0';
    *p++ = '.';
    if (n <= point) {
        *p++ = '0';
        return p;
    }
    memcpy(p, digits + point, (size_t)(n - point));
    return p + (n - point);
}

static size_t literal(char *out, const char *z)
{
    const size_t n = strlen(z);
    memcpy(out, z, n);
    return n;
}

size_t number_print(char out[NUMBER_TEXT_MAX], double v)
{
    if (isnan(v))
        return literal(out, "NaN");
    char *p = out;
    if (signbit(v))
        *p++ = '-';
    const double m = fabs(v);
    if (isinf(v))
        return (size_t)(p - out) + literal(p, "Infinity");
    if (m == 0)
        return (size_t)(p - out) + literal(p, "0.0");
    struct shortest s;
    if (!hundredths(&s, m))
        s = shortest_of(double_bits(m));
    while (s.digits % 10 == 0) {
        s.digits /= 10;
        s.exponent++;
    }
    char digits[20];
    const size_t n = digits_print(digits, s.digits);
    const int point = (int)n + s.exponent;
    if (point > -3 && point <= 7)
        p = plain(p, digits, (int)n, point);
    else
        p = scientific(p, digits, n, point - 1);
    return (size_t)(p - out);
}

void text_double(struct buf *out, double v)
{
    char *p = buf_room(out, NUMBER_TEXT_MAX);
    if (p)
        out->n += number_print(p, v);
}

// --- parsing -----------------------------------------------------------------------------------------------------------

// w * 10^q when nothing was cut; `text` is the number for strtod, without sign.
struct scanned {
    uint64_t w;
    int64_t q;
    bool cut; // digits beyond the 19th were not all kept
};

// Lemire's algorithm for a positive normal result; false when it cannot decide.
static bool lemire(double *out, uint64_t w, int64_t q)
{
    if (q < POW10_MIN || q > 308)
        return false;
    const int zeros = __builtin_clzll(w);
    w <<= zeros;
    // Where a tie is possible (5^27 < 2^64) the reciprocals are rounded up, so that a tie comes out as one.
    const struct pow10_bits g = q >= -27 && q < 0 ? pow10_ceil((int)q) : pow10_bits((int)q);
    u128 product = (u128)w * g.high;
    if ((uint64_t)(product >> 64 & 0x1ff) == 0x1ff)
        product += (uint64_t)((u128)w * g.low >> 64);
    const uint64_t low = (uint64_t)product;
    const uint64_t high = (uint64_t)(product >> 64);
    if (low == UINT64_MAX && (q < -27 || q > 55))
        return false;
    const int top = (int)(high >> 63);
    uint64_t mantissa = high >> (top + 9);
    int64_t exponent = ((217706 * q) >> 16) + 63 + top - zeros + 1023;
    if (exponent <= 0)
        return false; // subnormal: rare, and rounded at another place
    // Exactly half way between two doubles: to the even one.
    if (low <= 1 && q >= -4 && q <= 23 && (mantissa & 3) == 1 && mantissa << (top + 9) == high)
        mantissa &= ~UINT64_C(1);
    mantissa = (mantissa + (mantissa & 1)) >> 1;
    if (mantissa >= 2 * HIDDEN_BIT) {
        mantissa = HIDDEN_BIT;
        exponent++;
    }
    if (exponent >= EXPONENT_MAX)
        return false;
    const uint64_t bits = (mantissa & MANTISSA_MASK) | (uint64_t)exponent << MANTISSA_BITS;
    memcpy(out, &bits, sizeof bits);
    return true;
}

static bool parse_fast(double *out, const struct scanned *s)
{
    if (!s->w && !s->cut) {
        *out = 0;
        return true;
    }
    if (!s->cut && s->w <= 2 * HIDDEN_BIT && s->q >= -22 && s->q <= 22) {
        const double w = (double)s->w; // both exact: one rounding
        *out = s->q < 0 ? w / number_pow10((unsigned)-s->q) : w * number_pow10((unsigned)s->q);
        return true;
    }
    if (!lemire(out, s->w, s->q))
        return false;
    double next;
    return !s->cut || (lemire(&next, s->w + 1, s->q) && double_bits(next) == double_bits(*out));
}

// The C locale's strtod on a copy that ends with NUL.
static double parse_slow(struct str text)
{
    char small[64];
    char *z = text.n < sizeof small ? small : mem_alloc(text.n + 1);
    memcpy(z, text.p, text.n);
    z[text.n] = 0;
    const locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    assert(c);
    const double v = strtod_l(z, NULL, c);
    freelocale(c);
    if (z != small)
        mem_free(z);
    return v;
}

// Digits with at most one point from `at`; returns where they end, or `at` when there is no digit.
static size_t scan_mantissa(struct scanned *out, struct str s, size_t at)
{
    *out = (struct scanned){0};
    bool point = false;
    size_t count = 0;
    int significant = 0;
    size_t i = at;
    for (; i < s.n; i++) {
        const char c = s.p[i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9')
            break;
        count++;
        if (significant < 19) {
            out->w = out->w * 10 + (uint64_t)(c - '0');
            significant += out->w != 0;
            out->q -= point;
        } else {
            out->cut = out->cut || c != '0';
            out->q += !point;
        }
    }
    return count ? i : at;
}

static bool scan_exponent(struct scanned *out, struct str s, size_t at)
{
    if (at == s.n)
        return true;
    if ((s.p[at] != 'e' && s.p[at] != 'E') || ++at == s.n)
        return false;
    const bool negative = s.p[at] == '-';
    if ((negative || s.p[at] == '+') && ++at == s.n)
        return false;
    int64_t v = 0;
    for (; at < s.n; at++) {
        if (s.p[at] < '0' || s.p[at] > '9')
            return false;
        if (v < INT32_MAX) // beyond any double: only its size matters
            v = v * 10 + (s.p[at] - '0');
    }
    out->q += negative ? -v : v;
    return true;
}

struct str text_java_trim(struct str s)
{
    while (s.n && (unsigned char)s.p[0] <= ' ') {
        s.p++;
        s.n--;
    }
    while (s.n && (unsigned char)s.p[s.n - 1] <= ' ')
        s.n--;
    return s;
}

bool text_parse_double(double *out, struct str s)
{
    s = text_java_trim(s);
    if (!s.n)
        return false;
    const bool negative = s.p[0] == '-';
    const size_t at = negative || s.p[0] == '+';
    const struct str rest = str_slice(s, at, s.n);
    struct scanned n;
    double v;
    if (str_eq(rest, STR("NaN"))) {
        v = NAN;
    } else if (str_eq(rest, STR("Infinity"))) {
        v = HUGE_VAL;
    } else {
        const size_t end = scan_mantissa(&n, rest, 0);
        if (!end || !scan_exponent(&n, rest, end))
            return false;
        if (!parse_fast(&v, &n))
            v = parse_slow(rest);
    }
    *out = negative ? -v : v;
    return true;
}

double number_from_digits(struct str digits, int64_t exponent)
{
    struct scanned n;
    double v;
    const size_t end = scan_mantissa(&n, digits, 0);
    assert(end == digits.n && end > 0);
    n.q += exponent;
    if (parse_fast(&v, &n))
        return v;
    char *z = mem_alloc(digits.n + 24);
    memcpy(z, digits.p, digits.n);
    size_t len = digits.n;
    z[len++] = 'e';
    if (exponent < 0)
        z[len++] = '-';
    len += digits_print(z + len, exponent < 0 ? -(uint64_t)exponent : (uint64_t)exponent);
    v = parse_slow((struct str){z, len});
    mem_free(z);
    return v;
}
