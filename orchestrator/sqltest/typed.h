// Records of formats with schemas (AVRO, PROTOBUF, PROTOBUF_NOSR, JSON_SR) as JSON values and back, mapped through the schema
// that the topic's subject has: names in any case, enums as text, times as numbers. One thread.
#ifndef ORCHESTRATOR_SQLTEST_TYPED_H
#define ORCHESTRATOR_SQLTEST_TYPED_H

#include "orchestrator/sqltest/record.h"

bool typed_is(enum serde_format format);
// The columns of one side as a spec with their registry; the schema is the subject's, made when there is none.
bool typed_encode(struct buf *out, struct arena *a, const struct stub_shape *shape,
                  enum record_side side, const struct jnode *v, struct err *e) ERR_CHECKED;
bool typed_decode(struct jnode *out, struct arena *a, const struct stub_shape *shape,
                  enum record_side side, struct payload bytes, struct err *e) ERR_CHECKED;
// What formats with schemas need in a spec of this topic's key or value.
void typed_spec(struct serde_spec *spec, const struct stub_shape *shape, enum record_side side);
struct str typed_subject(struct arena *a, struct str topic, enum record_side side);

#endif
