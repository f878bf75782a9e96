// What the function families share: loops over selected rows, type rules, text results, the list of them all.
#ifndef SQL_EXEC_FN_INTERNAL_H
#define SQL_EXEC_FN_INTERNAL_H

#include "base/buf.h"
#include "sql/exec/fn.h"

#include <limits.h>

// Longest text one call makes of one row: beyond it the row fails.
#define FN_TEXT_MAX ((size_t)64 << 20)

static inline uint32_t fn_row(struct fn_rows rows, uint32_t i)
{
    return rows.idx ? rows.idx[i] : i;
}

// NOLINTBEGIN(bugprone-macro-parentheses): row is a name that the loop declares
#define FN_EACH(row, rows) \
    for (uint32_t fn_i = 0, row = 0; fn_i < (rows).n && (row = fn_row((rows), fn_i), true); fn_i++)
// NOLINTEND(bugprone-macro-parentheses)

static inline void fn_want(const struct type **want, uint32_t i, enum type_kind kind)
{
    want[i] = type_scalar(kind);
}

// Copies text to the results' arena and clears it; too long = an exception of the row.
void fn_put_text(const struct fn_call *call, struct column *out, uint32_t row, struct buf *text);
// An exception of the row; the cell is NULL, so that nested results stay whole.
void fn_fail(const struct fn_call *call, struct column *out, uint32_t row);

// A file's functions: `static const struct fn fns[]`, then FN_FAMILY(name, heading).
struct fn_family {
    const char *title;
    const struct fn *fns;
    size_t count;
};
#define FN_FAMILY(id, heading) \
    const struct fn_family fn_family_##id = {heading, fns, sizeof fns / sizeof fns[0]}

extern const struct fn_family fn_family_array, fn_family_bytes, fn_family_concat, fn_family_extreme,
    fn_family_interval, fn_family_json, fn_family_json_print, fn_family_lambda, fn_family_map,
    fn_family_mask, fn_family_math, fn_family_md5, fn_family_null, fn_family_regexp,
    fn_family_seeded, fn_family_string, fn_family_time, fn_family_trigonometry, fn_family_url;

#endif
