// Shared inside lake/archive/: what MANIFEST.json holds, and one checked pass over the files behind it.
#ifndef LAKE_ARCHIVE_ARCHIVE_INTERNAL_H
#define LAKE_ARCHIVE_ARCHIVE_INTERNAL_H

#include "lake/archive.h"
#include "lake/archive/arc.h"
#include "lake/inspect_internal.h"

enum {
    ARCHIVE_MANIFEST_MAX = 64 << 20, // bytes of MANIFEST.json: some 100,000 files
    ARCHIVE_FILES_MAX = 1000000,
};
#define ARCHIVE_MANIFEST "MANIFEST.json"
#define ARCHIVE_FORMAT   "sluice-lake-archive"

struct archive_contents {
    struct str job;
    const struct lake_manifest *manifests; // by batch
    size_t count;
    uint64_t files, rows, bytes;
};
// manifests: of one job, by batch; only what is inside.
void contents_write(struct buf *out, const struct archive_contents *c);
// Judges everything in it: one job, safe paths in the places of their outputs, no path twice.
bool contents_read(struct archive_contents *out, struct arena *a, struct str json,
                   struct err *e) ERR_CHECKED;

struct lake_archive {
    struct arena *a;
    struct arc_reader *arc;
    const char *path;
    struct archive_contents contents;
    struct map *files;             // path -> position in list
    const struct lake_file **list; // in the order of the manifests
    enum { ARCHIVE_FRESH, ARCHIVE_READ } state;
};

// What a pass does with the files. begin: LAKE_NEXT_STOP passes a file over. end: wrong = NULL, or what is wrong with it; false ends the pass.
struct archive_sink {
    enum lake_next (*begin)(void *arg, const struct lake_file *f, struct err *e);
    enum lake_next (*piece)(void *arg, struct str piece, struct err *e);
    bool (*end)(void *arg, const struct lake_file *f, const char *wrong, struct err *e);
    void *arg;
};
// Every file that MANIFEST.json names is there at the end, once; false: it is not, the archive is damaged, or the sink failed.
bool archive_pass(struct lake_archive *s, const struct archive_sink *sink,
                  struct err *e) ERR_CHECKED;

#endif
