// The data lake on a file system: staging, publication, manifests (DESIGN sections 2 and 5). The public front of lake/.
//
// A batch is staged under <root>/_sluice/<job>/<task>/staging-<batch>/, sealed (all files fsynced, checksummed), and its
// manifest is stored by the caller in the decided batch. lake_publish() then rolls it forward, idempotently:
// claim (.pending-N.json by link(2)), rename files, fsync directories, pending -> N.json, HEAD. Nothing outside hidden names
// changes before publish. Every effect is a durable call with a site named "lake.*". One thread per handle.
#ifndef LAKE_LAKE_H
#define LAKE_LAKE_H

#include "lake/lake_manifest.h"
#include "schema/block.h"

struct durable;
struct lake;
struct lake_stage;

enum lake_part_kind {
    LAKE_PART_YEAR,
    LAKE_PART_MONTH,
    LAKE_PART_DAY,
    LAKE_PART_HOUR,
    LAKE_PART_COLUMN
};

// Of rows whose partition has expired: they write it again, become dead letters, are dropped.
enum lake_late { LAKE_LATE_WRITE, LAKE_LATE_DEAD, LAKE_LATE_DROP };
struct zone;
struct lake_part {
    enum lake_part_kind kind;
    int column; // LAKE_PART_COLUMN: index in the output's schema
};

struct lake_output {
    struct str name; // SQL object: directory name, escaped when unsafe
    enum lake_kind kind;
    enum lake_format format;
    enum lake_codec codec;
    const struct schema *schema;
    const struct lake_part *parts; // streams only
    size_t part_count;
    int time_column; // BIGINT, TIMESTAMP or STRING (ISO-8601) column for the time parts; -1 = ROWTIME
    const struct zone *zone;
    const char *zone_name;
    uint64_t file_bytes_max; // split by size; 0 = never
    unsigned keep_versions;  // snapshots
    int64_t retain_ms;       // streams: older partitions expire; 0 = never
    enum lake_late late;     // of streams with retain_ms
    const char *archive;     // directory of archives that are made before files expire; NULL = none
    size_t compact_files;    // streams: so many small files in a row become one; 0 = never
    uint64_t compact_bytes;  // streams: of what becomes one file
};

enum { LAKE_COMPACT_BYTES = 128 << 20 }; // compact_bytes, where nothing else is said

enum lake_open {
    LAKE_OPEN_CREATE,
    LAKE_OPEN_EXISTING
}; // EXISTING: a missing marker = not mounted or wiped: ERR_BEHIND

bool lake_open(struct lake **out, const char *root, enum lake_open how, struct durable *d,
               struct err *e) ERR_CHECKED;
void lake_close(struct lake *s);

// What the lake holds for (job, task); batch 0 = nothing. pending = a claimed, unfinished batch (0 = none).
struct lake_head {
    uint64_t batch, digest;
    uint64_t pending, pending_digest;
};
bool lake_head(struct lake *s, const char *job, unsigned task, struct lake_head *out,
               struct err *e) ERR_CHECKED;
// The same, and `batch` is looked for however far behind HEAD it is: an endless run publishes one batch of many.
bool lake_head_near(struct lake *s, const char *job, unsigned task, uint64_t batch,
                    struct lake_head *out, struct err *e) ERR_CHECKED;

struct lake_stage_spec {
    const char *job;
    unsigned task;
    uint64_t batch;
    uint64_t slot; // of its files: 0 = batch; a backfill gives the batch whose files it replaces
    uint64_t
        number; // n of its first file in a partition: 0, but for one that adds files to a slot's
    int64_t now_ms; // the batch's clock
    const struct lake_output *outputs;
    size_t count;
    size_t open_max;   // partitions open at once, over all outputs; see lake_stage_full
    size_t memory_max; // encoder buffers; 0 = 64 MiB
};
bool lake_stage_begin(struct lake_stage **out, struct lake *s, const struct lake_stage_spec *spec,
                      struct err *e) ERR_CHECKED;
// Rows must come in order; ops other than OP_INSERT are the caller's to filter. Snapshot outputs: all rows of the
// table in key order, once; the version number is given to lake_stage_version first.
bool lake_stage_write(struct lake_stage *s, size_t output, const struct block *b,
                      struct err *e) ERR_CHECKED;
bool lake_stage_version(struct lake_stage *s, size_t output, uint64_t version,
                        struct err *e) ERR_CHECKED;
// More partitions open than open_max: the batch should end early (at this window).
bool lake_stage_full(const struct lake_stage *s);
uint64_t lake_stage_bytes(const struct lake_stage *s); // written so far
// A hidden or foreign file (dead letters): one whole text, mode 0600, path relative to the root.
bool lake_stage_text(struct lake_stage *s, const char *path, uint64_t rows, struct str text,
                     struct err *e) ERR_CHECKED;

// Flushes, closes and fsyncs everything (the durability barrier). The stage is freed by publish of its manifest or abort.
bool lake_stage_seal(struct lake_stage *s, struct arena *a, struct lake_manifest *out,
                     struct err *e) ERR_CHECKED;
void lake_stage_free(struct lake_stage *s); // frees memory, leaves files
// Deletes staging directories of (job, task) other than keep_batch's (0 = all).
bool lake_stage_clean(struct lake *s, const char *job, unsigned task, uint64_t keep_batch,
                      struct err *e) ERR_CHECKED;

// Rolls the batch forward. ERR_FENCED: another digest claimed it, a later batch is published, the head is not (prev_batch,
// prev_digest), or our staging is gone; ERR_BEHIND: the head is older than prev_batch. Replays are fine.
bool lake_publish(struct lake *s, const struct lake_manifest *m, struct err *e) ERR_CHECKED;
// Publishes what the job has claimed and not finished, by the claim's own manifest; nothing when there is no claim. For recovery.
bool lake_finish_claim(struct lake *s, const char *job, unsigned task, struct err *e) ERR_CHECKED;
// Deletes snapshot versions beyond keep_versions (>= 2); after finish only.
bool lake_trim_versions(struct lake *s, const struct lake_manifest *m, struct err *e) ERR_CHECKED;

#endif
