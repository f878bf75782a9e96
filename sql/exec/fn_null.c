// Functions about NULL: COALESCE, IFNULL, NULLIF, AS_VALUE.
#include "sql/exec/fn_internal.h"

#include "schema/rowcodec.h"
#include "sql/exec/pick.h"

#include <assert.h>

static void coalesce_eval(const struct fn_call *call, struct column *out,
                          const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    uint16_t *which = ARENA_ARRAY(call->a, uint16_t, call->total ? call->total : 1);
    memset(which, 0xff, call->total * sizeof *which);
    FN_EACH(row, rows)
    {
        uint16_t i = 0;
        while (i < n && !column_is_valid(args[i], row))
            i++;
        which[row] = i < n ? i : PICK_NULL;
    }
    pick_rows(out, call->a, &(struct pick){out->type, args, n, which}, call->total);
}

// Equality of two cells by their canonical bytes.
static void nullif_eval(const struct fn_call *call, struct column *out,
                        const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 2);
    uint16_t *which = ARENA_ARRAY(call->a, uint16_t, call->total ? call->total : 1);
    memset(which, 0xff, call->total * sizeof *which);
    struct buf x;
    struct buf y;
    buf_init(&x, FN_TEXT_MAX);
    buf_init(&y, FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        buf_clear(&x);
        buf_clear(&y);
        rowcodec_encode(&x, args[0], 1, row);
        rowcodec_encode(&y, args[1], 1, row);
        which[row] = str_eq(buf_view(&x), buf_view(&y)) ? PICK_NULL : 0;
    }
    buf_fini(&x);
    buf_fini(&y);
    pick_rows(out, call->a, &(struct pick){out->type, args, 1, which}, call->total);
}

static void as_value_eval(const struct fn_call *call, struct column *out,
                          const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(call && n == 1 && rows.n <= call->total);
    *out = *args[0];
}

static const struct fn fns[] = {
    {
        .name = "COALESCE",
        .signatures = "COALESCE(T, T...) -> T",
        .help = "The first argument that is not NULL.",
        .example = "COALESCE(CAST(NULL AS INT), 5)",
        .gives = "5",
        .nulls = FN_SEES_NULLS,
        .eval = coalesce_eval,
    },
    {
        .name = "IFNULL",
        .signatures = "IFNULL(T, T) -> T",
        .help = "The first argument, or the second where the first is NULL.",
        .example = "IFNULL(CAST(NULL AS STRING), 'none')",
        .gives = "none",
        .nulls = FN_SEES_NULLS,
        .eval = coalesce_eval,
    },
    {
        .name = "NULLIF",
        .signatures = "NULLIF(T, T) -> T",
        .help = "NULL where both arguments are equal, else the first.",
        .example = "NULLIF('a', 'a')",
        .gives = "null",
        .nulls = FN_SEES_NULLS,
        .eval = nullif_eval,
    },
    {
        .name = "AS_VALUE",
        .signatures = "AS_VALUE(T) -> T",
        .help = "A copy of a key column for the value.",
        .example = "AS_VALUE('a')",
        .gives = "a",
        .nulls = FN_SEES_NULLS,
        .eval = as_value_eval,
    },
};
FN_FAMILY(null, "NULL");
