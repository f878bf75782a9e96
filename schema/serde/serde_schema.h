// Formats with schemas in a registry: what is registered for columns, and how formats write a single column.
#ifndef SCHEMA_SERDE_SERDE_SCHEMA_H
#define SCHEMA_SERDE_SERDE_SCHEMA_H

#include "schema/serde/serde.h"

// The schema that ksqlDB registers for these columns: text in a, id 0. For AVRO, PROTOBUF, JSON_SR.
bool serde_derive(struct registry_schema *out, struct arena *a, const struct serde_spec *spec,
                  struct err *e) ERR_CHECKED;
// How the columns of a topic's key or value are written: a single one bare where the format has bare values.
bool serde_can_unwrap(enum serde_format f);
bool serde_can_wrap(enum serde_format f);
static inline bool serde_key_unwrapped(enum serde_format f, size_t columns)
{
    return columns == 1 && f != SERDE_PROTOBUF && f != SERDE_PROTOBUF_NOSR;
}
// io.confluent.ksql.avro_schemas.<Name>Key: the record that ksqlDB makes of a STRUCT key of this stream or table.
struct str serde_avro_key_name(struct arena *a, struct str object);
// Gives an encoder's spec its schema_id, unless it has one: derives the schema and registers it under the subject.
bool serde_register(struct serde_spec *spec, struct arena *a, struct str subject,
                    struct err *e) ERR_CHECKED;
// Formats whose schemas are in a registry.
bool serde_uses_registry(enum serde_format f);
enum registry_kind serde_registry_kind(enum serde_format f);

#endif
