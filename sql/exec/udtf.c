#include "sql/exec/udtf.h"

#include "base/vec.h"
#include "sql/exec/fn_internal.h"
#include "sql/exec/pick.h"

#include <assert.h>

#define CUBE_COLUMNS_MAX 20                  // 2^20 rows of one
#define CUBE_ITEMS_MAX   (UINT32_C(1) << 26) // of one block: further rows fail

static void explode_eval(const struct fn_call *call, struct column *out,
                         const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(call && n == 1 && rows.n <= call->total);
    *out = *args[0];
}

struct cube {
    const struct column *array;
    VEC(uint32_t) items; // of all combinations: child rows of the array, UINT32_MAX = NULL
};

// Combination `bits` of a row's items: bit set = the item, else NULL; the first item is the highest bit.
static void push_combination(struct cube *s, uint32_t first, uint32_t count, uint32_t bits)
{
    for (uint32_t i = 0; i < count; i++)
        vec_push(&s->items, bits >> (count - 1 - i) & 1 ? first + i : UINT32_MAX);
}

// Combinations in binary order, appended to the lists of `out`; an item that is NULL makes no second row.
static void cube_row(struct cube *s, struct column *out, struct arena *a, uint32_t row)
{
    uint32_t first;
    const uint32_t count = column_items(s->array, row, &first);
    uint32_t nulls = 0;
    for (uint32_t i = 0; i < count; i++)
        if (!column_is_valid(&s->array->children[0], first + i))
            nulls |= UINT32_C(1) << (count - 1 - i);
    out->offsets[row] = out->child_rows;
    for (uint32_t bits = 0; bits < UINT32_C(1) << count; bits++) {
        if (bits & nulls)
            continue;
        const uint32_t at = column_append_items(out, a, 1);
        struct column *lists = &out->children[0];
        lists->offsets[at] = (uint32_t)s->items.n;
        push_combination(s, first, count, bits);
        lists->offsets[at + 1] = (uint32_t)s->items.n;
    }
    out->offsets[row + 1] = out->child_rows;
}

static void cube_eval(const struct fn_call *call, struct column *out,
                      const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 1);
    struct cube s = {.array = args[0]};
    FN_EACH(row, rows)
    {
        uint32_t first;
        if (column_items(s.array, row, &first) > CUBE_COLUMNS_MAX || s.items.n > CUBE_ITEMS_MAX)
            fn_fail(call, out, row);
        else
            cube_row(&s, out, call->a, row);
    }
    struct column *lists = &out->children[0];
    const struct column *items = &s.array->children[0];
    pick_gather(&lists->children[0], call->a, items, s.array->child_rows, s.items.v,
                (uint32_t)s.items.n);
    lists->child_rows = (uint32_t)s.items.n;
    vec_fini(&s.items);
}

static const struct udtf table[] = {
    {
        .fn =
            {
                .name = "EXPLODE",
                .signatures = "EXPLODE(ARRAY<T>) -> ARRAY<T>",
                .help = "A row for each item of the array; none when it is empty or NULL.",
                .eval = explode_eval,
            },
        .rows = "EXPLODE(ARRAY<T>) -> rows of T",
    },
    {
        .fn =
            {
                .name = "CUBE_EXPLODE",
                .signatures = "CUBE_EXPLODE(ARRAY<T>) -> ARRAY<ARRAY<T>>",
                .help = "A row for each combination of the items with NULL in their place, from "
                        "all NULL to all items; an item that is NULL makes no second row. At most "
                        "20 items.",
                .eval = cube_eval,
            },
        .rows = "CUBE_EXPLODE(ARRAY<T>) -> rows of ARRAY<T>",
    },
};

const struct udtf *udtf_find(struct str name)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (str_eq_nocase(str_from(table[i].fn.name), name))
            return &table[i];
    return NULL;
}

void udtf_print_docs(struct buf *out)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        buf_printf(out, "### %s\n\n```\n%s\n```\n\n%s\n\n", table[i].fn.name, table[i].rows,
                   table[i].fn.help);
}
