// Functions of maps. Where ksqlDB walks a java.util.HashMap the entries come in that order (schema/map_order.h).
#include "sql/exec/fn_list.h"

#include "base/vec.h"
#include "schema/map_order.h"
#include "sql/exec/pick.h"

#include <assert.h>

// Adds a row's entries in the order that Java walks them, or by key.
static void add_entries(struct fn_list *list, const struct column *map, uint32_t row, bool by_key)
{
    uint32_t first;
    const uint32_t n = column_items(map, row, &first);
    const uint32_t from = list->n;
    for (uint32_t i = 0; i < n; i++)
        fn_list_add(list, first + i);
    if (!by_key && n > 1 && list->n - from == n)
        map_order(list->items + from, map, row);
}

// One list of the map's keys, values, or of both as `source`.
static void entries_as_list(const struct fn_call *call, struct column *out,
                            const struct column *const *args, uint32_t n, struct fn_rows rows,
                            const struct column *source)
{
    struct fn_list list;
    fn_list_init(&list, call, out);
    FN_EACH(row, rows)
    {
        add_entries(&list, args[0], row, n == 2 && args[1]->u8[row]);
        fn_list_row(&list, row);
    }
    fn_list_end(&list, &source, 1);
}

static void keys_eval(const struct fn_call *call, struct column *out,
                      const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 1);
    const struct column keys = {.children = &args[0]->children[0],
                                .child_rows = args[0]->child_rows};
    entries_as_list(call, out, args, n, rows, &keys);
}

static void values_eval(const struct fn_call *call, struct column *out,
                        const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 1);
    const struct column values = {.children = &args[0]->children[1],
                                  .child_rows = args[0]->child_rows};
    entries_as_list(call, out, args, n, rows, &values);
}

static void entries_eval(const struct fn_call *call, struct column *out,
                         const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 2);
    struct column entry = {.type = out->type->fields[0].type, .children = args[0]->children};
    const struct column entries = {.children = &entry, .child_rows = args[0]->child_rows};
    entries_as_list(call, out, args, n, rows, &entries);
}

static void union_eval(const struct fn_call *call, struct column *out,
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
    column_sort_maps(out, call->a, call->total); // of equal keys the last one stays
}

struct entries { // items of the arguments; UINT32_MAX: NULL
    VEC(uint32_t) keys;
    VEC(uint32_t) values;
};

// False, with nothing added, for a NULL key.
static bool as_map_row(struct entries *s, const struct column *const *args, uint32_t row)
{
    uint32_t key, value;
    const uint32_t key_count = column_items(args[0], row, &key);
    const uint32_t value_count = column_items(args[1], row, &value);
    for (uint32_t i = 0; i < key_count; i++)
        if (!column_is_valid(&args[0]->children[0], key + i))
            return false;
    for (uint32_t i = 0; i < key_count; i++) {
        vec_push(&s->keys, key + i);
        vec_push(&s->values, i < value_count ? value + i : UINT32_MAX);
    }
    return true;
}

// Keys without a value have NULL; a NULL key cannot be stored.
static void as_map_eval(const struct fn_call *call, struct column *out,
                        const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 2);
    struct entries s = {0};
    FN_EACH(row, rows)
    {
        out->offsets[row] = (uint32_t)s.keys.n;
        if (!as_map_row(&s, args, row))
            fn_fail(call, out, row);
        out->offsets[row + 1] = (uint32_t)s.keys.n;
    }
    out->child_rows = (uint32_t)s.keys.n;
    const struct column *items = &args[1]->children[0];
    column_gather(&out->children[0], call->a, &args[0]->children[0], s.keys.v, out->child_rows);
    pick_gather(&out->children[1], call->a, items, args[1]->child_rows, s.values.v,
                out->child_rows);
    vec_fini(&s.keys);
    vec_fini(&s.values);
    column_sort_maps(out, call->a, call->total);
}

// The piece of s before the delimiter at or behind *at; *at moves behind it, to SIZE_MAX at the end.
static struct str piece(struct str s, size_t *at, struct str delimiter)
{
    size_t found;
    const struct str rest = str_slice(s, *at, s.n);
    if (!str_find(&found, rest, delimiter)) {
        *at = SIZE_MAX;
        return rest;
    }
    *at += found + delimiter.n;
    return str_slice(rest, 0, found);
}

