#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdio.h>

enum { ARENA_ALIGN = 16, ARENA_CHUNK_MIN = 4096, ARENA_CHUNK_MAX = 1 << 20 };

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_EACH_ITS_OWN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_EACH_ITS_OWN 1
#endif
#endif
#ifndef ARENA_EACH_ITS_OWN
#define ARENA_EACH_ITS_OWN 0
#endif

struct arena_chunk {
    struct arena_chunk *next;
    size_t size; // of data
    alignas(ARENA_ALIGN) unsigned char data[];
};

struct arena_hook {
    struct arena_hook *next;
    void (*fn)(void *arg);
    void *arg;
};

struct arena {
    struct arena *parent, *first_child, *next, *prev;
    struct arena_chunk *chunks; // newest first; the first one has the free space
    unsigned char *free_at, *free_end;
    struct arena_hook *hooks; // newest first
    size_t reserved;
};

struct arena *arena_new(struct arena *parent)
{
    struct arena *a = mem_zalloc(sizeof *a);
    a->parent = parent;
    if (parent) {
        a->next = parent->first_child;
        if (a->next)
            a->next->prev = a;
        parent->first_child = a;
    }
    return a;
}

// Frees children and hooks, then all chunks but `keep`.
static void arena_clear(struct arena *a, struct arena_chunk *keep)
{
    while (a->first_child)
        arena_free(a->first_child);
    while (a->hooks) {
        struct arena_hook *h = a->hooks;
        a->hooks = h->next;
        h->fn(h->arg);
        mem_free(h);
    }
    while (a->chunks) {
        struct arena_chunk *c = a->chunks;
        a->chunks = c->next;
        if (c != keep)
            mem_free(c);
    }
    a->free_at = a->free_end = NULL;
    a->reserved = 0;
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    arena_clear(a, NULL);
    if (a->prev)
        a->prev->next = a->next;
    else if (a->parent)
        a->parent->first_child = a->next;
    if (a->next)
        a->next->prev = a->prev;
    mem_free(a);
}

void arena_reset(struct arena *a)
{
    struct arena_chunk *keep = ARENA_EACH_ITS_OWN ? NULL : a->chunks;
    arena_clear(a, keep);
    if (!keep)
        return;
    keep->next = NULL;
    a->chunks = keep;
    a->free_at = keep->data;
    a->free_end = keep->data + keep->size;
    a->reserved = keep->size;
}

size_t arena_bytes(const struct arena *a)
{
    size_t n = a->reserved;
    for (const struct arena *c = a->first_child; c; c = c->next)
        n += arena_bytes(c);
    return n;
}

static struct arena_chunk *arena_chunk_new(size_t size)
{
    struct arena_chunk *c = mem_alloc(sizeof *c + size);
    c->size = size;
    return c;
}

static void *arena_alloc_slow(struct arena *a, size_t bytes)
{
    if (ARENA_EACH_ITS_OWN || bytes > ARENA_CHUNK_MAX / 4) {
        // Its own chunk, behind the current one so that the free space stays in use.
        struct arena_chunk *c = arena_chunk_new(bytes);
        a->reserved += bytes;
        if (a->chunks && !ARENA_EACH_ITS_OWN) {
            c->next = a->chunks->next;
            a->chunks->next = c;
        } else {
            c->next = a->chunks;
            a->chunks = c;
            a->free_at = a->free_end = c->data + c->size;
        }
        return c->data;
    }
    size_t size = a->chunks ? a->chunks->size * 2 : ARENA_CHUNK_MIN;
    while (size < bytes)
        size *= 2;
    if (size > ARENA_CHUNK_MAX)
        size = ARENA_CHUNK_MAX;
    struct arena_chunk *c = arena_chunk_new(size);
    a->reserved += size;
    c->next = a->chunks;
    a->chunks = c;
    a->free_at = c->data + bytes;
    a->free_end = c->data + size;
    return c->data;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    assert(a && bytes <= SIZE_MAX - ARENA_ALIGN);
    if (!ARENA_EACH_ITS_OWN) {
        bytes = (bytes + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
        if (bytes <= (size_t)(a->free_end - a->free_at)) {
            void *p = a->free_at;
            a->free_at += bytes;
            return p;
        }
    }
    return arena_alloc_slow(a, bytes);
}

void *arena_zalloc(struct arena *a, size_t bytes)
{
    return memset(arena_alloc(a, bytes), 0, bytes);
}

char *arena_strdup(struct arena *a, const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(arena_alloc(a, n), s, n);
}

struct str arena_str(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = 0;
    return (struct str){p, s.n};
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    assert(n >= 0);
    char *p = arena_alloc(a, (size_t)n + 1);
    va_start(args, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, args);
    va_end(args);
    return (struct str){p, (size_t)n};
}

void arena_on_free(struct arena *a, void (*fn)(void *arg), void *arg)
{
    struct arena_hook *h = mem_alloc(sizeof *h);
    *h = (struct arena_hook){a->hooks, fn, arg};
    a->hooks = h;
}
