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

static inline bool fn_is(const struct type *t, enum type_kind kind)
{
    return !t || t->kind == kind;
}

static inline void fn_want(const struct type **want, uint32_t i, enum type_kind kind)
{
    want[i] = type_scalar(kind);
}

// Copies text to the results' arena and clears it; too long = an exception of the row.
void fn_put_text(const struct fn_call *call, struct column *out, uint32_t row, struct buf *text);
// The type that all arguments are cast to: equal types, or the wider number. NULL when there is none.
const struct type *fn_common_type(struct arena *a, const struct type *const *args, uint32_t n);

extern const struct fn fn_type_abs;
extern const struct fn fn_type_array_contains;
extern const struct fn fn_type_array_length;
extern const struct fn fn_type_as_value;
extern const struct fn fn_type_ceil;
extern const struct fn fn_type_coalesce;
extern const struct fn fn_type_concat;
extern const struct fn fn_type_concat_ws;
extern const struct fn fn_type_datetostring;
extern const struct fn fn_type_floor;
extern const struct fn fn_type_format_date;
extern const struct fn fn_type_format_time;
extern const struct fn fn_type_format_timestamp;
extern const struct fn fn_type_from_days;
extern const struct fn fn_type_from_unixtime;
extern const struct fn fn_type_ifnull;
extern const struct fn fn_type_instr;
extern const struct fn fn_type_lcase;
extern const struct fn fn_type_len;
extern const struct fn fn_type_lpad;
extern const struct fn fn_type_mask;
extern const struct fn fn_type_mask_keep_left;
extern const struct fn fn_type_mask_keep_right;
extern const struct fn fn_type_mask_left;
extern const struct fn fn_type_mask_right;
extern const struct fn fn_type_md5;
extern const struct fn fn_type_nullif;
extern const struct fn fn_type_parse_date;
extern const struct fn fn_type_parse_time;
extern const struct fn fn_type_parse_timestamp;
extern const struct fn fn_type_replace;
extern const struct fn fn_type_round;
extern const struct fn fn_type_rpad;
extern const struct fn fn_type_sign;
extern const struct fn fn_type_split;
extern const struct fn fn_type_stringtodate;
extern const struct fn fn_type_stringtotimestamp;
extern const struct fn fn_type_substring;
extern const struct fn fn_type_timestamptostring;
extern const struct fn fn_type_trim;
extern const struct fn fn_type_ucase;
extern const struct fn fn_type_unix_date;
extern const struct fn fn_type_unix_timestamp;

#endif
