// Texts and bytes: encodings, numbers in bytes, single characters.
#include "sql/exec/fn_internal.h"

#include "base/base64.h"
#include "schema/text.h"
#include "sql/exec/unicode.h"

#include <assert.h>

enum encoding { ENCODING_HEX, ENCODING_UTF8, ENCODING_ASCII, ENCODING_BASE64, ENCODING_UNKNOWN };

static enum encoding encoding_of(struct str name)
{
    static const char *const names[] = {"hex", "utf8", "ascii", "base64"};
    for (int i = 0; i < ENCODING_UNKNOWN; i++)
        if (str_eq_nocase(name, str_from(names[i])))
            return (enum encoding)i;
    return ENCODING_UNKNOWN;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Digits in pairs; an odd one stands alone in the first byte.
static bool hex_decode(struct buf *out, struct str s)
{
    size_t at = 0;
    for (; at < s.n; at += at == 0 && s.n % 2 ? 1 : 2) {
        const bool alone = at == 0 && s.n % 2;
        const int high = alone ? 0 : hex_digit(s.p[at]);
        const int low = hex_digit(s.p[at + (alone ? 0 : 1)]);
        if (high < 0 || low < 0)
            return false;
        buf_u8(out, (uint8_t)(high * 16 + low));
    }
    return true;
}

static void hex_encode(struct buf *out, struct str bytes, const char *digits)
{
    for (size_t i = 0; i < bytes.n; i++) {
        buf_char(out, digits[(unsigned char)bytes.p[i] >> 4]);
        buf_char(out, digits[(unsigned char)bytes.p[i] & 15]);
    }
}

// UTF-8 to US-ASCII: what has no place there is '?', one per UTF-16 unit pair or character.
static void ascii_encode(struct buf *out, struct str s)
{
    for (size_t at = 0; at < s.n;) {
        const uint32_t c = unicode_next(s, &at);
        buf_char(out, c < 0x80 ? (char)c : '?');
    }
}

// Bytes as UTF-8: malformed ones and, for ASCII, high ones become U+FFFD.
static void decode_text(struct buf *out, struct str bytes, bool ascii)
{
    for (size_t at = 0; at < bytes.n;) {
        uint32_t c;
        const size_t n = ascii ? 0 : utf8_decode(&c, bytes.p + at, bytes.n - at);
        if (n)
            buf_put(out, bytes.p + at, n);
        else if (ascii && !((unsigned char)bytes.p[at] & 0x80))
            buf_char(out, bytes.p[at]);
        else
            buf_put(out, "\xef\xbf\xbd", 3);
        at += n ? n : 1;
    }
}

// A text in an encoding as the bytes it means.
static bool text_to_bytes(struct buf *out, struct arena *a, struct str s, enum encoding e)
{
    struct str decoded;
    switch (e) {
    case ENCODING_HEX:
        return hex_decode(out, s);
    case ENCODING_UTF8:
        buf_str(out, s);
        return true;
    case ENCODING_ASCII:
        ascii_encode(out, s);
        return true;
    case ENCODING_BASE64:
        if (!base64_decode(&decoded, a, s, BASE64_COMPACT))
            return false;
        buf_str(out, decoded);
        return true;
    case ENCODING_UNKNOWN:
        return false;
    }
    return false;
}

static bool bytes_to_text(struct buf *out, struct str bytes, enum encoding e, const char *digits)
{
    switch (e) {
    case ENCODING_HEX:
        hex_encode(out, bytes, digits);
        return true;
    case ENCODING_UTF8:
    case ENCODING_ASCII:
        decode_text(out, bytes, e == ENCODING_ASCII);
        return true;
    case ENCODING_BASE64:
        base64_encode(out, bytes);
        return true;
    case ENCODING_UNKNOWN:
        return false;
    }
    return false;
}

static void to_bytes_eval(const struct fn_call *call, struct column *out,
                          const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 2);
    struct buf b;
    buf_init(&b, FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        if (text_to_bytes(&b, call->a, args[0]->str[row], encoding_of(args[1]->str[row]))) {
            fn_put_text(call, out, row, &b);
            continue;
        }
        buf_clear(&b);
        fn_fail(call, out, row);
    }
    buf_fini(&b);
}

