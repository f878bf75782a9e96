// Texts into cells of number, time and BYTES types: the general path, from the digits.
#include "base/base64.h"
#include "schema/decimal.h"
#include "schema/serde/serde_internal.h"
#include "schema/text.h"

#include <assert.h>
#include <math.h>

#define MS_PER_DAY      86400000
#define DIGITS_I128_MAX 38
#define EXPONENT_MAX    INT32_MAX // as java.math.BigDecimal's scale

// sign integer . fraction e exponent, as text. Also what new BigDecimal(String) takes: +1, .5, 5.
struct digits {
    struct str integer, fraction;
    int64_t exponent;
    bool negative;
};

static size_t digit_run(struct str s, size_t from)
{
    size_t i = from;
    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
        i++;
    return i - from;
}

static bool split_exponent(int64_t *out, struct str s, size_t at)
{
    bool negative = false;
    *out = 0;
    if (at == s.n)
        return true;
    if (s.p[at] != 'e' && s.p[at] != 'E')
        return false;
    at++;
    if (at < s.n && (s.p[at] == '+' || s.p[at] == '-'))
        negative = s.p[at++] == '-';
    const size_t n = digit_run(s, at);
    if (n == 0 || at + n != s.n)
        return false;
    for (size_t i = at; i < s.n; i++) {
        *out = *out * 10 + (s.p[i] - '0');
        if (*out > EXPONENT_MAX)
            return false;
    }
    *out = negative ? -*out : *out;
    return true;
}

static bool split_number(struct digits *out, struct str s)
{
    size_t at = 0;
    out->negative = s.n && s.p[0] == '-';
    if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
        at++;
    out->integer = (struct str){s.p + at, digit_run(s, at)};
    at += out->integer.n;
    out->fraction = (struct str){s.p + at, 0};
    if (at < s.n && s.p[at] == '.') {
        at++;
        out->fraction = (struct str){s.p + at, digit_run(s, at)};
        at += out->fraction.n;
    }
    return out->integer.n + out->fraction.n > 0 && split_exponent(&out->exponent, s, at);
}

static size_t digit_count(const struct digits *x)
{
    return x->integer.n + x->fraction.n;
}

static unsigned digit_of(const struct digits *x, size_t i)
{
    const char c = i < x->integer.n ? x->integer.p[i] : x->fraction.p[i - x->integer.n];
    assert(c >= '0' && c <= '9');
    return (unsigned)(c - '0');
}

// --- integers --------------------------------------------------------------------------------------

enum whole { WHOLE_FITS, WHOLE_WRAPS };

// The integer part modulo 2^64, and whether it lies in int64.
static enum whole whole_part(uint64_t *out, const struct digits *x)
{
    const int64_t count = (int64_t)x->integer.n + x->exponent;
    const int64_t written = (int64_t)digit_count(x);
    const uint64_t limit = (uint64_t)INT64_MAX + x->negative;
    uint64_t v = 0;
    bool fits = true;
    for (int64_t i = 0; i < count && (i < written || v != 0); i++) {
        const uint64_t d = i < written ? digit_of(x, (size_t)i) : 0;
        fits = fits && v <= (limit - d) / 10;
        v = v * 10 + d;
    }
    *out = x->negative ? 0 - v : v;
    return fits ? WHOLE_FITS : WHOLE_WRAPS;
}

static enum serde_set store_long(struct column *c, uint32_t row, int64_t v)
{
    const enum type_kind kind = c->type->kind;
    if (kind == TYPE_BIGINT || kind == TYPE_TIMESTAMP) {
        c->i64[row] = v;
        return SERDE_SET;
    }
    const int64_t low = kind == TYPE_TIME ? 0 : INT32_MIN;
    const int64_t high = kind == TYPE_TIME ? MS_PER_DAY - 1 : INT32_MAX;
    if (v < low || v > high)
        return SERDE_SET_RANGE;
    c->i32[row] = (int32_t)v;
    return SERDE_SET;
}

static enum serde_set set_integer(struct column *c, uint32_t row, struct str text)
{
    struct digits x;
    uint64_t v;
    if (!split_number(&x, text)) // only an exponent beyond all use
        return SERDE_SET_RANGE;
    const enum whole whole = whole_part(&v, &x);
    if (c->type->kind == TYPE_INTEGER) {
        c->i32[row] = (int32_t)(uint32_t)v; // ksqlDB: any number, wrapped to 32 bits
        return SERDE_SET;
    }
    return whole == WHOLE_FITS ? store_long(c, row, (int64_t)v) : SERDE_SET_RANGE;
}

