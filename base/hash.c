#include "base/hash.h"

#include "base/mem.h"

#include <assert.h>
#define XXH_STATIC_LINKING_ONLY // the state as a value, not behind a pointer
#include <xxhash.h>

_Static_assert(sizeof(XXH64_state_t) <= sizeof(struct hasher),
               "struct hasher holds an XXH64_state_t");

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed)
{
    return XXH64(n ? p : "", n, seed);
}

void hasher_init(struct hasher *h)
{
    XXH64_reset((XXH64_state_t *)(void *)h->state, 0);
}

void hasher_add(struct hasher *h, const void *p, size_t n)
{
    if (n)
        XXH64_update((XXH64_state_t *)(void *)h->state, p, n);
}

uint64_t hasher_sum(const struct hasher *h)
{
    return XXH64_digest((const XXH64_state_t *)(const void *)h->state);
}

void hash_hex(char out[17], uint64_t h)
{
    static const char hex[] = "0123456789abcdef";
    for (int i = 15; i >= 0; i--, h >>= 4)
        out[i] = hex[h & 15];
    out[16] = 0;
}

bool hash_from_hex(uint64_t *out, struct str hex)
{
    if (hex.n != 16)
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < 16; i++) {
        char c = hex.p[i];
        unsigned d = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                     : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                                            : 16;
        if (d > 15)
            return false;
        v = v << 4 | d;
    }
    *out = v;
    return true;
}
