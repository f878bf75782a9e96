// The one row codec and the one key codec: state, spools, row log, exchange, dead letters and hashes all hold
// these bytes. Versioned (ROWCODEC_VERSION goes into file headers and the state store's meta), canonical (equal rows
// give equal bytes), independent of the machine's byte order.
//
// Row: per column a presence bit (bitmap first), then the present values: integers zigzag LEB128, DOUBLE 8 bytes LE
// (one NaN), DECIMAL length + big-endian two's complement minimal, STRING/BYTES length + bytes, nested recursively.
// Key: order-preserving under memcmp per type (NULL first), strings 0x00-escaped and terminated, so that composite
// keys sort by column. Used as LMDB keys (hashed behind a prefix by the state layer when longer than 511 bytes).
#ifndef SCHEMA_ROWCODEC_H
#define SCHEMA_ROWCODEC_H

#include "schema/block.h"

#define ROWCODEC_VERSION 1

// Appends row `row` of the columns.
void rowcodec_encode(struct buf *out, const struct column *columns, size_t n, uint32_t row);
// Decodes into row `row` of columns prepared by column_init (rows filled strictly ascending because nested children
// are appended). Strings are views into bytes. Fails with ERR_DATA on malformed bytes: never reads beyond them.
bool rowcodec_decode(struct column *columns, size_t n, uint32_t row, struct arena *a,
                     struct cursor *in, struct err *e) ERR_CHECKED;

void keycodec_encode(struct buf *out, const struct column *columns, size_t n, uint32_t row);
// Many rows at once, column by column: rows[i], or row i when rows is NULL. ends[i] = out->n behind key i.
void keycodec_encode_rows(struct buf *out, size_t *ends, const struct column *columns, size_t n,
                          const uint32_t *rows, uint32_t count);
void keycodec_encode_i64(struct buf *out, int64_t v); // one BIGINT component (window starts)
bool keycodec_decode(struct column *columns, size_t n, uint32_t row, struct arena *a,
                     struct cursor *in, struct err *e) ERR_CHECKED;
bool keycodec_decode_i64(int64_t *out, struct cursor *in);
// xxh64 of each row's key bytes, vectorised for the common one-column keys; equals hash_bytes(key bytes).
void keycodec_hash(uint64_t *out, const struct column *columns, size_t n, uint32_t rows,
                   struct buf *scratch);

#endif
