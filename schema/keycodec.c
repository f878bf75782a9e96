#include "schema/rowcodec.h"

#include "schema/codec_internal.h"

#include <assert.h>
#include <endian.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

// A component is 00 for NULL, else 01 and the value's bytes. Integers are big-endian with the sign bit flipped; strings
// have 00 written as 00 FF and end with 00 01; items of arrays and maps are each led by 01, and 00 ends them.
enum {
    KEY_NULL = 0x00,
    KEY_VALUE = 0x01,
    KEY_END = 0x00,
    KEY_ITEM = 0x01,
    ESCAPED_ZERO = 0xff,
    STRING_END = 0x01
};

#define SIGN32 UINT32_C(0x80000000)
#define SIGN64 UINT64_C(0x8000000000000000)

// Doubles in Java's order: negative numbers reversed, -0.0 before 0.0, NaN last.
static uint64_t double_to_key(double v)
{
    const uint64_t bits = codec_double_bits(v);
    return bits & SIGN64 ? ~bits : bits | SIGN64;
}

// --- widths and writing, one value ---------------------------------------------------------------------------------
// key_size() says exactly what key_write() will write, so that a whole column can be placed before it is written.

static size_t string_size(struct str s)
{
    size_t zeros = 0;
    const char *p = s.p;
    const char *end = s.p + s.n;
    while (p < end && (p = memchr(p, 0, (size_t)(end - p)))) {
        zeros++;
        p++;
    }
    return s.n + zeros + 2;
}

static char *string_write(char *p, struct str s)
{
    size_t from = 0;
    while (from < s.n) {
        const char *zero = memchr(s.p + from, 0, s.n - from);
        const size_t to = zero ? (size_t)(zero - s.p) : s.n;
        memcpy(p, s.p + from, to - from);
        p += to - from;
        from = to;
        if (zero) {
            *p++ = 0;
            *p++ = (char)ESCAPED_ZERO;
            from++;
        }
    }
    *p++ = 0;
    *p++ = STRING_END;
    return p;
}

static char *u32_write(char *p, uint32_t v)
{
    const uint32_t big_endian = htobe32(v);
    memcpy(p, &big_endian, sizeof big_endian);
    return p + sizeof big_endian;
}

static char *u64_write(char *p, uint64_t v)
{
    const uint64_t big_endian = htobe64(v);
    memcpy(p, &big_endian, sizeof big_endian);
    return p + sizeof big_endian;
}

static char *i128_write(char *p, i128 v)
{
    p = u64_write(p, (uint64_t)((u128)v >> 64) ^ SIGN64);
    return u64_write(p, (uint64_t)v);
}

// Beyond 38 digits: the length grows with the magnitude, so it leads; below the middle for negative numbers.
static char *big_write(char *p, struct str s)
{
    assert(s.n > 0 && s.n < SIGN32);
    const bool negative = (uint8_t)s.p[0] & 0x80;
    p = u32_write(p, negative ? SIGN32 - (uint32_t)s.n : SIGN32 + (uint32_t)s.n);
    memcpy(p, s.p, s.n);
    return p + s.n;
}

// Bytes of a value of fixed size, 0 for the others.
static size_t fixed_size(const struct type *t)
{
    switch (t->kind) {
    case TYPE_BOOLEAN:
        return 1;
    case TYPE_INTEGER:
    case TYPE_DATE:
    case TYPE_TIME:
        return 4;
    case TYPE_BIGINT:
    case TYPE_TIMESTAMP:
    case TYPE_DOUBLE:
        return 8;
    case TYPE_DECIMAL:
        return t->precision <= 18 ? 8 : t->precision <= 38 ? 16 : 0;
    case TYPE_STRING:
    case TYPE_BYTES:
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_STRUCT:
        return 0;
    }
    assert(!"type kind out of range");
    return 0;
}

