#include "schema/decimal.h"

#include "schema/decimal_internal.h"
#include "schema/text_internal.h"

#include <assert.h>
#include <math.h>

// Products up to this many bits cannot leave an i128; anything near it takes the slow path instead of overflowing.
#define SAFE_BITS 126u

i128 codec_pow10(unsigned n)
{
    static const uint64_t table[20] = {1u,
                                       10u,
                                       100u,
                                       1000u,
                                       10000u,
                                       100000u,
                                       1000000u,
                                       10000000u,
                                       100000000u,
                                       1000000000u,
                                       10000000000u,
                                       100000000000u,
                                       1000000000000u,
                                       10000000000000u,
                                       100000000000000u,
                                       1000000000000000u,
                                       10000000000000000u,
                                       100000000000000000u,
                                       1000000000000000000u,
                                       10000000000000000000u};
    assert(n <= 38);
    return n < 20 ? (i128)table[n] : (i128)table[19] * (i128)table[n - 19];
}

static u128 magnitude(i128 v)
{
    return v < 0 ? -(u128)v : (u128)v;
}

static unsigned bits(i128 v)
{
    const u128 m = magnitude(v);
    const uint64_t high = (uint64_t)(m >> 64);
    const uint64_t low = (uint64_t)m;
    if (high)
        return 128 - (unsigned)__builtin_clzll(high);
    return low ? 64 - (unsigned)__builtin_clzll(low) : 0;
}

static bool is_i64(i128 v)
{
    return v == (i128)(int64_t)v;
}

static bool product(i128 *out, i128 x, i128 y)
{
    if (is_i64(x) && is_i64(y)) {
        *out = x * y;
        return true;
    }
    if (bits(x) + bits(y) > SAFE_BITS)
        return false;
    *out = x * y;
    return true;
}

// Two numbers below 10^38 may still leave 127 bits.
static bool sum(i128 *out, i128 x, i128 y)
{
    return !__builtin_add_overflow(x, y, out);
}

// Division where both usually fit a machine word.
static i128 quotient(i128 *rest, i128 x, i128 y)
{
    assert(y != 0);
    if (is_i64(x) && is_i64(y) && y != -1) {
        *rest = (int64_t)x % (int64_t)y;
        return (int64_t)x / (int64_t)y;
    }
    *rest = x % y;
    return x / y;
}

static int sign(struct decimal x)
{
    if (x.big.p)
        return big_sign(x);
    return (x.v > 0) - (x.v < 0);
}

unsigned decimal_digits(struct decimal x)
{
    if (x.big.p)
        return big_digits(x);
    // 1233 / 4096 is log10(2): the estimate is right or one too small.
    const unsigned estimate = bits(x.v) * 1233u >> 12;
    return estimate < 38 && magnitude(x.v) >= (u128)codec_pow10(estimate) ? estimate + 1
           : estimate                                                     ? estimate
                                                                          : 1;
}

static bool fits(struct decimal x, unsigned precision)
{
    if (precision <= 38)
        return !x.big.p && codec_i128_fits(x.v, precision);
    return !x.big.p || big_digits(x) <= precision;
}

// --- scale -----------------------------------------------------------------------------------------------------------

// x * 10^n; the scale stays.
static struct decimal scale_up(struct arena *a, struct decimal x, unsigned n)
{
    i128 v;
    if (!n || (!x.big.p && !x.v))
        return x;
    if (!x.big.p && n <= 38 && product(&v, x.v, codec_pow10(n)))
        return big_normal(a, v, x.scale);
    return big_scale_up(a, x, n);
}

static bool scale_down(struct decimal *out, struct arena *a, struct decimal x, unsigned n,
                       enum decimal_round round)
{
    if (x.big.p)
        return big_scale_down(out, a, x, n, round);
    *out = x;
    if (n > 38) { // all of at most 38 digits go, and they are less than half a unit
        out->v = 0;
        return x.v == 0 || round != DECIMAL_EXACT;
    }
    const i128 unit = codec_pow10(n);
    i128 rest;
    out->v = quotient(&rest, x.v, unit);
    if (round == DECIMAL_HALF_UP && magnitude(rest) >= (u128)unit - magnitude(rest) && rest)
        out->v += x.v < 0 ? -1 : 1;
    return rest == 0 || round != DECIMAL_EXACT;
}

