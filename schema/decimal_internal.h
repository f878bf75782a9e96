// Decimals beyond 128 bits, with GMP: the slow half of decimal.c, same meaning. Every function takes small decimals too.
// Results are in normal form: `big` only when the number has more than 38 digits. Pure but for the arena.
#ifndef SCHEMA_DECIMAL_INTERNAL_H
#define SCHEMA_DECIMAL_INTERNAL_H

#include "schema/codec_internal.h"
#include "schema/decimal.h"

// x * 10^n, the scale is not touched.
struct decimal big_scale_up(struct arena *a, struct decimal x, unsigned n);
// Drops n digits; false when `round` is DECIMAL_EXACT and one of them is not 0.
bool big_scale_down(struct decimal *out, struct arena *a, struct decimal x, unsigned n,
                    enum decimal_round round);
// Unscaled x op y with equal scales (MUL: any). DIV fails unless exact; MOD also gives the quotient. y is not 0.
bool big_arith(struct decimal *out, struct decimal *quotient, struct arena *a, enum decimal_op op,
               struct decimal x, struct decimal y);
int big_cmp(struct decimal x, struct decimal y); // unscaled
int big_sign(struct decimal x);
unsigned big_digits(struct decimal x);
// Decimal digits without sign; the caller frees with mem_free. *n is the length.
char *big_text(size_t *n, struct decimal x);
// From digits 0..9 only.
struct decimal big_from_digits(struct arena *a, const char *digits, size_t n, bool negative);
// The exact value of a finite double with `digits` significant digits, HALF_UP (new BigDecimal(v, MathContext)).
struct decimal big_from_double(struct arena *a, double v, unsigned digits);
// An i128 of any size in normal form.
struct decimal big_normal(struct arena *a, i128 v, int32_t scale);

#endif
