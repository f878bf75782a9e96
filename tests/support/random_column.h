// Random types and columns for property tests, and the meaning of "equal" and "smaller" for values, written plainly.
// Same seed, same data. Everything is allocated in the arena.
#ifndef TESTS_SUPPORT_RANDOM_COLUMN_H
#define TESTS_SUPPORT_RANDOM_COLUMN_H

#include "schema/block.h"

struct random_state {
    uint64_t s;
};
uint64_t random_u64(struct random_state *r);
uint64_t random_below(struct random_state *r, uint64_t n); // n > 0
double random_double(struct random_state *r);              // any bits, and often a plain number

enum random_nulls { RANDOM_NULLS, RANDOM_NO_NULLS };

// Any type, nested at most `depth` deep.
const struct type *random_type(struct random_state *r, struct arena *a, unsigned depth);
void random_column(struct column *out, struct random_state *r, struct arena *a,
                   const struct type *t, uint32_t rows, enum random_nulls nulls);

// The order of keys: NULL first, numbers by value (NaN last), strings by bytes, arrays and structs item by item.
int column_compare(const struct column *x, uint32_t xrow, const struct column *y, uint32_t yrow);

#endif
