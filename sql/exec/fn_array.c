// Functions of arrays: what is in them, sets of items, order. Items are compared by their canonical bytes; NULL equals NULL.
#include "sql/exec/fn_list.h"

#include "base/map.h"
#include "schema/rowcodec.h"
#include "schema/text.h"
#include "sql/exec/fn_cell.h"
#include "sql/exec/pick.h"

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

static void remove_eval(const struct fn_call *call, struct column *out,
                        const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 2);
    struct fn_list list;
    struct buf wanted;
    struct buf item;
    buf_init(&wanted, FN_TEXT_MAX);
    buf_init(&item, FN_TEXT_MAX);
    fn_list_init(&list, call, out);
    FN_EACH(row, rows)
    {
        uint32_t first = 0;
        const uint32_t count = column_items(args[0], row, &first);
        if (!column_is_valid(args[0], row)) {
            column_set_null(out, call->a, row, call->total);
            continue;
        }
        buf_clear(&wanted);
        rowcodec_encode(&wanted, args[1], 1, row);
        for (uint32_t i = first; i < first + count; i++) {
            buf_clear(&item);
            rowcodec_encode(&item, &args[0]->children[0], 1, i);
            if (!str_eq(buf_view(&item), buf_view(&wanted)))
                fn_list_add(&list, i);
        }
        fn_list_row(&list, row);
    }
    fn_list_end(&list, args, 1);
    buf_fini(&wanted);
    buf_fini(&item);
}

// --- sets ------------------------------------------------------------------------------------------

enum set_op { SET_DISTINCT, SET_UNION, SET_EXCEPT, SET_INTERSECT };

struct set {
    struct arena *a; // reset for each row
    struct buf key;
    struct map *seen, *other;
};

// True when the item was not in the set.
static bool set_add(struct set *s, struct map *set, const struct column *array, uint32_t item)
{
    bool added;
    buf_clear(&s->key);
    rowcodec_encode(&s->key, &array->children[0], 1, item);
    (void)map_put(set, buf_view(&s->key), &added);
    return added;
}

static bool set_has(struct set *s, const struct map *set, const struct column *array, uint32_t item)
{
    buf_clear(&s->key);
    rowcodec_encode(&s->key, &array->children[0], 1, item);
    return map_get(set, buf_view(&s->key)) != NULL;
}

// Items of the left array that are wanted, once each, then with UNION those of the right one.
static void set_row(struct fn_list *list, struct set *s, const struct column *const *args,
                    uint32_t row, enum set_op op)
{
    uint32_t first;
    uint32_t count = 0;
    arena_reset(s->a);
    s->seen = map_new(s->a);
    s->other = map_new(s->a);
    if (op == SET_EXCEPT || op == SET_INTERSECT) {
        count = column_items(args[1], row, &first);
        for (uint32_t i = first; i < first + count; i++)
            (void)set_add(s, s->other, args[1], i);
    }
    count = column_items(args[0], row, &first);
    for (uint32_t i = first; i < first + count; i++) {
        const bool other = op >= SET_EXCEPT && set_has(s, s->other, args[0], i);
        const bool wanted = op < SET_EXCEPT || other == (op == SET_INTERSECT);
        if (wanted && set_add(s, s->seen, args[0], i))
            fn_list_add(list, i);
    }
    if (op == SET_UNION) {
        count = column_items(args[1], row, &first);
        for (uint32_t i = first; i < first + count; i++)
            if (set_add(s, s->seen, args[1], i))
                fn_list_add(list, args[0]->child_rows + i);
    }
    fn_list_row(list, row);
}

static void set_eval(const struct fn_call *call, struct column *out,
                     const struct column *const *args, uint32_t n, struct fn_rows rows,
                     enum set_op op)
{
    assert(n == (op == SET_DISTINCT ? 1 : 2));
    struct fn_list list;
    struct set s = {.a = arena_new(NULL)};
    buf_init(&s.key, FN_TEXT_MAX);
    fn_list_init(&list, call, out);
    FN_EACH(row, rows)
    set_row(&list, &s, args, row, op);
    fn_list_end(&list, args, op == SET_UNION ? 2 : 1);
    buf_fini(&s.key);
    arena_free(s.a);
}

#define SET_EVAL(name, op)                                                              \
    static void name(const struct fn_call *call, struct column *out,                    \
                     const struct column *const *args, uint32_t n, struct fn_rows rows) \
    {                                                                                   \
        set_eval(call, out, args, n, rows, op);                                         \
    }
