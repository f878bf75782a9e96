// Functions of strings: LCASE UCASE LEN TRIM SUBSTRING INSTR REPLACE LPAD RPAD. Positions count UTF-16 units from 1.
#include "sql/exec/fn_internal.h"

#include "sql/exec/unicode.h"

#include <assert.h>

// All arguments from the second on are INTEGER or STRING as the letters of `shape` say ("si" = STRING, INTEGER).
static const struct type *shape_resolve(const char *shape, const struct type **want,
                                        const struct type *const *args, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const bool text = shape[i] == 's';
        if (text && !fn_is(args[i], TYPE_STRING))
            return NULL;
        if (!text && args[i] && args[i]->kind != TYPE_INTEGER && args[i]->kind != TYPE_BIGINT)
            return NULL;
        fn_want(want, i, text ? TYPE_STRING : TYPE_INTEGER);
    }
    return type_scalar(TYPE_STRING);
}

static const struct type *text_resolve(struct arena *a, const struct type **want,
                                       const struct type *const *args, uint32_t n)
{
    assert(a && n <= 3);
    return shape_resolve("sss", want, args, n);
}

static void case_eval(const struct fn_call *call, struct column *out, const struct column *text,
                      struct fn_rows rows, enum unicode_class to)
{
    struct buf b;
    buf_init(&b, FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        const struct str s = text->str[row];
        for (size_t at = 0; at < s.n;) {
            char utf8[4];
            const uint32_t c = unicode_next(s, &at);
            if (to == UNICODE_UPPER && c == 0xDF)
                buf_put(&b, "SS", 2);
            else
                buf_put(
                    &b, utf8,
                    utf8_encode(utf8, to == UNICODE_UPPER ? unicode_upper(c) : unicode_lower(c)));
        }
        fn_put_text(call, out, row, &b);
    }
    buf_fini(&b);
}

static void ucase_eval(const struct fn_call *call, struct column *out,
                       const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 1);
    case_eval(call, out, args[0], rows, UNICODE_UPPER);
}

static void lcase_eval(const struct fn_call *call, struct column *out,
                       const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 1);
    case_eval(call, out, args[0], rows, UNICODE_LOWER);
}

const struct fn fn_type_ucase = {
    .name = "UCASE",
    .signatures = "UCASE(STRING) -> STRING",
    .help = "The text in upper case.",
    .args_min = 1,
    .args_max = 1,
    .resolve = text_resolve,
    .eval = ucase_eval,
};

const struct fn fn_type_lcase = {
    .name = "LCASE",
    .signatures = "LCASE(STRING) -> STRING",
    .help = "The text in lower case.",
    .args_min = 1,
    .args_max = 1,
    .resolve = text_resolve,
    .eval = lcase_eval,
};

static const struct type *len_resolve(struct arena *a, const struct type **want,
                                      const struct type *const *args, uint32_t n)
{
    assert(a && n == 1);
    if (args[0] && args[0]->kind == TYPE_BYTES)
        return type_scalar(TYPE_INTEGER);
    return shape_resolve("s", want, args, n) ? type_scalar(TYPE_INTEGER) : NULL;
}

static void len_eval(const struct fn_call *call, struct column *out,
                     const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(call && n == 1);
    const bool bytes = args[0]->type->kind == TYPE_BYTES;
    FN_EACH(row, rows)
    {
        const struct str s = args[0]->str[row];
        out->i32[row] = (int32_t)(bytes ? s.n : unicode_units(s));
    }
}

const struct fn fn_type_len = {
    .name = "LEN",
    .signatures = "LEN(STRING) -> INTEGER\nLEN(BYTES) -> INTEGER",
    .help = "Length in UTF-16 units, as String.length(); of BYTES in bytes.",
    .args_min = 1,
    .args_max = 1,
    .resolve = len_resolve,
    .eval = len_eval,
};

// String.trim(): everything up to U+0020 at both ends.
static void trim_eval(const struct fn_call *call, struct column *out,
                      const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(call && n == 1);
    FN_EACH(row, rows)
    {
        struct str s = args[0]->str[row];
        while (s.n && (unsigned char)s.p[0] <= ' ') {
            s.p++;
            s.n--;
        }
        while (s.n && (unsigned char)s.p[s.n - 1] <= ' ')
            s.n--;
        out->str[row] = s;
    }
}

