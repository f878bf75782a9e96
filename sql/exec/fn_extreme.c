// Picking one of the arguments: GREATEST, LEAST, ELT, FIELD.
#include "sql/exec/fn_internal.h"

#include "sql/exec/fn_cell.h"
#include "sql/exec/pick.h"

#include <assert.h>

// The extreme of the arguments that are not NULL; sign 1 = greatest.
static void extreme(const struct fn_call *call, struct column *out,
                    const struct column *const *args, uint32_t n, struct fn_rows rows, int sign)
{
    uint16_t *which = ARENA_ARRAY(call->a, uint16_t, call->total ? call->total : 1);
    memset(which, 0xff, call->total * sizeof *which);
    FN_EACH(row, rows)
    {
        for (uint32_t i = 0; i < n; i++) {
            if (!column_is_valid(args[i], row))
                continue;
            if (which[row] == PICK_NULL ||
                sign * cell_compare(args[i], row, args[which[row]], row) > 0)
                which[row] = (uint16_t)i;
        }
    }
    pick_rows(out, call->a, &(struct pick){out->type, args, n, which}, call->total);
}

static void greatest_eval(const struct fn_call *call, struct column *out,
                          const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n >= 1);
    extreme(call, out, args, n, rows, 1);
}

static void least_eval(const struct fn_call *call, struct column *out,
                       const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n >= 1);
    extreme(call, out, args, n, rows, -1);
}

static void elt_eval(const struct fn_call *call, struct column *out,
                     const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n >= 1);
    uint16_t *which = ARENA_ARRAY(call->a, uint16_t, call->total ? call->total : 1);
    memset(which, 0xff, call->total * sizeof *which);
    FN_EACH(row, rows)
    {
        const int32_t at = column_is_valid(args[0], row) ? args[0]->i32[row] : 0;
        if (at >= 1 && (uint32_t)at < n)
            which[row] = (uint16_t)(at - 1);
    }
    pick_rows(out, call->a, &(struct pick){out->type, args + 1, n - 1, which}, call->total);
}

static void field_eval(const struct fn_call *call, struct column *out,
                       const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(call && n >= 1);
    FN_EACH(row, rows)
    {
        out->i32[row] = 0;
        for (uint32_t i = 1; i < n && column_is_valid(args[0], row) && !out->i32[row]; i++)
            if (column_is_valid(args[i], row) && str_eq(args[i]->str[row], args[0]->str[row]))
                out->i32[row] = (int32_t)i;
    }
}

#define EXTREME_FORMS(name)                                                               \
    name "(INTEGER, INTEGER...) -> INTEGER\n" name "(BIGINT, BIGINT...) -> BIGINT\n" name \
         "(DOUBLE, DOUBLE...) -> DOUBLE\n" name "(DECIMAL, DECIMAL...) -> DECIMAL\n" name \
         "(STRING, STRING...) -> STRING\n" name "(BYTES, BYTES...) -> BYTES\n" name       \
         "(DATE, DATE...) -> DATE\n" name "(TIME, TIME...) -> TIME\n" name                \
         "(TIMESTAMP, TIMESTAMP...) -> TIMESTAMP"

static const struct fn fns[] = {
    {
        .name = "GREATEST",
        .signatures = EXTREME_FORMS("GREATEST"),
        .help = "The greatest of the arguments; NULLs are ignored.",
        .example = "GREATEST(1, NULL, 3)",
        .gives = "3",
        .nulls = FN_SEES_NULLS,
        .eval = greatest_eval,
    },
    {
        .name = "LEAST",
        .signatures = EXTREME_FORMS("LEAST"),
        .help = "The least of the arguments; NULLs are ignored.",
        .example = "LEAST('b', NULL, 'a')",
        .gives = "a",
        .nulls = FN_SEES_NULLS,
        .eval = least_eval,
    },
    {
        .name = "ELT",
        .signatures = "ELT(n INTEGER, STRING, STRING...) -> STRING",
        .help = "The n-th of the texts that follow, counted from 1; NULL when there is none.",
        .example = "ELT(2, 'a', 'b')",
        .gives = "b",
        .nulls = FN_SEES_NULLS,
        .eval = elt_eval,
    },
    {
        .name = "FIELD",
        .signatures = "FIELD(text STRING, STRING...) -> INTEGER",
        .help = "The position of a text in the texts that follow, counted from 1; 0 when it is not "
                "there or NULL.",
        .example = "FIELD('b', 'a', 'b')",
        .gives = "2",
        .nulls = FN_SEES_NULLS,
        .eval = field_eval,
    },
};
FN_FAMILY(extreme, "Choosing an argument");
