// Any bytes as a schema text, and any bytes as a record in it: A, P or J (Avro, Protobuf, JSON Schema), the text, a zero byte, the record.
// Properties: nothing crashes or hangs; what decodes into the inferred columns and can be written is read back, and from then on stays the same.
#include "schema/registry/registry_memory.h"
#include "schema/rowcodec.h"
#include "schema/serde/framed.h"
#include "schema/serde/infer.h"
#include "schema/serde/serde_schema.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX  ((size_t)64 << 20)
#define BYTES_MAX ((size_t)1 << 16)

// The row's bytes, or nothing when the payload is bad.
static bool decode(struct buf *row, struct arena *a, const struct serde_spec *spec,
                   struct payload payload, struct column *columns)
{
    const struct decoder *d;
    struct err e;
    uint8_t status = 0;
    struct str reason = STR("");
    struct decode_result out = {.status = &status, .reason = &reason};
    buf_init(row, TEXT_MAX);
    if (!decoder_new(&d, a, spec, &e))
        return false;
    for (size_t i = 0; i < spec->count; i++)
        column_init(&columns[i], a, spec->columns[i].type, 1);
    decoder_run(d, columns, &out, a, &payload, 1);
    assert(status != DECODE_BAD || reason.n > 0);
    rowcodec_encode(row, columns, spec->count, 0);
    return status == DECODE_OK;
}

// Writes the columns and reads them back; false when they have no form in the schema.
static bool round_trip(struct buf *row, struct arena *a, const struct serde_spec *spec,
                       const struct column *columns, struct column *again)
{
    const struct encoder *s;
    struct err e;
    struct buf text;
    buf_init(&text, TEXT_MAX);
    const bool written =
        encoder_new(&s, a, spec, &e) && encoder_write(s, &text, columns, 0, &e) && text.n > 0;
    if (written) {
        const struct str copy = arena_str(a, buf_view(&text)); // columns are views into it
        const bool good = decode(row, a, spec, (struct payload){copy.p, copy.n}, again);
        assert(good);
    }
    buf_fini(&text);
    return written;
}

// The first time NULL may become a default (a message of another kind, no presence); then nothing changes any more.
static void encode_again(struct arena *a, const struct serde_spec *spec,
                         const struct column *columns)
{
    struct buf first, second;
    struct column *x = ARENA_ARRAY(a, struct column, spec->count + 1);
    struct column *y = ARENA_ARRAY(a, struct column, spec->count + 1);
    if (!round_trip(&first, a, spec, columns, x))
        return;
    const bool written = round_trip(&second, a, spec, x, y);
    assert(written && str_eq(buf_view(&first), buf_view(&second)));
    buf_fini(&second);
    buf_fini(&first);
}

static void run_record(struct arena *a, struct serde_spec *spec, const struct type *t,
                       struct str record)
{
    struct buf payload, row;
    const bool wrapped = t->kind == TYPE_STRUCT;
    struct serde_column *columns = ARENA_ARRAY(a, struct serde_column, (size_t)t->field_count + 1);
    struct column *cells = ARENA_ARRAY(a, struct column, (size_t)t->field_count + 1);
    columns[0] = (struct serde_column){STR("V"), t};
    for (uint32_t i = 0; wrapped && i < t->field_count; i++)
        columns[i] = (struct serde_column){t->fields[i].name, t->fields[i].type};
    spec->columns = columns;
    spec->count = wrapped ? t->field_count : 1;
    spec->wrapping = wrapped ? SERDE_WRAPPED : SERDE_UNWRAPPED;
    buf_init(&payload, TEXT_MAX);
    buf_put(&payload, "\0\0\0\0\1", FRAMED_HEADER);
    buf_str(&payload, record);
    char *exact = malloc(payload.n); // exactly: a read behind it is seen
    assert(exact);
    memcpy(exact, payload.p, payload.n);
    if (decode(&row, a, spec, (struct payload){exact, payload.n}, cells))
        encode_again(a, spec, cells);
    buf_fini(&row);
    buf_fini(&payload);
    free(exact);
}

static void run_schema(struct arena *a, enum serde_format format, struct str text,
                       struct str record)
{
    struct serde_spec spec = {
        .format = format, .registry = registry_memory_new(a), .schema_id = 1, .depth_max = 64};
    const struct registry_schema schema = {.kind = serde_registry_kind(format), .text = text};
    const struct schema_file file = {STR(""), text};
    const struct schema_files files = {&file, 1};
    const struct type *t;
    struct err e;
    int32_t id;
    const bool put = registry_put(spec.registry, &id, STR("s"), &schema, &e);
    assert(put && id == 1);
    if (serde_infer(&t, a, format, &files, STR_NONE, &e))
        run_record(a, &spec, t, record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > BYTES_MAX)
        return 0;
    struct arena *a = arena_new(NULL);
    const uint8_t *end = memchr(data + 1, 0, size - 1);
    const size_t text = end ? (size_t)(end - data) - 1 : size - 1;
    const struct str schema = {(const char *)data + 1, text};
    const struct str record = {(const char *)data + 1 + text + (end ? 1 : 0),
                               size - 1 - text - (end ? 1 : 0)};
    run_schema(a,
               data[0] == 'P'   ? SERDE_PROTOBUF
               : data[0] == 'J' ? SERDE_JSON_SR
                                : SERDE_AVRO,
               schema, record);
    arena_free(a);
    return 0;
}
