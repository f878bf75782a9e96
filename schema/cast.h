// CAST(x AS type), a column at a time, with ksqlDB's meaning (what Java's conversions do):
// DOUBLE to INTEGER and BIGINT truncates toward zero and saturates (NaN is 0); BIGINT to INTEGER and DECIMAL to both
// keep the low bits; to DECIMAL rounds HALF_UP and fails when out of range; STRING to a number, date or time is trimmed
// and fails when it is not one; STRING to BOOLEAN is true for a prefix of "true" or "yes" (any case), else false; STRING to
// BYTES is base64. ARRAY, MAP and STRUCT are cast item by item (struct fields by name, missing ones NULL; an item that
// fails fails the whole value) or printed as STRING. NULL stays NULL.
//
// Pure functions; results live in the arena, strings may be views of the input's.
#ifndef SCHEMA_CAST_H
#define SCHEMA_CAST_H

#include "schema/block.h"

bool cast_supported(const struct type *from, const struct type *to);
// Coercion without CAST: equal types, INTEGER -> BIGINT -> DECIMAL -> DOUBLE, and nested types of such. A DECIMAL
// takes what loses no digit: its scale and its whole digits are not fewer (INTEGER counts as (10,0), BIGINT as (19,0)).
bool cast_implicit(const struct type *from, const struct type *to);
// out = in as out->type, prepared by column_init(out, a, type, rows). Only rows sel[0..n) are filled, sel ascending (NULL = rows
// 0..n-1); other rows of a nested result are NULL. error[row] = 1 where the cast failed (the value is NULL
// then); other entries are left alone. Asserts cast_supported.
void cast_column(struct column *out, struct arena *a, const struct column *in, const uint32_t *sel,
                 uint32_t n, uint8_t *error);

#endif
