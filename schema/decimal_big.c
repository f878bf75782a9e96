#include "schema/decimal_internal.h"

#include <assert.h>
#include <gmp.h>
#include <math.h>

static const i128 limit38 = (i128)UINT64_C(10000000000000000000) * UINT64_C(10000000000000000000);

static void mpz_from_u128(mpz_t out, u128 v)
{
    const uint64_t words[2] = {(uint64_t)v, (uint64_t)(v >> 64)};
    mpz_import(out, 2, -1, sizeof words[0], 0, 0, words);
}

// out must be initialised.
static void mpz_from(mpz_t out, struct decimal x)
{
    if (!x.big.p) {
        mpz_from_u128(out, x.v < 0 ? -(u128)x.v : (u128)x.v);
        if (x.v < 0)
            mpz_neg(out, out);
        return;
    }
    mpz_import(out, x.big.n, 1, 1, 1, 0, x.big.p);
    if ((uint8_t)x.big.p[0] & 0x80) {
        mpz_t modulus;
        mpz_init_set_ui(modulus, 1);
        mpz_mul_2exp(modulus, modulus, x.big.n * 8);
        mpz_sub(out, out, modulus);
        mpz_clear(modulus);
    }
}

static i128 mpz_small(const mpz_t v)
{
    uint64_t words[2] = {0, 0};
    size_t n;
    assert(mpz_sizeinbase(v, 2) <= 127);
    mpz_export(words, &n, -1, sizeof words[0], 0, 0, v);
    const u128 magnitude = (u128)words[1] << 64 | words[0];
    return mpz_sgn(v) < 0 ? -(i128)magnitude : (i128)magnitude;
}

// Minimal two's complement: the magnitude of v, or of -v - 1 inverted, with room for the sign bit.
static struct str mpz_bytes(struct arena *a, const mpz_t v)
{
    mpz_t t;
    mpz_init_set(t, v);
    const bool negative = mpz_sgn(v) < 0;
    if (negative)
        mpz_com(t, t);
    const size_t n = (mpz_sgn(t) ? mpz_sizeinbase(t, 2) : 0) / 8 + 1;
    uint8_t *p = arena_zalloc(a, n);
    const size_t used = mpz_sgn(t) ? (mpz_sizeinbase(t, 2) + 7) / 8 : 0;
    mpz_export(p + n - used, NULL, 1, 1, 1, 0, t);
    for (size_t i = 0; negative && i < n; i++)
        p[i] = (uint8_t)~p[i];
    mpz_clear(t);
    return (struct str){(const char *)p, n};
}

static struct decimal mpz_decimal(struct arena *a, const mpz_t v, int32_t scale)
{
    if (mpz_sizeinbase(v, 2) <= 127) {
        const i128 small = mpz_small(v);
        if (small < limit38 && small > -limit38)
            return (struct decimal){.v = small, .scale = scale};
    }
    return (struct decimal){.big = mpz_bytes(a, v), .scale = scale};
}

struct decimal big_normal(struct arena *a, i128 v, int32_t scale)
{
    if (v < limit38 && v > -limit38)
        return (struct decimal){.v = v, .scale = scale};
    mpz_t z;
    mpz_init(z);
    mpz_from(z, (struct decimal){.v = v});
    const struct decimal out = mpz_decimal(a, z, scale);
    mpz_clear(z);
    return out;
}

struct decimal big_scale_up(struct arena *a, struct decimal x, unsigned n)
{
    mpz_t v;
    mpz_t factor;
    mpz_inits(v, factor, NULL);
    mpz_from(v, x);
    mpz_ui_pow_ui(factor, 10, n);
    mpz_mul(v, v, factor);
    const struct decimal out = mpz_decimal(a, v, x.scale);
    mpz_clears(v, factor, NULL);
    return out;
}

// q = v / d by the rule; false when it must be exact and is not. v's sign decides the direction of HALF_UP.
static bool divide_rounded(mpz_t q, const mpz_t v, const mpz_t d, enum decimal_round round)
{
    mpz_t r;
    mpz_init(r);
    const int sign = mpz_sgn(v);
    mpz_tdiv_qr(q, r, v, d);
    const bool exact = mpz_sgn(r) == 0;
    mpz_mul_2exp(r, r, 1);
    if (round == DECIMAL_HALF_UP && mpz_cmpabs(r, d) >= 0) {
        if (sign < 0)
            mpz_sub_ui(q, q, 1);
        else
            mpz_add_ui(q, q, 1);
    }
    mpz_clear(r);
    return exact || round != DECIMAL_EXACT;
}

