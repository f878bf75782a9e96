// An Avro schema (specification 1.11): parsed from its JSON text, with the named types of referenced schemas. Immutable, in an
// arena; records may contain themselves.
#ifndef SCHEMA_SERDE_AVRO_SCHEMA_H
#define SCHEMA_SERDE_AVRO_SCHEMA_H

#include "schema/type.h"

#define AVRO_DEPTH_MAX 100    // of a schema's text
#define AVRO_TYPES_MAX 100000 // of one schema with its references

enum avro_kind {
    AVRO_NULL,
    AVRO_BOOLEAN,
    AVRO_INT,
    AVRO_LONG,
    AVRO_FLOAT,
    AVRO_DOUBLE,
    AVRO_BYTES,
    AVRO_STRING,
    AVRO_FIXED,
    AVRO_ENUM,
    AVRO_ARRAY,
    AVRO_MAP,
    AVRO_UNION,
    AVRO_RECORD,
};

enum avro_logical {
    AVRO_PLAIN,
    AVRO_DECIMAL, // BYTES, FIXED
    AVRO_DATE,    // INT
    AVRO_TIME_MS, // INT
    AVRO_TIME_US, // LONG
    AVRO_TIMESTAMP_MS,
    AVRO_TIMESTAMP_US,
};

struct json_t; // jansson's

struct avro_type;
struct avro_field {
    struct str name;
    const struct avro_type *type;
    const struct json_t *fallback; // its "default"; NULL = none. Lives as long as the arena.
};

struct avro_type {
    enum avro_kind kind;
    enum avro_logical logical;
    uint16_t precision, scale; // DECIMAL
    uint32_t size;             // FIXED
    struct str name;           // full name: FIXED, ENUM, RECORD
    uint32_t count;            // RECORD fields, UNION branches, ARRAY and MAP 1, ENUM symbols
    struct avro_field *fields; // RECORD; UNION, ARRAY and MAP only use the type
    const struct str *symbols; // ENUM
};

struct avro_names; // named types seen so far
struct avro_names *avro_names_new(struct arena *a);
// One schema text; named types are added to names and may be used by the next text. ERR_DATA.
bool avro_parse(const struct avro_type **out, struct arena *a, struct avro_names *names,
                struct str text, struct err *e) ERR_CHECKED;

// UNION of null and one other type: that type; any other type: itself. *null_branch = -1 when never null.
const struct avro_type *avro_not_null(const struct avro_type *t, int *null_branch);
// ARRAY of records {key, value}: how Connect writes a map. The record, or NULL.
const struct avro_type *avro_map_entry(const struct avro_type *t);
// What SQL type a value of this schema has; ERR_DATA when there is none (recursion, a map of a kind …).
bool avro_sql_type(const struct type **out, struct arena *a, const struct avro_type *t,
                   struct err *e) ERR_CHECKED;
// The name of a union's branch as a STRUCT field: the simple name of a named type, else the type's.
struct str avro_branch_name(const struct avro_type *t);
const char *avro_kind_name(enum avro_kind kind);

#endif
