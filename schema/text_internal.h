// Pieces of text.h that other files of schema/ need without a buffer. Pure functions.
#ifndef SCHEMA_TEXT_INTERNAL_H
#define SCHEMA_TEXT_INTERNAL_H

#include "schema/text.h"

// Powers of ten as 128-bit numbers, the highest bit set, cut (not rounded).
#define POW10_MIN (-342)
#define POW10_MAX 324
struct pow10_bits {
    uint64_t high, low;
};
struct pow10_bits pow10_bits(int q);

// Longest Double.toString: "-2.2250738585072014E-308".
#define NUMBER_TEXT_MAX 32
size_t number_print(char out[NUMBER_TEXT_MAX], double v);
double number_pow10(unsigned n); // 10^n exactly, n <= 22
// digits * 10^exponent, correctly rounded; digits are '0'..'9', at least one.
double number_from_digits(struct str digits, int64_t exponent);

// The text without the characters that String.trim() removes: everything up to U+0020.
struct str text_java_trim(struct str s);

// Fixed digits; two per call where it counts.
char *datetime_put(char *p, int64_t v,
                   unsigned width); // zero-padded, v >= 0; more digits when it needs them
// n decimal digits at s.p[at]; false when there are fewer.
bool datetime_take(int64_t *out, struct str s, size_t at, size_t n);
int datetime_month_days(int64_t year, int month);
// Any int64 may come as a timestamp; what would leave its range stays at its end.
int64_t datetime_add(int64_t ms, int64_t add);
// "+2", "-07", "+0530", "+05:30", "+05:30:15", "Z": ZoneOffset.of; seconds.
bool datetime_parse_offset(int32_t *out, struct str s);

// The zone's abbreviation at that time ("CEST"); fixed offsets have their id.
struct str zone_abbreviation(const struct zone *z, int64_t utc_ms);
struct str zone_name(const struct zone *z);

#endif