bool decimal_rescale(struct decimal *out, struct arena *a, struct decimal x, unsigned precision,
                     unsigned scale, enum decimal_round round)
{
    assert(precision > 0);
    const int64_t delta = (int64_t)scale - x.scale;
    if (delta > 0) {
        // Checked before it is computed: 1E2000000000 must not become that many zeros.
        if (sign(x) && decimal_digits(x) + delta > precision)
            return false;
        x = scale_up(a, x, (unsigned)(sign(x) ? delta : 0));
    } else if (delta < 0) {
        const int64_t drop =
            x.big.p && -delta > (int64_t)big_digits(x) + 1 ? (int64_t)big_digits(x) + 1 : -delta;
        if (!scale_down(&x, a, x, (unsigned)drop, round))
            return false;
    }
    x.scale = (int32_t)scale;
    if (!fits(x, precision))
        return false;
    *out = x;
    return true;
}

// --- arithmetic ------------------------------------------------------------------------------------------------------

static unsigned umax(unsigned x, unsigned y)
{
    return x > y ? x : y;
}

// Operation and two types in, one type out: more names would not make it clearer. NOLINTNEXTLINE(readability-function-size)
void decimal_result(unsigned *precision, unsigned *scale, enum decimal_op op, unsigned p1,
                    unsigned s1, unsigned p2, unsigned s2)
{
    assert(s1 <= p1 && s2 <= p2);
    switch (op) {
    case DECIMAL_ADD:
    case DECIMAL_SUB:
        *scale = umax(s1, s2);
        *precision = *scale + umax(p1 - s1, p2 - s2) + 1;
        return;
    case DECIMAL_MUL:
        *scale = s1 + s2;
        *precision = p1 + p2 + 1;
        return;
    case DECIMAL_DIV:
        *scale = umax(6, s1 + p2 + 1);
        *precision = p1 - s1 + s2 + *scale;
        return;
    case DECIMAL_MOD:
        *scale = umax(s1, s2);
        *precision = (p1 - s1 < p2 - s2 ? p1 - s1 : p2 - s2) + *scale;
        return;
    }
    assert(!"decimal operation out of range");
}

// Brings both to the larger scale.
static void align(struct arena *a, struct decimal *x, struct decimal *y)
{
    if (x->scale < y->scale) {
        *x = scale_up(a, *x, (unsigned)(y->scale - x->scale));
        x->scale = y->scale;
    } else if (y->scale < x->scale) {
        *y = scale_up(a, *y, (unsigned)(x->scale - y->scale));
        y->scale = x->scale;
    }
}

static bool multiply(struct decimal *out, struct arena *a, struct decimal x, struct decimal y)
{
    const int32_t scale = x.scale + y.scale;
    i128 v;
    if (!x.big.p && !y.big.p && product(&v, x.v, y.v))
        *out = big_normal(a, v, scale);
    else if (!big_arith(out, NULL, a, DECIMAL_MUL, x, y))
        return false;
    out->scale = scale;
    return true;
}

// The exact quotient at this scale, or false.
static bool divide(struct decimal *out, struct arena *a, struct decimal x, struct decimal y,
                   int32_t scale)
{
    // x / 10^xs / (y / 10^ys) = (x * 10^(scale + ys - xs) / y) / 10^scale
    const int32_t shift = scale + y.scale - x.scale;
    if (shift > 0)
        x = scale_up(a, x, (unsigned)shift);
    else if (shift < 0)
        y = scale_up(a, y, (unsigned)-shift);
    if (x.big.p || y.big.p) {
        if (!big_arith(out, NULL, a, DECIMAL_DIV, x, y))
            return false;
    } else {
        i128 rest;
        *out = (struct decimal){.v = quotient(&rest, x.v, y.v)};
        if (rest)
            return false;
    }
    out->scale = scale;
    return true;
}

