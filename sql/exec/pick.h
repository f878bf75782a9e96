// Picks each row from one of several columns of the same type: CASE, COALESCE, AND, OR. Nested types included.
#ifndef SQL_EXEC_PICK_H
#define SQL_EXEC_PICK_H

#include "schema/block.h"

#define PICK_NULL UINT16_MAX

struct pick {
    const struct type *type;
    const struct column *const
        *parts; // of that type, all with the same rows; anything where no row picks it
    uint32_t count;
    const uint16_t *which; // per row
};
// out[row] = parts[which[row]][row], NULL for PICK_NULL.
void pick_rows(struct column *out, struct arena *a, const struct pick *p, uint32_t n);
// out[i] = c[idx[i]], NULL for UINT32_MAX; rows = c's row count.
void pick_gather(struct column *out, struct arena *a, const struct column *c, uint32_t rows,
                 const uint32_t *idx, uint32_t n);

#endif
