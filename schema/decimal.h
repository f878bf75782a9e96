// DECIMAL arithmetic exactly as ksqlDB (java.math.BigDecimal, SYSTEMS: types, rounding, errors). Values up to 38 digits are
// i128; above that GMP. Nothing is ever capped or rounded silently: an inexact or out-of-range result is an error.
#ifndef SCHEMA_DECIMAL_H
#define SCHEMA_DECIMAL_H

#include "schema/block.h"

// One decimal of any size, by value; big ones point into an arena.
struct decimal {
    i128 v;         // unscaled, when !big
    struct str big; // big-endian two's complement, when big.p
    int32_t scale;
};

enum decimal_op { DECIMAL_ADD, DECIMAL_SUB, DECIMAL_MUL, DECIMAL_DIV, DECIMAL_MOD };
enum decimal_round { DECIMAL_EXACT, DECIMAL_HALF_UP, DECIMAL_DOWN };

// Result precision and scale of x op y (ksqlDB's rules). INTEGER counts as (10,0), BIGINT as (19,0).
void decimal_result(unsigned *precision, unsigned *scale, enum decimal_op op, unsigned p1,
                    unsigned s1, unsigned p2, unsigned s2);
// false = exception of that row (inexact, division by zero, does not fit (precision, scale)).
bool decimal_arith(struct decimal *out, struct arena *a, enum decimal_op op, struct decimal x,
                   struct decimal y, unsigned precision, unsigned scale);
int decimal_cmp(struct decimal x, struct decimal y);
// Rescale to (precision, scale); false when it does not fit (or is inexact with DECIMAL_EXACT).
bool decimal_rescale(struct decimal *out, struct arena *a, struct decimal x, unsigned precision,
                     unsigned scale, enum decimal_round round);
struct decimal decimal_from_i64(int64_t v);
bool decimal_from_double(struct decimal *out, struct arena *a,
                         double v); // BigDecimal.valueOf: shortest digits
// new BigDecimal(v, MathContext(digits)): the double's exact value at so many significant digits, HALF_UP (what CAST does).
bool decimal_from_double_digits(struct decimal *out, struct arena *a, double v, unsigned digits);
// Text: optional sign, digits, point, exponent; the scale is what the text says ("1.10" has 2).
bool decimal_parse(struct decimal *out, struct arena *a, struct str text);
void decimal_print(struct buf *out, struct decimal x); // plain notation with full scale
double decimal_to_double(struct decimal x);
bool decimal_to_i64(int64_t *out,
                    struct decimal x);     // truncates toward zero; false when out of range
unsigned decimal_digits(struct decimal x); // precision of the value, >= 1

// Between columns and values, by the column's precision class.
struct decimal decimal_get(const struct column *c, uint32_t row);
void decimal_set(struct column *c, struct arena *a, uint32_t row,
                 struct decimal x); // x already has the type's scale

#endif
