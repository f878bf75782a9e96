// The manifest of one published batch (DESIGN section 5): which files and versions it brought, in which formats, from which
// source ranges. Stored in the decided batch and, by lake_publish (lake/lake.h), as N.json. Plain values; any thread.
#ifndef LAKE_LAKE_MANIFEST_H
#define LAKE_LAKE_MANIFEST_H

#include "base/arena.h"
#include "base/buf.h"

enum lake_format { LAKE_JSONL, LAKE_CSV };
enum lake_codec { LAKE_PLAIN, LAKE_GZIP, LAKE_ZSTD };
enum lake_kind { LAKE_STREAM, LAKE_SNAPSHOT };
bool lake_format_parse(enum lake_format *out, struct str name);
bool lake_codec_parse(enum lake_codec *out, struct str name);

// What a compacted file holds of one slot: rows stand in the order of the slots.
struct lake_slot_rows {
    uint64_t slot, rows, rows_hash;
    int64_t time_min, time_max; // min > max: no row has one
};

struct lake_file {
    struct str output; // "" for lake_stage_text files
    struct str staged,
        path; // relative to the root; for snapshots `path` is inside tables/<o>/version=N/
    struct str partition; // "year=2025/month=10/day=28"
    uint64_t version;     // snapshots, else 0
    uint64_t slot;        // what it is called after, when that is not its manifest's; else 0
    uint64_t rows, bytes, checksum,
        rows_hash;     // xxh64 of the file's bytes; sum of xxh64 over row codec bytes
    struct str reason; // of its deletion, when it expired; else ""
    int64_t time_min,
        time_max; // event time (ROWTIME or time column), Unix ms; min > max: no row has one
    const struct lake_slot_rows
        *slots; // of a compacted file, ascending; none: all rows are of its manifest's slot
    size_t slot_count;
};
// Everything publish needs, and what N.json says. Strings live in the arena given to seal or read.
struct lake_manifest {
    struct str job;
    unsigned task;
    uint64_t batch, digest, prev_batch, prev_digest; // digest filled by the caller before write
    int64_t now_ms;
    struct str kind; // batch kind, "forward"
    uint64_t slot;   // what its files are called after: the batch itself, or the one it replaces
    struct str ranges_json; // source ranges, as in the receipt
    const struct lake_file *files;
    size_t count;
    // Published files that this batch puts others in place of; those that no file of its own overwrites are deleted.
    const struct lake_file *replaced;
    size_t replaced_count;
    struct lake_manifest_output {
        struct str name, schema; // printed schema
        enum lake_kind kind;
        struct str format;       // "jsonl+gzip"
        struct str partitioning; // "year,month,day" or "version"
        unsigned keep_versions;
    } * outputs;
    size_t output_count;
};

// New rows of streams.
bool lake_manifest_brings_rows(const struct lake_manifest *m);
void lake_manifest_write(struct buf *out, const struct lake_manifest *m); // JSON
bool lake_manifest_read(struct lake_manifest *out, struct arena *a, struct str json,
                        struct err *e) ERR_CHECKED;

#endif
