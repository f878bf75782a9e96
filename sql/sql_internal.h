// Shared inside sql/: failing at a place of a script, with the line for the caret.
#ifndef SQL_SQL_INTERNAL_H
#define SQL_SQL_INTERNAL_H

#include "sql/sql.h"

// Growing arrays in an arena: a failing parse or bind leaves nothing to free. `size` is only measured, never followed.
#define LIST(T)                  \
    struct {                     \
        T *v;                    \
        uint32_t n, cap;         \
        char (*size)[sizeof(T)]; \
    }
#define list_push(a, s, value)                                                                  \
    ((s)->v = (s)->n < (s)->cap ? (s)->v                                                        \
                                : list_grow((a), (s)->v, (s)->n, &(s)->cap, sizeof *(s)->size), \
     (s)->v[(s)->n++] = (value))
static inline void *list_grow(struct arena *a, const void *v, uint32_t n, uint32_t *cap,
                              size_t size)
{
    *cap = *cap ? *cap * 2 : 4;
    void *out = arena_alloc(a, mem_array_bytes(*cap, size));
    if (n)
        memcpy(out, v, n * size);
    return out;
}

struct sql_source { // all scripts of the job: positions name their file
    const struct sql_script *scripts;
    size_t count;
};

void sql_fail_at(struct err *e, const char *file, int line, const struct sql_source *src,
                 const struct sql_pos *pos, const char *fmt, ...) ERR_PRINTF(6, 7);
// Is false, for `return sql_fail(…)`.
#define sql_fail(e, src, pos, ...) \
    (sql_fail_at((e), __FILE__, __LINE__, (src), (pos), __VA_ARGS__), false)
#define sql_hint(e, ...) err_hint((e), __VA_ARGS__)

#endif