// --- DECIMAL, DOUBLE -----------------------------------------------------------------------------

static enum serde_set set_wide_decimal(struct column *c, struct arena *a, uint32_t row,
                                       struct str text)
{
    struct decimal v;
    const struct type *t = c->type;
    if (!decimal_parse(&v, a, text) ||
        !decimal_rescale(&v, a, v, t->precision, t->scale, DECIMAL_EXACT))
        return SERDE_SET_RANGE;
    decimal_set(c, a, row, v);
    return SERDE_SET;
}

// Bounds are judged on the digits, so that 1e999999999 costs nothing.
static enum serde_set set_decimal(struct column *c, struct arena *a, uint32_t row, struct str text)
{
    struct digits x;
    if (!split_number(&x, text))
        return SERDE_SET_TEXT;
    size_t first = 0, end = digit_count(&x);
    while (first < end && digit_of(&x, first) == 0)
        first++;
    while (end > first && digit_of(&x, end - 1) == 0)
        end--;
    const struct type *t = c->type;
    // value = digits[first, end) * 10^e
    const int64_t e = first == end ? 0 : (int64_t)x.integer.n + x.exponent - (int64_t)end;
    if (e < -(int64_t)t->scale ||
        (int64_t)(end - first) + e > (int64_t)t->precision - (int64_t)t->scale)
        return SERDE_SET_RANGE;
    if (t->precision > DIGITS_I128_MAX)
        return set_wide_decimal(c, a, row, first == end ? STR("0") : text);
    i128 v = 0;
    for (size_t i = first; i < end; i++)
        v = v * 10 + (i128)digit_of(&x, i);
    for (int64_t i = -(int64_t)t->scale; i < e && v; i++)
        v *= 10;
    v = x.negative ? -v : v;
    if (t->precision <= 18)
        c->i64[row] = (int64_t)v;
    else
        c->i128[row] = v;
    return SERDE_SET;
}

static enum serde_set set_double(struct column *c, uint32_t row, struct str text)
{
    double v;
    if (!text_parse_double(&v, text))
        return SERDE_SET_TEXT;
    if (isinf(v) && !memchr(text.p, 'I', text.n)) // 1e400; the text "Infinity" is meant so
        return SERDE_SET_RANGE;
    c->f64[row] = v;
    return SERDE_SET;
}

// --- public --------------------------------------------------------------------------------------

enum serde_set serde_set_number(struct column *c, struct arena *a, uint32_t row, struct str number)
{
    assert(number.n > 0);
    if (c->type->kind == TYPE_DECIMAL)
        return set_decimal(c, a, row, number);
    if (c->type->kind == TYPE_DOUBLE)
        return set_double(c, row, number);
    return set_integer(c, row, number);
}

// Integer.parseInt, Long.parseLong: an optional sign and digits, in range.
static enum serde_set set_long(struct column *c, uint32_t row, struct str s)
{
    struct digits x;
    uint64_t v;
    if (!split_number(&x, s) || x.integer.n == 0 || x.integer.p + x.integer.n != s.p + s.n)
        return SERDE_SET_TEXT;
    if (whole_part(&v, &x) != WHOLE_FITS)
        return SERDE_SET_RANGE;
    return store_long(c, row, (int64_t)v);
}

enum serde_set serde_set_text(struct column *c, struct arena *a, uint32_t row, struct str text)
{
    switch (c->type->kind) {
    case TYPE_INTEGER:
    case TYPE_BIGINT:
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
        return set_long(c, row, text);
    case TYPE_DECIMAL:
        return set_decimal(c, a, row, text);
    case TYPE_DOUBLE:
        return set_double(c, row, text);
    case TYPE_BYTES:
        return base64_decode(&c->str[row], a, text, BASE64_PADDED) ? SERDE_SET : SERDE_SET_TEXT;
    case TYPE_BOOLEAN:
        if (!str_eq_nocase(text, STR("true")) && !str_eq_nocase(text, STR("false")))
            return SERDE_SET_TEXT;
        c->u8[row] = text.n == 4;
        return SERDE_SET;
    case TYPE_STRING:
        c->str[row] = text;
        return SERDE_SET;
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_STRUCT:
        break;
    }
    assert(!"a nested type");
    return SERDE_SET_TEXT;
}
