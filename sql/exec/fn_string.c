// Functions of strings: LCASE UCASE LEN TRIM SUBSTRING INSTR REPLACE LPAD RPAD. Positions count UTF-16 units from 1.
#include "sql/exec/fn_internal.h"

#include "sql/exec/unicode.h"

#include <assert.h>

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

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

// 1-based, 0 behaves as 1, negative counts from the end; clamped, never an error.
static struct str substring(struct str s, int64_t pos, int64_t len, enum type_kind kind)
{
    const bool ascii = kind == TYPE_BYTES || is_ascii(s);
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
        out->str[row] = substring(args[0]->str[row], args[1]->i32[row], len, args[0]->type->kind);
    }
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

enum pad_side { PAD_LEFT, PAD_RIGHT };

// Lengths and positions in UTF-16 units, of BYTES in bytes.
static size_t units_of(struct str s, enum type_kind kind)
{
    return kind == TYPE_BYTES ? s.n : unicode_units(s);
}

static struct str first_units(struct str s, size_t units, enum type_kind kind)
{
    return str_slice(s, 0, kind == TYPE_BYTES ? units : unicode_offset(s, units));
}

static void pad_fill(struct buf *b, struct str pad, size_t units, enum type_kind kind)
{
    const size_t pad_units = units_of(pad, kind);
    for (; units >= pad_units; units -= pad_units)
        buf_str(b, pad);
    buf_str(b, first_units(pad, units, kind));
}

static void pad_eval(const struct fn_call *call, struct column *out,
                     const struct column *const *args, struct fn_rows rows, enum pad_side side)
{
    const enum type_kind kind = out->type->kind;
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
        const size_t units = units_of(s, kind);
        if (side == PAD_LEFT && want > units)
            pad_fill(&b, pad, want - units, kind);
        buf_str(&b, first_units(s, want, kind));
        if (side == PAD_RIGHT && want > units)
            pad_fill(&b, pad, want - units, kind);
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

static bool is_blank(uint32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1C && c <= 0x1F);
}

static void initcap_eval(const struct fn_call *call, struct column *out,
                         const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 1);
    struct buf b;
    buf_init(&b, FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        const struct str s = args[0]->str[row];
        bool first = true;
        for (size_t at = 0; at < s.n;) {
            char utf8[4];
            const uint32_t c = unicode_next(s, &at);
            buf_put(&b, utf8, utf8_encode(utf8, first ? unicode_upper(c) : unicode_lower(c)));
            first = is_blank(c);
        }
        fn_put_text(call, out, row, &b);
    }
    buf_fini(&b);
}

static const struct fn fns[] = {
    {
        .name = "UCASE",
        .signatures = "UCASE(STRING) -> STRING",
        .help = "The text in upper case.",
        .example = "UCASE('abc')",
        .gives = "ABC",
        .eval = ucase_eval,
    },
    {
        .name = "LCASE",
        .signatures = "LCASE(STRING) -> STRING",
        .help = "The text in lower case.",
        .example = "LCASE('ABC')",
        .gives = "abc",
        .eval = lcase_eval,
    },
    {
        .name = "INITCAP",
        .signatures = "INITCAP(STRING) -> STRING",
        .help =
            "The first character of each word in upper case, all others in lower case; words are "
            "separated by white space.",
        .example = "INITCAP('the   Quick br0wn fOx')",
        .gives = "The   Quick Br0wn Fox",
        .eval = initcap_eval,
    },
    {
        .name = "LEN",
        .signatures = "LEN(STRING) -> INTEGER\nLEN(BYTES) -> INTEGER",
        .help = "Length in UTF-16 units, as String.length(); of BYTES in bytes.",
        .example = "LEN('abc')",
        .gives = "3",
        .eval = len_eval,
    },
    {
        .name = "TRIM",
        .signatures = "TRIM(STRING) -> STRING",
        .help = "The text without white space and control characters at both ends.",
        .example = "TRIM('  a b ')",
        .gives = "a b",
        .eval = trim_eval,
    },
    {
        .name = "SUBSTRING",
        .signatures = "SUBSTRING(STRING, from INTEGER[, length INTEGER]) -> "
                      "STRING\nSUBSTRING(BYTES, from INTEGER[, length INTEGER]) -> BYTES",
        .help = "Part of the text or the bytes from a position (1-based, negative from the end), "
                "at most so long.",
        .example = "SUBSTRING('stream', 2, 3)",
        .gives = "tre",
        .eval = substring_eval,
    },
    {
        .name = "INSTR",
        .signatures = "INSTR(STRING, STRING[, INTEGER[, INTEGER]]) -> INTEGER",
        .help =
            "Position (1-based) of a text in another, from a position on (negative: backwards from "
            "there), its n-th occurrence; 0 = none.",
        .example = "INSTR('corporate floor', 'or', 3, 2)",
        .gives = "14",
        .eval = instr_eval,
    },
    {
        .name = "REPLACE",
        .signatures = "REPLACE(STRING, STRING, STRING) -> STRING",
        .help = "The text with every occurrence of the second argument replaced by the third.",
        .example = "REPLACE('foobar', 'foo', 'bar')",
        .gives = "barbar",
        .eval = replace_eval,
    },
    {
        .name = "LPAD",
        .signatures = "LPAD(STRING, length INTEGER, padding STRING) -> STRING\nLPAD(BYTES, length "
                      "INTEGER, padding BYTES) -> BYTES",
        .help = "The text or bytes padded on the left, or cut, to a length; NULL for a negative "
                "length or no "
                "padding.",
        .example = "LPAD('foo', 7, 'Bar')",
        .gives = "BarBfoo",
        .eval = lpad_eval,
    },
    {
        .name = "RPAD",
        .signatures = "RPAD(STRING, length INTEGER, padding STRING) -> STRING\nRPAD(BYTES, length "
                      "INTEGER, padding BYTES) -> BYTES",
        .help = "The text or bytes padded on the right, or cut, to a length; NULL for a negative "
                "length or no "
                "padding.",
        .example = "RPAD('foo', 7, 'Bar')",
        .gives = "fooBarB",
        .eval = rpad_eval,
    },
};
FN_FAMILY(string, "Strings");
