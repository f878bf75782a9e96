// Spools: a batch's warehouse rows on local disk, written before it is decided and replayed until the store has them.
//
// File: "SLSP", version byte, row codec version byte, then per row: LEB128 length, op byte, row codec bytes of the sink's columns.
// (Topic rows: jobs/run/topic_rows.h.) The checksum over the whole file stands in the batch record. Writing: spool_create  spool_add*  spool_seal (fsync) or
// spool_abandon. Durable sites "spool.create|write|fsync|dir". One thread.
#ifndef JOBS_RUN_SPOOL_H
#define JOBS_RUN_SPOOL_H

#include "schema/block.h"

struct durable;
struct spool;

struct spool_info {
    uint64_t rows, upserts, deletes, bytes, checksum, rows_hash;
};

bool spool_create(struct spool **out, struct durable *d, const char *path,
                  struct err *e) ERR_CHECKED;
// Row `row` of n columns.
bool spool_add(struct spool *s, const struct column *columns, size_t n, uint32_t row,
               enum row_op op, struct err *e) ERR_CHECKED;
// A row whose bytes are the caller's own (topic rows).
bool spool_add_bytes(struct spool *s, struct str row, enum row_op op, struct err *e) ERR_CHECKED;
bool spool_seal(struct spool *s, struct spool_info *out,
                struct err *e) ERR_CHECKED; // frees s either way
void spool_abandon(struct spool *s); // frees; the file stays for the next clean-up; NULL is fine

// Reads it back in blocks of at most `block_rows` rows of the given columns. Blocks live until fn returns.
typedef bool spool_block_fn(void *arg, const struct block *b, struct err *e);
struct spool_replay {
    const char *path;
    const struct schema *schema; // the sink's columns
    uint64_t checksum, bytes;    // as recorded
    uint32_t block_rows;
};
bool spool_replay(const struct spool_replay *spec, spool_block_fn *fn, void *arg,
                  struct err *e) ERR_CHECKED;

// The same for rows of spool_add_bytes; schema and block_rows are not looked at. Bytes live until fn returns.
typedef bool spool_bytes_fn(void *arg, struct str row, enum row_op op, struct err *e);
bool spool_replay_bytes(const struct spool_replay *spec, spool_bytes_fn *fn, void *arg,
                        struct err *e) ERR_CHECKED;

#endif
