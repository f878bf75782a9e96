#include "sql/exec/agg_set.h"

#include "base/hash.h"

#include <assert.h>

#define FEW 8 // below, looking at every item is quicker than hashing

void agg_set_clear(struct agg_set *s)
{
    agg_items_clear(&s->items);
    mem_free(s->slots);
    *s = (struct agg_set){0};
}

size_t agg_set_heap(const struct agg_set *s)
{
    return agg_items_heap(&s->items) + s->slot_count * sizeof *s->slots;
}

static uint32_t slot_of(const struct agg_set *s, struct str value)
{
    return (uint32_t)hash_bytes(value.p, value.n, 0) & (s->slot_count - 1);
}

static void put_slot(struct agg_set *s, uint32_t item)
{
    uint32_t at = slot_of(s, agg_item_value(&s->items.v[item]));
    while (s->slots[at])
        at = (at + 1) & (s->slot_count - 1);
    s->slots[at] = item + 1;
}

// Slots for all items and as many to come; none for few.
static void index_items(struct agg_set *s)
{
    uint32_t want = 4 * FEW;
    while (want < 4 * (uint64_t)s->items.n && want < UINT32_C(1) << 31)
        want *= 2;
    mem_free(s->slots);
    s->slots = NULL;
    s->slot_count = 0;
    if (s->items.n <= FEW)
        return;
    s->slots = mem_zalloc(mem_array_bytes(want, sizeof *s->slots));
    s->slot_count = want;
    for (uint32_t i = 0; i < s->items.n; i++)
        put_slot(s, i);
}

int64_t agg_set_find(const struct agg_set *s, struct str value)
{
    if (!s->slots) {
        for (uint32_t i = 0; i < s->items.n; i++)
            if (str_eq(agg_item_value(&s->items.v[i]), value))
                return i;
        return -1;
    }
    for (uint32_t at = slot_of(s, value); s->slots[at]; at = (at + 1) & (s->slot_count - 1))
        if (str_eq(agg_item_value(&s->items.v[s->slots[at] - 1]), value))
            return s->slots[at] - 1;
    return -1;
}

void agg_set_append(struct agg_set *s, struct str value, uint64_t count)
{
    assert(agg_set_find(s, value) < 0);
    agg_items_insert(&s->items, s->items.n, value, 0, count);
    if (s->items.n > FEW && s->items.n > s->slot_count / 2)
        index_items(s);
    else if (s->slots)
        put_slot(s, s->items.n - 1);
}

void agg_set_remove(struct agg_set *s, uint32_t at)
{
    agg_items_remove(&s->items, at);
    index_items(s);
}

bool agg_set_load(struct agg_set *s, struct cursor *in, const struct type *type, struct err *e)
{
    if (!agg_items_load(&s->items, in, &type, 1, e))
        return false;
    index_items(s);
    return true;
}