SET_EVAL(distinct_eval, SET_DISTINCT)
SET_EVAL(union_eval, SET_UNION)
SET_EVAL(except_eval, SET_EXCEPT)
SET_EVAL(intersect_eval, SET_INTERSECT)

static void concat_eval(const struct fn_call *call, struct column *out,
                        const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 2);
    struct fn_list list;
    fn_list_init(&list, call, out);
    FN_EACH(row, rows)
    {
        uint32_t base = 0;
        for (uint32_t k = 0; k < n; base += args[k++]->child_rows) {
            uint32_t first;
            const uint32_t count = column_items(args[k], row, &first);
            for (uint32_t i = 0; i < count; i++)
                fn_list_add(&list, base + first + i);
        }
        fn_list_row(&list, row);
        if (!column_is_valid(args[0], row) && !column_is_valid(args[1], row))
            column_set_null(out, call->a, row, call->total);
    }
    fn_list_end(&list, args, 2);
}

// --- order -----------------------------------------------------------------------------------------

// The extreme item that is not NULL; sign 1 = the greatest.
static void extreme(const struct fn_call *call, struct column *out, const struct column *array,
                    struct fn_rows rows, int sign)
{
    const struct column *items = &array->children[0];
    uint32_t *idx = ARENA_ARRAY(call->a, uint32_t, call->total ? call->total : 1);
    memset(idx, 0xff, call->total * sizeof *idx);
    FN_EACH(row, rows)
    {
        uint32_t first;
        const uint32_t count = column_items(array, row, &first);
        for (uint32_t i = first; i < first + count; i++)
            if (column_is_valid(items, i) &&
                (idx[row] == UINT32_MAX || sign * cell_compare(items, i, items, idx[row]) > 0))
                idx[row] = i;
    }
    pick_gather(out, call->a, items, array->child_rows, idx, call->total);
}

static void max_eval(const struct fn_call *call, struct column *out,
                     const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 1);
    extreme(call, out, args[0], rows, 1);
}

static void min_eval(const struct fn_call *call, struct column *out,
                     const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 1);
    extreme(call, out, args[0], rows, -1);
}

static bool in_order(const struct column *items, uint32_t x, uint32_t y, int sign)
{
    const bool has_x = column_is_valid(items, x);
    const bool has_y = column_is_valid(items, y);
    if (!has_x || !has_y)
        return has_x || !has_y; // NULLs last, whatever the direction
    return sign * cell_compare(items, x, items, y) <= 0;
}

// Stable merge sort of the item numbers v[0..n).
static void sort_items(uint32_t *v, uint32_t *tmp, uint32_t n, const struct column *items, int sign)
{
    for (uint32_t width = 1; width < n; width *= 2) {
        for (uint32_t lo = 0; lo < n; lo += 2 * width) {
            const uint32_t mid = lo + width < n ? lo + width : n;
            const uint32_t hi = mid + width < n ? mid + width : n;
            uint32_t i = lo;
            uint32_t j = mid;
            for (uint32_t k = lo; k < hi; k++) {
                const bool left = j >= hi || (i < mid && in_order(items, v[i], v[j], sign));
                tmp[k] = left ? v[i++] : v[j++];
            }
        }
        memcpy(v, tmp, n * sizeof *v);
    }
}

// "ASC…" and "DESC…" in any case; else 0.
static int direction(struct str s)
{
    if (str_eq_nocase(s, STR("ASC")) || str_eq_nocase(s, STR("ASCENDING")))
        return 1;
    return str_eq_nocase(s, STR("DESC")) || str_eq_nocase(s, STR("DESCENDING")) ? -1 : 0;
}

static void sort_eval(const struct fn_call *call, struct column *out,
                      const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    struct fn_list list;
    uint32_t *tmp = MEM_ARRAY(uint32_t, args[0]->child_rows ? args[0]->child_rows : 1);
    fn_list_init(&list, call, out);
    FN_EACH(row, rows)
    {
        uint32_t first;
        const uint32_t count = column_items(args[0], row, &first);
        const int sign = n == 2 ? direction(args[1]->str[row]) : 1;
        if (!sign) {
            column_set_null(out, call->a, row, call->total);
            continue;
        }
        const uint32_t from = list.n;
        for (uint32_t i = 0; i < count; i++)
            fn_list_add(&list, first + i);
        sort_items(list.items + from, tmp, list.n - from, &args[0]->children[0], sign);
        fn_list_row(&list, row);
    }
    fn_list_end(&list, args, 1);
    mem_free(tmp);
}

