// COLLECT_SET, HISTOGRAM and ATTR: distinct values, counted.
#include "sql/exec/agg_set.h"

#include "schema/rowcodec.h"

#include <assert.h>
#include <stdlib.h>

#define HISTOGRAM_MAX 1000 // ksqlDB: further values are ignored

static size_t set_bytes(const struct agg_ctx *c)
{
    assert(c);
    return sizeof(struct agg_set);
}

static void set_init(const struct agg_ctx *c, void *state)
{
    assert(c);
    memset(state, 0, sizeof(struct agg_set));
}

static void set_add(struct agg_set *s, struct str value, uint64_t count, uint64_t max)
{
    const int64_t at = agg_set_find(s, value);
    if (at >= 0)
        s->items.v[at].tag += count;
    else if (s->items.n < max)
        agg_set_append(s, value, count);
}

static void set_take(struct agg_set *s, struct str value)
{
    const int64_t at = agg_set_find(s, value);
    if (at >= 0 && --s->items.v[at].tag == 0)
        agg_set_remove(s, (uint32_t)at);
}

static uint64_t set_max(const struct agg_ctx *c)
{
    return c->limit > 0 && c->limit < UINT32_MAX ? (uint64_t)c->limit : UINT32_MAX - 1;
}

// What the functions differ in: how many values, and whether NULL is one.
struct set_rule {
    uint64_t max;
    bool nulls;
};

static void add_rows(struct set_rule rule, void *const *states, const struct column *x,
                     const uint32_t *idx, uint32_t n, uint8_t *error)
{
    struct buf item;
    buf_init(&item, AGG_BYTES_MAX);
    for (uint32_t i = 0; i < n; i++) {
        if (!rule.nulls && !column_is_valid(x, idx[i]))
            continue;
        buf_clear(&item);
        rowcodec_encode(&item, x, 1, idx[i]);
        if (item.failed)
            error[idx[i]] = 1;
        else
            set_add(states[i], buf_view(&item), 1, rule.max);
    }
    buf_fini(&item);
}

static void set_undo(const struct agg_ctx *c, void *const *states, const struct column *const *args,
                     const uint32_t *idx, uint32_t n, uint8_t *error)
{
    assert(c && error);
    struct buf item;
    buf_init(&item, AGG_BYTES_MAX);
    for (uint32_t i = 0; i < n; i++) {
        buf_clear(&item);
        rowcodec_encode(&item, args[0], 1, idx[i]);
        set_take(states[i], buf_view(&item));
    }
    buf_fini(&item);
}

static void merge_sets(struct agg_set *into, const struct agg_set *from, uint64_t max)
{
    for (uint32_t i = 0; i < from->items.n; i++)
        set_add(into, agg_item_value(&from->items.v[i]), from->items.v[i].tag, max);
}

static void set_save(const struct agg_ctx *c, struct buf *out, const void *state)
{
    assert(c);
    agg_items_save(out, &((const struct agg_set *)state)->items);
}

static bool set_load(const struct agg_ctx *c, void *state, struct cursor *in, struct err *e)
{
    return agg_set_load(state, in, c->arg_types[0], e);
}

static void set_drop(const struct agg_ctx *c, void *state)
{
    assert(c);
    agg_set_clear(state);
}

static size_t set_heap(const struct agg_ctx *c, const void *state)
{
    assert(c);
    return agg_set_heap(state);
}

// --- COLLECT_SET --------------------------------------------------------------------------------

static const struct type *collect_resolve(struct arena *a, const struct type **want,
                                          const struct type *const *args, uint32_t n)
{
    assert(want && n == 1);
    return args[0] ? type_array(a, args[0]) : NULL;
}

static void collect_update(const struct agg_ctx *c, void *const *states,
                           const struct column *const *args, const uint32_t *idx, uint32_t n,
                           uint8_t *error)
{
    add_rows((struct set_rule){set_max(c), true}, states, args[0], idx, n, error);
}

static bool collect_merge(const struct agg_ctx *c, void *into, const void *from)
{
    merge_sets(into, from, set_max(c));
    return true;
}

static void collect_emit(const struct agg_ctx *c, struct column *out, struct arena *a,
                         const void *const *states, uint32_t first, uint32_t n)
{
    assert(type_equal(out->type, c->type));
    for (uint32_t i = 0; i < n; i++)
        agg_items_emit(&((const struct agg_set *)states[i])->items, out, first + i, a);
}

const struct agg agg_type_collect_set = {
    .name = "COLLECT_SET",
    .signatures = "COLLECT_SET(T) -> ARRAY<T>",
    .help = "The distinct values of the group in the order of their first appearance, NULL "
            "included. SET 'ksql.functions.collect_set.limit' ignores values beyond a number.",
    .args_min = 1,
    .args_max = 1,
    .nested = true,
    .limited = true,
    .resolve = collect_resolve,
    .order = agg_order_seq,
    .state_bytes = set_bytes,
    .init = set_init,
    .update = collect_update,
    .merge = collect_merge,
    .emit = collect_emit,
    .save = set_save,
    .load = set_load,
    .drop = set_drop,
    .heap_bytes = set_heap,
};

