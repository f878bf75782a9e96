// The row shape of a job's output inside jobs/run: the output's schema columns followed by WINDOWSTART and WINDOWEND (windowed
// outputs) and ROWTIME, all as plain columns, so that collapsing, materialised tables and spools handle one list of columns.
// Immutable, arena-owned.
#ifndef JOBS_RUN_SHAPE_H
#define JOBS_RUN_SHAPE_H

#include "schema/block.h"

struct shape {
    const struct schema *schema;           // the output's
    struct schema all;                     // schema columns, then the extras
    int window_start, window_end, rowtime; // indexes in all; -1 = none
};

void shape_init(struct shape *out, struct arena *a, const struct schema *schema);
// Columns of a block of this output, extras included; they share the block's memory. rows = b->rows.
const struct column *shape_columns(const struct shape *s, struct arena *a, const struct block *b);
// The key bytes of a row: key columns, then the window start.
void shape_key(const struct shape *s, struct buf *out, const struct column *columns, uint32_t row);
// Its columns, printed: rows encoded by one shape are decoded only by one with the same text.
struct str shape_text(const struct shape *s, struct arena *a);
// A block of the output's own schema over decoded columns (window and rowtime set from the extras).
struct block *shape_block(const struct shape *s, struct arena *a, struct column *columns,
                          uint32_t rows);
// Empty columns for decoding `rows` rows.
struct column *shape_new(const struct shape *s, struct arena *a, uint32_t rows);

#endif
