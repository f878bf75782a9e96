// Shared between the files behind lake/inspect.h: all manifests of a lake, and the rows of one file.
#ifndef LAKE_INSPECT_INTERNAL_H
#define LAKE_INSPECT_INTERNAL_H

#include "lake/inspect.h"
#include "lake/lake_internal.h"

struct lake_claim {
    struct str path, job;
    uint64_t batch;
};
struct lake_history {
    const struct lake_manifest *v; // per task by batch, tasks by name
    size_t n;
    const struct lake_claim *claims; // pending and not finished
    size_t claim_count;
};
bool lake_history_read(struct lake_history *out, struct arena *a, struct lake *s,
                       struct err *e) ERR_CHECKED;

// Gives every record of a file to the sink, header lines first and marked. The format and codec are those of the name.
enum lake_record { LAKE_RECORD_HEADER, LAKE_RECORD_ROW };
enum lake_next { LAKE_NEXT_GO, LAKE_NEXT_STOP, LAKE_NEXT_FAILED };
struct lake_record_sink {
    enum lake_next (*take)(void *arg, enum lake_record kind, struct str line, struct err *e);
    void *arg;
};
bool lake_file_records(const char *path, struct lake_record_sink sink, struct err *e) ERR_CHECKED;

#endif
