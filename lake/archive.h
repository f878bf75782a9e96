// Archives: published files of one job, packed into a tar or zip with what the manifests say of them, and read back. The first entry is
// MANIFEST.json: the manifests, cut down to the files that are inside; the files follow under their places in the lake.
//
// An archive appears under its name when it is whole, synced and was read back. Whatever is read is checked: entries that MANIFEST.json does
// not name, names that leave the lake, links, more bytes than it says, another checksum. Results live in the caller's
// arena or until close. One thread per handle.
#ifndef LAKE_ARCHIVE_H
#define LAKE_ARCHIVE_H

#include "lake/inspect.h"

// --- writing ---------------------------------------------------------------------------------------------------------

struct lake_export;
struct lake_export_spec {
    const char *path;              // .tar, .tar.gz, .tar.zst, .zip
    const char *top;               // directories of path from this one down are made; NULL = none
    const struct lake_file *files; // published, without dead letters
    size_t count;
    int64_t now_ms; // of the entries
    // What is there under this name already: refused, or kept when it is an archive of just these files that verifies.
    enum { LAKE_EXPORT_NEW, LAKE_EXPORT_KEEP } existing;
};
// Reads the manifests of the job, once for any number of archives.
bool lake_export_open(struct lake_export **out, struct lake *s, struct str job,
                      struct err *e) ERR_CHECKED;
// Durable when true. ERR_DATA: a file is not what was published, or not there (any more).
bool lake_export_write(struct lake_export *x, const struct lake_export_spec *spec,
                       struct err *e) ERR_CHECKED;
void lake_export_close(struct lake_export *x); // NULL is fine

// Which files are meant: whole partitions.
struct lake_choice {
    struct str partition; // it and what is below; STR_NONE = all
    int64_t since,
        before; // partitions with a row in [since, before); INT64_MIN, INT64_MAX = any, also without a time
};
struct lake_chosen {
    const struct lake_file *files;
    size_t count;
    struct str job;
};
// Of the outputs of this name, or of all of a job.
bool lake_choose(struct lake_chosen *out, struct arena *a, const struct lake_ls *ls,
                 struct str name, const struct lake_choice *c, struct err *e) ERR_CHECKED;

// --- reading ---------------------------------------------------------------------------------------------------------

struct lake_archive;
// Reads MANIFEST.json and judges it.
bool lake_archive_open(struct lake_archive **out, const char *path, struct err *e) ERR_CHECKED;
void lake_archive_close(struct lake_archive *s); // NULL is fine
// The manifests of the batches that brought the files, by batch, all of one job.
const struct lake_manifest *lake_archive_manifests(const struct lake_archive *s, size_t *count);
struct str lake_archive_job(const struct lake_archive *s);
uint64_t lake_archive_bytes(const struct lake_archive *s); // of all files

// As of a lake: lake_list, lake_cat, lake_verify. The latter two read the rest of the archive: once per handle.
bool lake_archive_list(struct lake_ls *out, struct arena *a, const struct lake_archive *s,
                       struct str output, struct err *e) ERR_CHECKED;
bool lake_archive_cat(struct lake_archive *s, const struct lake_cat_spec *spec, lake_row_fn *fn,
                      void *arg, struct err *e) ERR_CHECKED;
bool lake_archive_verify(struct lake_verify *out, struct arena *a, struct lake_archive *s,
                         struct str output, struct err *e) ERR_CHECKED;

// --- putting back ----------------------------------------------------------------------------------------------------

struct lake_extract_report {
    uint64_t files, rows, bytes; // written
    uint64_t present;            // files that were there with the same checksum
};
// All files into a directory, under their places in the lake, each by one rename. A file of other content there: ERR_CONFIG, nothing is written.
bool lake_archive_extract(struct lake_extract_report *out, struct lake_archive *s, const char *dir,
                          struct durable *d, struct err *e) ERR_CHECKED;
// Those files of the archive (their `path` says which) into the staging directory of a batch that will publish them: sealed, `staged` filled in.
struct lake_archive_stage {
    const char *job;
    unsigned task;
    uint64_t batch;
    struct lake_file *files;
    size_t count;
};
bool lake_archive_stage(struct lake_archive *s, struct lake *lake,
                        const struct lake_archive_stage *spec, struct err *e) ERR_CHECKED;

#endif
