#include "base/map.h"

#include "base/hash.h"

#include <assert.h>

enum { SLOTS_FIRST = 16 };

struct entry {
    struct str key;
    uint64_t hash;
    uint64_t value;
};

// slots hold entry index + 1, 0 = empty; never more than three quarters full.
struct map {
    struct arena *a; // of the keys; a child of the owner's
    struct entry *entries;
    size_t n, cap;
    uint32_t *slots;
    size_t mask; // slot count - 1; 0 before the first add
};

static void map_release(void *arg)
{
    struct map *s = arg;
    mem_free(s->entries);
    mem_free(s->slots);
}

struct map *map_new(struct arena *a)
{
    struct map *s = ARENA_NEW(a, struct map);
    s->a = arena_new(a);
    arena_on_free(a, map_release, s);
    return s;
}

size_t map_count(const struct map *s)
{
    return s->n;
}

static void slots_grow(struct map *s)
{
    const size_t count = s->mask ? (s->mask + 1) * 2 : SLOTS_FIRST;
    mem_free(s->slots);
    s->slots = mem_zalloc(mem_array_bytes(count, sizeof *s->slots));
    s->mask = count - 1;
    for (size_t i = 0; i < s->n; i++) {
        size_t at = s->entries[i].hash & s->mask;
        while (s->slots[at])
            at = (at + 1) & s->mask;
        s->slots[at] = (uint32_t)(i + 1);
    }
}

// The slot that holds key, or the empty one where it belongs.
static size_t slot_of(const struct map *s, struct str key, uint64_t hash)
{
    size_t at = hash & s->mask;
    while (s->slots[at]) {
        const struct entry *x = &s->entries[s->slots[at] - 1];
        if (x->hash == hash && str_eq(x->key, key))
            break;
        at = (at + 1) & s->mask;
    }
    return at;
}

uint64_t *map_put_hashed(struct map *s, struct str key, uint64_t hash, bool *added)
{
    assert(s && added);
    assert(s->n < UINT32_MAX - 1);
    if (s->mask == 0 || s->n + 1 > (s->mask + 1) / 4 * 3)
        slots_grow(s);
    const size_t at = slot_of(s, key, hash);
    *added = s->slots[at] == 0;
    if (!*added)
        return &s->entries[s->slots[at] - 1].value;
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : SLOTS_FIRST;
        s->entries = mem_realloc(s->entries, mem_array_bytes(s->cap, sizeof *s->entries));
    }
    s->entries[s->n] = (struct entry){.key = arena_str(s->a, key), .hash = hash};
    s->slots[at] = (uint32_t)(s->n + 1);
    return &s->entries[s->n++].value;
}

uint64_t *map_put(struct map *s, struct str key, bool *added)
{
    return map_put_hashed(s, key, hash_str(key), added);
}

uint64_t *map_get(const struct map *s, struct str key)
{
    assert(s);
    if (s->n == 0)
        return NULL;
    const size_t at = slot_of(s, key, hash_str(key));
    return s->slots[at] ? &s->entries[s->slots[at] - 1].value : NULL;
}

struct str map_key(const struct map *s, size_t i)
{
    assert(i < s->n);
    return s->entries[i].key;
}

uint64_t map_value(const struct map *s, size_t i)
{
    assert(i < s->n);
    return s->entries[i].value;
}
