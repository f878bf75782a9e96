// A registry in memory: ids count up from 1, a subject's versions too. For offline tests of SQL.
#ifndef SCHEMA_REGISTRY_REGISTRY_MEMORY_H
#define SCHEMA_REGISTRY_REGISTRY_MEMORY_H

#include "base/arena.h"
#include "schema/registry/registry.h"

struct registry *registry_memory_new(struct arena *a); // lives and dies with a
// Registers under an id of the caller's choosing; false when the id has another schema.
bool registry_memory_put_id(struct registry *s, struct str subject, int32_t id,
                            const struct registry_schema *schema, struct err *e) ERR_CHECKED;

#endif
