// struct map: open-addressing hash table from byte strings to a 64-bit value. Keys are copied into the map's
// own arena. Iteration order is insertion order (deterministic); deletion is not supported: rebuild instead.
// Owned by one thread.
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/arena.h"

struct map;

struct map *map_new(struct arena *a); // lives and dies with a
size_t map_count(const struct map *s);
// Finds or adds; *added tells which. The value pointer is valid until the next add.
uint64_t *map_put(struct map *s, struct str key, bool *added);
uint64_t *map_put_hashed(struct map *s, struct str key, uint64_t hash, bool *added);
uint64_t *map_get(const struct map *s, struct str key); // NULL when absent
struct str map_key(const struct map *s, size_t i);      // i-th added
uint64_t map_value(const struct map *s, size_t i);

#endif
