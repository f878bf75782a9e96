#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The only file that may call the malloc family (lint: banned).

static _Noreturn void mem_exhausted(size_t bytes)
{
    fprintf(stderr, "sluice: out of memory (%zu bytes wanted)\n", bytes);
    abort();
}

void *mem_alloc(size_t bytes)
{
    void *p = malloc(bytes ? bytes : 1);
    if (!p)
        mem_exhausted(bytes);
    return p;
}

void *mem_zalloc(size_t bytes)
{
    void *p = calloc(1, bytes ? bytes : 1);
    if (!p)
        mem_exhausted(bytes);
    return p;
}

void *mem_realloc(void *p, size_t bytes)
{
    void *q = realloc(p, bytes ? bytes : 1);
    if (!q)
        mem_exhausted(bytes);
    return q;
}

void mem_free(void *p)
{
    free(p);
}

char *mem_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(mem_alloc(n), s, n);
}

size_t mem_array_bytes(size_t n, size_t size)
{
    size_t bytes;
    bool overflow = __builtin_mul_overflow(n, size, &bytes);
    assert(!overflow);
    return bytes;
}

void budget_init(struct budget *out, const char *name, struct budget *parent, size_t max)
{
    out->name = name;
    out->parent = parent;
    out->max = max;
    atomic_init(&out->used, 0);
}

void budget_give(struct budget *s, size_t bytes)
{
    for (; s; s = s->parent) {
        size_t before = atomic_fetch_sub(&s->used, bytes);
        assert(before >= bytes);
    }
}

bool budget_take(struct budget *s, size_t bytes, struct err *e)
{
    for (struct budget *b = s; b; b = b->parent) {
        size_t after = atomic_fetch_add(&b->used, bytes) + bytes;
        if (b->max && after > b->max) {
            // Undo this level and the ones below it.
            for (struct budget *u = s;; u = u->parent) {
                atomic_fetch_sub(&u->used, bytes);
                if (u == b)
                    break;
            }
            return err_fail(e, ERR_LIMIT,
                            "memory budget %s is full: %zu bytes wanted, %zu of %zu used", b->name,
                            bytes, after - bytes, b->max);
        }
    }
    return true;
}