// BigDecimal.remainder(y, MathContext(precision)): the integer quotient must be writable with `precision` digits, not
// counting zeros at its end; ksqlDB inherits that ("Division impossible").
static bool remainder_of(struct decimal *out, struct arena *a, struct decimal x, struct decimal y,
                         unsigned precision)
{
    align(a, &x, &y);
    struct decimal q = {0};
    if (x.big.p || y.big.p) {
        if (!big_arith(out, &q, a, DECIMAL_MOD, x, y))
            return false;
    } else {
        out->big = STR_NONE;
        q.v = quotient(&out->v, x.v, y.v);
    }
    out->scale = x.scale;
    const unsigned digits = decimal_digits(q);
    return digits <= precision || scale_down(&q, a, q, digits - precision, DECIMAL_EXACT);
}

// NOLINTNEXTLINE(readability-function-size): the operands, the result's type and its arena are what it takes
bool decimal_arith(struct decimal *out, struct arena *a, enum decimal_op op, struct decimal x,
                   struct decimal y, unsigned precision, unsigned scale)
{
    assert(x.scale >= 0 && x.scale <= UINT16_MAX && y.scale >= 0 && y.scale <= UINT16_MAX);
    struct decimal r = {0};
    if ((op == DECIMAL_DIV || op == DECIMAL_MOD) && !sign(y))
        return false;
    switch (op) {
    case DECIMAL_ADD:
    case DECIMAL_SUB:
        align(a, &x, &y);
        if (!x.big.p && !y.big.p && sum(&r.v, x.v, op == DECIMAL_ADD ? y.v : -y.v))
            r = big_normal(a, r.v, x.scale);
        else if (!big_arith(&r, NULL, a, op, x, y))
            return false;
        break;
    case DECIMAL_MUL:
        if (!multiply(&r, a, x, y))
            return false;
        break;
    case DECIMAL_DIV:
        if (!divide(&r, a, x, y, (int32_t)scale))
            return false;
        break;
    case DECIMAL_MOD:
        if (!remainder_of(&r, a, x, y, precision))
            return false;
        break;
    }
    return decimal_rescale(out, a, r, precision, scale, DECIMAL_EXACT);
}

int decimal_cmp(struct decimal x, struct decimal y)
{
    const int sx = sign(x);
    const int sy = sign(y);
    if (sx != sy || !sx)
        return (sx > sy) - (sx < sy);
    if (x.scale == y.scale && !x.big.p && !y.big.p)
        return (x.v > y.v) - (x.v < y.v);
    const int64_t tx = (int64_t)decimal_digits(x) - x.scale; // position of the first digit
    const int64_t ty = (int64_t)decimal_digits(y) - y.scale;
    if (tx != ty)
        return tx > ty ? sx : -sx;
    // Equal positions: the scales differ by no more than the numbers of digits do.
    struct arena *a = arena_new(NULL);
    align(a, &x, &y);
    const int c = big_cmp(x, y);
    arena_free(a);
    return c;
}

// --- conversions -----------------------------------------------------------------------------------------------------

struct decimal decimal_from_i64(int64_t v)
{
    return (struct decimal){.v = v};
}

bool decimal_from_double(struct decimal *out, struct arena *a, double v)
{
    if (!isfinite(v))
        return false;
    char text[NUMBER_TEXT_MAX];
    return decimal_parse(out, a, (struct str){text, number_print(text, v)});
}

// Digits before the point of v >= 0.001 (0 for 0.1, -1 for 0.01), or 100 for others. The doubles 0.1, 0.01 and 0.001 are
// the smallest ones not below those numbers.
static int whole_digits(double v)
{
    if (v >= 1)
        return v < 0x1p63 ? (int)decimal_digits((struct decimal){.v = (int64_t)v}) : 100;
    return v >= 0.1 ? 0 : v >= 0.01 ? -1 : v >= 0.001 ? -2 : 100;
}

