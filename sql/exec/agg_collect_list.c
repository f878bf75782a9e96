// COLLECT_LIST: all values in sequence order, NULLs included. The state is the row codec's bytes of the items, one
// after another, so that it is saved as it stands.
#include "sql/exec/agg_internal.h"

#include "schema/rowcodec.h"

#include <assert.h>

struct list_state {
    char *p; // owned
    size_t n, cap;
    uint32_t *lengths; // owned: bytes of each item
    uint32_t count, lengths_cap;
};

static const struct type *list_resolve(struct arena *a, const struct type **want,
                                       const struct type *const *args, uint32_t n)
{
    assert(want && n == 1);
    return args[0] ? type_array(a, args[0]) : NULL;
}

static size_t list_bytes(const struct agg_ctx *c)
{
    assert(c);
    return sizeof(struct list_state);
}

static void list_init(const struct agg_ctx *c, void *state)
{
    assert(c);
    memset(state, 0, sizeof(struct list_state));
}

static bool list_append(struct list_state *s, struct str item)
{
    if (item.n > AGG_BYTES_MAX - s->n || s->count == UINT32_MAX)
        return false;
    if (s->cap - s->n < item.n) {
        s->cap = (s->n + item.n) + (s->n + item.n) / 2 + 16;
        s->p = mem_realloc(s->p, s->cap);
    }
    memcpy(s->p + s->n, item.p, item.n);
    s->n += item.n;
    if (s->count == s->lengths_cap) {
        s->lengths_cap = s->lengths_cap ? s->lengths_cap * 2 : 4;
        s->lengths = mem_realloc(s->lengths, mem_array_bytes(s->lengths_cap, sizeof *s->lengths));
    }
    s->lengths[s->count++] = (uint32_t)item.n;
    return true;
}

static uint32_t list_max(const struct agg_ctx *c)
{
    return c->limit > 0 && c->limit < UINT32_MAX ? (uint32_t)c->limit : UINT32_MAX;
}

static void list_update(const struct agg_ctx *c, void *const *states,
                        const struct column *const *args, const uint32_t *idx, uint32_t n,
                        uint8_t *error)
{
    assert(c->arg_count == 1);
    struct buf item;
    const uint32_t max = list_max(c);
    buf_init(&item, AGG_BYTES_MAX);
    for (uint32_t i = 0; i < n; i++) {
        if (((const struct list_state *)states[i])->count >= max)
            continue;
        buf_clear(&item);
        rowcodec_encode(&item, args[0], 1, idx[i]);
        if (item.failed || !list_append(states[i], buf_view(&item)))
            error[idx[i]] = 1;
    }
    buf_fini(&item);
}

// Decodes every item into rows of `items` (an item column with room) from row `first`.
static void list_decode(struct column *items, struct arena *a, const struct list_state *s,
                        uint32_t first)
{
    struct cursor in = {(const uint8_t *)s->p, (const uint8_t *)s->p + s->n};
    struct err e;
    for (uint32_t i = 0; i < s->count; i++) {
        const bool ok = rowcodec_decode(items, 1, first + i, a, &in, &e);
        assert(ok); // our own bytes: checked when they were loaded
    }
    assert(in.p == in.end);
}

// Removes the last item that equals `item`, if there is one.
static void list_take(struct list_state *s, struct str item)
{
    size_t end = s->n;
    for (uint32_t i = s->count; i-- > 0;) {
        const size_t start = end - s->lengths[i];
        if (s->lengths[i] == item.n && memcmp(s->p + start, item.p, item.n) == 0) {
            memmove(s->p + start, s->p + end, s->n - end);
            memmove(s->lengths + i, s->lengths + i + 1, (s->count - i - 1) * sizeof *s->lengths);
            s->n -= item.n;
            s->count--;
            return;
        }
        end = start;
    }
}

