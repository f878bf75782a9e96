// TOPK and TOPKDISTINCT: the k largest values in falling order, NULLs left out. Equal values stay in the order of their
// rows. With further columns TOPK gives structs: `sort_col`, `col0`, `col1` …
#include "sql/exec/agg_items.h"

#include "schema/rowcodec.h"

#include <assert.h>

#define COLUMNS_MAX 1024

enum topk_kind { TOPK_ALL, TOPK_DISTINCT };

struct topk_rows {
    const uint32_t *idx;
    uint32_t n;
};

static bool sortable(const struct type *t)
{
    return t && !type_is_nested(t) && t->kind != TYPE_BOOLEAN;
}

static const struct type *item_type(struct arena *a, const struct type *const *args, uint32_t n)
{
    if (n == 2)
        return args[0];
    struct field *fields = ARENA_ARRAY(a, struct field, n - 1);
    fields[0] = (struct field){STR("sort_col"), args[0]};
    for (uint32_t i = 1; i < n - 1; i++)
        fields[i] = (struct field){arena_printf(a, "col%u", i - 1), args[i]};
    return type_struct(a, fields, n - 1);
}

static const struct type *topk_resolve(struct arena *a, const struct type **want,
                                       const struct type *const *args, uint32_t n)
{
    assert(want && n >= 2);
    if (!sortable(args[0]) || !args[n - 1] || args[n - 1]->kind != TYPE_INTEGER || n > COLUMNS_MAX)
        return NULL;
    for (uint32_t i = 1; i < n - 1; i++)
        if (!args[i])
            return NULL;
    return type_array(a, item_type(a, args, n));
}

static uint32_t topk_k(const struct agg_ctx *c)
{
    return (uint32_t)c->consts[c->arg_count - 1]->column.i32[0];
}

static const char *topk_check(const struct agg_ctx *c)
{
    const struct value *k = c->consts[c->arg_count - 1];
    return k->null || k->column.i32[0] <= 0 ? "TOPK and TOPKDISTINCT need a k of 1 or more" : NULL;
}

static size_t topk_bytes(const struct agg_ctx *c)
{
    assert(c);
    return sizeof(struct agg_items);
}

static void topk_init(const struct agg_ctx *c, void *state)
{
    assert(c);
    memset(state, 0, sizeof(struct agg_items));
}

