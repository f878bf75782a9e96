// Rows, outputs and comparisons for the tests of lake/: a stream with an event time, a city and an amount, and a table.
#ifndef TESTS_SUPPORT_LAKE_ROWS_H
#define TESTS_SUPPORT_LAKE_ROWS_H

#include "lake/lake.h"

#include "base/buf.h"
#include "tests/support/dir.h"

// ID STRING KEY, CITY STRING, AMOUNT BIGINT, TS STRING
const struct schema *lake_rows_schema(struct arena *a);
// Rows first .. first + n - 1. ROWTIME of row i: 2025-10-28T22:00:00Z + i minutes; TS says the same; CITY is one of three.
struct block *lake_rows_block(struct arena *a, const struct schema *sc, uint64_t first, uint32_t n);

// Streams by year, month and day of ROWTIME; the caller changes what it tests.
struct lake_output lake_rows_stream(struct arena *a, const char *name, enum lake_format format,
                                    enum lake_codec codec);
struct lake_output lake_rows_table(struct arena *a, const char *name);

// Stages and seals one batch of job "job": n rows from `first` into every stream, all rows 0 .. first + n - 1 as
// version `version` into every table (0 = none), and a dead letter. The digest is `digest`.
struct lake_rows_batch {
    uint64_t batch, slot, prev, digest, prev_digest, version; // slot: 0 = batch
    uint64_t first;
    uint32_t rows;
    const struct lake_output *outputs;
    size_t count;
};
bool lake_rows_stage(struct lake_manifest *out, struct arena *a, struct lake *s,
                     const struct lake_rows_batch *spec, struct err *e) ERR_CHECKED;

// Every file and directory below the directory, one line each, sorted: path, size, mode, xxh64 of the contents.
void lake_rows_tree(struct buf *out, const char *dir);
// A whole file, decoded by zlib or libzstd themselves when its name ends in .gz or .zst; fails the test when it cannot be read.
void lake_rows_read(struct buf *out, const char *dir, const char *path);
// How often the text occurs.
size_t lake_rows_count(struct str text, const char *part);

#endif
