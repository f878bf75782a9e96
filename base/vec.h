// Typed growing arrays by macro: struct { T *v; size_t n, cap; }. Heap memory; vec_fini frees.
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include "base/mem.h"

#define VEC(T)         \
    struct {           \
        T *v;          \
        size_t n, cap; \
    }

// typeof: for vectors of pointers, where clang-tidy takes sizeof *v for a slip.
#define vec_push(s, value)                                                                        \
    do {                                                                                          \
        if ((s)->n == (s)->cap) {                                                                 \
            (s)->cap = (s)->cap ? (s)->cap * 2 : 8;                                               \
            (s)->v = mem_realloc((s)->v, mem_array_bytes((s)->cap, sizeof(__typeof__(*(s)->v)))); \
        }                                                                                         \
        (s)->v[(s)->n++] = (value);                                                               \
    } while (0)

#define vec_fini(s)            \
    do {                       \
        mem_free((s)->v);      \
        (s)->v = NULL;         \
        (s)->n = (s)->cap = 0; \
    } while (0)

#endif
