// A schema with everything it refers to, referenced ones first: what the parsers of Avro, Protobuf and JSON Schema read.
#ifndef SCHEMA_SERDE_SCHEMA_FILES_H
#define SCHEMA_SERDE_SCHEMA_FILES_H

#include "base/arena.h"
#include "schema/registry/registry.h"

#define SCHEMA_FILES_MAX 200 // references of references of one schema

struct schema_file {
    struct str
        name; // as the referring schema calls it; "" = the schema itself, which is the last one
    struct str text;
};
struct schema_files {
    const struct schema_file *v;
    size_t n;
};

// ABSENT: a reference is not in the registry; *e tells which.
enum registry_answer schema_files_load(struct schema_files *out, struct arena *a,
                                       struct registry *registry,
                                       const struct registry_schema *schema, struct err *e);

#endif
