// Columns to JSON text as ksqlDB writes it: names as they are in the schema, NULL as null, DECIMAL with its full scale,
// DOUBLE as Double.toString (NaN and infinities as strings), times as numbers, BYTES as Base64.
#include "base/base64.h"
#include "schema/decimal.h"
#include "schema/serde/json_decode.h"
#include "schema/serde/json_escape.h"
#include "schema/serde/serde_internal.h"
#include "schema/text.h"

#include <assert.h>
#include <math.h>

#define DIGITS_MAX 24 // of an int64 with sign and point, and room

// One column or nested field. piece is what stands before its value: {"NAME": or ,"NAME": followed by PIECE_PAD zeros,
// so that it is copied in whole vectors.
struct part {
    struct str piece;
    enum type_kind kind;
    uint32_t scale; // DECIMAL up to 18 digits; else the general printer
    uint32_t count; // children
    const struct part *children;
};

struct json_encoder {
    struct encoder base;
    const struct part *parts;
    uint32_t count;
    bool unwrapped;
};

#define SCALE_WIDE UINT32_MAX
#define PIECE_PAD  16

static void put_value(struct buf *out, const struct part *part, const struct column *c,
                      uint32_t row);

// --- numbers -----------------------------------------------------------------------------------

static const char pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536"
    "37383940414243444546474849505152535455565758596061626364656667686970717273"
    "7475767778798081828384858687888990919293949596979899";

// Digits of v, ending before `end`; returns where they begin.
static char *digits_before(char *end, uint64_t v)
{
    while (v >= 100) {
        end -= 2;
        memcpy(end, pairs + v % 100 * 2, 2);
        v /= 100;
    }
    if (v >= 10) {
        end -= 2;
        memcpy(end, pairs + v * 2, 2);
        return end;
    }
    *--end = (char)('0' + v);
    return end;
}

static uint64_t magnitude(int64_t v)
{
    return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}

static void put_i64(struct buf *out, int64_t v)
{
    char text[DIGITS_MAX];
    char *end = text + sizeof text;
    char *p = digits_before(end, magnitude(v));
    if (v < 0)
        *--p = '-';
    buf_put(out, p, (size_t)(end - p));
}

// v / 10^scale, scale <= 18.
static void put_scaled(struct buf *out, int64_t v, uint32_t scale)
{
    char text[DIGITS_MAX * 2];
    char *end = text + sizeof text;
    char *p = digits_before(end, magnitude(v));
    if (scale) {
        while (p > end - scale - 1)
            *--p = '0';
        const size_t whole = (size_t)(end - p) - scale;
        memmove(p - 1, p, whole);
        p--;
        p[whole] = '.';
    }
    if (v < 0)
        *--p = '-';
    buf_put(out, p, (size_t)(end - p));
}

static void put_double(struct buf *out, double v)
{
    if (isfinite(v)) {
        text_double(out, v);
        return;
    }
    buf_char(out, '"');
    text_double(out, v);
    buf_char(out, '"');
}

// --- nested ------------------------------------------------------------------------------------

static void put_array(struct buf *out, const struct part *part, const struct column *c,
                      uint32_t row)
{
    uint32_t first;
    const uint32_t n = column_items(c, row, &first);
    buf_char(out, '[');
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            buf_char(out, ',');
        put_value(out, &part->children[0], &c->children[0], first + i);
    }
    buf_char(out, ']');
}

static void put_map(struct buf *out, const struct part *part, const struct column *c, uint32_t row)
{
    uint32_t first;
    const uint32_t n = column_items(c, row, &first);
    buf_char(out, '{');
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            buf_char(out, ',');
        if (column_is_valid(&c->children[0], first + i))
            json_put_string(out, c->children[0].str[first + i]);
        else
            buf_text(out, "\"null\""); // as Jackson prints the missing name
        buf_char(out, ':');
        put_value(out, &part->children[1], &c->children[1], first + i);
    }
    buf_char(out, '}');
}

// p has room for the piece and PIECE_PAD more.
static char *copy_piece(char *p, const struct part *part)
{
    for (size_t i = 0; i < part->piece.n; i += PIECE_PAD)
        memcpy(p + i, part->piece.p + i, PIECE_PAD);
    return p + part->piece.n;
}

// The commonest case with one look at the room.
static void put_string_field(struct buf *out, const struct part *part, struct str v)
{
    char *p = buf_room(out, part->piece.n + PIECE_PAD + v.n * JSON_ESCAPED_MAX + 2);
    if (!p)
        return;
    p = copy_piece(p, part);
    *p++ = '"';
    p = json_escape_into(p, v);
    *p++ = '"';
    out->n = (size_t)(p - out->p);
    assert(out->n <= out->cap);
}

