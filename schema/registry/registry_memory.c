#include "schema/registry/registry_memory.h"

#include "base/vec.h"

#include <assert.h>
#include <pthread.h>

struct entry {
    struct str subject;
    const struct registry_schema *schema; // id and version set
};

struct memory {
    struct registry base;
    struct arena *a;
    pthread_mutex_t lock;
    VEC(struct entry) entries; // in order of registration
};

static struct memory *from_base(struct registry *s)
{
    assert(s);
    return (struct memory *)s; // base is the first member
}

static enum registry_answer memory_by_id(struct registry *base, const struct registry_schema **out,
                                         int32_t id, struct err *e)
{
    struct memory *s = from_base(base);
    enum registry_answer answer = REGISTRY_ABSENT;
    (void)e;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->entries.n && answer == REGISTRY_ABSENT; i++) {
        if (s->entries.v[i].schema->id != id)
            continue;
        *out = s->entries.v[i].schema;
        answer = REGISTRY_FOUND;
    }
    pthread_mutex_unlock(&s->lock);
    return answer;
}

static const struct registry_schema *find(const struct memory *s, struct str subject,
                                          int32_t version)
{
    const struct registry_schema *found = NULL;
    for (size_t i = 0; i < s->entries.n; i++) {
        const struct entry *entry = &s->entries.v[i];
        if (str_eq(entry->subject, subject) &&
            (version == REGISTRY_LATEST || version == entry->schema->version))
            found = entry->schema;
    }
    return found;
}

static enum registry_answer memory_by_subject(struct registry *base,
                                              const struct registry_schema **out,
                                              struct str subject, int32_t version, struct err *e)
{
    struct memory *s = from_base(base);
    (void)e;
    pthread_mutex_lock(&s->lock);
    const struct registry_schema *found = find(s, subject, version);
    pthread_mutex_unlock(&s->lock);
    if (!found)
        return REGISTRY_ABSENT;
    *out = found;
    return REGISTRY_FOUND;
}

static bool same_schema(const struct registry_schema *x, const struct registry_schema *y)
{
    if (x->kind != y->kind || !str_eq(x->text, y->text) || x->reference_count != y->reference_count)
        return false;
    for (size_t i = 0; i < x->reference_count; i++)
        if (!str_eq(x->references[i].name, y->references[i].name) ||
            !str_eq(x->references[i].subject, y->references[i].subject) ||
            x->references[i].version != y->references[i].version)
            return false;
    return true;
}

static const struct registry_schema *copy_schema(struct arena *a,
                                                 const struct registry_schema *schema, int32_t id,
                                                 int32_t version)
{
    struct registry_schema *copy = ARENA_NEW(a, struct registry_schema);
    struct registry_reference *references =
        ARENA_ARRAY(a, struct registry_reference, schema->reference_count + 1);
    for (size_t i = 0; i < schema->reference_count; i++)
        references[i] = (struct registry_reference){arena_str(a, schema->references[i].name),
                                                    arena_str(a, schema->references[i].subject),
                                                    schema->references[i].version};
    *copy = *schema;
    copy->text = arena_str(a, schema->text);
    copy->references = references;
    copy->id = id;
    copy->version = version;
    return copy;
}

static void add(struct memory *s, struct str subject, int32_t id,
                const struct registry_schema *schema)
{
    const struct registry_schema *last = find(s, subject, REGISTRY_LATEST);
    const struct entry entry = {arena_str(s->a, subject),
                                copy_schema(s->a, schema, id, last ? last->version + 1 : 1)};
    vec_push(&s->entries, entry);
}

// The id of an equal schema, else the next one.
static int32_t choose_id(const struct memory *s, const struct registry_schema *schema)
{
    int32_t next = 1;
    for (size_t i = 0; i < s->entries.n; i++) {
        const struct registry_schema *old = s->entries.v[i].schema;
        if (same_schema(old, schema))
            return old->id;
        next = old->id >= next ? old->id + 1 : next;
    }
    return next;
}

static bool memory_put(struct registry *base, int32_t *id, struct str subject,
                       const struct registry_schema *schema, struct err *e)
{
    struct memory *s = from_base(base);
    bool known = false;
    (void)e;
    pthread_mutex_lock(&s->lock);
    *id = choose_id(s, schema);
    for (size_t i = 0; i < s->entries.n; i++)
        known = known ||
                (str_eq(s->entries.v[i].subject, subject) && s->entries.v[i].schema->id == *id);
    if (!known)
        add(s, subject, *id, schema);
    pthread_mutex_unlock(&s->lock);
    return true;
}

bool registry_memory_put_id(struct registry *base, struct str subject, int32_t id,
                            const struct registry_schema *schema, struct err *e)
{
    struct memory *s = from_base(base);
    const struct registry_schema *old;
    assert(id > 0);
    if (memory_by_id(base, &old, id, e) == REGISTRY_FOUND && !same_schema(old, schema))
        return err_fail(e, ERR_CONFIG, "schema id %d stands for another schema", (int)id);
    pthread_mutex_lock(&s->lock);
    add(s, subject, id, schema);
    pthread_mutex_unlock(&s->lock);
    return true;
}

static void memory_free(void *arg)
{
    struct memory *s = arg;
    vec_fini(&s->entries);
    pthread_mutex_destroy(&s->lock);
}

static const struct registry_type memory_type = {
    .by_id = memory_by_id,
    .by_subject = memory_by_subject,
    .put = memory_put,
};

struct registry *registry_memory_new(struct arena *a)
{
    struct memory *s = ARENA_NEW(a, struct memory);
    s->base.type = &memory_type;
    s->a = a;
    pthread_mutex_init(&s->lock, NULL);
    arena_on_free(a, memory_free, s);
    return &s->base;
}
