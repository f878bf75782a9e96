// Columnar blocks: typed vectors with one validity byte per row, Arrow's shape for nested types.
//
// Columns are filled by their producer and then sealed by convention: whoever receives a `const struct block *`
// never changes it. All memory comes from the block's arena (the window's); strings are views that live as long
// as the arena or the record batch they point into. Keep something longer = copy it (block_copy, row codec).
// Owned by one thread at a time.
#ifndef SCHEMA_BLOCK_H
#define SCHEMA_BLOCK_H

#include "schema/type.h"

typedef __int128 i128;

// Decimals: unscaled value. precision <= 18 in i64, <= 38 in i128, above in `str` as big-endian two's
// complement (schema/decimal.h). DATE and TIME in i32, TIMESTAMP in i64, BOOLEAN in u8 (0/1), BYTES and STRING in str.
// A NULL row's data is unspecified but initialised; the children of a NULL STRUCT are NULL (column_set_null). A valid
// ARRAY or MAP row has offsets[row] and offsets[row + 1] set, rows in ascending order, items contiguous from 0; a NULL
// one's range is unspecified: use column_items().
// MAP entries are sorted by key bytes and unique (column_sort_maps): equal maps are equal bytes everywhere.
struct column {
    const struct type *type;
    uint8_t *valid; // 1 = value, 0 = NULL; NULL pointer = no nulls
    union {
        void *data;
        uint8_t *u8;
        int32_t *i32;
        int64_t *i64;
        double *f64;
        i128 *i128;
        struct str *str;
        uint32_t *offsets; // ARRAY, MAP: rows + 1 entries into the children
    };
    struct column
        *children;       // type->field_count of them; STRUCT children have the parent's row count
    uint32_t child_rows; // ARRAY, MAP: rows in the children
    uint32_t cap;        // rows there is room for (column_init, column_append_items)
};

enum row_op {
    OP_INSERT,        // +I a stream row, or the first row of a key
    OP_UPDATE_BEFORE, // -U what a key had; directly precedes its +U with equal seq
    OP_UPDATE_AFTER,  // +U
    OP_DELETE,        // -D tombstone: key columns set, value columns NULL
};

struct block {
    const struct schema *schema; // one column per schema column
    uint32_t rows;
    struct column *columns;
    int64_t *rowtime;      // ROWTIME, Unix ms; always set
    uint64_t *seq;         // ascending; (seq, position in the block) orders rows
    uint8_t *op;           // enum row_op; NULL = all OP_INSERT
    int64_t *window_start; // windowed schemas only, else NULL; Unix ms
    int64_t *window_end;
    int32_t *partition; // ROWPARTITION, ROWOFFSET: only on blocks straight from a source, else NULL
    int64_t *offset;
    uint64_t *origin; // who a row comes from (sql/exec/op.h); NULL where nothing asks for it
    uint8_t
        *null_value; // 1 = the record's whole value was null; NULL = none (see ksqlDB null rules)
    struct arena *arena;
};

// Bytes of one element in column.data: 1, 4, 8 or 16; 4 for ARRAY and MAP (offsets), 0 for STRUCT.
size_t column_width(const struct type *t);
bool column_holds_str(const struct type *t); // STRING, BYTES, DECIMAL above 38 digits
// Zeroed room for `rows` rows (and nested children where they follow the parent; ARRAY/MAP children start empty).
void column_init(struct column *out, struct arena *a, const struct type *t, uint32_t rows);
static inline bool column_is_valid(const struct column *c, uint32_t row)
{
    return !c->valid || c->valid[row];
}
// Ensures c->valid exists (all 1) so that nulls can be marked; rows = the column's row count (c->cap for an item column
// that is still appended to).
void column_need_valid(struct column *c, struct arena *a, uint32_t rows);
void column_set_null(struct column *c, struct arena *a, uint32_t row,
                     uint32_t rows); // children of a STRUCT too
// ARRAY, MAP: n more zeroed, valid child rows; returns the first.
uint32_t column_append_items(struct column *c, struct arena *a, uint32_t n);
// ARRAY, MAP: how many items row `row` has, and the first one's child row.
static inline uint32_t column_items(const struct column *c, uint32_t row, uint32_t *first)
{
    *first = c->offsets[row];
    return column_is_valid(c, row) ? c->offsets[row + 1] - c->offsets[row] : 0;
}
// MAP: sorts each row's entries by key, the last of equal keys wins. Producers of maps call it once per column.
void column_sort_maps(struct column *c, struct arena *a, uint32_t rows);
// out = c's rows in idx order; nested types included; strings stay views.
void column_gather(struct column *out, struct arena *a, const struct column *c, const uint32_t *idx,
                   uint32_t n);
// Concatenates parts (same type); rows[i] rows each.
void column_concat(struct column *out, struct arena *a, const struct column *const *parts,
                   const uint32_t *rows, size_t n);
// Deep copy of `rows` rows: strings too.
void column_copy(struct column *out, struct arena *a, const struct column *c, uint32_t rows);

struct block *block_new(struct arena *a, const struct schema *schema, uint32_t rows);
struct block *block_gather(struct arena *a, const struct block *b, const uint32_t *idx, uint32_t n);
struct block *block_concat(struct arena *a, const struct block *const *parts, size_t n);
struct block *block_copy(struct arena *a, const struct block *b); // deep: strings too

// A window's rows of one stream or table: blocks in (seq, position) order.
struct block_list {
    const struct block **v;
    size_t n;
};
uint64_t block_list_rows(const struct block_list *l);

// One value lifted out of a column (literals, map keys, tests). Strings and nested data are views.
struct value {
    const struct type *type;
    bool null;
    struct column column; // one row
};

#endif
