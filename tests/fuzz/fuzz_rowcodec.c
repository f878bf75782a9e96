// Any bytes as a row and as a key of columns of every type. Properties: nothing is read beyond the input, and what
// decodes encodes to the very same bytes (both codecs are canonical). The first byte chooses codec and types.
#include "schema/rowcodec.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COLUMNS  3
#define TEXT_MAX ((size_t)64 << 20)

static const struct type *nested(struct arena *a)
{
    const struct type *text = type_scalar(TYPE_STRING);
    const struct field fields[] = {{STR("A"), type_array(a, type_scalar(TYPE_INTEGER))},
                                   {STR("B"), type_map(a, text, type_decimal(a, 30, 2))},
                                   {STR("C"), text}};
    return type_struct(a, fields, 3);
}

static const struct type *chosen(struct arena *a, unsigned i)
{
    switch (i % 16) {
    case 0:
        return type_decimal(a, 18, 2);
    case 1:
        return type_decimal(a, 38, 3);
    case 2:
        return type_decimal(a, 60, 4);
    case 3:
        return type_array(a, nested(a));
    case 4:
        return type_map(a, type_scalar(TYPE_STRING), nested(a));
    case 5:
        return nested(a);
    case 6:
        return type_array(a, type_array(a, type_scalar(TYPE_BOOLEAN)));
    default: {
        static const enum type_kind kinds[] = {TYPE_BOOLEAN, TYPE_INTEGER, TYPE_BIGINT,
                                               TYPE_DOUBLE,  TYPE_STRING,  TYPE_BYTES,
                                               TYPE_DATE,    TYPE_TIME,    TYPE_TIMESTAMP};
        return type_scalar(kinds[i % 16 - 7]);
    }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct arena *a = arena_new(NULL);
    struct column columns[COLUMNS];
    for (unsigned i = 0; i < COLUMNS; i++)
        column_init(&columns[i], a, chosen(a, data[0] / 2 + i * 5), 1);
    const bool key = data[0] % 2;
    struct cursor in = {data + 1, data + size};
    struct err e = {0};
    const bool ok = key ? keycodec_decode(columns, COLUMNS, 0, a, &in, &e)
                        : rowcodec_decode(columns, COLUMNS, 0, a, &in, &e);
    assert(ok == (e.kind == ERR_NONE));
    if (ok) {
        struct buf b;
        buf_init(&b, TEXT_MAX);
        if (key)
            keycodec_encode(&b, columns, COLUMNS, 0);
        else
            rowcodec_encode(&b, columns, COLUMNS, 0);
        const size_t used = (size_t)(in.p - data) - 1;
        if (b.failed || b.n != used || (used && memcmp(b.p, data + 1, used) != 0))
            abort();
        buf_fini(&b);
    }
    arena_free(a);
    return 0;
}