// What 128 bits can do: v = m / 2^k becomes m * 10^n / 2^k, rounded.
static bool double_digits_fast(struct decimal *out, double v, unsigned digits)
{
    const double magnitude_v = fabs(v);
    const int n = (int)digits - whole_digits(magnitude_v);
    if (n < 0 || n > 22)
        return false;
    int exponent;
    const i128 m =
        (i128)ldexp(frexp(magnitude_v, &exponent), 53); // below 2^53; times 10^22 below 2^127
    const int k = 53 - exponent;
    if (k < 1)
        return false;
    const i128 q = (m * codec_pow10((unsigned)n) + ((i128)1 << (k - 1))) >> k;
    *out = (struct decimal){.v = v < 0 ? -q : q, .scale = n};
    return true;
}

bool decimal_from_double_digits(struct decimal *out, struct arena *a, double v, unsigned digits)
{
    assert(digits > 0);
    if (!isfinite(v))
        return false;
    if (!double_digits_fast(out, v, digits))
        *out = big_from_double(a, v, digits);
    return true;
}

// Digits and point of a number's text; `significant` counts from the first digit that is not 0.
struct digits {
    size_t from, to; // in the text, point included
    size_t count, significant;
    int64_t fraction; // digits behind the point
    i128 v;           // while significant <= 38
};

