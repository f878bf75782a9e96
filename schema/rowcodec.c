#include "schema/rowcodec.h"

#include "schema/codec_internal.h"

#include <assert.h>
#include <endian.h>

// --- encoding --------------------------------------------------------------------------------------------------

static void put_u64_le(struct buf *out, uint64_t v)
{
    char *p = buf_room(out, sizeof v);
    if (!p)
        return;
    for (int i = 0; i < 8; i++)
        p[i] = (char)(v >> (8 * i));
    out->n += sizeof v;
}

static void put_varint(struct buf *out, uint64_t v)
{
    char *p = buf_room(out, 10);
    if (!p)
        return;
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        p[n++] = (char)(v | 0x80);
    p[n++] = (char)v;
    out->n += n;
}

static void put_zigzag(struct buf *out, int64_t v)
{
    put_varint(out, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

static void put_bytes(struct buf *out, const void *p, size_t n)
{
    put_varint(out, n);
    if (n)
        buf_put(out, p, n);
}

// Length and minimal two's complement, most significant byte first: the common DECIMAL in two stores.
static void put_i64(struct buf *out, int64_t v)
{
    const uint64_t magnitude = (uint64_t)(v ^ (v >> 63));
    const unsigned bits = magnitude ? 64 - (unsigned)__builtin_clzll(magnitude) : 0;
    const unsigned n = bits / 8 + 1;
    char *p = buf_room(out, 9);
    if (!p)
        return;
    const uint64_t big_endian = htobe64((uint64_t)v << (64 - 8 * n));
    p[0] = (char)n;
    memcpy(p + 1, &big_endian, sizeof big_endian);
    out->n += 1 + n;
}

static void put_i128(struct buf *out, i128 v)
{
    uint8_t bytes[16];
    const size_t n = codec_i128_bytes(bytes, v);
    put_bytes(out, bytes + sizeof bytes - n, n);
}

static void encode_rows(struct buf *out, const struct column *c, uint32_t first, uint32_t n);

static void encode_nested(struct buf *out, const struct column *c, uint32_t row)
{
    if (c->type->kind == TYPE_STRUCT) {
        rowcodec_encode(out, c->children, c->type->field_count, row);
        return;
    }
    uint32_t first;
    const uint32_t n = column_items(c, row, &first);
    put_varint(out, n);
    for (uint32_t i = 0; i < c->type->field_count;
         i++) // a map: its keys, which blocks hold sorted, then its values
        encode_rows(out, &c->children[i], first, n);
}

static void encode_value(struct buf *out, const struct column *c, uint32_t row)
{
    switch (c->type->kind) {
    case TYPE_BOOLEAN:
        buf_char(out, c->u8[row] ? 1 : 0);
        return;
    case TYPE_INTEGER:
    case TYPE_DATE:
    case TYPE_TIME:
        put_zigzag(out, c->i32[row]);
        return;
    case TYPE_BIGINT:
    case TYPE_TIMESTAMP:
        put_zigzag(out, c->i64[row]);
        return;
    case TYPE_DOUBLE:
        put_u64_le(out, codec_double_bits(c->f64[row]));
        return;
    case TYPE_DECIMAL:
        if (c->type->precision <= 18)
            put_i64(out, c->i64[row]);
        else if (c->type->precision <= 38)
            put_i128(out, c->i128[row]);
        else
            put_bytes(out, c->str[row].p, c->str[row].n);
        return;
    case TYPE_STRING:
    case TYPE_BYTES:
        put_bytes(out, c->str[row].p, c->str[row].n);
        return;
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_STRUCT:
        encode_nested(out, c, row);
        return;
    }
}

// A presence bitmap is `bytes` zeroed bytes at *at (the buffer may move while values are appended).
static bool bitmap_open(size_t *at, struct buf *out, size_t bits)
{
    const size_t bytes = (bits + 7) / 8;
    char *p = buf_room(out, bytes);
    if (!p)
        return false;
    if (bytes)
        memset(p, 0, bytes);
    *at = out->n;
    out->n += bytes;
    return true;
}

static void bitmap_set(struct buf *out, size_t at, size_t bit)
{
    out->p[at + bit / 8] = (char)(out->p[at + bit / 8] | 1 << (bit % 8));
}

// Items of an array: bitmap, then the present ones.
static void encode_rows(struct buf *out, const struct column *c, uint32_t first, uint32_t n)
{
    size_t at;
    if (!bitmap_open(&at, out, n))
        return;
    for (uint32_t i = 0; i < n; i++) {
        if (!column_is_valid(c, first + i))
            continue;
        bitmap_set(out, at, i);
        encode_value(out, c, first + i);
    }
}

void rowcodec_encode(struct buf *out, const struct column *columns, size_t n, uint32_t row)
{
    size_t at;
    if (!bitmap_open(&at, out, n))
        return;
    for (size_t i = 0; i < n; i++) {
        if (!column_is_valid(&columns[i], row))
            continue;
        bitmap_set(out, at, i);
        encode_value(out, &columns[i], row);
    }
}

// --- decoding --------------------------------------------------------------------------------------------------
// Every decoder accepts only what the encoder writes (canonical): decoded bytes encode to themselves.

static bool bad(struct err *e, const struct column *c, const char *what)
{
    return err_fail(e, ERR_DATA, "row codec: %s value: %s", type_kind_name(c->type->kind), what);
}

static bool take_varint(uint64_t *out, struct cursor *in)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (in->p == in->end)
            return false;
        const uint8_t byte = *in->p++;
        if ((shift == 63 && byte > 1) || (byte == 0 && shift))
            return false; // beyond 64 bits, or not the shortest form
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = v;
            return true;
        }
    }
    return false;
}

