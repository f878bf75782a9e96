// Formats of Kafka keys and values: bytes to columns and back. One file per format, one vtable each.
//
// A decoder is compiled once per source side (key or value) for the *used* columns only, immutable, shared by threads.
// decode() fills rows of prepared columns; a bad record sets its status and a reason and leaves nulls: it never fails the batch.
// Scratch and decoded strings come from the arena; strings without escapes are views into the payload.
#ifndef SCHEMA_SERDE_SERDE_H
#define SCHEMA_SERDE_SERDE_H

#include "schema/block.h"
#include "schema/registry/registry.h"

enum serde_format {
    SERDE_JSON,
    SERDE_KAFKA,
    SERDE_DELIMITED,
    SERDE_NONE,
    // With a schema registry: the payload is 0, the schema's id (4 bytes), then the value (Confluent's wire format).
    SERDE_AVRO,
    SERDE_PROTOBUF,
    SERDE_JSON_SR,
    SERDE_PROTOBUF_NOSR, // Protobuf without registry and id: the schema is the one derived from the columns
};

// One payload; p == NULL is Kafka's null. Borrowed.
struct payload {
    const char *p;
    size_t n;
};

enum decode_status {
    DECODE_OK,
    DECODE_NULL,     // null payload, or JSON null: all columns NULL
    DECODE_BAD,      // undecodable: a dead letter
    DECODE_FILTERED, // dropped by the pushed-down filter, fully checked otherwise
};

// Columns wanted, in output order. type may be a pruned STRUCT (only the used fields).
struct serde_column {
    struct str name;
    const struct type *type;
};

// Filter pushed into the decoder: STRING column `column` (index in the wanted list) must equal one of the values.
struct serde_filter {
    size_t column;
    const struct str *values;
    size_t count;
};

struct serde_spec {
    enum serde_format format;
    const struct serde_column *columns;
    size_t count;
    enum {
        SERDE_WRAPPED,
        SERDE_UNWRAPPED
    } wrapping;                        // unwrapped: the payload is the single column's bare value
    const struct serde_filter *filter; // NULL = none
    // DELIMITED: which fields of the record the columns are (NULL = 0, 1, …) and how many it has (0 = count).
    const uint32_t *positions;
    uint32_t fields;
    char delimiter;   // 0 = ','
    size_t depth_max; // JSON nesting; 0 = 256
    size_t bytes_max; // one payload; 0 = 64 MiB
    // AVRO, PROTOBUF, JSON_SR: where schemas come from; thread-safe, outlives decoder and encoder.
    struct registry *registry;
    // Encoder: the schema it writes (serde_register, or the user's choice). 0 with a subject: the derived schema,
    // which is registered under it when the first row is written.
    int32_t schema_id;
    struct str subject;
    struct str
        full_name; // of the derived record or message; "" = ksqlDB's default, the first message
    enum {
        SERDE_PLAIN,
        SERDE_OPTIONAL,
        SERDE_WRAPPER
    } nullable; // Protobuf: how derived scalars can be NULL
    // PROTOBUF_NOSR decoder: all columns of the side, since their order makes the schema; NULL = columns.
    const struct serde_column *declared;
    size_t declared_count;
};

struct decoder;
struct encoder;

struct decode_result {
    uint8_t *status;    // per row: enum decode_status
    struct str *reason; // per row, set where DECODE_BAD (arena text: what, where in the payload)
    // A registry that cannot be asked stops the whole run: `stopped`, and *e tells. With e == NULL such rows are
    // DECODE_BAD.
    struct err *e;
    bool stopped;
};

bool decoder_new(const struct decoder **out, struct arena *a, const struct serde_spec *spec,
                 struct err *e) ERR_CHECKED;
// columns: spec->count columns prepared for n rows by the caller (column_init); rows 0..n-1 are payloads 0..n-1.
void decoder_run(const struct decoder *d, struct column *columns, struct decode_result *out,
                 struct arena *a, const struct payload *payloads, uint32_t n);

bool encoder_new(const struct encoder **out, struct arena *a, const struct serde_spec *spec,
                 struct err *e) ERR_CHECKED;
// Appends row `row`; no trailing newline. All columns NULL is still a value (JSON: {"A":null}); tombstones are the caller's.
void encoder_row(const struct encoder *s, struct buf *out, const struct column *columns,
                 uint32_t row);

// The same where a row may have no form in the schema: AVRO and PROTOBUF with a schema_id that others made.
bool encoder_write(const struct encoder *s, struct buf *out, const struct column *columns,
                   uint32_t row, struct err *e) ERR_CHECKED;
bool serde_format_parse(enum serde_format *out, struct str name); // nocase
const char *serde_format_name(enum serde_format f);

#endif