static bool scan_digits(struct digits *out, struct str s, size_t from)
{
    *out = (struct digits){.from = from};
    bool point = false;
    size_t i = from;
    for (; i < s.n; i++) {
        const char c = s.p[i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9')
            break;
        out->count++;
        out->fraction += point;
        if (c == '0' && !out->significant)
            continue;
        if (++out->significant <= 38)
            out->v = out->v * 10 + (c - '0');
    }
    out->to = i;
    return out->count > 0;
}

// "E", sign, digits up to the end of the text.
static bool scan_exponent(int64_t *out, struct str s, size_t from)
{
    *out = 0;
    if (from == s.n)
        return true;
    if ((s.p[from] != 'e' && s.p[from] != 'E') || ++from == s.n)
        return false;
    const bool negative = s.p[from] == '-';
    if ((negative || s.p[from] == '+') && ++from == s.n)
        return false;
    for (size_t i = from; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        *out = *out * 10 + (s.p[i] - '0');
        if (*out > (int64_t)INT32_MAX * 2)
            return false;
    }
    if (negative)
        *out = -*out;
    return true;
}

static struct decimal long_digits(struct arena *a, const struct digits *d, struct str s,
                                  bool negative)
{
    char *p = mem_alloc(d->count);
    size_t n = 0;
    for (size_t i = d->from; i < d->to; i++) {
        if (s.p[i] != '.')
            p[n++] = s.p[i];
    }
    const struct decimal out = big_from_digits(a, p, n, negative);
    mem_free(p);
    return out;
}

bool decimal_parse(struct decimal *out, struct arena *a, struct str text)
{
    if (!text.n)
        return false;
    const bool negative = text.p[0] == '-';
    struct digits d;
    int64_t exponent;
    if (!scan_digits(&d, text, negative || text.p[0] == '+') ||
        !scan_exponent(&exponent, text, d.to))
        return false;
    const int64_t scale = d.fraction - exponent;
    if (scale < INT32_MIN || scale > INT32_MAX)
        return false;
    if (d.significant <= 38)
        *out = (struct decimal){.v = negative ? -d.v : d.v};
    else
        *out = long_digits(a, &d, text, negative);
    out->scale = (int32_t)scale;
    return true;
}

// Digits of the magnitude, most significant first; returns their number (1..39).
static size_t small_text(char out[40], i128 v)
{
    char reversed[40];
    size_t n = 0;
    u128 m = magnitude(v);
    while (m >> 64) { // 19 digits at a time
        uint64_t part = (uint64_t)(m % 10000000000000000000u);
        m /= 10000000000000000000u;
        for (int i = 0; i < 19; i++, part /= 10)
            reversed[n++] = (char)('0' + part % 10);
    }
    uint64_t rest = (uint64_t)m;
    do {
        reversed[n++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    for (size_t i = 0; i < n; i++)
        out[i] = reversed[n - 1 - i];
    return n;
}

static void put_zeros(struct buf *out, size_t n)
{
    char *p = buf_room(out, n);
    if (!p || !n)
        return;
    memset(p, '0', n);
    out->n += n;
}

static void print_digits(struct buf *out, struct str digits, int32_t scale)
{
    if (scale <= 0) {
        buf_str(out, digits);
        if (digits.p[0] != '0')
            put_zeros(out, (size_t) - (int64_t)scale);
        return;
    }
    const size_t fraction = (size_t)scale;
    if (digits.n <= fraction) {
        buf_put(out, "0.", 2);
        put_zeros(out, fraction - digits.n);
        buf_str(out, digits);
        return;
    }
    buf_put(out, digits.p, digits.n - fraction);
    buf_char(out, '.');
    buf_put(out, digits.p + digits.n - fraction, fraction);
}

void decimal_print(struct buf *out, struct decimal x)
{
    if (sign(x) < 0)
        buf_char(out, '-');
    if (x.big.p) {
        size_t n;
        char *p = big_text(&n, x);
        print_digits(out, (struct str){p, n}, x.scale);
        mem_free(p);
        return;
    }
    char text[40];
    print_digits(out, (struct str){text, small_text(text, x.v)}, x.scale);
}

double decimal_to_double(struct decimal x)
{
    if (!x.big.p && x.scale >= 0 && x.scale <= 22 && bits(x.v) <= 53)
        return (double)(int64_t)x.v /
               number_pow10((unsigned)x.scale); // two exact numbers: one rounding
    char text[40];
    char *own = NULL;
    struct str digits = {text, 0};
    if (x.big.p)
        digits.p = own = big_text(&digits.n, x);
    else
        digits.n = small_text(text, x.v);
    const double v = number_from_digits(digits, -(int64_t)x.scale);
    mem_free(own);
    return sign(x) < 0 ? -v : v;
}

bool decimal_to_i64(int64_t *out, struct decimal x)
{
    // 19 digits are enough for every int64; such a small rescale never needs the arena.
    struct arena *a = x.big.p ? arena_new(NULL) : NULL;
    struct decimal whole;
    bool ok;
    if (!a && x.scale == 0) {
        whole = x;
        ok = true;
    } else {
        ok = decimal_rescale(&whole, a, x, 19, 0, DECIMAL_DOWN);
    }
    ok = ok && !whole.big.p && is_i64(whole.v);
    if (ok)
        *out = (int64_t)whole.v;
    arena_free(a);
    return ok;
}

// --- columns -----------------------------------------------------------------------------------------------------------

struct decimal decimal_get(const struct column *c, uint32_t row)
{
    assert(c->type->kind == TYPE_DECIMAL);
    struct decimal x = {.scale = c->type->scale};
    if (c->type->precision <= 18)
        x.v = c->i64[row];
    else if (c->type->precision <= 38)
        x.v = c->i128[row];
    else if (c->str[row].n <= 16)
        x.v = codec_i128_from(c->str[row]);
    if (c->type->precision > 38 && (c->str[row].n > 16 || !codec_i128_fits(x.v, 38)))
        x.big = c->str[row];
    return x;
}

void decimal_set(struct column *c, struct arena *a, uint32_t row, struct decimal x)
{
    assert(c->type->kind == TYPE_DECIMAL && x.scale == c->type->scale);
    if (c->type->precision <= 18) {
        assert(!x.big.p && is_i64(x.v));
        c->i64[row] = (int64_t)x.v;
    } else if (c->type->precision <= 38) {
        assert(!x.big.p);
        c->i128[row] = x.v;
    } else if (x.big.p) {
        c->str[row] = x.big;
    } else {
        uint8_t bytes[16];
        const size_t n = codec_i128_bytes(bytes, x.v);
        c->str[row] = arena_str(a, (struct str){(const char *)bytes + 16 - n, n});
    }
}
