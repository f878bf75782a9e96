// Rows of the lake's files back as columns: what was written, or an error. JSON lines and CSV, file by file: each has the columns that it was written
// with. What a format cannot give back exactly is not taken for something else: every CSV cell is printed again and compared.
//
// Inside jobs/run. kept_rows is immutable; one kept_file per file. One thread.
#ifndef JOBS_RUN_KEPT_ROWS_H
#define JOBS_RUN_KEPT_ROWS_H

#include "schema/serde/serde.h"

struct kept_rows;
struct kept_file;

// The wanted columns, by name.
bool kept_rows_new(const struct kept_rows **out, struct arena *a,
                   const struct serde_column *columns, size_t count, struct err *e) ERR_CHECKED;
// path: says the format; in messages. *out lives in `a`.
void kept_file_new(struct kept_file **out, struct arena *a, const struct kept_rows *rows,
                   struct str path);
// Before its first row, with the file's first line. *is_row: it is a row, not a header. ERR_DATA: a column is not in the file.
bool kept_file_begin(struct kept_file *f, struct str line, bool *is_row, struct err *e) ERR_CHECKED;
// columns: as wanted, prepared for n rows by the caller (column_init).
void kept_file_decode(const struct kept_file *f, struct column *columns, struct decode_result *out,
                      struct arena *a, const struct payload *lines, uint32_t n);

#endif
