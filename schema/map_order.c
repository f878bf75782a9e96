#include "schema/map_order.h"

#include <assert.h>

#define BUCKETS_ON_STACK 256u

// String.hashCode over UTF-16 units, then HashMap's spreading.
static uint32_t key_hash(struct str s)
{
    uint32_t h = 0;
    for (size_t at = 0; at < s.n;) {
        uint32_t c;
        const size_t n = utf8_decode(&c, s.p + at, s.n - at);
        at += n ? n : 1;
        if (!n)
            c = 0xFFFD;
        if (c > 0xFFFF) {
            h = h * 31 + (0xD800 + ((c - 0x10000) >> 10));
            c = 0xDC00 + ((c - 0x10000) & 0x3FF);
        }
        h = h * 31 + c;
    }
    return h ^ (h >> 16);
}

// A table made as a copy of n entries: room for n / 0.75 + 1.
static uint32_t table_size(uint32_t n)
{
    const uint32_t want = (uint32_t)((uint64_t)n * 4 / 3 + 1);
    uint32_t size = 1;
    while (size < want)
        size *= 2;
    return size;
}

void map_order(uint32_t *out, const struct column *c, uint32_t row)
{
    uint32_t first;
    uint32_t on_stack[BUCKETS_ON_STACK + 1];
    const uint32_t n = column_items(c, row, &first);
    assert(c->type->kind == TYPE_MAP && n < UINT32_MAX / 4);
    const struct str *keys = c->children[0].str + first;
    const uint32_t size = table_size(n);
    uint32_t *ends = size <= BUCKETS_ON_STACK ? on_stack : MEM_ARRAY(uint32_t, (size_t)size + 1);
    memset(ends, 0, ((size_t)size + 1) * sizeof *ends);
    for (uint32_t i = 0; i < n; i++)
        ends[(key_hash(keys[i]) & (size - 1)) + 1]++;
    for (uint32_t b = 0; b < size; b++)
        ends[b + 1] += ends[b];
    for (uint32_t i = 0; i < n; i++)
        out[ends[key_hash(keys[i]) & (size - 1)]++] = first + i;
    if (ends != on_stack)
        mem_free(ends);
}
