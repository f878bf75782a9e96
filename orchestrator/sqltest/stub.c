#include "orchestrator/sqltest/stub.h"

static void *grown(struct arena *a, const void *v, uint32_t n, uint32_t *cap, size_t size)
{
    *cap = *cap ? *cap * 2 : 8;
    void *out = arena_alloc(a, mem_array_bytes(*cap, size));
    if (n)
        memcpy(out, v, n * size);
    return out;
}

struct stub_topic *stub_topic(struct stub *s, struct str name)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (str_eq(s->topics[i]->name, name))
            return s->topics[i];
    if (s->n == s->cap)
        s->topics = grown(s->a, s->topics, s->n, &s->cap, sizeof(struct stub_topic *));
    struct stub_topic *t = ARENA_NEW(s->a, struct stub_topic);
    t->name = arena_str(s->a, name);
    s->topics[s->n++] = t;
    return t;
}

void stub_add(struct stub *s, struct stub_topic *t, const struct stub_record *r)
{
    if (t->n == t->cap)
        t->records = grown(s->a, t->records, t->n, &t->cap, sizeof *t->records);
    t->records[t->n++] = *r;
}

struct stub_shape stub_shape_of(const struct plan_node *n, const struct stub *s)
{
    const struct plan_formats *f = n->formats;
    return (struct stub_shape){.key_format = f->key_format,
                               .value_format = f->value_format,
                               .value_wrapping = f->value_wrapping,
                               .schema = n->schema,
                               .declared = n->source,
                               .key_schema = f->key_schema,
                               .value_schema = f->value_schema,
                               .key_delimiter = f->key_delimiter,
                               .value_delimiter = f->value_delimiter,
                               .registry = s->registry,
                               .topic = f->topic};
}

struct stub_shape stub_shape(const struct plan *plan, const struct stub *s, struct str topic)
{
    for (uint32_t i = 0; i < plan->object_count; i++)
        if (str_eq(plan->objects[i]->formats->topic, topic))
            return stub_shape_of(plan->objects[i], s);
    return (struct stub_shape){.key_format = SERDE_KAFKA,
                               .value_format = SERDE_KAFKA,
                               .registry = s->registry,
                               .topic = topic};
}
