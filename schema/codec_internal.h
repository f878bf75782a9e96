// Pieces that the row codec, the key codec and decimals share: integers as big-endian two's complement bytes and
// the one form of a DOUBLE. Pure functions; only schema/ includes this.
#ifndef SCHEMA_CODEC_INTERNAL_H
#define SCHEMA_CODEC_INTERNAL_H

#include "schema/block.h"

typedef unsigned __int128 u128;

// Bits of v with every NaN made the same one: equal values, equal bytes. 0.0 and -0.0 stay different, as in Java.
static inline uint64_t codec_double_bits(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return v != v ? UINT64_C(0x7ff8000000000000) : bits;
}

// Writes v big-endian into the 16 bytes; returns how many of the last ones are its minimal two's complement (1..16).
static inline size_t codec_i128_bytes(uint8_t out[16], i128 v)
{
    u128 rest = (u128)v;
    for (size_t i = 16; i-- > 0; rest >>= 8)
        out[i] = (uint8_t)rest;
    const uint8_t fill = v < 0 ? 0xff : 0;
    size_t at = 0;
    while (at < 15 && out[at] == fill && (out[at + 1] ^ fill) < 0x80)
        at++;
    return 16 - at;
}

// The number that 1..16 bytes of big-endian two's complement hold.
static inline i128 codec_i128_from(struct str s)
{
    u128 v = (uint8_t)s.p[0] & 0x80 ? ~(u128)0 : 0;
    for (size_t i = 0; i < s.n; i++)
        v = v << 8 | (uint8_t)s.p[i];
    return (i128)v;
}

// Non-empty and without a byte that only repeats the sign.
static inline bool codec_is_minimal(struct str s)
{
    if (s.n < 2)
        return s.n == 1;
    const uint8_t first = (uint8_t)s.p[0];
    const bool next_negative = (uint8_t)s.p[1] & 0x80;
    return !((first == 0 && !next_negative) || (first == 0xff && next_negative));
}

// 10^n, n <= 38.
i128 codec_pow10(unsigned n);

// At most `precision` decimal digits; precision 1..38.
static inline bool codec_i128_fits(i128 v, unsigned precision)
{
    const i128 limit = codec_pow10(precision);
    return v < limit && v > -limit;
}

#endif
