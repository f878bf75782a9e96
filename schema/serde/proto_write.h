// Columns to Protobuf's wire format, by a writer message: the derived one (derive_protobuf.c) or one from a registry.
// NULL is an absent field, as is the default value where the schema does not track presence. NULL items of lists become the
// default. A NULL message in a list is an empty one.
#ifndef SCHEMA_SERDE_PROTO_WRITE_H
#define SCHEMA_SERDE_PROTO_WRITE_H

#include "schema/serde/proto_schema.h"
#include "schema/serde/serde_internal.h"

struct proto_writer;
// ERR_DATA: the columns have no place in the message.
bool proto_writer_new(const struct proto_writer **out, struct arena *a,
                      const struct serde_column *columns, size_t count,
                      const struct proto_message *m, struct err *e) ERR_CHECKED;
bool proto_write(const struct proto_writer *s, struct buf *out, const struct column *columns,
                 uint32_t row, struct err *e) ERR_CHECKED;

#endif
