// What a topic in Protobuf makes of NULL: scalars without presence become 0, "", false, lists become empty; a NULL STRUCT stays NULL (as an
// item of a list it becomes an empty one), as do DECIMAL and the time types, which are messages. The same as writing and reading, without the bytes.
#ifndef SCHEMA_SERDE_PROTO_DEFAULTS_H
#define SCHEMA_SERDE_PROTO_DEFAULTS_H

#include "schema/block.h"

// rows of `in`, those in `absent` (one byte per row, NULL = none) left NULL. Shares what does not change.
void proto_defaults(struct column *out, struct arena *a, const struct column *in, uint32_t rows,
                    const uint8_t *absent);

#endif