static size_t key_size(const struct column *c, uint32_t row)
{
    if (!column_is_valid(c, row))
        return 1;
    const size_t fixed = fixed_size(c->type);
    if (fixed)
        return 1 + fixed;
    if (c->type->kind == TYPE_DECIMAL)
        return 1 + 4 + c->str[row].n;
    if (!type_is_nested(c->type))
        return 1 + string_size(c->str[row]);
    size_t size = 1;
    if (c->type->kind == TYPE_STRUCT) {
        for (uint32_t i = 0; i < c->type->field_count; i++)
            size += key_size(&c->children[i], row);
        return size;
    }
    uint32_t first;
    const uint32_t n = column_items(c, row, &first);
    for (uint32_t k = first; k < first + n; k++) {
        for (uint32_t i = 0; i < c->type->field_count; i++)
            size += key_size(&c->children[i], k);
    }
    return size + n + 1;
}

static char *key_write(char *p, const struct column *c, uint32_t row);

static char *nested_write(char *p, const struct column *c, uint32_t row)
{
    if (c->type->kind == TYPE_STRUCT) {
        for (uint32_t i = 0; i < c->type->field_count; i++)
            p = key_write(p, &c->children[i], row);
        return p;
    }
    uint32_t first;
    const uint32_t n = column_items(c, row, &first);
    for (uint32_t k = first; k < first + n; k++) {
        *p++ = KEY_ITEM;
        for (uint32_t i = 0; i < c->type->field_count; i++)
            p = key_write(p, &c->children[i], k);
    }
    *p++ = KEY_END;
    return p;
}

static char *key_write(char *p, const struct column *c, uint32_t row)
{
    if (!column_is_valid(c, row)) {
        *p++ = KEY_NULL;
        return p;
    }
    *p++ = KEY_VALUE;
    switch (c->type->kind) {
    case TYPE_BOOLEAN:
        *p++ = c->u8[row] ? 1 : 0;
        return p;
    case TYPE_INTEGER:
    case TYPE_DATE:
    case TYPE_TIME:
        return u32_write(p, (uint32_t)c->i32[row] ^ SIGN32);
    case TYPE_BIGINT:
    case TYPE_TIMESTAMP:
        return u64_write(p, (uint64_t)c->i64[row] ^ SIGN64);
    case TYPE_DOUBLE:
        return u64_write(p, double_to_key(c->f64[row]));
    case TYPE_DECIMAL:
        if (c->type->precision <= 18)
            return u64_write(p, (uint64_t)c->i64[row] ^ SIGN64);
        if (c->type->precision <= 38)
            return i128_write(p, c->i128[row]);
        return big_write(p, c->str[row]);
    case TYPE_STRING:
    case TYPE_BYTES:
        return string_write(p, c->str[row]);
    case TYPE_ARRAY:
    case TYPE_MAP:
    case TYPE_STRUCT:
        return nested_write(p, c, row);
    }
    assert(!"type kind out of range");
    return p;
}

void keycodec_encode(struct buf *out, const struct column *columns, size_t n, uint32_t row)
{
    for (size_t i = 0; i < n; i++) {
        char *p = buf_room(out, key_size(&columns[i], row));
        if (!p)
            return;
        out->n += (size_t)(key_write(p, &columns[i], row) - p);
    }
}

void keycodec_encode_i64(struct buf *out, int64_t v)
{
    char *p = buf_room(out, 9);
    if (!p)
        return;
    *p++ = KEY_VALUE;
    u64_write(p, (uint64_t)v ^ SIGN64);
    out->n += 9;
}

// --- whole columns -------------------------------------------------------------------------------------------------

