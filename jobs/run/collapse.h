// The last change per key of one table output (or of a stream that is put by key) in one batch. Rows are kept as codec bytes; iteration is in key order.
// A retraction without a following new value is a delete (DESIGN section 4). One thread.
#ifndef JOBS_RUN_COLLAPSE_H
#define JOBS_RUN_COLLAPSE_H

#include "jobs/run/shape.h"

struct collapse;

struct collapse_row {
    struct str key; // key codec bytes
    struct str row; // row codec bytes of the shape's columns; for a delete only the keys are set
    enum row_op op; // OP_UPDATE_AFTER or OP_DELETE
};

struct collapse *collapse_new(struct arena *a, const struct shape *shape);
// By these columns of the shape instead of its key; a row without one of them is ERR_DATA.
struct collapse *collapse_new_by(struct arena *a, const struct shape *shape, const int *key,
                                 size_t key_count);
bool collapse_add(struct collapse *s, const struct block *b, struct err *e) ERR_CHECKED;
size_t collapse_bytes(const struct collapse *s);
uint64_t collapse_changes(const struct collapse *s); // rows added, before collapsing
void collapse_seal(struct collapse *s);              // sorts by key; no add afterwards
size_t collapse_count(const struct collapse *s);     // keys
struct collapse_row collapse_at(const struct collapse *s, size_t i);

#endif
