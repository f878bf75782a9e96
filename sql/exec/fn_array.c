// Functions of arrays: ARRAY_LENGTH, ARRAY_CONTAINS.
#include "sql/exec/fn_internal.h"

#include "schema/rowcodec.h"

#include <assert.h>

static void length_eval(const struct fn_call *call, struct column *out,
                        const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(call && n == 1);
    FN_EACH(row, rows)
    {
        uint32_t first;
        out->i32[row] = (int32_t)column_items(args[0], row, &first);
    }
}

static bool contains_one(const struct column *array, uint32_t row, struct str wanted,
                         struct buf *scratch)
{
    uint32_t first = 0;
    const uint32_t count = column_items(array, row, &first);
    for (uint32_t i = 0; i < count; i++) {
        buf_clear(scratch);
        rowcodec_encode(scratch, &array->children[0], 1, first + i);
        if (str_eq(buf_view(scratch), wanted))
            return true;
    }
    return false;
}

static void contains_eval(const struct fn_call *call, struct column *out,
                          const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 2);
    struct buf wanted;
    struct buf item;
    buf_init(&wanted, FN_TEXT_MAX);
    buf_init(&item, FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        if (!column_is_valid(args[0], row)) {
            column_set_null(out, call->a, row, call->total);
            continue;
        }
        buf_clear(&wanted);
        rowcodec_encode(&wanted, args[1], 1, row);
        out->u8[row] = contains_one(args[0], row, buf_view(&wanted), &item);
    }
    buf_fini(&wanted);
    buf_fini(&item);
}

static const struct fn fns[] = {
    {
        .name = "ARRAY_LENGTH",
        .signatures = "ARRAY_LENGTH(ARRAY<T>) -> INTEGER",
        .help = "Number of elements, NULL elements included.",
        .example = "ARRAY_LENGTH(ARRAY[1, 2, NULL])",
        .gives = "3",
        .eval = length_eval,
    },
    {
        .name = "ARRAY_CONTAINS",
        .signatures = "ARRAY_CONTAINS(ARRAY<T>, T) -> BOOLEAN",
        .help = "Whether an element equals the value; NULL equals NULL here.",
        .example = "ARRAY_CONTAINS(ARRAY['a', 'b'], 'b')",
        .gives = "true",
        .nulls = FN_SEES_NULLS,
        .eval = contains_eval,
    },
};
FN_FAMILY(array, "Arrays");
