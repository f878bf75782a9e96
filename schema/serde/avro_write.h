// Columns to Avro's binary encoding, by a writer schema: the derived one (avro_derive.c) or one from a registry.
// Fields are matched by name as in reading; a field without a column takes its default, else null, else the schema is refused.
#ifndef SCHEMA_SERDE_AVRO_WRITE_H
#define SCHEMA_SERDE_AVRO_WRITE_H

#include "schema/serde/avro_schema.h"
#include "schema/serde/serde_internal.h"

struct avro_writer;
bool avro_writer_new(const struct avro_writer **out, struct arena *a, const struct serde_spec *spec,
                     const struct avro_type *writer, struct err *e) ERR_CHECKED;
// ERR_DATA: the row has no form in this schema (NULL where it wants a value …).
bool avro_write(const struct avro_writer *s, struct buf *out, const struct column *columns,
                uint32_t row, struct err *e) ERR_CHECKED;

#endif