// "a:=1 b:=2": entries without a delimiter between key and value are left out.
static uint32_t split_entries(struct column *out, struct arena *a, struct str s, struct str between,
                              struct str inside)
{
    uint32_t n = 0;
    for (size_t at = 0; at != SIZE_MAX;) {
        const struct str entry = piece(s, &at, between);
        size_t found;
        if (!str_find(&found, entry, inside))
            continue;
        size_t inner = 0;
        const uint32_t item = column_append_items(out, a, 1);
        out->children[0].str[item] = piece(entry, &inner, inside);
        out->children[1].str[item] = piece(entry, &inner, inside);
        n++;
    }
    return n;
}

static void split_eval(const struct fn_call *call, struct column *out,
                       const struct column *const *args, uint32_t n, struct fn_rows rows)
{
    assert(n == 3);
    FN_EACH(row, rows)
    {
        const struct str between = args[1]->str[row];
        const struct str inside = args[2]->str[row];
        out->offsets[row] = out->offsets[row + 1] = out->child_rows;
        if (!between.n || !inside.n || str_eq(between, inside))
            column_set_null(out, call->a, row, call->total);
        else
            out->offsets[row + 1] +=
                split_entries(out, call->a, args[0]->str[row], between, inside);
    }
    column_sort_maps(out, call->a, call->total);
}

static const struct fn fns[] = {
    {
        .name = "AS_MAP",
        .signatures = "AS_MAP(keys ARRAY<STRING>, values ARRAY<T>) -> MAP<STRING, T>",
        .help = "A map of the keys and the values at their places; keys without a value have NULL.",
        .example = "AS_MAP(ARRAY['a', 'b'], ARRAY[1, 2])",
        .gives = "{a=1, b=2}",
        .eval = as_map_eval,
    },
    {
        .name = "MAP_KEYS",
        .signatures = "MAP_KEYS(MAP<STRING, T>) -> ARRAY<STRING>",
        .help = "The keys, in the order in which Java's HashMap has them.",
        .example = "MAP_KEYS(MAP('a' := 1, 'b' := 2))",
        .gives = "[a, b]",
        .eval = keys_eval,
    },
    {
        .name = "MAP_VALUES",
        .signatures = "MAP_VALUES(MAP<STRING, T>) -> ARRAY<T>",
        .help = "The values, in the order of MAP_KEYS.",
        .example = "MAP_VALUES(MAP('a' := 1, 'b' := 2))",
        .gives = "[1, 2]",
        .eval = values_eval,
    },
    {
        .name = "MAP_UNION",
        .signatures = "MAP_UNION(MAP<STRING, T>, MAP<STRING, T>) -> MAP<STRING, T>",
        .help = "The entries of both maps; of equal keys that of the second. A NULL map counts as "
                "empty unless both are NULL.",
        .example = "MAP_UNION(MAP('a' := 1), MAP('a' := 2, 'b' := 3))",
        .gives = "{a=2, b=3}",
        .nulls = FN_SEES_NULLS,
        .eval = union_eval,
    },
    {
        .name = "ENTRIES",
        .signatures = "ENTRIES(MAP<STRING, T>, sorted BOOLEAN) -> ARRAY<STRUCT<K STRING, V T>>",
        .help = "The entries as structs, sorted by key or in the order of MAP_KEYS.",
        .example = "ENTRIES(MAP('b' := 1, 'a' := 2), TRUE)",
        .gives = "[Struct{K=a,V=2}, Struct{K=b,V=1}]",
        .eval = entries_eval,
    },
    {
        .name = "SPLIT_TO_MAP",
        .signatures =
            "SPLIT_TO_MAP(text STRING, entry_delimiter STRING, value_delimiter STRING) -> "
            "MAP<STRING, STRING>",
        .help =
            "A map out of a text; pieces without the value delimiter are left out, of equal keys "
            "the last stays. NULL when a delimiter is empty or both are equal.",
        .example = "SPLIT_TO_MAP('apple:=green/cherry:=red', '/', ':=')",
        .gives = "{apple=green, cherry=red}",
        .eval = split_eval,
    },
};
FN_FAMILY(map, "Maps");
