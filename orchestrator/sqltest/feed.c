#include "orchestrator/sqltest/feed.h"

size_t feed_list(struct query_input **out, const struct feed *f, const struct query *q)
{
    const struct stub *stub = f->stub;
    size_t n = 0, total = f->count;
    for (uint32_t i = 0; i < stub->n; i++)
        total += stub->topics[i]->n;
    struct query_input *list = ARENA_ARRAY(f->a, struct query_input, total + 1);
    for (size_t i = 0; i < f->count; i++)
        if (query_reads(q, f->inputs[i].topic))
            list[n++] = f->inputs[i];
    for (uint32_t i = 0; i < stub->n; i++) {
        const struct stub_topic *t = stub->topics[i];
        for (uint32_t k = 0; !t->fed && query_reads(q, t) && k < t->n; k++) {
            struct stub_record *copy = ARENA_NEW(f->a, struct stub_record);
            *copy = t->records[k];
            list[n++] = (struct query_input){t, copy};
        }
    }
    *out = list;
    return n;
}