// Position behind all items with a key not below this one; falling order.
static uint32_t place_of(const struct agg_items *s, struct str key)
{
    uint32_t low = 0;
    uint32_t high = s->n;
    while (low < high) {
        const uint32_t mid = low + (high - low) / 2;
        if (str_cmp(agg_item_key(&s->v[mid]), key) >= 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void topk_add(struct agg_items *s, struct str bytes, uint32_t key_n, uint32_t k,
                     enum topk_kind kind)
{
    const struct str key = {bytes.p, key_n};
    const uint32_t at = place_of(s, key);
    if (at >= k)
        return;
    if (kind == TOPK_DISTINCT && at > 0 && str_eq(agg_item_key(&s->v[at - 1]), key))
        return;
    if (s->n == k)
        agg_items_remove(s, s->n - 1);
    agg_items_insert(s, at, bytes, key_n, 0);
}

static void add_rows(const struct agg_ctx *c, void *const *states, const struct column *const *args,
                     const struct topk_rows *rows, enum topk_kind kind, uint8_t *error)
{
    const uint32_t count = c->arg_count - 1;
    struct column *columns = MEM_ARRAY(struct column, count);
    struct buf item;
    for (uint32_t i = 0; i < count; i++)
        columns[i] = *args[i];
    buf_init(&item, AGG_BYTES_MAX);
    for (uint32_t i = 0; i < rows->n; i++) {
        const uint32_t row = rows->idx[i];
        if (!column_is_valid(args[0], row))
            continue;
        buf_clear(&item);
        keycodec_encode(&item, columns, 1, row);
        const uint32_t key_n = (uint32_t)item.n;
        rowcodec_encode(&item, columns, count, row);
        if (item.failed)
            error[row] = 1;
        else
            topk_add(states[i], buf_view(&item), key_n, topk_k(c), kind);
    }
    buf_fini(&item);
    mem_free(columns);
}

static void topk_update(const struct agg_ctx *c, void *const *states,
                        const struct column *const *args, const uint32_t *idx, uint32_t n,
                        uint8_t *error)
{
    add_rows(c, states, args, &(struct topk_rows){idx, n}, TOPK_ALL, error);
}

static void distinct_update(const struct agg_ctx *c, void *const *states,
                            const struct column *const *args, const uint32_t *idx, uint32_t n,
                            uint8_t *error)
{
    add_rows(c, states, args, &(struct topk_rows){idx, n}, TOPK_DISTINCT, error);
}

static void merge_items(const struct agg_ctx *c, struct agg_items *into,
                        const struct agg_items *from, enum topk_kind kind)
{
    for (uint32_t i = 0; i < from->n; i++)
        topk_add(into, (struct str){from->v[i].p, from->v[i].n}, from->v[i].key_n, topk_k(c), kind);
}

static bool topk_merge(const struct agg_ctx *c, void *into, const void *from)
{
    merge_items(c, into, from, TOPK_ALL);
    return true;
}

static bool distinct_merge(const struct agg_ctx *c, void *into, const void *from)
{
    merge_items(c, into, from, TOPK_DISTINCT);
    return true;
}

static void structs_emit(const struct agg_items *s, struct column *out, uint32_t row,
                         struct arena *a)
{
    const uint32_t at = column_append_items(out, a, s->n);
    struct column *item = &out->children[0];
    out->offsets[row] = at;
    out->offsets[row + 1] = at + s->n;
    for (uint32_t i = 0; i < s->n; i++)
        agg_decode(item->children, item->type->field_count, at + i, a, agg_item_value(&s->v[i]));
}

static void topk_emit(const struct agg_ctx *c, struct column *out, struct arena *a,
                      const void *const *states, uint32_t first, uint32_t n)
{
    assert(type_equal(out->type, c->type));
    for (uint32_t i = 0; i < n; i++)
        (c->arg_count == 2 ? agg_items_emit : structs_emit)(states[i], out, first + i, a);
}

static void topk_save(const struct agg_ctx *c, struct buf *out, const void *state)
{
    assert(c);
    agg_items_save(out, state);
}

static bool topk_load(const struct agg_ctx *c, void *state, struct cursor *in, struct err *e)
{
    return agg_items_load(state, in, c->arg_types, c->arg_count - 1, e);
}

static void topk_drop(const struct agg_ctx *c, void *state)
{
    assert(c);
    agg_items_clear(state);
}

static size_t topk_heap(const struct agg_ctx *c, const void *state)
{
    assert(c);
    return agg_items_heap(state);
}

const struct agg agg_type_topk = {
    .name = "TOPK",
    .signatures = "TOPK(T, k INTEGER) -> ARRAY<T>\n"
                  "TOPK(T, U…, k INTEGER) -> ARRAY<STRUCT<`sort_col` T, `col0` U, …>>",
    .help = "The k largest values, largest first, with further columns of their rows; NULLs are "
            "left out. T is a number, string, bytes, date or time.",
    .args_min = 2,
    .args_max = COLUMNS_MAX,
    .nested = true,
    .last_literal = true,
    .resolve = topk_resolve,
    .check = topk_check,
    .order = agg_order_seq,
    .state_bytes = topk_bytes,
    .init = topk_init,
    .update = topk_update,
    .merge = topk_merge,
    .emit = topk_emit,
    .save = topk_save,
    .load = topk_load,
    .drop = topk_drop,
    .heap_bytes = topk_heap,
};

const struct agg agg_type_topkdistinct = {
    .name = "TOPKDISTINCT",
    .signatures = "TOPKDISTINCT(T, k INTEGER) -> ARRAY<T>",
    .help = "The k largest distinct values, largest first; NULLs are left out. T is a number, "
            "string, bytes, date or time.",
    .args_min = 2,
    .args_max = 2,
    .nested = true,
    .last_literal = true,
    .resolve = topk_resolve,
    .check = topk_check,
    .order = agg_order_free,
    .state_bytes = topk_bytes,
    .init = topk_init,
    .update = distinct_update,
    .merge = distinct_merge,
    .emit = topk_emit,
    .save = topk_save,
    .load = topk_load,
    .drop = topk_drop,
    .heap_bytes = topk_heap,
};
