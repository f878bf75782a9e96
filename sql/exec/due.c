#include "sql/exec/due.h"

#include <assert.h>

static void swap(struct due *x, struct due *y)
{
    const struct due t = *x;
    *x = *y;
    *y = t;
}

void due_push(struct due_heap *s, int64_t time, struct group *g)
{
    const struct due d = {time, g};
    vec_push(&s->of, d);
    for (size_t i = s->of.n - 1; i > 0 && s->of.v[i].time < s->of.v[(i - 1) / 2].time;
         i = (i - 1) / 2)
        swap(&s->of.v[i], &s->of.v[(i - 1) / 2]);
}

int64_t due_next(const struct due_heap *s)
{
    return s->of.n ? s->of.v[0].time : INT64_MAX;
}

struct due due_pop(struct due_heap *s)
{
    assert(s->of.n > 0);
    const struct due first = s->of.v[0];
    struct due *v = s->of.v;
    v[0] = v[--s->of.n];
    for (size_t i = 0;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < s->of.n; child++)
            if (v[child].time < v[least].time)
                least = child;
        if (least == i)
            return first;
        swap(&v[i], &v[least]);
        i = least;
    }
}
