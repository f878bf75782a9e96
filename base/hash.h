// Hashes: xxh64 (checksums, anchors, row hashes) and the order-independent accumulator of rows_hash.
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/str.h"

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed);
static inline uint64_t hash_str(struct str s)
{
    return hash_bytes(s.p, s.n, 0);
}

// Streaming.
struct hasher {
    _Alignas(16) unsigned char state[128]; // holds an XXH64_state_t; asserted in hash.c
};
void hasher_init(struct hasher *h);
void hasher_add(struct hasher *h, const void *p, size_t n);
uint64_t hasher_sum(const struct hasher *h);

// 16 lower-case hex digits and NUL.
void hash_hex(char out[17], uint64_t h);
bool hash_from_hex(uint64_t *out, struct str hex);

#endif