static void put_fields(struct buf *out, const struct part *parts, uint32_t count,
                       const struct column *columns, uint32_t row)
{
    if (count == 0)
        buf_char(out, '{');
    for (uint32_t i = 0; i < count; i++) {
        if (parts[i].kind == TYPE_STRING && column_is_valid(&columns[i], row)) {
            put_string_field(out, &parts[i], columns[i].str[row]);
            continue;
        }
        char *p = buf_room(out, parts[i].piece.n + PIECE_PAD);
        if (!p)
            return;
        out->n = (size_t)(copy_piece(p, &parts[i]) - out->p);
        put_value(out, &parts[i], &columns[i], row);
    }
    buf_char(out, '}');
}

static void put_base64(struct buf *out, struct str bytes)
{
    buf_char(out, '"');
    base64_encode(out, bytes);
    buf_char(out, '"');
}

static void put_value(struct buf *out, const struct part *part, const struct column *c,
                      uint32_t row)
{
    if (!column_is_valid(c, row)) {
        buf_str(out, STR("null"));
        return;
    }
    switch (part->kind) {
    case TYPE_STRING:
        json_put_string(out, c->str[row]);
        return;
    case TYPE_DECIMAL:
        if (part->scale == SCALE_WIDE)
            decimal_print(out, decimal_get(c, row));
        else
            put_scaled(out, c->i64[row], part->scale);
        return;
    case TYPE_BOOLEAN:
        buf_str(out, c->u8[row] ? STR("true") : STR("false"));
        return;
    case TYPE_INTEGER:
    case TYPE_DATE:
    case TYPE_TIME:
        put_i64(out, c->i32[row]);
        return;
    case TYPE_BIGINT:
    case TYPE_TIMESTAMP:
        put_i64(out, c->i64[row]);
        return;
    case TYPE_DOUBLE:
        put_double(out, c->f64[row]);
        return;
    case TYPE_BYTES:
        put_base64(out, c->str[row]);
        return;
    case TYPE_ARRAY:
        put_array(out, part, c, row);
        return;
    case TYPE_MAP:
        put_map(out, part, c, row);
        return;
    case TYPE_STRUCT:
        put_fields(out, part->children, part->count, c->children, row);
        return;
    }
    assert(!"type kind");
}

// --- building ----------------------------------------------------------------------------------

static struct str piece_of(struct arena *a, struct str name, uint32_t i)
{
    struct buf text;
    buf_init(&text, name.n * 6 + 16);
    buf_char(&text, i ? ',' : '{');
    json_put_string(&text, name);
    buf_char(&text, ':');
    assert(!text.failed);
    char *piece = arena_zalloc(a, text.n + PIECE_PAD);
    memcpy(piece, text.p, text.n);
    const struct str view = {piece, text.n};
    buf_fini(&text);
    return view;
}

static bool build_part(struct part *out, struct arena *a, const struct type *t, struct err *e)
{
    out->kind = t->kind;
    out->scale = t->kind == TYPE_DECIMAL && t->precision <= 18 ? t->scale : SCALE_WIDE;
    out->count = t->field_count;
    if (t->kind == TYPE_MAP && t->fields[0].type->kind != TYPE_STRING)
        return err_fail(e, ERR_SQL, "JSON only supports MAP types with STRING keys");
    struct part *children = ARENA_ZARRAY(a, struct part, (size_t)t->field_count + 1);
    out->children = children;
    for (uint32_t i = 0; i < t->field_count; i++) {
        children[i].piece = piece_of(a, t->fields[i].name, i);
        if (!build_part(&children[i], a, t->fields[i].type, e))
            return false;
    }
    return true;
}

static void json_encode_row(const struct encoder *base, struct buf *out,
                            const struct column *columns, uint32_t row)
{
    const struct json_encoder *s = (const struct json_encoder *)base;
    if (s->unwrapped && s->count)
        put_value(out, &s->parts[0], &columns[0], row);
    else
        put_fields(out, s->parts, s->count, columns, row);
}

static bool json_encoder_new(const struct encoder **out, struct arena *a,
                             const struct serde_spec *spec, struct err *e)
{
    struct json_encoder *s = ARENA_NEW(a, struct json_encoder);
    struct part *parts = ARENA_ZARRAY(a, struct part, spec->count + 1);
    s->base.row = json_encode_row;
    s->base.spec = *spec;
    s->parts = parts;
    s->count = (uint32_t)spec->count;
    s->unwrapped = spec->wrapping == SERDE_UNWRAPPED;
    *out = &s->base;
    for (uint32_t i = 0; i < s->count; i++) {
        parts[i].piece = piece_of(a, spec->columns[i].name, i);
        if (!build_part(&parts[i], a, spec->columns[i].type, e))
            return err_wrap(e, "column %.*s", STR_ARG(spec->columns[i].name));
    }
    return true;
}

static bool json_decoder_best(const struct decoder **out, struct arena *a,
                              const struct serde_spec *spec, struct err *e)
{
    return json_decoder_new(out, a, spec, json_level_best(), e);
}

const struct serde_type serde_json = {
    .name = "JSON",
    .decoder = json_decoder_best,
    .encoder = json_encoder_new,
};
