// Cells of block columns as the values that a target column takes: DECIMAL rescaled HALF_UP, timestamps as UTC text,
// nested values as JSON text. A value that the target cannot hold exactly as promised is an error of its row,
// never changed silently.
//
// Column-wise: cells_fill() converts a range of rows of one column into arrays in arena memory, in the shape that
// array binding takes. One thread per struct cells; results live as long as the arena given to fill.
#ifndef WAREHOUSE_CELLS_H
#define WAREHOUSE_CELLS_H

#include "warehouse/dialect.h"

enum cell_wire { WIRE_I64, WIRE_F64, WIRE_TEXT, WIRE_BYTES };

struct cells;

// Column `column` of the spec into t; both outlive the result, which lives in a.
bool cells_new(struct cells **out, struct arena *a, const struct sink_column *column,
               const struct target *t, struct err *e) ERR_CHECKED;
enum cell_wire cells_wire(const struct cells *s);
enum cell_wire target_wire(const struct target *t);

// Values of a range of rows; only the arrays of the wire are set.
struct cell_array {
    char *null; // 1 = NULL; never a NULL pointer
    int64_t *i64;
    double *f64;
    const char **text; // not NUL-terminated; "" for NULL
    unsigned long *length;
};
struct cell_range {
    const struct column *column;
    uint32_t from, to; // rows [from, to)
    uint32_t bad;      // set when fill fails with ERR_DATA
};
// False = the row range->bad cannot be stored: *e says column, value and limit (ERR_DATA).
bool cells_fill(struct cell_array *out, struct cells *s, struct arena *a, struct cell_range *range,
                struct err *e) ERR_CHECKED;

// "region='north', day='2025-01-02'": the key columns of a row for messages, long values cut.
void cells_key_text(struct buf *out, const struct sink_column *columns, const struct column *values,
                    size_t count, uint32_t row);

#endif