static void from_bytes_eval(const struct fn_call *call, struct column *out,
                            const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 2);
    struct buf b;
    buf_init(&b, FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        const enum encoding e = encoding_of(args[1]->str[row]);
        if (bytes_to_text(&b, args[0]->str[row], e, "0123456789ABCDEF"))
            fn_put_text(call, out, row, &b);
        else
            fn_fail(call, out, row);
    }
    buf_fini(&b);
}

// "0x4a", "x'4a'", "X'4a'": the digits inside.
static struct str hex_part(struct str s)
{
    if (s.n >= 2 && s.p[0] == '0' && s.p[1] == 'x')
        return str_slice(s, 2, s.n);
    if (s.n >= 3 && (s.p[0] == 'x' || s.p[0] == 'X') && s.p[1] == '\'' && s.p[s.n - 1] == '\'')
        return str_slice(s, 2, s.n - 1);
    return s;
}

static bool encode_one(struct buf *out, struct arena *a, struct str s, const enum encoding e[2])
{
    struct buf bytes;
    buf_init(&bytes, FN_TEXT_MAX);
    bool ok = text_to_bytes(&bytes, a, e[0] == ENCODING_HEX ? hex_part(s) : s, e[0]);
    struct str text = buf_view(&bytes);
    struct buf ascii;
    buf_init(&ascii, FN_TEXT_MAX);
    if (ok && e[1] == ENCODING_ASCII) { // what is not ASCII is '?' there
        decode_text(&ascii, text, e[0] == ENCODING_ASCII);
        ascii_encode(out, buf_view(&ascii));
    } else {
        ok = ok && bytes_to_text(out, text, e[1], "0123456789abcdef");
    }
    buf_fini(&ascii);
    buf_fini(&bytes);
    return ok;
}

static void encode_eval(const struct fn_call *call, struct column *out,
                        const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 3);
    struct buf b;
    buf_init(&b, FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        const enum encoding e[2] = {encoding_of(args[1]->str[row]), encoding_of(args[2]->str[row])};
        if (e[0] != e[1] && encode_one(&b, call->a, args[0]->str[row], e)) {
            fn_put_text(call, out, row, &b);
            continue;
        }
        buf_clear(&b);
        fn_fail(call, out, row);
    }
    buf_fini(&b);
}

// "BIG_ENDIAN" (default), "LITTLE_ENDIAN"; false = neither, or the wrong number of bytes.
static bool take_number(uint64_t *out, const struct column *const *args, uint32_t n, uint32_t row,
                        size_t width)
{
    const struct str bytes = args[0]->str[row];
    const struct str order = n == 2 ? args[1]->str[row] : STR("BIG_ENDIAN");
    const bool little = str_eq_nocase(order, STR("LITTLE_ENDIAN"));
    if (bytes.n != width || (!little && !str_eq_nocase(order, STR("BIG_ENDIAN"))))
        return false;
    *out = 0;
    for (size_t i = 0; i < width; i++)
        *out = *out << 8 | (uint8_t)bytes.p[little ? width - 1 - i : i];
    return true;
}

static void number_eval(const struct fn_call *call, struct column *out,
                        const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    const size_t width = column_width(out->type);
    FN_EACH(row, rows)
    {
        uint64_t v;
        if (!take_number(&v, args, n, row, width))
            fn_fail(call, out, row);
        else if (width == 4)
            out->i32[row] = (int32_t)(uint32_t)v;
        else // BIGINT, or the bits of a DOUBLE
            out->i64[row] = (int64_t)v;
    }
}

// "\u004b", also a pair of surrogates "\ud820\udeb8".
static bool chr_text(uint32_t *out, struct str s)
{
    uint32_t unit[2] = {0, 0};
    const size_t units = s.n / 6;
    if (s.n % 6 || units < 1 || units > 2)
        return false;
    for (size_t u = 0; u < units; u++) {
        const char *p = s.p + 6 * u;
        if (p[0] != '\\' || (p[1] != 'u' && p[1] != 'U'))
            return false;
        for (int i = 2; i < 6; i++) {
            if (hex_digit(p[i]) < 0)
                return false;
            unit[u] = unit[u] * 16 + (uint32_t)hex_digit(p[i]);
        }
    }
    const bool pair = unit[0] >= 0xD800 && unit[0] < 0xDC00;
    *out = pair ? 0x10000 + ((unit[0] - 0xD800) << 10) + (unit[1] - 0xDC00) : unit[0];
    return pair == (units == 2) && (!pair || (unit[1] >= 0xDC00 && unit[1] < 0xE000));
}

