#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *p, size_t bytes)
{
    if (!p) {
        fprintf(stderr, "sluice: out of memory: %zu bytes\n", bytes);
        abort();
    }
    return p;
}

void *mem_alloc(size_t bytes)
{
    const size_t n = bytes ? bytes : 1;
    return must(malloc(n), n);
}

void *mem_zalloc(size_t bytes)
{
    const size_t n = bytes ? bytes : 1;
    return must(calloc(1, n), n);
}

void *mem_realloc(void *p, size_t bytes)
{
    const size_t n = bytes ? bytes : 1;
    return must(realloc(p, n), n);
}

void mem_free(void *p)
{
    free(p);
}

char *mem_strdup(const char *s)
{
    assert(s);
    const size_t n = strlen(s) + 1;
    return memcpy(mem_alloc(n), s, n);
}

size_t mem_array_bytes(size_t n, size_t size)
{
    size_t bytes = 0;
    const bool overflow = __builtin_mul_overflow(n, size, &bytes);
    assert(!overflow);
    return bytes;
}

void budget_init(struct budget *out, const char *name, struct budget *parent, size_t max)
{
    assert(out && name);
    out->name = name;
    out->parent = parent;
    out->max = max;
    atomic_init(&out->used, 0);
}

// Optimistic: add, look, take back. `used` may pass max for a moment but nobody keeps the bytes.
bool budget_take(struct budget *s, size_t bytes, struct err *e)
{
    assert(s);
    for (struct budget *b = s; b; b = b->parent) {
        const size_t before = atomic_fetch_add_explicit(&b->used, bytes, memory_order_relaxed);
        if (b->max == 0 || (bytes <= b->max && before <= b->max - bytes))
            continue;
        for (struct budget *u = s; u != b->parent; u = u->parent)
            atomic_fetch_sub_explicit(&u->used, bytes, memory_order_relaxed);
        return err_fail(e, ERR_LIMIT, "budget %s is full: %zu bytes wanted, %zu of %zu in use",
                        b->name, bytes, before, b->max);
    }
    return true;
}

void budget_give(struct budget *s, size_t bytes)
{
    for (struct budget *b = s; b; b = b->parent) {
        const size_t before = atomic_fetch_sub_explicit(&b->used, bytes, memory_order_relaxed);
        assert(before >= bytes);
    }
}
