// Any bytes as a whole key or value, the frame of a registry included: the first byte chooses the format, the rest is the payload.
// What decodes is written to bytes that decode to the same columns.
#include "schema/registry/registry_memory.h"
#include "schema/rowcodec.h"
#include "schema/serde/serde_schema.h"
#include "schema/serde/window_key.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COLUMNS   4
#define TEXT_MAX  ((size_t)64 << 20)
#define BYTES_MAX ((size_t)1 << 16)

static bool decode(struct buf *row, struct arena *a, const struct serde_spec *spec,
                   struct payload payload, struct column *columns)
{
    const struct decoder *d;
    struct err e = {0};
    uint8_t status = 0;
    struct str reason = STR("");
    struct decode_result out = {.status = &status, .reason = &reason};
    const bool built = decoder_new(&d, a, spec, &e);
    assert(built);
    for (size_t i = 0; i < spec->count; i++)
        column_init(&columns[i], a, spec->columns[i].type, 1);
    decoder_run(d, columns, &out, a, &payload, 1);
    assert(status != DECODE_BAD || reason.n > 0);
    buf_init(row, TEXT_MAX);
    rowcodec_encode(row, columns, spec->count, 0);
    return status == DECODE_OK;
}

// NULL may become a default the first time; then nothing changes any more.
static void encode_again(struct arena *a, const struct serde_spec *spec, struct column *columns)
{
    struct buf rows[2];
    const struct encoder *s;
    struct err e = {0};
    const bool built = encoder_new(&s, a, spec, &e);
    assert(built);
    for (int i = 0; i < 2; i++) {
        struct buf text;
        struct column again[COLUMNS];
        buf_init(&text, TEXT_MAX);
        const bool written = encoder_write(s, &text, columns, 0, &e);
        assert(written);
        const struct str copy = arena_str(a, buf_view(&text)); // columns are views into it
        buf_fini(&text);
        const bool good = decode(&rows[i], a, spec, (struct payload){copy.p, copy.n}, again);
        assert(good || spec->wrapping == SERDE_UNWRAPPED); // a bare NULL is no value
        memcpy(columns, again, spec->count * sizeof *columns);
    }
    assert(str_eq(buf_view(&rows[0]), buf_view(&rows[1])));
    buf_fini(&rows[0]);
    buf_fini(&rows[1]);
}

static const struct type *kafka_type(uint8_t which)
{
    static const enum type_kind kinds[] = {TYPE_INTEGER, TYPE_BIGINT, TYPE_DOUBLE, TYPE_STRING};
    return type_scalar(kinds[which % 4]);
}

// What is left behind a window is a key, too.
static void cut_window(struct payload key, enum window_key kind)
{
    int64_t start = 0;
    int64_t end = 0;
    struct buf again;
    buf_init(&again, TEXT_MAX);
    const struct payload whole = key;
    if (window_key_take(&start, &end, &key, kind)) {
        buf_put(&again, key.p, key.n);
        window_key_put(&again, kind, start, end);
        assert(again.n == whole.n && memcmp(again.p, whole.p, whole.n) == 0);
    }
    buf_fini(&again);
}

static void run(struct arena *a, uint8_t which, struct payload payload)
{
    static const enum serde_format formats[] = {SERDE_KAFKA, SERDE_AVRO, SERDE_PROTOBUF,
                                                SERDE_JSON_SR, SERDE_PROTOBUF_NOSR};
    const struct field fields[] = {{STR("X"), type_scalar(TYPE_INTEGER)},
                                   {STR("Y"), type_scalar(TYPE_STRING)}};
    const struct serde_column columns[COLUMNS] = {
        {STR("A"), which % 5 == 0 ? kafka_type(which / 5) : type_scalar(TYPE_BIGINT)},
        {STR("B"), type_array(a, type_scalar(TYPE_STRING))},
        {STR("C"), type_struct(a, fields, 2)},
        {STR("D"), type_scalar(TYPE_DOUBLE)},
    };
    struct serde_spec spec = {.format = formats[which % 5], .columns = columns, .count = COLUMNS};
    if (spec.format == SERDE_KAFKA) {
        spec.count = 1;
        spec.wrapping = SERDE_UNWRAPPED;
    } else if (spec.format != SERDE_PROTOBUF_NOSR) {
        struct err e = {0};
        spec.registry = registry_memory_new(a);
        const bool put = serde_register(&spec, a, STR("s"), &e);
        assert(put);
    }
    struct column decoded[COLUMNS];
    struct buf row;
    if (decode(&row, a, &spec, payload, decoded))
        encode_again(a, &spec, decoded);
    buf_fini(&row);
    cut_window(payload, which & 128 ? WINDOW_KEY_SESSION : WINDOW_KEY_TIME);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > BYTES_MAX)
        return 0;
    struct arena *a = arena_new(NULL);
    char *exact = malloc(size); // exactly: a read behind it is seen
    assert(exact);
    memcpy(exact, data + 1, size - 1);
    run(a, data[0], (struct payload){exact, size - 1});
    free(exact);
    arena_free(a);
    return 0;
}
