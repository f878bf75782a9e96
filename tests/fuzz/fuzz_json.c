// Any bytes as a JSON record. Properties: the vector levels agree on status, reason and columns; a second row (whose member
// names are predicted) equals the first; what decodes is encoded to JSON that decodes to the same columns.
// The first byte chooses the schema, the rest is the payload.
#include "schema/rowcodec.h"
#include "schema/serde/json_decode.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROWS        2
#define COLUMNS_MAX 10
#define TEXT_MAX    ((size_t)64 << 20)

struct schema_case {
    struct serde_column columns[COLUMNS_MAX];
    struct serde_spec spec;
};

struct outcome {
    uint8_t status;
    struct str reason;
    struct str row; // the row codec's bytes: equal columns, equal bytes
};

static const struct type *nested_type(struct arena *a)
{
    const struct type *text = type_scalar(TYPE_STRING);
    const struct type *ints = type_array(a, type_scalar(TYPE_INTEGER));
    const struct field fields[] = {{STR("A"), type_scalar(TYPE_INTEGER)},
                                   {STR("b"), type_map(a, text, ints)},
                                   {STR("C"), type_array(a, ints)}};
    return type_struct(a, fields, 3);
}

static const struct type *type_number(struct arena *a, unsigned i)
{
    switch (i % 12) {
    case 0:
        return type_decimal(a, 18, 2);
    case 1:
        return type_decimal(a, 38, 30);
    case 2:
        return type_decimal(a, 50, 10);
    case 3:
        return type_array(a, nested_type(a));
    case 4:
        return type_map(a, type_scalar(TYPE_STRING), nested_type(a));
    case 5:
        return nested_type(a);
    case 6:
        return type_scalar(TYPE_BYTES);
    case 7:
        return type_scalar(TYPE_DOUBLE);
    case 8:
        return type_scalar(TYPE_BIGINT);
    case 9:
        return type_scalar(TYPE_INTEGER);
    case 10:
        return type_scalar(TYPE_TIME);
    default:
        return type_scalar(TYPE_STRING);
    }
}

static void build_spec(struct schema_case *out, struct arena *a, uint8_t choice)
{
    static const char *const names[COLUMNS_MAX] = {"A", "B", "a", "LONGER", "E",
                                                   "F", "G", "H", "I",      "J"};
    const bool unwrapped = choice >= 200;
    const size_t count = unwrapped ? 1 : choice % (COLUMNS_MAX + 1);
    for (size_t i = 0; i < count; i++)
        out->columns[i] =
            (struct serde_column){str_from(names[i]), type_number(a, (unsigned)(choice + i * 5))};
    out->spec = (struct serde_spec){.format = SERDE_JSON,
                                    .columns = out->columns,
                                    .count = count,
                                    .wrapping = unwrapped ? SERDE_UNWRAPPED : SERDE_WRAPPED,
                                    .depth_max = 64,
                                    .bytes_max = (size_t)1 << 20};
}

static struct str row_bytes(struct arena *a, const struct column *columns, size_t n, uint32_t row)
{
    struct buf b;
    if (n == 0)
        return STR_NONE;
    buf_init(&b, TEXT_MAX);
    rowcodec_encode(&b, columns, n, row);
    assert(!b.failed);
    const struct str copy = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return copy;
}

static void assert_equal(const struct outcome *x, const struct outcome *y)
{
    assert(x->status == y->status);
    assert(str_eq(x->reason, y->reason));
    assert(str_eq(x->row, y->row));
}

static struct outcome decode(struct arena *a, const struct serde_spec *spec, enum json_level level,
                             struct payload payload, struct column *columns)
{
    const struct decoder *d;
    struct err e;
    const bool built = json_decoder_new(&d, a, spec, level, &e);
    assert(built);
    const struct payload payloads[ROWS] = {payload, payload};
    uint8_t status[ROWS];
    struct str reason[ROWS] = {STR_NONE, STR_NONE};
    struct decode_result result = {.status = status, .reason = reason};
    for (size_t i = 0; i < spec->count; i++)
        column_init(&columns[i], a, spec->columns[i].type, ROWS);
    decoder_run(d, columns, &result, a, payloads, ROWS);
    const struct outcome first = {status[0], reason[0], row_bytes(a, columns, spec->count, 0)};
    const struct outcome second = {status[1], reason[1], row_bytes(a, columns, spec->count, 1)};
    assert_equal(&first, &second);
    return first;
}

static void encode_again(struct arena *a, const struct serde_spec *spec,
                         const struct column *columns, const struct outcome *want)
{
    const struct encoder *s;
    struct err e;
    struct buf text;
    buf_init(&text, TEXT_MAX);
    const bool built = encoder_new(&s, a, spec, &e);
    assert(built);
    encoder_row(s, &text, columns, 0);
    assert(!text.failed);
    struct column again[COLUMNS_MAX];
    const struct payload payload = {text.p, text.n};
    const struct outcome got = decode(a, spec, json_level_best(), payload, again);
    assert_equal(want, &got);
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct arena *a = arena_new(NULL);
    struct schema_case c;
    build_spec(&c, a, data[0]);
    char *copy = malloc(size - 1 ? size - 1 : 1); // exactly: a read behind it is seen
    assert(copy);
    memcpy(copy, data + 1, size - 1);
    const struct payload payload = {copy, size - 1};
    struct column columns[COLUMNS_MAX];
    const struct outcome first = decode(a, &c.spec, JSON_PORTABLE, payload, columns);
    if (first.status == DECODE_OK)
        encode_again(a, &c.spec, columns, &first);
    for (int level = JSON_PORTABLE + 1; level <= (int)json_level_best(); level++) {
        struct column other[COLUMNS_MAX];
        const struct outcome next = decode(a, &c.spec, (enum json_level)level, payload, other);
        assert_equal(&first, &next);
    }
    free(copy);
    arena_free(a);
    return 0;
}