bool big_scale_down(struct decimal *out, struct arena *a, struct decimal x, unsigned n,
                    enum decimal_round round)
{
    mpz_t v;
    mpz_t q;
    mpz_t divisor;
    mpz_inits(v, q, divisor, NULL);
    mpz_from(v, x);
    mpz_ui_pow_ui(divisor, 10, n);
    const bool ok = divide_rounded(q, v, divisor, round);
    if (ok)
        *out = mpz_decimal(a, q, x.scale);
    mpz_clears(v, q, divisor, NULL);
    return ok;
}

bool big_arith(struct decimal *out, struct decimal *quotient, struct arena *a, enum decimal_op op,
               struct decimal x, struct decimal y)
{
    mpz_t v;
    mpz_t w;
    mpz_t r;
    mpz_inits(v, w, r, NULL);
    mpz_from(v, x);
    mpz_from(w, y);
    bool ok = true;
    switch (op) {
    case DECIMAL_ADD:
        mpz_add(r, v, w);
        break;
    case DECIMAL_SUB:
        mpz_sub(r, v, w);
        break;
    case DECIMAL_MUL:
        mpz_mul(r, v, w);
        break;
    case DECIMAL_DIV:
        ok = divide_rounded(r, v, w, DECIMAL_EXACT);
        break;
    case DECIMAL_MOD:
        mpz_tdiv_qr(w, r, v, w);
        *quotient = mpz_decimal(a, w, 0);
        break;
    }
    if (ok)
        *out = mpz_decimal(a, r, x.scale);
    mpz_clears(v, w, r, NULL);
    return ok;
}

int big_cmp(struct decimal x, struct decimal y)
{
    mpz_t v;
    mpz_t w;
    mpz_inits(v, w, NULL);
    mpz_from(v, x);
    mpz_from(w, y);
    const int c = mpz_cmp(v, w);
    mpz_clears(v, w, NULL);
    return (c > 0) - (c < 0);
}

int big_sign(struct decimal x)
{
    assert(x.big.p);
    return (uint8_t)x.big.p[0] & 0x80 ? -1 : 1;
}

char *big_text(size_t *n, struct decimal x)
{
    mpz_t v;
    mpz_init(v);
    mpz_from(v, x);
    mpz_abs(v, v);
    char *p = mem_alloc(mpz_sizeinbase(v, 10) + 2);
    mpz_get_str(p, 10, v);
    *n = strlen(p);
    mpz_clear(v);
    return p;
}

unsigned big_digits(struct decimal x)
{
    size_t n;
    char *p = big_text(&n, x);
    mem_free(p);
    assert(n <= UINT32_MAX);
    return (unsigned)n;
}

struct decimal big_from_digits(struct arena *a, const char *digits, size_t n, bool negative)
{
    assert(n > 0);
    char *z = mem_alloc(n + 1);
    memcpy(z, digits, n);
    z[n] = 0;
    mpz_t v;
    const int bad = mpz_init_set_str(v, z, 10);
    assert(!bad);
    if (negative)
        mpz_neg(v, v);
    const struct decimal out = mpz_decimal(a, v, 0);
    mpz_clear(v);
    mem_free(z);
    return out;
}

struct decimal big_from_double(struct arena *a, double v, unsigned digits)
{
    assert(isfinite(v) && digits > 0);
    int exponent;
    const int64_t mantissa = (int64_t)ldexp(frexp(v, &exponent), 53);
    exponent -= 53;
    mpz_t m;
    mpz_t five;
    mpz_inits(m, five, NULL);
    mpz_from(m, (struct decimal){.v = mantissa});
    int32_t scale = 0;
    if (exponent >= 0) {
        mpz_mul_2exp(m, m, (mp_bitcnt_t)exponent);
    } else { // m / 2^k = m * 5^k / 10^k
        mpz_ui_pow_ui(five, 5, (unsigned long)-exponent);
        mpz_mul(m, m, five);
        scale = -exponent;
    }
    struct decimal out = mpz_decimal(a, m, scale);
    mpz_clears(m, five, NULL);
    const unsigned have = decimal_digits(out);
    if (have > digits) {
        out.scale -= (int32_t)(have - digits);
        const bool ok = big_scale_down(&out, a, out, have - digits, DECIMAL_HALF_UP);
        assert(ok);
    }
    return out;
}