static void chr_eval(const struct fn_call *call, struct column *out,
                     const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 1);
    FN_EACH(row, rows)
    {
        uint32_t c = UINT32_MAX;
        if (args[0]->type->kind == TYPE_INTEGER)
            c = (uint32_t)args[0]->i32[row];
        else if (!chr_text(&c, args[0]->str[row]))
            c = UINT32_MAX;
        if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) {
            column_set_null(out, call->a, row, call->total);
            continue;
        }
        char *p = arena_alloc(call->a, 4);
        out->str[row] = (struct str){p, utf8_encode(p, c)};
    }
}

static const struct fn fns[] = {
    {
        .name = "TO_BYTES",
        .signatures = "TO_BYTES(STRING, encoding STRING) -> BYTES",
        .help = "The bytes that a text means in an encoding: 'hex', 'utf8', 'ascii' or 'base64'.",
        .example = "TO_BYTES('4142', 'hex')",
        .gives = "QUI=",
        .eval = to_bytes_eval,
    },
    {
        .name = "FROM_BYTES",
        .signatures = "FROM_BYTES(BYTES, encoding STRING) -> STRING",
        .help = "Bytes as a text in an encoding: 'hex', 'utf8', 'ascii' or 'base64'.",
        .example = "FROM_BYTES(TO_BYTES('AB', 'utf8'), 'hex')",
        .gives = "4142",
        .eval = from_bytes_eval,
    },
    {
        .name = "ENCODE",
        .signatures = "ENCODE(STRING, from STRING, to STRING) -> STRING",
        .help =
            "A text from one encoding in another: 'hex' (also 0x… and x'…'), 'utf8', 'ascii' or "
            "'base64'; the two must differ.",
        .example = "ENCODE('Example!', 'ascii', 'hex')",
        .gives = "4578616d706c6521",
        .eval = encode_eval,
    },
    {
        .name = "INT_FROM_BYTES",
        .signatures = "INT_FROM_BYTES(BYTES[, order STRING]) -> INTEGER",
        .help = "Four bytes as a number, 'BIG_ENDIAN' (default) or 'LITTLE_ENDIAN'.",
        .example = "INT_FROM_BYTES(TO_BYTES('00000102', 'hex'))",
        .gives = "258",
        .eval = number_eval,
    },
    {
        .name = "BIGINT_FROM_BYTES",
        .signatures = "BIGINT_FROM_BYTES(BYTES[, order STRING]) -> BIGINT",
        .help = "Eight bytes as a number, 'BIG_ENDIAN' (default) or 'LITTLE_ENDIAN'.",
        .example = "BIGINT_FROM_BYTES(TO_BYTES('0201000000000000', 'hex'), 'LITTLE_ENDIAN')",
        .gives = "258",
        .eval = number_eval,
    },
    {
        .name = "DOUBLE_FROM_BYTES",
        .signatures = "DOUBLE_FROM_BYTES(BYTES[, order STRING]) -> DOUBLE",
        .help = "Eight bytes as an IEEE 754 number, 'BIG_ENDIAN' (default) or 'LITTLE_ENDIAN'.",
        .example = "DOUBLE_FROM_BYTES(TO_BYTES('3ff8000000000000', 'hex'))",
        .gives = "1.5",
        .eval = number_eval,
    },
    {
        .name = "CHR",
        .signatures = "CHR(INTEGER) -> STRING\nCHR(STRING) -> STRING",
        .help = "The character of a code point, or of an escape '\\\\uXXXX' (two for a pair of "
                "surrogates); NULL "
                "when there is none.",
        .example = "CHR(75)",
        .gives = "K",
        .eval = chr_eval,
    },
};
FN_FAMILY(bytes, "Bytes and encodings");
