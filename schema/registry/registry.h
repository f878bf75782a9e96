// Schemas by id and by subject, as a Confluent-style schema registry keeps them. The interface alone, no I/O: who plans or decodes
// is handed one, the network client (registry_http.h) or one in memory (registry_memory.h).
//
// Thread-safe. Schemas that it returns live as long as the registry; an id never changes its schema.
#ifndef SCHEMA_REGISTRY_REGISTRY_H
#define SCHEMA_REGISTRY_REGISTRY_H

#include "base/err.h"
#include "base/str.h"

#define REGISTRY_LATEST (-1) // as a version

enum registry_kind { REGISTRY_AVRO, REGISTRY_PROTOBUF, REGISTRY_JSON };

struct registry_reference { // what the schema's text calls `name` is that version of that subject
    struct str name, subject;
    int32_t version;
};

struct registry_schema {
    enum registry_kind kind;
    int32_t id, version; // 0 = not registered; version: when found by subject
    struct str text;
    const struct registry_reference *references;
    size_t reference_count;
};

enum registry_answer {
    REGISTRY_FOUND,
    REGISTRY_ABSENT, // the registry answered: there is none
    REGISTRY_FAILED, // *e tells; ERR_REMOTE when it cannot be reached
};

struct registry {
    const struct registry_type *type;
};

struct registry_type {
    enum registry_answer (*by_id)(struct registry *s, const struct registry_schema **out,
                                  int32_t id, struct err *e);
    enum registry_answer (*by_subject)(struct registry *s, const struct registry_schema **out,
                                       struct str subject, int32_t version, struct err *e);
    bool (*put)(struct registry *s, int32_t *id, struct str subject,
                const struct registry_schema *schema, struct err *e);
};

static inline enum registry_answer registry_by_id(struct registry *s,
                                                  const struct registry_schema **out, int32_t id,
                                                  struct err *e)
{
    return s->type->by_id(s, out, id, e);
}

static inline enum registry_answer registry_by_subject(struct registry *s,
                                                       const struct registry_schema **out,
                                                       struct str subject, int32_t version,
                                                       struct err *e)
{
    return s->type->by_subject(s, out, subject, version, e);
}

// Registers the schema under the subject unless it is there already; *id is its id.
ERR_CHECKED static inline bool registry_put(struct registry *s, int32_t *id, struct str subject,
                                            const struct registry_schema *schema, struct err *e)
{
    return s->type->put(s, id, subject, schema, e);
}

const char *registry_kind_name(enum registry_kind kind); // AVRO, PROTOBUF, JSON

#endif
