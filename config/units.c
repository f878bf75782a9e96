#include "config/units.h"

#include <assert.h>
#include <inttypes.h>

struct unit {
    const char *name;
    uint64_t size;
};

static const struct unit durations[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
static const struct unit sizes[] = {
    {"TiB", UINT64_C(1) << 40}, {"GiB", UINT64_C(1) << 30},      {"MiB", UINT64_C(1) << 20},
    {"KiB", UINT64_C(1) << 10}, {"TB", UINT64_C(1000000000000)}, {"GB", UINT64_C(1000000000)},
    {"MB", UINT64_C(1000000)},  {"kB", UINT64_C(1000)},          {"B", 1}};

enum { DURATIONS = sizeof durations / sizeof durations[0], SIZES = sizeof sizes / sizeof sizes[0] };
enum { PPM = 1000000 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// Splits leading digits off.
static bool take_number(uint64_t *out, struct str *s)
{
    size_t n = 0;
    while (n < s->n && is_digit(s->p[n]))
        n++;
    if (!str_to_u64(out, str_slice(*s, 0, n)))
        return false;
    *s = str_slice(*s, n, s->n);
    return true;
}

static bool take_unit(size_t *out, struct str *s)
{
    size_t n = 0;
    while (n < s->n && !is_digit(s->p[n]))
        n++;
    const struct str name = str_slice(*s, 0, n);
    for (size_t i = 0; i < DURATIONS; i++) {
        if (str_eq(name, str_from(durations[i].name))) {
            *out = i;
            *s = str_slice(*s, n, s->n);
            return true;
        }
    }
    return false;
}

bool units_parse_duration(int64_t *out_ms, struct str s)
{
    assert(out_ms);
    int64_t total = 0;
    if (str_eq(s, STR("0"))) {
        *out_ms = 0;
        return true;
    }
    if (s.n == 0)
        return false;
    for (size_t least = 0; s.n > 0;) {
        uint64_t n = 0;
        int64_t part = 0;
        size_t unit = 0;
        if (!take_number(&n, &s) || !take_unit(&unit, &s) || unit < least)
            return false;
        if (__builtin_mul_overflow(n, durations[unit].size, &part) ||
            __builtin_add_overflow(total, part, &total))
            return false;
        least = unit + 1;
    }
    *out_ms = total;
    return true;
}

bool units_parse_bytes(uint64_t *out, struct str s)
{
    assert(out);
    uint64_t n = 0;
    if (!take_number(&n, &s))
        return false;
    if (s.n == 0) {
        *out = n;
        return true;
    }
    if (s.p[0] == ' ')
        s = str_slice(s, 1, s.n);
    for (size_t i = 0; i < SIZES; i++) {
        if (str_eq(s, str_from(sizes[i].name)))
            return !__builtin_mul_overflow(n, sizes[i].size, out);
    }
    return false;
}

bool units_parse_ratio(int64_t *out_ppm, struct str s)
{
    assert(out_ppm);
    const bool percent = str_ends(s, STR("%"));
    uint64_t whole = 0;
    uint64_t digit = percent ? PPM / 100 : PPM; // worth of the digit before the point
    s = str_slice(s, 0, s.n - percent);
    if (!take_number(&whole, &s) || whole > 100)
        return false;
    uint64_t ppm = whole * digit;
    if (s.n > 0) {
        if (s.p[0] != '.' || s.n == 1)
            return false;
        for (size_t i = 1; i < s.n; i++) {
            digit /= 10;
            if (!is_digit(s.p[i]) || (digit == 0 && s.p[i] != '0'))
                return false;
            ppm += digit * (uint64_t)(s.p[i] - '0');
        }
    }
    if (ppm > PPM)
        return false;
    *out_ppm = (int64_t)ppm;
    return true;
}

void units_print_duration(struct buf *out, int64_t ms)
{
    assert(ms >= 0);
    uint64_t left = (uint64_t)ms;
    for (size_t i = 0; i < DURATIONS && left > 0; i++) {
        if (left / durations[i].size > 0) {
            buf_u64(out, left / durations[i].size);
            buf_text(out, durations[i].name);
        }
        left %= durations[i].size;
    }
    if (ms == 0)
        buf_char(out, '0');
}

void units_print_bytes(struct buf *out, uint64_t bytes)
{
    for (size_t i = 0; bytes > 0 && i < 4; i++) {
        if (bytes % sizes[i].size == 0) {
            buf_u64(out, bytes / sizes[i].size);
            buf_text(out, sizes[i].name);
            return;
        }
    }
    buf_u64(out, bytes);
}

void units_print_ratio(struct buf *out, int64_t ppm)
{
    assert(ppm >= 0 && ppm <= PPM);
    buf_u64(out, (uint64_t)ppm / 10000);
    uint64_t rest = (uint64_t)ppm % 10000;
    if (rest > 0) {
        int width = 4; // digits of PPM behind the point, less those that are 0
        for (; rest % 10 == 0; rest /= 10)
            width--;
        buf_printf(out, ".%0*" PRIu64, width, rest);
    }
    buf_char(out, '%');
}