// Adds the size of each row's component of c to its end.
static void column_sizes(size_t *ends, const struct column *c, const uint32_t *rows, uint32_t n)
{
    const size_t fixed = fixed_size(c->type);
    if (fixed && !c->valid) {
        for (uint32_t i = 0; i < n; i++)
            ends[i] += 1 + fixed;
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        ends[i] += key_size(c, rows ? rows[i] : i);
}

// Writes each row's component at its place and moves the place on.
static void column_write(char *base, size_t *at, const struct column *c, const uint32_t *rows,
                         uint32_t n)
{
    if (c->type->kind == TYPE_STRING && !c->valid) {
        for (uint32_t i = 0; i < n; i++) {
            char *p = base + at[i];
            *p = KEY_VALUE;
            at[i] += (size_t)(string_write(p + 1, c->str[rows ? rows[i] : i]) - p);
        }
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        char *p = base + at[i];
        at[i] += (size_t)(key_write(p, c, rows ? rows[i] : i) - p);
    }
}

void keycodec_encode_rows(struct buf *out, size_t *ends, const struct column *columns, size_t n,
                          const uint32_t *rows, uint32_t count)
{
    memset(ends, 0, count * sizeof *ends);
    for (size_t i = 0; i < n; i++)
        column_sizes(ends, &columns[i], rows, count);
    size_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        const size_t size = ends[i];
        ends[i] = total; // where the row starts; every column moves it towards its end
        total += size;
    }
    char *p = buf_room(out, total);
    if (!p)
        return;
    for (size_t i = 0; i < n; i++)
        column_write(p, ends, &columns[i], rows, count);
    for (uint32_t i = 0; i < count; i++)
        ends[i] += out->n;
    out->n += total;
}

// One key of any shape. A key larger than the scratch buffer may grow is hashed from memory of its own.
static uint64_t row_hash(const struct column *columns, size_t n, uint32_t row, struct buf *scratch)
{
    size_t size = 0;
    for (size_t i = 0; i < n; i++)
        size += key_size(&columns[i], row);
    buf_clear(scratch);
    char *room = buf_room(scratch, size);
    char *own = room ? NULL : mem_alloc(size);
    char *start = room ? room : own;
    char *p = start;
    for (size_t i = 0; i < n; i++)
        p = key_write(p, &columns[i], row);
    assert((size_t)(p - start) == size);
    const uint64_t hash = XXH64(start, size, 0);
    mem_free(own);
    return hash;
}

static void hash_u64(uint64_t *out, const uint64_t *v, uint32_t rows)
{
    char key[9] = {KEY_VALUE};
    for (uint32_t i = 0; i < rows; i++) {
        u64_write(key + 1, v[i] ^ SIGN64);
        out[i] = XXH64(key, sizeof key, 0);
    }
}

static void hash_u32(uint64_t *out, const uint32_t *v, uint32_t rows)
{
    char key[5] = {KEY_VALUE};
    for (uint32_t i = 0; i < rows; i++) {
        u32_write(key + 1, v[i] ^ SIGN32);
        out[i] = XXH64(key, sizeof key, 0);
    }
}

// Short strings without a zero byte, nearly all keys there are: bytes between a lead and an end in one small array.
static void hash_strings(uint64_t *out, const struct column *c, uint32_t rows, struct buf *scratch)
{
    char key[128] = {KEY_VALUE};
    for (uint32_t i = 0; i < rows; i++) {
        const struct str s = c->str[i];
        if (s.n > sizeof key - 3 || !s.n || memchr(s.p, 0, s.n)) {
            out[i] = row_hash(c, 1, i, scratch);
            continue;
        }
        memcpy(key + 1, s.p, s.n);
        key[1 + s.n] = 0;
        key[2 + s.n] = STRING_END;
        out[i] = XXH64(key, s.n + 3, 0);
    }
}

void keycodec_hash(uint64_t *out, const struct column *columns, size_t n, uint32_t rows,
                   struct buf *scratch)
{
    if (n == 1 && !columns->valid) {
        const enum type_kind kind = columns->type->kind;
        if (kind == TYPE_STRING || kind == TYPE_BYTES) {
            hash_strings(out, columns, rows, scratch);
            return;
        }
        if (kind == TYPE_BIGINT || kind == TYPE_TIMESTAMP) {
            hash_u64(out, columns->data, rows);
            return;
        }
        if (kind == TYPE_INTEGER || kind == TYPE_DATE || kind == TYPE_TIME) {
            hash_u32(out, columns->data, rows);
            return;
        }
    }
    for (uint32_t i = 0; i < rows; i++)
        out[i] = row_hash(columns, n, i, scratch);
}

