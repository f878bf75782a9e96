#include "base/hash.h"

#define XXH_INLINE_ALL
#include <assert.h>
#include <xxhash.h>

static_assert(sizeof(XXH64_state_t) <= sizeof(struct hasher), "the state fits");
static_assert(_Alignof(XXH64_state_t) <= _Alignof(struct hasher), "and is aligned");

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed)
{
    assert(p || n == 0);
    return XXH64(n ? p : "", n, seed);
}

static XXH64_state_t *state_of(struct hasher *h)
{
    return (XXH64_state_t *)(void *)h->state;
}

void hasher_init(struct hasher *h)
{
    XXH64_reset(state_of(h), 0);
}

void hasher_add(struct hasher *h, const void *p, size_t n)
{
    if (n)
        XXH64_update(state_of(h), p, n);
}

uint64_t hasher_sum(const struct hasher *h)
{
    return XXH64_digest((const XXH64_state_t *)(const void *)h->state);
}

void hash_hex(char out[17], uint64_t h)
{
    static const char digit[] = "0123456789abcdef";
    for (size_t i = 0; i < 16; i++)
        out[i] = digit[(h >> (60 - 4 * i)) & 15];
    out[16] = '\0';
}

bool hash_from_hex(uint64_t *out, struct str hex)
{
    assert(out);
    if (hex.n != 16)
        return false;
    uint64_t h = 0;
    for (size_t i = 0; i < 16; i++) {
        const char c = hex.p[i];
        unsigned v = 0;
        if (c >= '0' && c <= '9')
            v = (unsigned)(c - '0');
        else if (c >= 'a' && c <= 'f')
            v = (unsigned)(c - 'a') + 10;
        else
            return false;
        h = (h << 4) | v;
    }
    *out = h;
    return true;
}
