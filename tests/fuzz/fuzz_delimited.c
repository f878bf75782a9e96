// Any bytes as a DELIMITED record: what decodes is written to a line that decodes to the same columns.
#include "schema/rowcodec.h"
#include "schema/serde/serde.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COLUMNS  5
#define TEXT_MAX ((size_t)64 << 20)

static bool decode(struct buf *row, struct arena *a, const struct serde_spec *spec,
                   struct payload payload, struct column *columns)
{
    const struct decoder *d;
    struct err e;
    uint8_t status;
    struct str reason;
    struct decode_result out = {.status = &status, .reason = &reason};
    const bool built = decoder_new(&d, a, spec, &e);
    assert(built);
    for (size_t i = 0; i < COLUMNS; i++)
        column_init(&columns[i], a, spec->columns[i].type, 1);
    decoder_run(d, columns, &out, a, &payload, 1);
    buf_init(row, TEXT_MAX);
    rowcodec_encode(row, columns, COLUMNS, 0);
    assert(status == DECODE_OK || (status == DECODE_BAD && reason.n > 0));
    return status == DECODE_OK;
}

static void encode_again(struct arena *a, const struct serde_spec *spec,
                         const struct column *columns, const struct buf *want)
{
    const struct encoder *s;
    struct err e;
    struct buf text, row;
    struct column again[COLUMNS];
    buf_init(&text, TEXT_MAX);
    const bool built = encoder_new(&s, a, spec, &e);
    assert(built);
    encoder_row(s, &text, columns, 0);
    const bool good = decode(&row, a, spec, (struct payload){text.p, text.n}, again);
    assert(good && str_eq(buf_view(&row), buf_view(want)));
    buf_fini(&row);
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(NULL);
    const struct serde_column columns[COLUMNS] = {{STR("A"), type_scalar(TYPE_STRING)},
                                                  {STR("B"), type_scalar(TYPE_BIGINT)},
                                                  {STR("C"), type_decimal(a, 10, 3)},
                                                  {STR("D"), type_scalar(TYPE_DOUBLE)},
                                                  {STR("E"), type_scalar(TYPE_STRING)}};
    const struct serde_spec spec = {
        .format = SERDE_DELIMITED, .columns = columns, .count = COLUMNS};
    char *copy = malloc(size ? size : 1);
    assert(copy);
    if (size)
        memcpy(copy, data, size);
    struct column decoded[COLUMNS];
    struct buf row;
    if (decode(&row, a, &spec, (struct payload){copy, size}, decoded))
        encode_again(a, &spec, decoded, &row);
    buf_fini(&row);
    free(copy);
    arena_free(a);
    return 0;
}
