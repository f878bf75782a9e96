// Protobuf schemas (.proto texts, proto2 and proto3): parsed, names resolved, with imported files and the well-known types.
// Immutable, in an arena; messages may contain themselves. Services, extensions and options without meaning for data are skipped;
// groups are refused.
#ifndef SCHEMA_SERDE_PROTO_SCHEMA_H
#define SCHEMA_SERDE_PROTO_SCHEMA_H

#include "schema/serde/schema_files.h"
#include "schema/type.h"

#define PROTO_DEPTH_MAX  64     // messages in messages of a text; values in values
#define PROTO_FIELDS_MAX 100000 // of one schema with its imports

enum proto_kind {
    PROTO_DOUBLE,
    PROTO_FLOAT,
    PROTO_INT32,
    PROTO_INT64,
    PROTO_UINT32,
    PROTO_UINT64,
    PROTO_SINT32,
    PROTO_SINT64,
    PROTO_FIXED32,
    PROTO_FIXED64,
    PROTO_SFIXED32,
    PROTO_SFIXED64,
    PROTO_BOOL,
    PROTO_STRING,
    PROTO_BYTES,
    PROTO_ENUM,
    PROTO_MESSAGE,
};

enum proto_label {
    PROTO_IMPLICIT, // proto3: absent is the default value
    PROTO_EXPLICIT, // optional, required, a member of a oneof: absent is NULL
    PROTO_REPEATED,
    PROTO_MAP, // message is the entry: field 1 the key, field 2 the value
};

enum proto_known { // messages that stand for a value
    PROTO_NO_KNOWN,
    PROTO_WRAPPER,
    PROTO_TIMESTAMP,
    PROTO_DATE,
    PROTO_TIME_OF_DAY,
    PROTO_DECIMAL,
};

struct proto_symbol {
    struct str name;
    int32_t number;
};
struct proto_enum {
    struct str name; // full
    const struct proto_symbol *symbols;
    uint32_t count;
};

struct proto_message;
struct proto_field {
    struct str name;
    uint32_t number;
    enum proto_kind kind;
    enum proto_label label;
    struct str type_name; // as written, of ENUM and MESSAGE
    const struct proto_message *message;
    const struct proto_enum *symbols;
    int32_t oneof;             // index in the message's oneofs, -1
    uint16_t precision, scale; // of a DECIMAL, from its field_meta
};

struct proto_message {
    struct str name, full_name;
    struct proto_field *fields; // in the text's order
    uint32_t count;
    const struct str *oneofs;
    uint32_t oneof_count;
    struct proto_message **nested; // in the text's order: what message indexes count
    uint32_t nested_count;
    enum proto_known known;
};

struct proto_file { // of the schema itself, not of what it imports
    struct proto_message **messages;
    uint32_t count;
};

bool proto_parse(const struct proto_file **out, struct arena *a, const struct schema_files *files,
                 struct err *e) ERR_CHECKED;
// The message called so (full or simple name); an empty name is the first message. NULL = none.
const struct proto_message *proto_find(const struct proto_file *f, struct str name);
// By message indexes, outermost first; NULL = none.
const struct proto_message *proto_at(const struct proto_file *f, const uint32_t *path, size_t n);
// The indexes of m in f; false when it is not there. n: in the room, out the used.
bool proto_path(uint32_t *path, size_t *n, const struct proto_file *f,
                const struct proto_message *m);
// A STRUCT with a field per message field; ERR_DATA for recursion.
bool proto_sql_type(const struct type **out, struct arena *a, const struct proto_message *m,
                    struct err *e) ERR_CHECKED;
const char *proto_kind_name(enum proto_kind kind);

#endif