static void slice_eval(const struct fn_call *call, struct column *out,
                       const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 3);
    struct fn_list list;
    fn_list_init(&list, call, out);
    FN_EACH(row, rows)
    {
        uint32_t first;
        const int64_t count = column_items(args[0], row, &first);
        const int64_t from = column_is_valid(args[1], row) ? args[1]->i32[row] - INT64_C(1) : 0;
        const int64_t to = column_is_valid(args[2], row) ? args[2]->i32[row] : count;
        if (!column_is_valid(args[0], row) || from < 0 || to > count || from > to) {
            column_set_null(out, call->a, row, call->total);
            continue;
        }
        for (int64_t i = from; i < to; i++)
            fn_list_add(&list, first + (uint32_t)i);
        fn_list_row(&list, row);
    }
    fn_list_end(&list, args, 1);
}

static void join_eval(const struct fn_call *call, struct column *out,
                      const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    struct buf b;
    buf_init(&b, FN_TEXT_MAX);
    FN_EACH(row, rows)
    {
        uint32_t first;
        const uint32_t count = column_items(args[0], row, &first);
        struct str between = STR(",");
        if (n == 2)
            between = column_is_valid(args[1], row) ? args[1]->str[row] : STR("");
        if (!column_is_valid(args[0], row)) {
            column_set_null(out, call->a, row, call->total);
            continue;
        }
        for (uint32_t i = 0; i < count; i++) {
            if (i)
                buf_str(&b, between);
            if (column_is_valid(&args[0]->children[0], first + i))
                text_cell(&b, &args[0]->children[0], first + i);
            else
                buf_text(&b, "null");
        }
        fn_put_text(call, out, row, &b);
    }
    buf_fini(&b);
}

static const struct type *join_resolve(struct arena *a, const struct type **want,
                                       const struct type *const *args, uint32_t n)
{
    assert(a && want);
    if (!args[0] || args[0]->kind != TYPE_ARRAY || type_is_nested(args[0]->fields[0].type))
        return NULL;
    if (n == 2 && args[1] && args[1]->kind != TYPE_STRING)
        return NULL;
    if (n == 2)
        fn_want(want, 1, TYPE_STRING);
    return type_scalar(TYPE_STRING);
}

#define SERIES_MAX (1 << 17) // numbers of one row

// start, start + step, … up to end.
static void series_row(const struct fn_call *call, struct column *out, uint32_t row,
                       const int64_t v[3])
{
    const i128 distance = (i128)v[1] - v[0];
    if (v[2] == 0 || (distance > 0 && v[2] < 0) || (distance < 0 && v[2] > 0) ||
        distance / v[2] >= SERIES_MAX) {
        fn_fail(call, out, row);
        return;
    }
    const uint32_t count = (uint32_t)(distance / v[2]) + 1;
    const uint32_t first = column_append_items(out, call->a, count);
    for (uint32_t i = 0; i < count; i++) {
        const int64_t item = v[0] + (int64_t)i * v[2];
        if (out->children[0].type->kind == TYPE_INTEGER)
            out->children[0].i32[first + i] = (int32_t)item;
        else
            out->children[0].i64[first + i] = item;
    }
    out->offsets[row] = first;
    out->offsets[row + 1] = first + count;
}