static bool take_zigzag(int64_t *out, struct cursor *in)
{
    uint64_t v;
    if (!take_varint(&v, in))
        return false;
    *out = (int64_t)((v >> 1) ^ -(v & 1));
    return true;
}

static bool take_bytes(struct str *out, struct cursor *in)
{
    uint64_t n;
    if (!take_varint(&n, in) || n > (size_t)(in->end - in->p))
        return false;
    *out = (struct str){(const char *)in->p, (size_t)n};
    in->p += n;
    return true;
}

static bool decode_i32(struct column *c, uint32_t row, struct cursor *in, struct err *e)
{
    int64_t v;
    if (!take_zigzag(&v, in) || v < INT32_MIN || v > INT32_MAX)
        return bad(e, c, "not a 32-bit integer");
    c->i32[row] = (int32_t)v;
    return true;
}

static bool decode_double(struct column *c, uint32_t row, struct cursor *in, struct err *e)
{
    if (in->end - in->p < 8)
        return bad(e, c, "cut short");
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++)
        bits |= (uint64_t)in->p[i] << (8 * i);
    double v;
    memcpy(&v, &bits, sizeof v);
    if (codec_double_bits(v) != bits)
        return bad(e, c, "not the one NaN");
    in->p += 8;
    c->f64[row] = v;
    return true;
}

static bool decode_decimal(struct column *c, uint32_t row, struct cursor *in, struct err *e)
{
    struct str s;
    if (!take_bytes(&s, in) || !codec_is_minimal(s))
        return bad(e, c, "not a minimal integer");
    if (c->type->precision > 38) {
        c->str[row] = s;
        return true;
    }
    if (s.n > sizeof(i128))
        return bad(e, c, "too long for its precision");
    const i128 v = codec_i128_from(s);
    if (!codec_i128_fits(v, c->type->precision))
        return bad(e, c, "too many digits for its precision");
    if (c->type->precision <= 18)
        c->i64[row] = (int64_t)v;
    else
        c->i128[row] = v;
    return true;
}

static bool decode_value(struct column *c, uint32_t row, struct arena *a, struct cursor *in,
                         struct err *e);

static bool decode_present(struct column *c, uint32_t row, struct arena *a, struct cursor *in,
                           struct err *e)
{
    if (c->valid)
        c->valid[row] = 1;
    return decode_value(c, row, a, in, e);
}

