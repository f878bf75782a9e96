// Confluent's wire format around AVRO and PROTOBUF: byte 0, the schema's id, the value. A decoder keeps one compiled plan per id it
// has met (locked); an id is asked for once, outside of the rows' work.
#ifndef SCHEMA_SERDE_FRAMED_H
#define SCHEMA_SERDE_FRAMED_H

#include "schema/serde/schema_files.h"
#include "schema/serde/serde_internal.h"

#define FRAMED_IDS_MAX 10000 // plans of one decoder

struct framed_type {
    // A plan for payloads of this schema; ERR_DATA when it cannot be read as these columns.
    bool (*plan)(const void **out, struct arena *a, const struct serde_spec *spec,
                 const struct schema_files *files, struct err *e);
    // Fills the row; false = serde_bad has been called.
    bool (*read)(const void *plan, const struct decoder_run *run, uint32_t row, struct str bytes);
};

bool framed_decoder_new(const struct decoder **out, struct arena *a, const struct serde_spec *spec,
                        const struct framed_type *type, struct err *e) ERR_CHECKED;
// The registered schema of spec->schema_id with its references, for an encoder.
bool framed_schema(struct schema_files *out, struct arena *a, const struct serde_spec *spec,
                   struct err *e) ERR_CHECKED;
// The same, or the derived schema of a spec that has a subject instead; *id gives the id to write. Thread-safe.
struct framed_id;
bool framed_encoder(struct framed_id **id, struct schema_files *out, struct arena *a,
                    const struct serde_spec *spec, struct err *e) ERR_CHECKED;
bool framed_put_id(struct framed_id *id, struct buf *out, struct err *e) ERR_CHECKED; // the header

#define FRAMED_HEADER 5
// The id in front of a payload and what follows; false when there is none.
bool framed_header(int32_t *id, struct str *rest, struct payload v);
// Fields of every column NULL in one row.
void framed_null_row(const struct decoder_run *run, const struct serde_spec *spec, uint32_t row);
// Between read and the row's status: the pushed-down filter.
enum decode_status framed_filter(const struct serde_spec *spec, const struct column *columns,
                                 uint32_t row);
void framed_finish(const struct decoder_run *run,
                   const struct serde_spec *spec); // after the last row

#endif