const struct fn fn_type_trim = {
    .name = "TRIM",
    .signatures = "TRIM(STRING) -> STRING",
    .help = "The text without white space and control characters at both ends.",
    .args_min = 1,
    .args_max = 1,
    .resolve = text_resolve,
    .eval = trim_eval,
};

static const struct type *substring_resolve(struct arena *a, const struct type **want,
                                            const struct type *const *args, uint32_t n)
{
    assert(a && n <= 3);
    return shape_resolve("sii", want, args, n);
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

// 1-based, 0 behaves as 1, negative counts from the end; clamped, never an error.
static struct str substring(struct str s, int64_t pos, int64_t len)
{
    const bool ascii = is_ascii(s);
    const int64_t units = ascii ? (int64_t)s.n : (int64_t)unicode_units(s);
    int64_t from = pos > 0 ? pos - 1 : pos < 0 ? units + pos : 0;
    from = from < 0 ? 0 : from > units ? units : from;
    int64_t to = len < 0 ? from : from + len;
    to = to > units ? units : to;
    if (ascii)
        return str_slice(s, (size_t)from, (size_t)to);
    return str_slice(s, unicode_offset(s, (size_t)from), unicode_offset(s, (size_t)to));
}

static void substring_eval(const struct fn_call *call, struct column *out,
                           const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(call && n >= 2);
    FN_EACH(row, rows)
    {
        const int64_t len = n > 2 ? args[2]->i32[row] : INT32_MAX;
        out->str[row] = substring(args[0]->str[row], args[1]->i32[row], len);
    }
}

const struct fn fn_type_substring = {
    .name = "SUBSTRING",
    .signatures = "SUBSTRING(STRING, INTEGER[, INTEGER]) -> STRING",
    .help = "Part of the text from a position (1-based, negative from the end), at most so long.",
    .args_min = 2,
    .args_max = 3,
    .resolve = substring_resolve,
    .eval = substring_eval,
};

static const struct type *instr_resolve(struct arena *a, const struct type **want,
                                        const struct type *const *args, uint32_t n)
{
    assert(a && n <= 4);
    return shape_resolve("ssii", want, args, n) ? type_scalar(TYPE_INTEGER) : NULL;
}

// Byte position of the k-th occurrence counted from `from` forwards, or from the end backwards; SIZE_MAX = none.
static size_t nth_occurrence(struct str s, struct str needle, int64_t k, int64_t step)
{
    if (needle.n > s.n)
        return SIZE_MAX;
    const int64_t last = (int64_t)(s.n - needle.n);
    for (int64_t at = step > 0 ? 0 : last; at >= 0 && at <= last; at += step)
        if (memcmp(s.p + at, needle.p, needle.n) == 0 && --k == 0)
            return (size_t)at;
    return SIZE_MAX;
}

static int32_t instr_one(struct str s, struct str needle, int64_t pos, int64_t occurrence)
{
    const int64_t units = (int64_t)unicode_units(s);
    if (pos == 0 || occurrence < 1 || !needle.n || pos > units || -pos > units)
        return 0;
    size_t base = 0;
    size_t at;
    if (pos > 0) {
        base = unicode_offset(s, (size_t)(pos - 1));
        at = nth_occurrence(str_slice(s, base, s.n), needle, occurrence, 1);
    } else {
        const size_t end = unicode_offset(s, (size_t)(units + pos + 1));
        at = nth_occurrence(str_slice(s, 0, end), needle, occurrence, -1);
    }
    return at == SIZE_MAX ? 0 : (int32_t)unicode_units(str_slice(s, 0, base + at)) + 1;
}

static void instr_eval(const struct fn_call *call, struct column *out,
                       const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(call && n >= 2);
    FN_EACH(row, rows)
    {
        const int64_t pos = n > 2 ? args[2]->i32[row] : 1;
        const int64_t occurrence = n > 3 ? args[3]->i32[row] : 1;
        out->i32[row] = instr_one(args[0]->str[row], args[1]->str[row], pos, occurrence);
    }
}

const struct fn fn_type_instr = {
    .name = "INSTR",
    .signatures = "INSTR(STRING, STRING[, INTEGER[, INTEGER]]) -> INTEGER",
    .help = "Position (1-based) of a text in another, from a position on (negative: backwards from "
            "there), its n-th occurrence; 0 = none.",
    .args_min = 2,
    .args_max = 4,
    .resolve = instr_resolve,
    .eval = instr_eval,
};

static void replace_one(struct buf *b, struct str s, struct str old, struct str to)
{
    for (size_t at = 0; at < s.n;) {
        if (old.n && s.n - at >= old.n && memcmp(s.p + at, old.p, old.n) == 0) {
            buf_str(b, to);
            at += old.n;
            continue;
        }
        const size_t start = at;
        if (!old.n)
            buf_str(b, to);
        unicode_next(s, &at);
        buf_put(b, s.p + start, at - start);
    }
    if (!old.n)
        buf_str(b, to);
}

static void replace_eval(const struct fn_call *call, struct column *out,
                         const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 3);
    struct buf b;
    buf_init(&b, FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        replace_one(&b, args[0]->str[row], args[1]->str[row], args[2]->str[row]);
        fn_put_text(call, out, row, &b);
    }
    buf_fini(&b);
}