// --- HISTOGRAM ----------------------------------------------------------------------------------

static const struct type *histogram_resolve(struct arena *a, const struct type **want,
                                            const struct type *const *args, uint32_t n)
{
    assert(want && n == 1);
    if (!args[0] || args[0]->kind != TYPE_STRING)
        return NULL;
    return type_map(a, type_scalar(TYPE_STRING), type_scalar(TYPE_BIGINT));
}

static void histogram_update(const struct agg_ctx *c, void *const *states,
                             const struct column *const *args, const uint32_t *idx, uint32_t n,
                             uint8_t *error)
{
    assert(c);
    add_rows((struct set_rule){HISTOGRAM_MAX, false}, states, args[0], idx, n, error);
}

static bool histogram_merge(const struct agg_ctx *c, void *into, const void *from)
{
    assert(c);
    merge_sets(into, from, HISTOGRAM_MAX);
    return true;
}

struct entry {
    struct str value;
    int64_t count;
};

static int compare_entries(const void *x, const void *y)
{
    return str_cmp(((const struct entry *)x)->value, ((const struct entry *)y)->value);
}

// Entries of a map lie in key order.
static void histogram_put(struct column *out, uint32_t at, const struct agg_items *items,
                          struct arena *a)
{
    struct entry *entries = ARENA_ARRAY(a, struct entry, items->n + 1);
    struct column *keys = &out->children[0];
    for (uint32_t k = 0; k < items->n; k++) {
        agg_decode(keys, 1, at + k, a, agg_item_value(&items->v[k]));
        entries[k] = (struct entry){keys->str[at + k], (int64_t)items->v[k].tag};
    }
    qsort(entries, items->n, sizeof *entries, compare_entries);
    for (uint32_t k = 0; k < items->n; k++) {
        keys->str[at + k] = entries[k].value;
        out->children[1].i64[at + k] = entries[k].count;
    }
}

static void histogram_emit(const struct agg_ctx *c, struct column *out, struct arena *a,
                           const void *const *states, uint32_t first, uint32_t n)
{
    assert(type_equal(out->type, c->type));
    for (uint32_t i = 0; i < n; i++) {
        const struct agg_items *items = &((const struct agg_set *)states[i])->items;
        const uint32_t at = column_append_items(out, a, items->n);
        out->offsets[first + i] = at;
        out->offsets[first + i + 1] = at + items->n;
        histogram_put(out, at, items, a);
    }
}

const struct agg agg_type_histogram = {
    .name = "HISTOGRAM",
    .signatures = "HISTOGRAM(STRING) -> MAP<STRING, BIGINT>",
    .help = "How often each value occurs. Of more than 1,000 distinct values the later ones are "
            "not counted; NULLs are skipped.",
    .args_min = 1,
    .args_max = 1,
    .nested = true,
    .resolve = histogram_resolve,
    .order = agg_order_seq,
    .state_bytes = set_bytes,
    .init = set_init,
    .update = histogram_update,
    .undo = set_undo,
    .merge = histogram_merge,
    .emit = histogram_emit,
    .save = set_save,
    .load = set_load,
    .drop = set_drop,
    .heap_bytes = set_heap,
};

// --- ATTR ---------------------------------------------------------------------------------------

static const struct type *attr_resolve(struct arena *a, const struct type **want,
                                       const struct type *const *args, uint32_t n)
{
    assert(a && want && n == 1);
    return args[0];
}

static void attr_update(const struct agg_ctx *c, void *const *states,
                        const struct column *const *args, const uint32_t *idx, uint32_t n,
                        uint8_t *error)
{
    assert(c);
    add_rows((struct set_rule){UINT32_MAX - 1, true}, states, args[0], idx, n, error);
}

static bool attr_merge(const struct agg_ctx *c, void *into, const void *from)
{
    assert(c);
    merge_sets(into, from, UINT32_MAX - 1);
    return true;
}

static void attr_emit(const struct agg_ctx *c, struct column *out, struct arena *a,
                      const void *const *states, uint32_t first, uint32_t n)
{
    assert(type_equal(out->type, c->type));
    for (uint32_t i = 0; i < n; i++) {
        const struct agg_items *items = &((const struct agg_set *)states[i])->items;
        if (items->n == 1)
            agg_decode(out, 1, first + i, a, agg_item_value(&items->v[0]));
        else
            column_set_null(out, a, first + i, out->cap);
    }
}

const struct agg agg_type_attr = {
    .name = "ATTR",
    .signatures = "ATTR(T) -> T",
    .help = "The value that all rows of the group have; NULL when there are several.",
    .args_min = 1,
    .args_max = 1,
    .nested = true,
    .resolve = attr_resolve,
    .order = agg_order_free,
    .state_bytes = set_bytes,
    .init = set_init,
    .update = attr_update,
    .undo = set_undo,
    .merge = attr_merge,
    .emit = attr_emit,
    .save = set_save,
    .load = set_load,
    .drop = set_drop,
    .heap_bytes = set_heap,
};
