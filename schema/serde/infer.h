// SQL columns from registered schemas, as ksqlDB infers them. Pure functions over schema texts.
#ifndef SCHEMA_SERDE_INFER_H
#define SCHEMA_SERDE_INFER_H

#include "schema/serde/schema_files.h"
#include "schema/serde/serde.h"

// The type of a value of this schema. A record or object is a STRUCT, so is every Protobuf message; others are anonymous values.
// full_name chooses the message of a Protobuf file; "" = the first. ERR_DATA: there is no such type.
bool serde_infer(const struct type **out, struct arena *a, enum serde_format format,
                 const struct schema_files *files, struct str full_name, struct err *e) ERR_CHECKED;
// The names of all STRUCT fields in upper case (ASCII).
const struct type *serde_infer_upper(struct arena *a, const struct type *t);
bool json_schema_type(const struct type **out, struct arena *a, const struct schema_files *files,
                      struct err *e) ERR_CHECKED;

#endif
