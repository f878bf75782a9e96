// One value of a binary format (Avro, Protobuf) into one cell, and back: what may become what, ranges, units.
//
// Reading widens and never loses: an integer fits INTEGER, BIGINT, DOUBLE, DECIMAL, STRING (its digits) or the time types
// when it is in range; a DOUBLE is also read as STRING; DECIMAL is rescaled only exactly. Setters mark the cell valid.
#ifndef SCHEMA_SERDE_WIRE_H
#define SCHEMA_SERDE_WIRE_H

#include "schema/decimal.h"

enum wire_kind { WIRE_BOOLEAN, WIRE_LONG, WIRE_DOUBLE, WIRE_TEXT, WIRE_BYTES, WIRE_DECIMAL };

bool wire_takes(enum wire_kind from, const struct type *to); // before any value is seen

void wire_null(struct column *c, struct arena *a, uint32_t row); // fields of a STRUCT too
static inline void wire_valid(struct column *c, uint32_t row)
{
    if (c->valid)
        c->valid[row] = 1;
}
// Begins a list in this row: the first item's place. Items follow one by one through column_append_items.
uint32_t wire_list_begin(struct column *c, uint32_t row);
void wire_list_end(struct column *c, uint32_t row);

// False: the value does not fit the column's type. Strings stay views.
bool wire_set_boolean(struct column *c, uint32_t row, uint8_t v);
bool wire_set_long(struct column *c, struct arena *a, uint32_t row, int64_t v);
bool wire_set_double(struct column *c, struct arena *a, uint32_t row, double v);
bool wire_set_text(struct column *c, uint32_t row, struct str v); // checks UTF-8
bool wire_set_bytes(struct column *c, uint32_t row, struct str v);
bool wire_set_decimal(struct column *c, struct arena *a, uint32_t row, struct decimal v);
// Big-endian two's complement, as Avro and java.math.BigInteger have it.
bool wire_set_unscaled(struct column *c, struct arena *a, uint32_t row, struct str bytes,
                       int32_t scale);

// A valid cell of an integer, time or BOOLEAN type.
int64_t wire_get_long(const struct column *c, uint32_t row);
// The shortest two's complement bytes of a valid DECIMAL cell, in scratch or as a view.
struct str wire_unscaled(uint8_t scratch[16], const struct column *c, uint32_t row);

#endif
