// Shared inside sql/: failing at a place of a script, with the line for the caret.
#ifndef SQL_SQL_INTERNAL_H
#define SQL_SQL_INTERNAL_H

#include "sql/sql.h"

// Growing arrays in an arena: a failing parse or bind leaves nothing to free.
#define LIST(T)          \
    struct {             \
        T *v;            \
        uint32_t n, cap; \
    }
#define list_push(a, s, value)                                    \
    do {                                                          \
        if ((s)->n == (s)->cap) {                                 \
            void *list_p;                                         \
            (s)->cap = (s)->cap ? (s)->cap * 2 : 4;               \
            list_p = arena_alloc((a), (s)->cap * sizeof *(s)->v); \
            if ((s)->n)                                           \
                memcpy(list_p, (s)->v, (s)->n * sizeof *(s)->v);  \
            (s)->v = list_p;                                      \
        }                                                         \
        (s)->v[(s)->n++] = (value);                               \
    } while (0)

struct sql_source { // all scripts of the job: positions name their file
    const struct sql_script *scripts;
    size_t count;
};

bool sql_fail_at(struct err *e, const char *file, int line, const struct sql_source *src,
                 const struct sql_pos *pos, const char *fmt, ...) ERR_PRINTF(6, 7); // returns false
#define sql_fail(e, src, pos, ...) sql_fail_at((e), __FILE__, __LINE__, (src), (pos), __VA_ARGS__)

#endif
