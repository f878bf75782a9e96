// A DECIMAL of more than 38 digits as the state of an aggregate: its bytes (schema/decimal.h), on the heap. Exact, with GMP.
#ifndef SQL_EXEC_AGG_BIG_H
#define SQL_EXEC_AGG_BIG_H

#include "schema/decimal.h"

struct agg_big {
    char *p; // owned; NULL = 0
    uint32_t n, cap;
};

static inline bool agg_is_big(const struct type *t)
{
    return t->kind == TYPE_DECIMAL && t->precision > 38;
}
static inline struct str agg_big_bytes(const struct agg_big *s)
{
    return (struct str){s->p, s->n};
}
void agg_big_set(struct agg_big *s, struct str bytes);
// s = s op v, DECIMAL_ADD or DECIMAL_SUB; false: it does not fit the type, s stays. scratch is reset.
bool agg_big_apply(struct agg_big *s, const struct type *t, enum decimal_op op, struct str v,
                   struct arena *scratch);
int agg_big_cmp(const struct type *t, struct str x, struct str y);
// The value into a cell of a column of type t.
void agg_big_put(struct column *out, struct arena *a, uint32_t row, const struct agg_big *s);

#endif
