#include "base/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_SEPARATE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_SEPARATE 1
#endif
#endif
#ifndef ARENA_SEPARATE
#define ARENA_SEPARATE 0
#endif

enum {
    ALIGN = 16,
    CHUNK_MIN = 4 * 1024,
    CHUNK_MAX = 1024 * 1024,
};

struct chunk {
    struct chunk *next;
    size_t cap; // bytes behind the header
    _Alignas(ALIGN) char bytes[];
};

struct handler {
    struct handler *next;
    void (*fn)(void *arg);
    void *arg;
};

struct arena {
    struct arena *parent, *first_child, *prev, *next;
    struct chunk *used;  // the first one is being filled
    struct chunk *spare; // kept by the last reset, not used since
    char *at, *end;      // free part of used
    size_t reserved;     // bytes of both lists
    size_t chunk_next;   // size of the next ordinary chunk
    struct handler *handlers;
};

struct arena *arena_new(struct arena *parent)
{
    struct arena *a = mem_zalloc(sizeof *a);
    a->chunk_next = CHUNK_MIN;
    a->parent = parent;
    if (parent) {
        a->next = parent->first_child;
        if (a->next)
            a->next->prev = a;
        parent->first_child = a;
    }
    return a;
}

static void free_chunks(struct arena *a, struct chunk *c)
{
    while (c) {
        struct chunk *next = c->next;
        a->reserved -= c->cap;
        mem_free(c);
        c = next;
    }
}

static void free_children(struct arena *a)
{
    while (a->first_child)
        arena_free(a->first_child);
}

static void run_handlers(struct arena *a)
{
    while (a->handlers) {
        const struct handler *h = a->handlers;
        a->handlers = h->next;
        h->fn(h->arg);
    }
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    free_children(a);
    run_handlers(a);
    free_chunks(a, a->used);
    free_chunks(a, a->spare);
    assert(a->reserved == 0);
    if (a->prev)
        a->prev->next = a->next;
    else if (a->parent)
        a->parent->first_child = a->next;
    if (a->next)
        a->next->prev = a->prev;
    mem_free(a);
}

// What this round used is kept for the next one; what the round before left unused is returned.
// So an arena that is reset per window settles at one window's size and needs no malloc.
void arena_reset(struct arena *a)
{
    assert(a);
    free_children(a);
    run_handlers(a);
    free_chunks(a, a->spare);
    a->spare = a->used;
    a->used = NULL;
    a->at = a->end = NULL;
    if (ARENA_SEPARATE) {
        free_chunks(a, a->spare);
        a->spare = NULL;
    }
}

size_t arena_bytes(const struct arena *a)
{
    assert(a);
    size_t n = a->reserved;
    for (const struct arena *c = a->first_child; c; c = c->next)
        n += arena_bytes(c);
    return n;
}

// A spare chunk that holds want without wasting more than it holds, else a new one.
static struct chunk *chunk_get(struct arena *a, size_t want, size_t cap)
{
    for (struct chunk **p = &a->spare; *p; p = &(*p)->next) {
        struct chunk *c = *p;
        if (c->cap >= want && c->cap / 2 <= cap) {
            *p = c->next;
            return c;
        }
    }
    struct chunk *c = mem_alloc(sizeof *c + cap);
    c->cap = cap;
    a->reserved += cap;
    return c;
}

static void *alloc_slow(struct arena *a, size_t bytes)
{
    // A large allocation gets its own chunk behind the one being filled.
    if (ARENA_SEPARATE || bytes > a->chunk_next / 2) {
        struct chunk *c = chunk_get(a, bytes, bytes);
        struct chunk **at = a->used && !ARENA_SEPARATE ? &a->used->next : &a->used;
        c->next = *at;
        *at = c;
        if (a->chunk_next < CHUNK_MAX)
            a->chunk_next *= 2;
        return c->bytes;
    }
    struct chunk *c = chunk_get(a, bytes, a->chunk_next);
    c->next = a->used;
    a->used = c;
    a->at = c->bytes + bytes;
    a->end = c->bytes + c->cap;
    if (a->chunk_next < CHUNK_MAX)
        a->chunk_next *= 2;
    return c->bytes;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    assert(a);
    assert(bytes < SIZE_MAX - (size_t)CHUNK_MAX);
    if (ARENA_SEPARATE)
        return alloc_slow(a, bytes);
    const size_t n = (bytes + (ALIGN - 1)) & ~(size_t)(ALIGN - 1);
    if ((size_t)(a->end - a->at) < n || !a->at)
        return alloc_slow(a, n);
    void *p = a->at;
    a->at += n;
    return p;
}

void *arena_zalloc(struct arena *a, size_t bytes)
{
    return memset(arena_alloc(a, bytes), 0, bytes);
}

struct str arena_str(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return (struct str){p, s.n};
}

char *arena_strdup(struct arena *a, const char *s)
{
    assert(s);
    const size_t n = strlen(s) + 1;
    return memcpy(arena_alloc(a, n), s, n);
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
    char small[256];
    va_list ap;
    va_start(ap, fmt);
    va_list again;
    va_copy(again, ap);
    const int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    assert(n >= 0);
    char *p = arena_alloc(a, (size_t)n + 1);
    if ((size_t)n < sizeof small)
        memcpy(p, small, (size_t)n + 1);
    else
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return (struct str){p, (size_t)n};
}

void arena_on_free(struct arena *a, void (*fn)(void *arg), void *arg)
{
    assert(a && fn);
    struct handler *h = arena_alloc(a, sizeof *h);
    *h = (struct handler){.next = a->handlers, .fn = fn, .arg = arg};
    a->handlers = h;
}
