#include "sql/exec/unicode.h"

#include <assert.h>

// Ranges where upper and lower case alternate (even = upper unless odd_upper) or differ by a distance.
struct case_range {
    uint32_t first, last;
    uint32_t distance; // lower = upper + distance; 0 = alternating neighbours
    bool odd_upper;    // alternating: odd code points are upper case
};

static const struct case_range ranges[] = {
    {'A', 'Z', 32, false},     {0xC0, 0xD6, 32, false},    {0xD8, 0xDE, 32, false},
    {0x100, 0x12F, 0, false},  {0x132, 0x137, 0, false},   {0x139, 0x148, 0, true},
    {0x14A, 0x177, 0, false},  {0x179, 0x17E, 0, true},    {0x1CD, 0x1DC, 0, true},
    {0x1DE, 0x1EF, 0, false},  {0x1F8, 0x21F, 0, false},   {0x222, 0x233, 0, false},
    {0x391, 0x3A1, 32, false}, {0x3A3, 0x3AB, 32, false},  {0x400, 0x40F, 80, false},
    {0x410, 0x42F, 32, false}, {0x460, 0x481, 0, false},   {0x48A, 0x4BF, 0, false},
    {0x4D0, 0x52F, 0, false},  {0x1E00, 0x1E95, 0, false}, {0x1EA0, 0x1EFF, 0, false},
};

// One-off pairs and letters without a partner.
struct case_pair {
    uint32_t upper, lower;
};
static const struct case_pair pairs[] = {
    {0x178, 0xFF},  {0x386, 0x3AC}, {0x388, 0x3AD}, {0x389, 0x3AE},
    {0x38A, 0x3AF}, {0x38C, 0x3CC}, {0x38E, 0x3CD}, {0x38F, 0x3CE},
};
static const uint32_t lower_only[] = {0xB5, 0xDF, 0x131, 0x138, 0x149, 0x17F, 0x3C2};

#define COUNT(a) (sizeof(a) / sizeof *(a))

static bool range_is_upper(const struct case_range *r, uint32_t c)
{
    return r->distance ? c <= r->last : ((c & 1) != 0) == r->odd_upper;
}

// The range c belongs to, as upper or lower letter.
static const struct case_range *range_of(uint32_t c)
{
    for (size_t i = 0; i < COUNT(ranges); i++) {
        const struct case_range *r = &ranges[i];
        if (c >= r->first && c <= r->last)
            return r;
        if (r->distance && c >= r->first + r->distance && c <= r->last + r->distance)
            return r;
    }
    return NULL;
}

enum unicode_class unicode_class(uint32_t code_point)
{
    if (code_point >= '0' && code_point <= '9')
        return UNICODE_DIGIT;
    // DECIMAL_DIGIT_NUMBER outside ASCII: Arabic-Indic, Devanagari, full width.
    if ((code_point >= 0x660 && code_point <= 0x669) ||
        (code_point >= 0x6F0 && code_point <= 0x6F9) ||
        (code_point >= 0x966 && code_point <= 0x96F) ||
        (code_point >= 0xFF10 && code_point <= 0xFF19))
        return UNICODE_DIGIT;
    if (unicode_lower(code_point) != code_point || code_point == 0x130)
        return UNICODE_UPPER;
    if (unicode_upper(code_point) != code_point)
        return UNICODE_LOWER;
    for (size_t i = 0; i < COUNT(lower_only); i++)
        if (lower_only[i] == code_point)
            return UNICODE_LOWER;
    return UNICODE_OTHER;
}

uint32_t unicode_upper(uint32_t code_point)
{
    const struct case_range *r = code_point == 0x131 ? NULL : range_of(code_point);
    for (size_t i = 0; i < COUNT(pairs); i++)
        if (pairs[i].lower == code_point)
            return pairs[i].upper;
    if (code_point == 0xB5)
        return 0x39C;
    if (code_point == 0x131)
        return 'I';
    if (code_point == 0x3C2)
        return 0x3A3;
    if (!r || range_is_upper(r, code_point))
        return code_point;
    return r->distance ? code_point - r->distance : code_point - 1;
}

uint32_t unicode_lower(uint32_t code_point)
{
    const struct case_range *r = range_of(code_point);
    for (size_t i = 0; i < COUNT(pairs); i++)
        if (pairs[i].upper == code_point)
            return pairs[i].lower;
    if (code_point == 0x131 || !r || !range_is_upper(r, code_point))
        return code_point;
    return r->distance ? code_point + r->distance : code_point + 1;
}

uint32_t unicode_next(struct str s, size_t *at)
{
    assert(*at < s.n);
    const unsigned char c = (unsigned char)s.p[*at];
    uint32_t code_point = c;
    size_t taken = c < 0x80 ? 1 : utf8_decode(&code_point, s.p + *at, s.n - *at);
    if (!taken) {
        code_point = 0xFFFD;
        taken = 1;
    }
    *at += taken;
    return code_point;
}

size_t unicode_units(struct str s)
{
    size_t units = 0;
    for (size_t at = 0; at < s.n;)
        units += unicode_next(s, &at) > 0xFFFF ? 2 : 1;
    return units;
}

size_t unicode_offset(struct str s, size_t unit)
{
    size_t at = 0;
    while (unit > 0 && at < s.n) {
        const size_t start = at;
        const size_t width = unicode_next(s, &at) > 0xFFFF ? 2 : 1;
        if (width > unit)
            return start;
        unit -= width;
    }
    return at;
}
