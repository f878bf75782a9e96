#include "sql/exec/agg_items.h"

#include "schema/rowcodec.h"

#include <assert.h>

void agg_items_insert(struct agg_items *s, uint32_t at, struct str bytes, uint32_t key_n,
                      uint64_t tag)
{
    assert(at <= s->n && key_n <= bytes.n && bytes.n <= AGG_BYTES_MAX);
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 2;
        s->v = mem_realloc(s->v, mem_array_bytes(s->cap, sizeof *s->v));
    }
    memmove(s->v + at + 1, s->v + at, (s->n - at) * sizeof *s->v);
    s->v[at] = (struct agg_item){
        .p = mem_alloc(bytes.n ? bytes.n : 1), .n = (uint32_t)bytes.n, .key_n = key_n, .tag = tag};
    if (bytes.n)
        memcpy(s->v[at].p, bytes.p, bytes.n);
    s->n++;
    s->bytes += bytes.n;
}

void agg_items_shift(struct agg_items *s, struct str bytes, uint64_t tag)
{
    assert(s->n > 0 && bytes.n <= AGG_BYTES_MAX);
    struct agg_item first = s->v[0];
    s->bytes = s->bytes - first.n + bytes.n;
    if (first.n < bytes.n)
        first.p = mem_realloc(first.p, bytes.n);
    if (bytes.n)
        memcpy(first.p, bytes.p, bytes.n);
    first.n = (uint32_t)bytes.n;
    first.tag = tag;
    memmove(s->v, s->v + 1, (s->n - 1) * sizeof *s->v);
    s->v[s->n - 1] = first;
}

void agg_items_remove(struct agg_items *s, uint32_t at)
{
    assert(at < s->n);
    s->bytes -= s->v[at].n;
    mem_free(s->v[at].p);
    s->n--;
    memmove(s->v + at, s->v + at + 1, (s->n - at) * sizeof *s->v);
}

void agg_items_clear(struct agg_items *s)
{
    for (uint32_t i = 0; i < s->n; i++)
        mem_free(s->v[i].p);
    mem_free(s->v);
    *s = (struct agg_items){0};
}

size_t agg_items_heap(const struct agg_items *s)
{
    return s->bytes + s->cap * sizeof *s->v;
}

void agg_items_save(struct buf *out, const struct agg_items *s)
{
    buf_varint(out, s->n);
    for (uint32_t i = 0; i < s->n; i++) {
        buf_varint(out, s->v[i].tag);
        buf_varint(out, s->v[i].key_n);
        agg_save_bytes(out, s->v[i].p, s->v[i].n);
    }
}

bool agg_check_value(struct str *out, struct cursor *in, const struct type *const *types,
                     uint32_t count, struct err *e)
{
    struct arena *a = arena_new(NULL);
    struct column *columns = ARENA_ARRAY(a, struct column, count);
    const char *start = (const char *)in->p;
    for (uint32_t i = 0; i < count; i++)
        column_init(&columns[i], a, types[i], 1);
    const bool ok = rowcodec_decode(columns, count, 0, a, in, e);
    *out = (struct str){start, (size_t)((const char *)in->p - start)};
    arena_free(a);
    return ok || err_wrap(e, "stored state of an aggregate");
}

static bool load_item(struct agg_items *s, struct cursor *in, const struct type *const *types,
                      uint32_t count, struct err *e)
{
    uint64_t tag = 0;
    uint64_t key_n = 0;
    struct str bytes;
    struct str value;
    if (!cur_varint(in, &tag) || !cur_varint(in, &key_n))
        return agg_corrupt(e, "a list");
    if (!agg_load_bytes(&bytes, in, e))
        return false;
    if (key_n > bytes.n)
        return agg_corrupt(e, "a list");
    struct cursor at = {(const uint8_t *)bytes.p + key_n, (const uint8_t *)bytes.p + bytes.n};
    if (!agg_check_value(&value, &at, types, count, e))
        return false;
    if (at.p != at.end)
        return agg_corrupt(e, "a list");
    agg_items_insert(s, s->n, bytes, (uint32_t)key_n, tag);
    return true;
}

bool agg_items_load(struct agg_items *s, struct cursor *in, const struct type *const *types,
                    uint32_t count, struct err *e)
{
    uint64_t n = 0;
    if (!cur_varint(in, &n) || n > UINT32_MAX)
        return agg_corrupt(e, "a list");
    while (n--)
        if (!load_item(s, in, types, count, e))
            return false;
    return true;
}

void agg_decode(struct column *columns, uint32_t count, uint32_t row, struct arena *a,
                struct str bytes)
{
    const struct str copy = arena_str(a, bytes);
    struct cursor in = {(const uint8_t *)copy.p, (const uint8_t *)copy.p + copy.n};
    struct err e;
    const bool ok = rowcodec_decode(columns, count, row, a, &in, &e);
    assert(ok && in.p == in.end); // our own bytes: checked when they were loaded
}

void agg_items_emit(const struct agg_items *s, struct column *out, uint32_t row, struct arena *a)
{
    const uint32_t at = column_append_items(out, a, s->n);
    out->offsets[row] = at;
    out->offsets[row + 1] = at + s->n;
    for (uint32_t i = 0; i < s->n; i++)
        agg_decode(&out->children[0], 1, at + i, a, agg_item_value(&s->v[i]));
}
