// The schemas that ksqlDB registers for columns: what a sink's topic is described by. Pure functions of the spec.
#ifndef SCHEMA_SERDE_DERIVE_H
#define SCHEMA_SERDE_DERIVE_H

#include "schema/serde/serde.h"

#define DERIVE_TEXT_MAX ((size_t)16 << 20)

// ERR_SQL: the columns have no form in the format (names, map keys).
bool derive_avro(struct buf *out, const struct serde_spec *spec, struct err *e) ERR_CHECKED;
bool derive_protobuf(struct buf *out, const struct serde_spec *spec, struct err *e) ERR_CHECKED;
bool derive_json(struct buf *out, const struct serde_spec *spec, struct err *e) ERR_CHECKED;

#endif