// --- decoding ------------------------------------------------------------------------------------------------------

static bool bad(struct err *e, const struct column *c, const char *what)
{
    return err_fail(e, ERR_DATA, "key codec: %s value: %s", type_kind_name(c->type->kind), what);
}

static bool take_u8(uint8_t *out, struct cursor *in)
{
    if (in->p == in->end)
        return false;
    *out = *in->p++;
    return true;
}

static bool take_u32(uint32_t *out, struct cursor *in)
{
    if ((size_t)(in->end - in->p) < sizeof *out)
        return false;
    memcpy(out, in->p, sizeof *out);
    *out = be32toh(*out);
    in->p += sizeof *out;
    return true;
}

static bool take_u64(uint64_t *out, struct cursor *in)
{
    if ((size_t)(in->end - in->p) < sizeof *out)
        return false;
    memcpy(out, in->p, sizeof *out);
    *out = be64toh(*out);
    in->p += sizeof *out;
    return true;
}

// Finds the end of an escaped string; *zeros tells how many escapes it has.
static const uint8_t *string_end(const struct cursor *in, size_t *zeros)
{
    const uint8_t *p = in->p;
    *zeros = 0;
    while (p < in->end && (p = memchr(p, 0, (size_t)(in->end - p)))) {
        if (in->end - p < 2)
            return NULL;
        if (p[1] == STRING_END)
            return p;
        if (p[1] != ESCAPED_ZERO)
            return NULL;
        ++*zeros;
        p += 2;
    }
    return NULL;
}

static bool decode_string(struct column *c, uint32_t row, struct arena *a, struct cursor *in,
                          struct err *e)
{
    size_t zeros;
    const uint8_t *end = string_end(in, &zeros);
    if (!end)
        return bad(e, c, "without an end");
    const size_t escaped = (size_t)(end - in->p);
    struct str s = {(const char *)in->p, escaped - zeros};
    if (zeros) {
        char *copy = arena_alloc(a, s.n);
        size_t n = 0;
        for (const uint8_t *p = in->p; p < end; p += *p ? 1 : 2)
            copy[n++] = (char)*p;
        assert(n == s.n);
        s.p = copy;
    }
    c->str[row] = s;
    in->p = end + 2;
    return true;
}

static bool decode_big(struct column *c, uint32_t row, struct cursor *in, struct err *e)
{
    uint32_t lead;
    if (!take_u32(&lead, in) || lead == SIGN32)
        return bad(e, c, "cut short");
    const bool negative = lead < SIGN32;
    const struct str s = {(const char *)in->p, negative ? SIGN32 - lead : lead - SIGN32};
    if (s.n > (size_t)(in->end - in->p) || !codec_is_minimal(s) ||
        ((uint8_t)s.p[0] >= 0x80) != negative)
        return bad(e, c, "not a minimal integer of its length");
    c->str[row] = s;
    in->p += s.n;
    return true;
}

static bool decode_decimal(struct column *c, uint32_t row, struct cursor *in, struct err *e)
{
    if (c->type->precision > 38)
        return decode_big(c, row, in, e);
    uint64_t high = 0;
    uint64_t low;
    const bool wide = c->type->precision > 18;
    if ((wide && !take_u64(&high, in)) || !take_u64(&low, in))
        return bad(e, c, "cut short");
    const i128 v = wide ? (i128)((u128)(high ^ SIGN64) << 64 | low) : (i128)(int64_t)(low ^ SIGN64);
    if (!codec_i128_fits(v, c->type->precision))
        return bad(e, c, "too many digits for its precision");
    if (wide)
        c->i128[row] = v;
    else
        c->i64[row] = (int64_t)v;
    return true;
}

