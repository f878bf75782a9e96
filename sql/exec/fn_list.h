// Building ARRAY and MAP results out of items that exist already: a list of item rows per result row, gathered at the end.
#ifndef SQL_EXEC_FN_LIST_H
#define SQL_EXEC_FN_LIST_H

#include "sql/exec/fn_internal.h"

// Items of one row at most: beyond it the row fails.
#define FN_ITEMS_MAX (UINT32_C(1) << 26)

struct fn_list {
    const struct fn_call *call;
    struct column *out;
    uint32_t *items; // item rows, of the sources one behind the other
    uint32_t n, cap;
    uint32_t row_start;
    bool too_long; // the row at hand
};

void fn_list_init(struct fn_list *out, const struct fn_call *call, struct column *result);
void fn_list_add(struct fn_list *s, uint32_t item);
static inline uint32_t fn_list_row_count(const struct fn_list *s)
{
    return s->n - s->row_start;
}
void fn_list_row(struct fn_list *s,
                 uint32_t row);       // what was added since is this row's; too much fails it
void fn_list_drop(struct fn_list *s); // … is nobody's
// The items come from the item columns of sources[0..n), ARRAYs or MAPs as the result; frees s.
void fn_list_end(struct fn_list *s, const struct column *const *sources, uint32_t n);

#endif
