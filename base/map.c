#include "base/map.h"

#include "base/hash.h"

#include <assert.h>

struct map_entry {
    struct str key;
    uint64_t hash;
    uint64_t value;
};

struct map {
    struct arena *a;
    struct map_entry *entries; // insertion order
    size_t count, entries_cap;
    uint32_t *slots;   // entry index + 1; 0 = empty
    size_t slot_count; // power of two
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
    s->a = a;
    s->slot_count = 16;
    s->slots = mem_zalloc(mem_array_bytes(s->slot_count, sizeof *s->slots));
    arena_on_free(a, map_release, s);
    return s;
}

size_t map_count(const struct map *s)
{
    return s->count;
}

// The slot that holds the key, or the empty one where it belongs.
static size_t map_slot(const struct map *s, struct str key, uint64_t hash)
{
    size_t mask = s->slot_count - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        uint32_t at = s->slots[i];
        if (at == 0)
            return i;
        const struct map_entry *x = &s->entries[at - 1];
        if (x->hash == hash && str_eq(x->key, key))
            return i;
    }
}

static void map_grow(struct map *s)
{
    s->slot_count *= 2;
    mem_free(s->slots);
    s->slots = mem_zalloc(mem_array_bytes(s->slot_count, sizeof *s->slots));
    size_t mask = s->slot_count - 1;
    for (size_t e = 0; e < s->count; e++) {
        size_t i = s->entries[e].hash & mask;
        while (s->slots[i])
            i = (i + 1) & mask;
        s->slots[i] = (uint32_t)(e + 1);
    }
}

uint64_t *map_put_hashed(struct map *s, struct str key, uint64_t hash, bool *added)
{
    size_t slot = map_slot(s, key, hash);
    *added = s->slots[slot] == 0;
    if (!*added)
        return &s->entries[s->slots[slot] - 1].value;
    assert(s->count < UINT32_MAX);
    if (s->count == s->entries_cap) {
        s->entries_cap = s->entries_cap ? s->entries_cap * 2 : 16;
        s->entries = mem_realloc(s->entries, mem_array_bytes(s->entries_cap, sizeof *s->entries));
    }
    s->entries[s->count++] = (struct map_entry){arena_str(s->a, key), hash, 0};
    s->slots[slot] = (uint32_t)s->count;
    if (s->count * 10 > s->slot_count * 7)
        map_grow(s);
    return &s->entries[s->count - 1].value;
}

uint64_t *map_put(struct map *s, struct str key, bool *added)
{
    return map_put_hashed(s, key, hash_str(key), added);
}

uint64_t *map_get(const struct map *s, struct str key)
{
    uint32_t at = s->slots[map_slot(s, key, hash_str(key))];
    return at ? &s->entries[at - 1].value : NULL;
}

struct str map_key(const struct map *s, size_t i)
{
    assert(i < s->count);
    return s->entries[i].key;
}

uint64_t map_value(const struct map *s, size_t i)
{
    assert(i < s->count);
    return s->entries[i].value;
}
