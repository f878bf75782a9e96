// Looking at a lake without changing it: what the manifests say (ls, stat), what files hold (cat), whether both agree (verify).
//
// Everything is read from the manifests under _sluice/; a file that a later batch replaced counts once or, without a successor,
// not at all; versions that were trimmed do not count. Results live in the caller's arena and borrow nothing. Reading while a job publishes is safe: a batch is
// seen when its manifest is final. One thread per handle.
#ifndef LAKE_INSPECT_H
#define LAKE_INSPECT_H

#include "lake/lake.h"

struct lake_ls_file {
    struct lake_file file;
    struct str job;
    unsigned task;
    uint64_t batch, slot; // slot: what the file is called after
};

struct lake_ls_partition {
    struct str path; // "year=2025/month=10/day=28", "version=3", ""
    uint64_t rows, bytes;
    int64_t time_min, time_max; // min > max: no row has a time
    uint64_t restored; // a version: the batch that brought it back beyond keep_versions; 0 = none
    const struct lake_ls_file *files;
    size_t file_count;
};

struct lake_ls_output {
    struct str name, job, format, partitioning, schema; // of the newest batch that wrote it
    enum lake_kind kind;
    uint64_t rows, bytes, files, last_batch;
    int64_t last_export_ms;                     // the newest batch's now
    const struct lake_ls_partition *partitions; // by path; versions by number
    size_t partition_count;
};

struct lake_ls {
    const struct lake_ls_output *outputs; // streams, then tables, by name
    size_t output_count;
    const struct lake_ls_file *texts; // dead letters and other hidden files
    size_t text_count;
};

// output: STR_NONE = all; case as in SQL.
bool lake_list(struct lake_ls *out, struct arena *a, struct lake *s, struct str output,
               struct err *e) ERR_CHECKED;

// Of a compacted file: its slots enclose this one, so that rows of the slot are, or belong, inside of it.
bool lake_file_encloses(const struct lake_file *f, uint64_t slot);
// A job's files by slot: built once for many looks. Lives in its arena and borrows the listing.
struct lake_slots {
    const struct lake_ls_file **plain; // by slot
    size_t plain_count;
    const struct lake_ls_file **compacted;
    size_t compacted_count;
};
void lake_slots_init(struct lake_slots *out, struct arena *a, const struct lake_ls *ls,
                     const char *job);
// The files of a slot that are there now, hidden texts included, versions not: what a batch with this slot replaces. Compacted files
// that enclose it are among them (lake_splice).
void lake_slot_files(const struct lake_file **out, size_t *count, struct arena *a,
                     const struct lake_slots *slots, uint64_t slot);

// All published manifests of a job, by batch.
bool lake_job_manifests(const struct lake_manifest **out, size_t *count, struct arena *a,
                        struct lake *s, const char *job, struct err *e) ERR_CHECKED;

// What the job deleted, by batch, each file with its reason: expiries, and versions that went because a batch wrote newer ones.
struct lake_deletion {
    uint64_t batch;
    int64_t now_ms;
    struct lake_file file;
};
bool lake_deletions(const struct lake_deletion **out, size_t *count, struct arena *a,
                    struct lake *s, const char *job, struct err *e) ERR_CHECKED;

struct lake_cat_spec {
    struct str output;
    struct str
        partition; // equal to it or below it ("year=2025/month=10"); STR_NONE = all of a stream, the newest version
    uint64_t limit; // rows; 0 = all
};
// One call per row, its line without the line end; CSV: the header line first, and again where files have other columns. false stops and is the result.
typedef bool lake_row_fn(void *arg, struct str line, struct err *e);
bool lake_cat(struct lake *s, const struct lake_cat_spec *spec, lake_row_fn *fn, void *arg,
              struct err *e) ERR_CHECKED;

// The rows of one published file. ERR_DATA: it is not what was published.
bool lake_cat_file(struct lake *s, const struct lake_file *f, lake_row_fn *fn, void *arg,
                   struct err *e) ERR_CHECKED;

enum lake_finding_kind {
    LAKE_MISSING,    // a published file is not there
    LAKE_CHANGED,    // other size or checksum than published
    LAKE_UNREADABLE, // cannot be decoded
    LAKE_ROWS,       // decodes to another number of rows
    LAKE_ORPHAN,     // a visible file that no manifest names
    LAKE_UNFINISHED, // a claimed batch that was not finished
    LAKE_METADATA,   // _metadata.json says something else than the manifests
};
struct lake_finding {
    enum lake_finding_kind kind;
    uint64_t slot_first, slot_last; // of the file's rows; 0 = no manifest names it
    struct str path;                // relative to the root
    struct str text;                // what is wrong, with the values found and expected
};
struct lake_verify {
    const struct lake_finding *findings;
    size_t count;
    uint64_t files, rows, bytes; // looked at
};
// Reads every file whole. False only when the check itself failed; disagreements are findings.
bool lake_verify(struct lake_verify *out, struct arena *a, struct lake *s, struct str output,
                 struct err *e) ERR_CHECKED;
const char *lake_finding_name(enum lake_finding_kind kind);

#endif