static void list_undo(const struct agg_ctx *c, void *const *states,
                      const struct column *const *args, const uint32_t *idx, uint32_t n,
                      uint8_t *error)
{
    assert(c && error);
    struct buf item;
    buf_init(&item, AGG_BYTES_MAX);
    for (uint32_t i = 0; i < n; i++) {
        buf_clear(&item);
        rowcodec_encode(&item, args[0], 1, idx[i]);
        list_take(states[i], buf_view(&item));
    }
    buf_fini(&item);
}

// Items of the later window behind those of the earlier one, up to the limit.
static bool list_merge(const struct agg_ctx *c, void *into, const void *from)
{
    struct list_state *s = into;
    const struct list_state *other = from;
    const char *item = other->p;
    for (uint32_t i = 0; i < other->count && s->count < list_max(c); i++) {
        if (!list_append(s, (struct str){item, other->lengths[i]}))
            return false; // beyond AGG_BYTES_MAX
        item += other->lengths[i];
    }
    return true;
}

static void list_emit(const struct agg_ctx *c, struct column *out, struct arena *a,
                      const void *const *states, uint32_t first, uint32_t n)
{
    assert(type_equal(out->type, c->type));
    for (uint32_t i = 0; i < n; i++) {
        const struct list_state *s = states[i];
        const uint32_t at = column_append_items(out, a, s->count);
        out->offsets[first + i] = at;
        out->offsets[first + i + 1] = at + s->count;
        if (!s->count)
            continue;
        // Views must outlive the state, which moves when it grows: copy the bytes, then decode the copy.
        struct list_state copy = *s;
        copy.p = arena_alloc(a, s->n ? s->n : 1);
        memcpy(copy.p, s->p, s->n);
        list_decode(&out->children[0], a, &copy, at);
    }
}

static void list_save(const struct agg_ctx *c, struct buf *out, const void *state)
{
    assert(c);
    const struct list_state *s = state;
    buf_varint(out, s->count);
    agg_save_bytes(out, s->p, s->n);
}

static bool list_load(const struct agg_ctx *c, void *state, struct cursor *in, struct err *e)
{
    struct list_state *s = state;
    uint64_t count = 0;
    struct str bytes;
    if (!cur_varint(in, &count) || count > UINT32_MAX || !agg_load_bytes(&bytes, in, e))
        return agg_corrupt(e, "COLLECT_LIST");
    if (count > bytes.n)
        return agg_corrupt(e, "COLLECT_LIST");
    struct arena *a = arena_new(NULL);
    struct column column;
    struct cursor items = {(const uint8_t *)bytes.p, (const uint8_t *)bytes.p + bytes.n};
    bool ok = true;
    column_init(&column, a, c->arg_types[0], (uint32_t)count);
    for (uint32_t i = 0; ok && i < count; i++) {
        const char *start = (const char *)items.p;
        ok = rowcodec_decode(&column, 1, i, a, &items, e) &&
             list_append(s, (struct str){start, (size_t)((const char *)items.p - start)});
    }
    arena_free(a);
    if (!ok)
        return err_wrap(e, "stored state of COLLECT_LIST");
    return items.p == items.end || agg_corrupt(e, "COLLECT_LIST");
}

static void list_drop(const struct agg_ctx *c, void *state)
{
    assert(c);
    const struct list_state *s = state;
    mem_free(s->p);
    mem_free(s->lengths);
}

static size_t list_heap(const struct agg_ctx *c, const void *state)
{
    assert(c);
    const struct list_state *s = state;
    return s->cap + s->lengths_cap * sizeof *s->lengths;
}

const struct agg agg_type_collect_list = {
    .name = "COLLECT_LIST",
    .signatures = "COLLECT_LIST(T) -> ARRAY<T>",
    .help = "All values of the group in order, NULLs included. SET "
            "'ksql.functions.collect_list.limit' ignores values beyond a number.",
    .args_min = 1,
    .args_max = 1,
    .nested = true,
    .limited = true,
    .resolve = list_resolve,
    .order = agg_order_seq,
    .state_bytes = list_bytes,
    .init = list_init,
    .update = list_update,
    .undo = list_undo,
    .merge = list_merge,
    .emit = list_emit,
    .save = list_save,
    .load = list_load,
    .drop = list_drop,
    .heap_bytes = list_heap,
};
