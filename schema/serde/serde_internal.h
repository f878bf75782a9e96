// Inside schema/serde: the vtables behind serde.h. A format embeds struct decoder / struct encoder as its first
// member; serde.c checks what all formats share and dispatches. Both are immutable once built.
#ifndef SCHEMA_SERDE_SERDE_INTERNAL_H
#define SCHEMA_SERDE_SERDE_INTERNAL_H

#include "schema/serde/serde.h"

struct decoder_run {
    struct column *columns;
    struct decode_result *out;
    struct arena *a;
    const struct payload *payloads;
    uint32_t n;
};

struct decoder {
    void (*run)(const struct decoder *d, const struct decoder_run *run);
    struct serde_spec spec; // strings, columns and filter are copies in the decoder's arena
};

struct encoder {
    void (*row)(const struct encoder *s, struct buf *out, const struct column *columns,
                uint32_t row);
    struct serde_spec spec;
    // In place of row: formats in which a row may have no form. *e tells.
    bool (*write)(const struct encoder *s, struct buf *out, const struct column *columns,
                  uint32_t row, struct err *e);
};

// spec is already a deep copy living in `a`.
struct serde_type {
    const char *name;
    bool (*decoder)(const struct decoder **out, struct arena *a, const struct serde_spec *spec,
                    struct err *e);
    bool (*encoder)(const struct encoder **out, struct arena *a, const struct serde_spec *spec,
                    struct err *e);
};
extern const struct serde_type serde_json, serde_kafka, serde_delimited, serde_none;
extern const struct serde_type serde_avro, serde_protobuf, serde_json_sr, serde_protobuf_nosr;

// False, with an error, when the spec has none.
bool serde_need_registry(const struct serde_spec *spec, struct err *e) ERR_CHECKED;
// Makes every column (and STRUCT field) of the run nullable and NULL in all n rows.
void serde_all_null(struct column *c, struct arena *a, uint32_t n);
// Drops validity vectors without a single NULL: `valid == NULL` is the fast form for whoever reads.
void serde_drop_full_validity(struct column *c, uint32_t n);
// Does the pushed-down filter keep row `row`?
bool serde_filter_keeps(const struct serde_filter *f, const struct column *columns, uint32_t row);
// Text of a DECODE_BAD row.
void serde_bad(const struct decoder_run *run, uint32_t row, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
// Texts into cells (not into their validity).
enum serde_set {
    SERDE_SET,
    SERDE_SET_RANGE, // does not fit the type
    SERDE_SET_TEXT,  // is no such value
};
// A checked JSON number into a column of a number or time type. INTEGER takes any number, wrapped to 32 bits; the
// others must fit.
enum serde_set serde_set_number(struct column *c, struct arena *a, uint32_t row, struct str number);
// A text into a scalar column: integers as Long.parseLong reads them, DECIMAL as new BigDecimal, BYTES Base64.
enum serde_set serde_set_text(struct column *c, struct arena *a, uint32_t row, struct str text);

#endif
