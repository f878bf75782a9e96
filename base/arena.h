// Arenas: memory by lifetime, in a tree (process > job > run > batch > window). Freeing a parent frees
// its children; allocations are never freed singly. arena_on_free() releases foreign handles, newest first.
// Owned by one thread at a time. Under AddressSanitizer each allocation is its own malloc.
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/mem.h"
#include "base/str.h"

struct arena;

struct arena *arena_new(struct arena *parent); // parent may be NULL
void arena_free(struct arena *a);              // NULL is fine
void arena_reset(struct arena *a);         // frees contents and children, keeps a chunk for reuse
size_t arena_bytes(const struct arena *a); // reserved, children included

void *arena_alloc(struct arena *a, size_t bytes);  // aligned to 16, not cleared
void *arena_zalloc(struct arena *a, size_t bytes); // cleared
char *arena_strdup(struct arena *a, const char *s);
struct str arena_str(struct arena *a, struct str s); // copy, NUL-terminated behind the view
struct str arena_printf(struct arena *a, const char *fmt, ...) ERR_PRINTF(2, 3);
void arena_on_free(struct arena *a, void (*fn)(void *arg), void *arg);

#define ARENA_NEW(a, type)       ((type *)arena_zalloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n)  ((type *)arena_alloc((a), mem_array_bytes((n), sizeof(type))))
#define ARENA_ZARRAY(a, type, n) ((type *)arena_zalloc((a), mem_array_bytes((n), sizeof(type))))

#endif
