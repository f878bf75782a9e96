// SQL types (ksqlDB's) and schemas. Immutable once built, arena-owned, shared between threads.
//
// Scalar types are process-wide constants (type_scalar); DECIMAL, ARRAY, MAP and STRUCT are built in an arena.
#ifndef SCHEMA_TYPE_H
#define SCHEMA_TYPE_H

#include "base/arena.h"
#include "base/buf.h"

enum type_kind {
    TYPE_BOOLEAN,
    TYPE_INTEGER, // 32 bits
    TYPE_BIGINT,  // 64 bits
    TYPE_DOUBLE,
    TYPE_DECIMAL, // precision, scale
    TYPE_STRING,
    TYPE_BYTES,
    TYPE_DATE,      // days since 1970-01-01, int32
    TYPE_TIME,      // ms of day, int32
    TYPE_TIMESTAMP, // Unix ms, int64
    TYPE_ARRAY,     // child 0 = element
    TYPE_MAP,       // child 0 = key (STRING), child 1 = value
    TYPE_STRUCT,    // one child per field
};

struct type;
struct field {
    struct str name; // exact spelling: upper case unless it was quoted
    const struct type *type;
};

struct type {
    enum type_kind kind;
    uint16_t precision, scale; // DECIMAL
    uint32_t field_count; // children: STRUCT n, ARRAY 1 ("ITEM"), MAP 2 ("KEY","VALUE"), else 0
    const struct field *fields;
};

const struct type *type_scalar(enum type_kind kind); // asserts a scalar other than DECIMAL
const struct type *type_decimal(struct arena *a, unsigned precision, unsigned scale);
const struct type *type_array(struct arena *a, const struct type *item);
const struct type *type_map(struct arena *a, const struct type *key, const struct type *value);
const struct type *type_struct(struct arena *a, const struct field *fields, size_t n); // copies

// What both can become without losing anything: the wider number, item by item in nested types; a STRUCT gets the fields of
// both. NULL (the type of the literal) gives the other; no such type = NULL.
const struct type *type_common(struct arena *a, const struct type *x, const struct type *y);
// Digits of an INTEGER (10, 0), BIGINT (19, 0) or DECIMAL.
void type_decimal_shape(const struct type *t, unsigned *precision, unsigned *scale);

bool type_equal(const struct type *x, const struct type *y);
bool type_is_number(const struct type *t); // INTEGER BIGINT DOUBLE DECIMAL
bool type_is_nested(const struct type *t); // ARRAY MAP STRUCT
// As ksqlDB prints it: INTEGER, DECIMAL(18, 2), ARRAY<STRING>, STRUCT<`A` INTEGER, `B` STRING>.
void type_print(struct buf *out, const struct type *t);
// Reads exactly what type_print writes (stored schemas); ERR_DATA otherwise.
bool type_parse(const struct type **out, struct arena *a, struct str text,
                struct err *e) ERR_CHECKED;
const char *type_kind_name(enum type_kind kind);
// Index of the field, or -1.
int type_field(const struct type *t, struct str name);

// Columns of a stream or table: key columns first, then value columns (the schema order of ksqlDB).
struct schema_column {
    struct str name;
    const struct type *type;
    bool key;
};
struct schema {
    uint32_t count;
    uint32_t key_count; // columns[0..key_count) are keys
    const struct schema_column *columns;
    bool windowed; // rows carry a window: keys are (key columns, WINDOWSTART [, WINDOWEND])
};
int schema_find(const struct schema *s, struct str name);
bool schema_equal(const struct schema *x, const struct schema *y);
void schema_print(struct buf *out, const struct schema *s); // `K` STRING KEY, `V` INTEGER

#endif
