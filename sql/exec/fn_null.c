// Functions about NULL: COALESCE, IFNULL, NULLIF, AS_VALUE.
#include "sql/exec/fn_internal.h"

#include "schema/rowcodec.h"
#include "sql/exec/pick.h"

#include <assert.h>

static const struct type *common_resolve(struct arena *a, const struct type **want,
                                         const struct type *const *args, uint32_t n)
{
    assert(n);
    const struct type *t = fn_common_type(a, args, n);
    if (!t)
        return NULL;
    for (uint32_t i = 0; i < n; i++)
        want[i] = t;
    return t;
}

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

const struct fn fn_type_coalesce = {
    .name = "COALESCE",
    .signatures = "COALESCE(T, T...) -> T",
    .help = "The first argument that is not NULL.",
    .args_min = 1,
    .args_max = UINT_MAX,
    .nulls = FN_SEES_NULLS,
    .resolve = common_resolve,
    .eval = coalesce_eval,
};

const struct fn fn_type_ifnull = {
    .name = "IFNULL",
    .signatures = "IFNULL(T, T) -> T",
    .help = "The first argument, or the second where the first is NULL.",
    .args_min = 2,
    .args_max = 2,
    .nulls = FN_SEES_NULLS,
    .resolve = common_resolve,
    .eval = coalesce_eval,
};

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

const struct fn fn_type_nullif = {
    .name = "NULLIF",
    .signatures = "NULLIF(T, T) -> T",
    .help = "NULL where both arguments are equal, else the first.",
    .args_min = 2,
    .args_max = 2,
    .nulls = FN_SEES_NULLS,
    .resolve = common_resolve,
    .eval = nullif_eval,
};

static const struct type *as_value_resolve(struct arena *a, const struct type **want,
                                           const struct type *const *args, uint32_t n)
{
    assert(a && want && n == 1);
    return args[0];
}

static void as_value_eval(const struct fn_call *call, struct column *out,
                          const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(call && n == 1 && rows.n <= call->total);
    *out = *args[0];
}

const struct fn fn_type_as_value = {
    .name = "AS_VALUE",
    .signatures = "AS_VALUE(T) -> T",
    .help = "A copy of a key column for the value.",
    .args_min = 1,
    .args_max = 1,
    .nulls = FN_SEES_NULLS,
    .resolve = as_value_resolve,
    .eval = as_value_eval,
};
