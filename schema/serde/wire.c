#include "schema/serde/wire.h"

#include "schema/decimal_internal.h"
#include "schema/text.h"

#include <assert.h>
#include <math.h>

#define MS_PER_DAY         86400000
#define UNSCALED_BYTES_MAX 1024 // some 2,400 digits
#define TEXT_MAX           64

bool wire_takes(enum wire_kind from, const struct type *to)
{
    const enum type_kind kind = to->kind;
    switch (from) {
    case WIRE_BOOLEAN:
        return kind == TYPE_BOOLEAN || kind == TYPE_STRING;
    case WIRE_LONG:
        return kind != TYPE_BOOLEAN && kind != TYPE_BYTES && !type_is_nested(to);
    case WIRE_DOUBLE:
        return kind == TYPE_DOUBLE || kind == TYPE_STRING;
    case WIRE_TEXT:
        return kind == TYPE_STRING;
    case WIRE_BYTES:
        return kind == TYPE_BYTES;
    case WIRE_DECIMAL:
        return kind == TYPE_DECIMAL || kind == TYPE_STRING;
    }
    assert(!"wire kind out of range");
    return false;
}

void wire_null(struct column *c, struct arena *a, uint32_t row)
{
    column_set_null(c, a, row, c->cap);
    if (c->type->kind == TYPE_ARRAY || c->type->kind == TYPE_MAP)
        c->offsets[row] = c->offsets[row + 1] = c->child_rows;
}

uint32_t wire_list_begin(struct column *c, uint32_t row)
{
    wire_valid(c, row);
    c->offsets[row] = c->child_rows;
    return c->child_rows;
}

void wire_list_end(struct column *c, uint32_t row)
{
    c->offsets[row + 1] = c->child_rows;
}

// --- reading -----------------------------------------------------------------------------------------

// What a printer wrote, kept as the cell's text.
static bool set_printed(struct column *c, struct arena *a, uint32_t row, struct buf *text)
{
    const bool ok = !text->failed;
    if (ok)
        c->str[row] = arena_str(a, buf_view(text));
    buf_fini(text);
    return ok;
}

bool wire_set_boolean(struct column *c, uint32_t row, uint8_t v)
{
    wire_valid(c, row);
    if (c->type->kind == TYPE_BOOLEAN) {
        c->u8[row] = v != 0;
        return true;
    }
    if (c->type->kind != TYPE_STRING)
        return false;
    c->str[row] = v ? STR("true") : STR("false");
    return true;
}

static bool set_i32(struct column *c, uint32_t row, int64_t v, int64_t low, int64_t high)
{
    if (v < low || v > high)
        return false;
    c->i32[row] = (int32_t)v;
    return true;
}

bool wire_set_long(struct column *c, struct arena *a, uint32_t row, int64_t v)
{
    struct buf text;
    wire_valid(c, row);
    switch (c->type->kind) {
    case TYPE_BIGINT:
    case TYPE_TIMESTAMP:
        c->i64[row] = v;
        return true;
    case TYPE_INTEGER:
    case TYPE_DATE:
        return set_i32(c, row, v, INT32_MIN, INT32_MAX);
    case TYPE_TIME:
        return set_i32(c, row, v, 0, MS_PER_DAY - 1);
    case TYPE_DOUBLE:
        c->f64[row] = (double)v;
        return true;
    case TYPE_DECIMAL:
        return wire_set_decimal(c, a, row, decimal_from_i64(v));
    case TYPE_STRING:
        buf_init(&text, TEXT_MAX);
        buf_i64(&text, v);
        return set_printed(c, a, row, &text);
    case TYPE_BOOLEAN:
    case TYPE_BYTES:
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_STRUCT:
        break;
    }
    return false;
}

bool wire_set_double(struct column *c, struct arena *a, uint32_t row, double v)
{
    struct buf text;
    wire_valid(c, row);
    if (c->type->kind == TYPE_DOUBLE) {
        c->f64[row] = v;
        return true;
    }
    if (c->type->kind != TYPE_STRING)
        return false;
    buf_init(&text, TEXT_MAX);
    text_double(&text, v);
    return set_printed(c, a, row, &text);
}

bool wire_set_text(struct column *c, uint32_t row, struct str v)
{
    wire_valid(c, row);
    if (c->type->kind != TYPE_STRING || !utf8_valid(v.p, v.n))
        return false;
    c->str[row] = v;
    return true;
}

bool wire_set_bytes(struct column *c, uint32_t row, struct str v)
{
    wire_valid(c, row);
    if (c->type->kind != TYPE_BYTES)
        return false;
    c->str[row] = v;
    return true;
}

bool wire_set_decimal(struct column *c, struct arena *a, uint32_t row, struct decimal v)
{
    struct buf text;
    const struct type *t = c->type;
    wire_valid(c, row);
    if (t->kind == TYPE_STRING) {
        buf_init(&text, (size_t)1 << 20);
        decimal_print(&text, v);
        return set_printed(c, a, row, &text);
    }
    if (t->kind != TYPE_DECIMAL ||
        !decimal_rescale(&v, a, v, t->precision, t->scale, DECIMAL_EXACT))
        return false;
    decimal_set(c, a, row, v);
    return true;
}

// Leading bytes that only repeat the sign.
static size_t sign_bytes(struct str s)
{
    size_t i = 0;
    while (i + 1 < s.n && ((uint8_t)s.p[i] == 0 || (uint8_t)s.p[i] == 0xff) &&
           ((uint8_t)s.p[i + 1] & 0x80) == ((uint8_t)s.p[i] & 0x80))
        i++;
    return i;
}

bool wire_set_unscaled(struct column *c, struct arena *a, uint32_t row, struct str bytes,
                       int32_t scale)
{
    if (bytes.n > UNSCALED_BYTES_MAX)
        return false;
    const struct str s = str_slice(bytes, sign_bytes(bytes), bytes.n);
    if (s.n > sizeof(i128))
        return wire_set_decimal(c, a, row, (struct decimal){.big = s, .scale = scale});
    unsigned __int128 v = s.n && (uint8_t)s.p[0] & 0x80 ? ~(unsigned __int128)0 : 0;
    for (size_t i = 0; i < s.n; i++)
        v = v << 8 | (uint8_t)s.p[i];
    return wire_set_decimal(c, a, row, big_normal(a, (i128)v, scale));
}

// --- writing -----------------------------------------------------------------------------------------

int64_t wire_get_long(const struct column *c, uint32_t row)
{
    assert(column_is_valid(c, row));
    if (c->type->kind == TYPE_BOOLEAN)
        return c->u8[row];
    if (c->type->kind == TYPE_BIGINT || c->type->kind == TYPE_TIMESTAMP)
        return c->i64[row];
    assert(c->type->kind == TYPE_INTEGER || c->type->kind == TYPE_DATE ||
           c->type->kind == TYPE_TIME);
    return c->i32[row];
}

struct str wire_unscaled(uint8_t scratch[16], const struct column *c, uint32_t row)
{
    assert(column_is_valid(c, row));
    const struct decimal v = decimal_get(c, row);
    if (v.big.p)
        return v.big;
    const size_t n = codec_i128_bytes(scratch, v.v);
    return (struct str){(const char *)scratch + 16 - n, n};
}
