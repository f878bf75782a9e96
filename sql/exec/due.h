// Groups by a time at which something is due: a binary heap for EMIT FINAL. Groups are borrowed; heap memory.
#ifndef SQL_EXEC_DUE_H
#define SQL_EXEC_DUE_H

#include "base/vec.h"
#include "sql/state/groups.h"

struct due {
    int64_t time;
    struct group *group;
};
struct due_heap {
    VEC(struct due) of;
};

void due_push(struct due_heap *s, int64_t time, struct group *g);
// The earliest, INT64_MAX when there is none.
int64_t due_next(const struct due_heap *s);
struct due due_pop(struct due_heap *s); // asserts one

#endif