const struct fn fn_type_replace = {
    .name = "REPLACE",
    .signatures = "REPLACE(STRING, STRING, STRING) -> STRING",
    .help = "The text with every occurrence of the second argument replaced by the third.",
    .args_min = 3,
    .args_max = 3,
    .resolve = text_resolve,
    .eval = replace_eval,
};

static const struct type *pad_resolve(struct arena *a, const struct type **want,
                                      const struct type *const *args, uint32_t n)
{
    assert(a && n == 3);
    return shape_resolve("sis", want, args, n);
}

enum pad_side { PAD_LEFT, PAD_RIGHT };

static void pad_fill(struct buf *b, struct str pad, size_t units)
{
    const size_t pad_units = unicode_units(pad);
    for (; units >= pad_units; units -= pad_units)
        buf_str(b, pad);
    buf_str(b, str_slice(pad, 0, unicode_offset(pad, units)));
}

static void pad_eval(const struct fn_call *call, struct column *out,
                     const struct column *const *args, struct fn_rows rows, enum pad_side side)
{
    struct buf b;
    buf_init(&b, FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        const struct str s = args[0]->str[row];
        const struct str pad = args[2]->str[row];
        const int32_t len = args[1]->i32[row];
        if (len < 0 || !pad.n || (size_t)len > FN_TEXT_MAX) {
            column_set_null(out, call->a, row, call->total);
            continue;
        }
        const size_t want = (size_t)len;
        const size_t units = unicode_units(s);
        if (side == PAD_LEFT && want > units)
            pad_fill(&b, pad, want - units);
        buf_str(&b, str_slice(s, 0, unicode_offset(s, want)));
        if (side == PAD_RIGHT && want > units)
            pad_fill(&b, pad, want - units);
        fn_put_text(call, out, row, &b);
    }
    buf_fini(&b);
}

static void lpad_eval(const struct fn_call *call, struct column *out,
                      const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 3);
    pad_eval(call, out, args, rows, PAD_LEFT);
}

static void rpad_eval(const struct fn_call *call, struct column *out,
                      const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 3);
    pad_eval(call, out, args, rows, PAD_RIGHT);
}

const struct fn fn_type_lpad = {
    .name = "LPAD",
    .signatures = "LPAD(STRING, INTEGER, STRING) -> STRING",
    .help = "The text padded on the left, or cut, to a length; NULL for a negative length or no "
            "padding.",
    .args_min = 3,
    .args_max = 3,
    .resolve = pad_resolve,
    .eval = lpad_eval,
};

const struct fn fn_type_rpad = {
    .name = "RPAD",
    .signatures = "RPAD(STRING, INTEGER, STRING) -> STRING",
    .help = "The text padded on the right, or cut, to a length; NULL for a negative length or no "
            "padding.",
    .args_min = 3,
    .args_max = 3,
    .resolve = pad_resolve,
    .eval = rpad_eval,
};
