// Cells compared and taken apart, shared by the functions of arrays, maps and extremes.
#ifndef SQL_EXEC_FN_CELL_H
#define SQL_EXEC_FN_CELL_H

#include "schema/block.h"

// Order of two values of equal type, neither NULL, as Java's compareTo: NaN is the greatest DOUBLE, false < true. Nested values are
// ordered by their canonical bytes.
int cell_compare(const struct column *x, uint32_t x_row, const struct column *y, uint32_t y_row);

#endif
