#include "schema/serde/schema_files.h"

#include "base/vec.h"

#include <assert.h>

struct load {
    struct arena *a;
    struct registry *registry;
    struct err *e;
    VEC(struct schema_file) files;
    VEC(struct registry_reference) seen;
    unsigned depth;
};

static bool is_seen(const struct load *s, const struct registry_reference *r)
{
    for (size_t i = 0; i < s->seen.n; i++)
        if (s->seen.v[i].version == r->version && str_eq(s->seen.v[i].subject, r->subject) &&
            str_eq(s->seen.v[i].name, r->name))
            return true;
    return false;
}

static enum registry_answer load(struct load *s, const struct registry_schema *schema,
                                 struct str name);

// Depth is bounded by SCHEMA_FILES_MAX: each level has seen one reference more.
static enum registry_answer load_reference(struct load *s, const struct registry_reference *r)
{
    const struct registry_schema *schema;
    if (is_seen(s, r))
        return REGISTRY_FOUND;
    if (s->seen.n == SCHEMA_FILES_MAX) {
        (void)err_fail(s->e, ERR_LIMIT, "a schema refers to more than %d others", SCHEMA_FILES_MAX);
        return REGISTRY_ABSENT;
    }
    vec_push(&s->seen, *r);
    const enum registry_answer answer =
        registry_by_subject(s->registry, &schema, r->subject, r->version, s->e);
    if (answer == REGISTRY_ABSENT)
        (void)err_fail(s->e, ERR_DATA,
                       "referenced schema %.*s (subject %.*s version %d) is not in "
                       "the schema registry",
                       STR_ARG(r->name), STR_ARG(r->subject), (int)r->version);
    return answer == REGISTRY_FOUND ? load(s, schema, r->name) : answer;
}

static enum registry_answer load(struct load *s, const struct registry_schema *schema,
                                 struct str name)
{
    for (size_t i = 0; i < schema->reference_count; i++) {
        const enum registry_answer answer = load_reference(s, &schema->references[i]);
        if (answer != REGISTRY_FOUND)
            return answer;
    }
    const struct schema_file file = {name, schema->text};
    vec_push(&s->files, file);
    return REGISTRY_FOUND;
}

enum registry_answer schema_files_load(struct schema_files *out, struct arena *a,
                                       struct registry *registry,
                                       const struct registry_schema *schema, struct err *e)
{
    struct load s = {.a = a, .registry = registry, .e = e};
    assert(registry || schema->reference_count == 0);
    const enum registry_answer answer = load(&s, schema, STR(""));
    struct schema_file *files = ARENA_ARRAY(a, struct schema_file, s.files.n + 1);
    if (s.files.n)
        memcpy(files, s.files.v, s.files.n * sizeof *files);
    *out = (struct schema_files){files, s.files.n};
    vec_fini(&s.files);
    vec_fini(&s.seen);
    return answer;
}
