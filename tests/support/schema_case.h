// One framed payload through a decoder of AVRO, PROTOBUF or JSON_SR, its schemas in a registry in memory; the row as JSON.
#ifndef TESTS_SUPPORT_SCHEMA_CASE_H
#define TESTS_SUPPORT_SCHEMA_CASE_H

#include "schema/registry/registry_memory.h"
#include "schema/serde/serde.h"

struct schema_case {
    uint8_t status; // enum decode_status
    struct str reason;
    struct str json; // the columns, when the row is fine
};

// Columns as in CREATE STREAM: "A INTEGER, B ARRAY<STRING>"; back-quoted names keep their case.
const struct serde_column *schema_columns(size_t *n, struct arena *a, const char *columns);
// Registers text (id 1, 2, …) and returns the id.
int32_t schema_register(struct registry *r, const char *subject, enum registry_kind kind,
                        const char *text);
struct schema_case schema_decode(struct arena *a, const struct serde_spec *spec,
                                 struct str payload);
// Encodes the JSON row, given the columns of the spec.
struct str schema_encode(struct arena *a, const struct serde_spec *spec, const char *json);

#endif