static bool decode_double(struct column *c, uint32_t row, struct cursor *in, struct err *e)
{
    uint64_t key;
    if (!take_u64(&key, in))
        return bad(e, c, "cut short");
    const uint64_t bits = key & SIGN64 ? key ^ SIGN64 : ~key;
    double v;
    memcpy(&v, &bits, sizeof v);
    if (codec_double_bits(v) != bits)
        return bad(e, c, "not the one NaN");
    c->f64[row] = v;
    return true;
}

static bool decode_items(struct column *c, uint32_t row, struct arena *a, struct cursor *in,
                         struct err *e)
{
    const uint32_t start = c->child_rows;
    for (;;) {
        uint8_t mark;
        if (!take_u8(&mark, in) || (mark != KEY_ITEM && mark != KEY_END))
            return bad(e, c, "without an end");
        if (mark == KEY_END)
            break;
        if (c->child_rows == UINT32_MAX - 1)
            return bad(e, c, "too many items");
        const uint32_t item = column_append_items(c, a, 1);
        if (!keycodec_decode(c->children, c->type->field_count, item, a, in, e))
            return false;
        if (c->type->kind != TYPE_MAP)
            continue;
        const struct column *keys = &c->children[0];
        if (!column_is_valid(keys, item) ||
            (item > start && str_cmp(keys->str[item - 1], keys->str[item]) >= 0))
            return bad(e, c, "keys do not ascend");
    }
    c->offsets[row] = start;
    c->offsets[row + 1] = c->child_rows;
    return true;
}

static bool decode_value(struct column *c, uint32_t row, struct arena *a, struct cursor *in,
                         struct err *e)
{
    uint32_t u32;
    uint64_t u64;
    switch (c->type->kind) {
    case TYPE_BOOLEAN:
        return (take_u8(&c->u8[row], in) && c->u8[row] <= 1) || bad(e, c, "not 0 or 1");
    case TYPE_INTEGER:
    case TYPE_DATE:
    case TYPE_TIME:
        if (!take_u32(&u32, in))
            return bad(e, c, "cut short");
        c->i32[row] = (int32_t)(u32 ^ SIGN32);
        return true;
    case TYPE_BIGINT:
    case TYPE_TIMESTAMP:
        if (!take_u64(&u64, in))
            return bad(e, c, "cut short");
        c->i64[row] = (int64_t)(u64 ^ SIGN64);
        return true;
    case TYPE_DOUBLE:
        return decode_double(c, row, in, e);
    case TYPE_DECIMAL:
        return decode_decimal(c, row, in, e);
    case TYPE_STRING:
    case TYPE_BYTES:
        return decode_string(c, row, a, in, e);
    case TYPE_ARRAY:
    case TYPE_MAP:
        return decode_items(c, row, a, in, e);
    case TYPE_STRUCT:
        return keycodec_decode(c->children, c->type->field_count, row, a, in, e);
    }
    assert(!"type kind out of range");
    return false;
}

bool keycodec_decode(struct column *columns, size_t n, uint32_t row, struct arena *a,
                     struct cursor *in, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        struct column *c = &columns[i];
        uint8_t mark;
        if (!take_u8(&mark, in) || mark > KEY_VALUE)
            return bad(e, c, "cut short or without its mark");
        if (mark == KEY_NULL) {
            column_set_null(c, a, row, c->cap);
            continue;
        }
        if (c->valid)
            c->valid[row] = 1;
        if (!decode_value(c, row, a, in, e))
            return false;
    }
    return true;
}

bool keycodec_decode_i64(int64_t *out, struct cursor *in)
{
    uint8_t mark;
    uint64_t v;
    if (!take_u8(&mark, in) || mark != KEY_VALUE || !take_u64(&v, in))
        return false;
    *out = (int64_t)(v ^ SIGN64);
    return true;
}
