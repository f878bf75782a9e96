// Rows of several files put together in one new staged file, as the text they are: compaction and splicing. Inside lake/ only.
//
// A source is read only when it is what was published. Bytes depend on the rows and the codec alone. One thread.
#ifndef LAKE_MERGE_H
#define LAKE_MERGE_H

#include "lake/lake_internal.h"

enum merge_where { MERGE_PUBLISHED, MERGE_STAGED }; // which of a file's paths

// Some consecutive rows of a file.
struct merge_segment {
    const struct lake_file *file;
    enum merge_where where;
    uint64_t from, rows;
    const struct lake_slot_rows *slots; // what they are; their rows add up
    size_t slot_count;
};

struct merge {
    struct lake *lake;
    struct arena *a; // of results
    struct str dir;  // staged files go there, relative; made by the caller
    uint64_t count;  // files so far
};

// Of one output and partition, in the order of their slots; format, codec and header line are the first one's. path: of the
// new file.
bool merge_file(struct lake_file *out, struct merge *m, struct str path,
                const struct merge_segment *v, size_t n, struct err *e) ERR_CHECKED;
// The line that each of the file's kind begins with, in a; "" where the format has none.
bool merge_header(struct str *out, struct arena *a, struct lake *s, const struct lake_file *f,
                  enum merge_where where, struct err *e) ERR_CHECKED;

#endif
