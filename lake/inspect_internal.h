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
// What these manifests say. s: whose trimmed versions do not count; NULL = all count.
bool lake_history_list(struct lake_ls *out, struct arena *a, const struct lake_history *h,
                       struct lake *s, struct str output, struct err *e) ERR_CHECKED;

struct format_type;
struct codec_type;
// Those that a file's name ends with. ERR_DATA: no known ones.
bool lake_file_types(const struct format_type **format, const struct codec_type **codec,
                     struct str name, struct err *e) ERR_CHECKED;

// Gives every record of a file to the sink, header lines first and marked. The format and codec are those of the name.
enum lake_record { LAKE_RECORD_HEADER, LAKE_RECORD_ROW };
enum lake_next { LAKE_NEXT_GO, LAKE_NEXT_STOP, LAKE_NEXT_FAILED };
struct lake_record_sink {
    enum lake_next (*take)(void *arg, enum lake_record kind, struct str line, struct err *e);
    void *arg;
};
bool lake_file_records(const char *path, struct lake_record_sink sink, struct err *e) ERR_CHECKED;
// The same of a file that is not called what it will be, as in staging.
bool lake_file_records_as(const char *path, struct str name, struct lake_record_sink sink,
                          struct err *e) ERR_CHECKED;

// The same of a file that comes in pieces. feed, end: LAKE_NEXT_STOP when the sink wants no more.
struct lake_records;
bool lake_records_new(struct lake_records **out, struct str name, struct lake_record_sink sink,
                      struct err *e) ERR_CHECKED;
enum lake_next lake_records_feed(struct lake_records *r, struct str piece, struct err *e);
enum lake_next lake_records_end(struct lake_records *r, struct err *e);
void lake_records_free(struct lake_records *r); // NULL is fine

// cat.c: the rows that a caller asked for.
struct lake_cat {
    const struct lake_cat_spec *spec;
    lake_row_fn *fn;
    void *arg;
    uint64_t rows;
    bool header_done;
    uint64_t header; // the last one's hash
};
enum lake_next lake_cat_record(void *arg, enum lake_record kind, struct str line, struct err *e);
// Is the partition this one or below it?
bool lake_below(struct str path, struct str wanted);
// Is the i-th partition meant?
bool lake_cat_known(const struct lake_ls *ls, const struct lake_cat_spec *spec,
                    struct err *e) ERR_CHECKED; // a partition that is asked for is there
bool lake_cat_wants(const struct lake_ls_output *o, size_t i, struct str partition);

#endif