// A bitmap of n bits whose unused bits are 0.
static bool take_bitmap(const uint8_t **out, struct cursor *in, uint64_t n)
{
    const uint64_t bytes = n / 8 + (n % 8 != 0);
    if (bytes > (size_t)(in->end - in->p))
        return false;
    *out = in->p;
    in->p += bytes;
    return n % 8 == 0 || (*out)[bytes - 1] >> (n % 8) == 0;
}

static bool decode_rows(struct column *c, uint32_t first, uint32_t n, struct arena *a,
                        struct cursor *in, struct err *e)
{
    const uint8_t *bitmap;
    if (!take_bitmap(&bitmap, in, n))
        return bad(e, c, "presence bitmap is malformed");
    for (uint32_t i = 0; i < n; i++) {
        if (!(bitmap[i / 8] >> (i % 8) & 1))
            column_set_null(c, a, first + i, c->cap);
        else if (!decode_present(c, first + i, a, in, e))
            return false;
    }
    return true;
}

static bool map_keys_ascend(const struct column *keys, uint32_t first, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!column_is_valid(keys, first + i))
            return false;
        if (i && str_cmp(keys->str[first + i - 1], keys->str[first + i]) >= 0)
            return false;
    }
    return true;
}

static bool decode_items(struct column *c, uint32_t row, struct arena *a, struct cursor *in,
                         struct err *e)
{
    uint64_t n;
    // Each item has at least one bit in a bitmap, so a hostile count cannot ask for more than 8 rows per byte.
    if (!take_varint(&n, in) || n / 8 > (size_t)(in->end - in->p) ||
        n >= UINT32_MAX - c->child_rows)
        return bad(e, c, "more items than bytes");
    const uint32_t first = column_append_items(c, a, (uint32_t)n);
    c->offsets[row] = first;
    for (uint32_t i = 0; i < c->type->field_count; i++) {
        if (!decode_rows(&c->children[i], first, (uint32_t)n, a, in, e))
            return false;
    }
    c->offsets[row + 1] = c->child_rows;
    if (c->type->kind == TYPE_MAP && !map_keys_ascend(&c->children[0], first, (uint32_t)n))
        return bad(e, c, "keys do not ascend");
    return true;
}

bool rowcodec_decode(struct column *columns, size_t n, uint32_t row, struct arena *a,
                     struct cursor *in, struct err *e)
{
    const uint8_t *bitmap;
    if (!take_bitmap(&bitmap, in, n))
        return err_fail(e, ERR_DATA, "row codec: presence bitmap of %zu columns is malformed", n);
    for (size_t i = 0; i < n; i++) {
        if (!(bitmap[i / 8] >> (i % 8) & 1))
            column_set_null(&columns[i], a, row, columns[i].cap);
        else if (!decode_present(&columns[i], row, a, in, e))
            return false;
    }
    return true;
}

static bool decode_value(struct column *c, uint32_t row, struct arena *a, struct cursor *in,
                         struct err *e)
{
    switch (c->type->kind) {
    case TYPE_BOOLEAN:
        if (in->p == in->end || *in->p > 1)
            return bad(e, c, "not 0 or 1");
        c->u8[row] = *in->p++;
        return true;
    case TYPE_INTEGER:
    case TYPE_DATE:
    case TYPE_TIME:
        return decode_i32(c, row, in, e);
    case TYPE_BIGINT:
    case TYPE_TIMESTAMP:
        return take_zigzag(&c->i64[row], in) || bad(e, c, "not a 64-bit integer");
    case TYPE_DOUBLE:
        return decode_double(c, row, in, e);
    case TYPE_DECIMAL:
        return decode_decimal(c, row, in, e);
    case TYPE_STRING:
    case TYPE_BYTES:
        return take_bytes(&c->str[row], in) || bad(e, c, "cut short");
    case TYPE_ARRAY:
    case TYPE_MAP:
        return decode_items(c, row, a, in, e);
    case TYPE_STRUCT:
        return rowcodec_decode(c->children, c->type->field_count, row, a, in, e);
    }
    assert(!"type kind out of range");
    return false;
}