static void series_eval(const struct fn_call *call, struct column *out,
                        const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    FN_EACH(row, rows)
    {
        int64_t v[3] = {0, 0, 0};
        for (uint32_t i = 0; i < n; i++)
            v[i] = args[i]->type->kind == TYPE_INTEGER ? args[i]->i32[row] : args[i]->i64[row];
        if (n == 2)
            v[2] = v[0] <= v[1] ? 1 : -1;
        series_row(call, out, row, v);
    }
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
    {
        .name = "ARRAY_REMOVE",
        .signatures = "ARRAY_REMOVE(ARRAY<T>, T) -> ARRAY<T>",
        .help = "The array without the elements that equal the value; NULL equals NULL here.",
        .example = "ARRAY_REMOVE(ARRAY[1, 2, 1], 1)",
        .gives = "[2]",
        .nulls = FN_SEES_NULLS,
        .eval = remove_eval,
    },
    {
        .name = "ARRAY_DISTINCT",
        .signatures = "ARRAY_DISTINCT(ARRAY<T>) -> ARRAY<T>",
        .help = "The elements once each, in the order of their first appearance.",
        .example = "ARRAY_DISTINCT(ARRAY[2, 1, 2])",
        .gives = "[2, 1]",
        .eval = distinct_eval,
    },
    {
        .name = "ARRAY_UNION",
        .signatures = "ARRAY_UNION(ARRAY<T>, ARRAY<T>) -> ARRAY<T>",
        .help = "The elements of both arrays once each, in the order of their first appearance.",
        .example = "ARRAY_UNION(ARRAY[1, 2, 1], ARRAY[2, 3])",
        .gives = "[1, 2, 3]",
        .eval = union_eval,
    },
    {
        .name = "ARRAY_EXCEPT",
        .signatures = "ARRAY_EXCEPT(ARRAY<T>, ARRAY<T>) -> ARRAY<T>",
        .help = "The elements of the first array that are not in the second, once each.",
        .example = "ARRAY_EXCEPT(ARRAY[1, 2, 1], ARRAY[2, 3])",
        .gives = "[1]",
        .eval = except_eval,
    },
    {
        .name = "ARRAY_INTERSECT",
        .signatures = "ARRAY_INTERSECT(ARRAY<T>, ARRAY<T>) -> ARRAY<T>",
        .help = "The elements of the first array that are also in the second, once each.",
        .example = "ARRAY_INTERSECT(ARRAY[1, 2, 1], ARRAY[2, 3])",
        .gives = "[2]",
        .eval = intersect_eval,
    },
    {
        .name = "ARRAY_CONCAT",
        .signatures = "ARRAY_CONCAT(ARRAY<T>, ARRAY<T>) -> ARRAY<T>",
        .help = "One array behind the other; a NULL array counts as empty unless both are NULL.",
        .example = "ARRAY_CONCAT(ARRAY[1, 2], ARRAY[2, 3])",
        .gives = "[1, 2, 2, 3]",
        .nulls = FN_SEES_NULLS,
        .eval = concat_eval,
    },
    {
        .name = "ARRAY_MAX",
        .signatures = "ARRAY_MAX(ARRAY<T>) -> T",
        .help = "The greatest element; NULL elements are ignored.",
        .example = "ARRAY_MAX(ARRAY[1, NULL, 3])",
        .gives = "3",
        .eval = max_eval,
    },
    {
        .name = "ARRAY_MIN",
        .signatures = "ARRAY_MIN(ARRAY<T>) -> T",
        .help = "The least element; NULL elements are ignored.",
        .example = "ARRAY_MIN(ARRAY['b', 'a'])",
        .gives = "a",
        .eval = min_eval,
    },
    {
        .name = "ARRAY_SORT",
        .signatures = "ARRAY_SORT(ARRAY<T>[, direction STRING]) -> ARRAY<T>",
        .help = "The elements in ascending ('ASC') or descending ('DESC') order, NULL elements "
                "last; NULL for another direction.",
        .example = "ARRAY_SORT(ARRAY[2, NULL, 3, 1], 'DESC')",
        .gives = "[3, 2, 1, null]",
        .eval = sort_eval,
    },
    {
        .name = "ARRAY_JOIN",
        .signatures = "ARRAY_JOIN(ARRAY<T>[, delimiter STRING]) -> STRING",
        .help = "The elements as text with a delimiter between them (default ','); NULL elements "
                "are the word null. Not for nested elements.",
        .example = "ARRAY_JOIN(ARRAY[1, NULL, 3], '-')",
        .gives = "1-null-3",
        .nulls = FN_SEES_NULLS,
        .resolve = join_resolve,
        .eval = join_eval,
    },
    {
        .name = "SLICE",
        .signatures = "SLICE(ARRAY<T>, from INTEGER, to INTEGER) -> ARRAY<T>",
        .help = "The elements from one position to another, both counted from 1 and included; a "
                "NULL position is the array's end on that side. NULL when a position is outside.",
        .example = "SLICE(ARRAY['a', 'b', 'c', 'd'], 2, 3)",
        .gives = "[b, c]",
        .nulls = FN_SEES_NULLS,
        .eval = slice_eval,
    },
    {
        .name = "GENERATE_SERIES",
        .signatures = "GENERATE_SERIES(start INTEGER, end INTEGER[, step INTEGER]) -> "
                      "ARRAY<INTEGER>\nGENERATE_SERIES(start BIGINT, end BIGINT[, step INTEGER]) "
                      "-> ARRAY<BIGINT>",
        .help = "The numbers from start to end, both included, in steps (default 1 or -1). A step "
                "of 0 or in the wrong direction, and more than 131,072 numbers, are an error.",
        .example = "GENERATE_SERIES(0, 6, 3)",
        .gives = "[0, 3, 6]",
        .eval = series_eval,
    },
};
FN_FAMILY(array, "Arrays");
