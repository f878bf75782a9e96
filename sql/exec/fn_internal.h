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

#define FN_EACH(row, rows) \
    for (uint32_t fn_i = 0, row = 0; fn_i < (rows).n && (row = fn_row((rows), fn_i), true); fn_i++)

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

#define FN_LIST(X)                                                                                \
    X(abs)                                                                                        \
    X(array_contains) X(array_length) X(as_value) X(ceil) X(coalesce) X(concat) X(concat_ws)      \
        X(datetostring) X(floor) X(format_date) X(format_time) X(format_timestamp) X(from_days)   \
            X(from_unixtime) X(ifnull) X(instr) X(lcase) X(len) X(lpad) X(mask) X(mask_keep_left) \
                X(mask_keep_right) X(mask_left) X(mask_right) X(md5) X(nullif) X(parse_date)      \
                    X(parse_time) X(parse_timestamp) X(replace) X(round) X(rpad) X(sign) X(split) \
                        X(stringtodate) X(stringtotimestamp) X(substring) X(timestamptostring)    \
                            X(trim) X(ucase) X(unix_date) X(unix_timestamp)

#define FN_DECLARE(name) extern const struct fn fn_type_##name;
FN_LIST(FN_DECLARE)
#undef FN_DECLARE

#endif
