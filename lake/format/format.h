// File formats of the lake: rows of columns to text, and text back to single rows. One file per format, one vtable each.
//
// open() compiles a writer for a column list into an arena (immutable afterwards); header() begins every file, row() appends one
// complete row. Rows never span files, so that a file may be split between any two rows. For reading, record() finds the end of
// one row. A format that needs whole row groups (Parquet) will add its own calls beside these.
#ifndef LAKE_FORMAT_FORMAT_H
#define LAKE_FORMAT_FORMAT_H

#include "lake/lake.h"

#include "base/buf.h"
#include "schema/serde/serde.h"

struct format_writer;

struct format_type {
    const char *name;        // as in the configuration: "jsonl"
    const char *suffix;      // ".jsonl"
    unsigned header_records; // records at the start of each file that are not rows
    const char *line_end;    // of every record
    ERR_CHECKED bool (*open)(const struct format_writer **out, struct arena *a,
                             const struct serde_column *columns, size_t count, struct err *e);
    void (*header)(const struct format_writer *w, struct buf *out);
    void (*row)(const struct format_writer *w, struct buf *out, const struct column *columns,
                uint32_t row);
    // Bytes of the first record in text, its line end included; 0 = it is not complete. The last record of a file may
    // lack its line end: then the caller takes the rest.
    size_t (*record)(struct str text);
};

extern const struct format_type format_jsonl;
extern const struct format_type format_csv;

const struct format_type *format_of(enum lake_format format);
// Of a file, by its name; JSON lines where it says nothing.
enum lake_format format_of_path(struct str path);

// The fields of one CSV record without its line end, as they were before they were written; NULL: p is NULL. Returns how many; 0: it is
// not such a record, or has more than max.
size_t csv_fields(struct str *out, size_t max, struct arena *a, struct str record);

#endif
