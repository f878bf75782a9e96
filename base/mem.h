// The malloc family's only home. Nothing here returns NULL: exhaustion aborts, because the commit
// protocol makes a crash a normal, tested path. What can really happen is a budget overrun.
//
// struct budget: a tree of byte counters (job > batch > …); thread-safe (atomics). budget_take()
// charges every ancestor and fails with ERR_LIMIT, naming the budget, when one is full.
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/err.h"

#include <stdatomic.h>

void *mem_alloc(size_t bytes);
void *mem_zalloc(size_t bytes);
void *mem_realloc(void *p, size_t bytes);
void mem_free(void *p);
char *mem_strdup(const char *s);
// n * size with overflow asserted.
size_t mem_array_bytes(size_t n, size_t size);

#define MEM_ARRAY(type, n) ((type *)mem_alloc(mem_array_bytes((n), sizeof(type))))

struct budget {
    const char *name;
    struct budget *parent; // borrowed, outlives this one
    size_t max;            // bytes; 0 = unlimited
    atomic_size_t used;
};

void budget_init(struct budget *out, const char *name, struct budget *parent, size_t max);
bool budget_take(struct budget *s, size_t bytes, struct err *e) ERR_CHECKED;
void budget_give(struct budget *s, size_t bytes);

#endif
