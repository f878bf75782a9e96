// The SQL text of every store, parameterised by its dialect, and what all drivers do alike around it: names, checks of
// an existing table, the heads table, comparing a head with a step. Transport is the driver's.
//
// Everything appends to a struct buf; the caller checks buf_ok() once. No state, no connection.
#ifndef WAREHOUSE_UPSERT_H
#define WAREHOUSE_UPSERT_H

#include "warehouse/dialect.h"

#define SINK_HEADS_TABLE  "sluice_heads"
#define SINK_BATCH_COLUMN "_sluice_batch" // append mode: the batch that wrote the row
#define SINK_SQL_MAX      ((size_t)16 << 20)

enum rows_kind { ROWS_PUT, ROWS_DELETE };

enum heads_column {
    HEADS_JOB, // HEADS_JOB … HEADS_TARGET are the primary key
    HEADS_TASK,
    HEADS_OUTPUT,
    HEADS_TARGET,
    HEADS_BATCH,
    HEADS_DIGEST, // 16 hex digits, as prev
    HEADS_PREV,
    HEADS_PLAN,
    HEADS_UPDATED_AT, // the batch's now
    HEADS_COLUMNS,
};

// Names, duplicate columns, keys present (upsert) …: before anything is sent. What is wrong is ERR_CONFIG.
bool upsert_check_spec(const struct sink_spec *spec, const struct dialect *d,
                       struct err *e) ERR_CHECKED;

// CREATE TABLE with the columns' types; targets (spec->count of them) is what they can hold.
// key_collation: NULL = the dialect's default.
bool upsert_create(struct buf *out, struct target *targets, const struct dialect *d,
                   const struct sink_spec *spec, const char *key_collation,
                   struct err *e) ERR_CHECKED;
// Stores that have no index clause in CREATE TABLE: the index on SINK_BATCH_COLUMN.
void upsert_create_batch_index(struct buf *out, const struct dialect *d,
                               const struct sink_spec *spec);
void upsert_add_batch_column(struct buf *out, const struct dialect *d,
                             const struct sink_spec *spec);
// INSERT (append) or upsert of `rows` rows with ? parameters, row by row, columns in spec order; append: the batch last.
void upsert_write(struct buf *out, const struct dialect *d, const struct sink_spec *spec,
                  size_t rows);
// DELETE by the key columns, in spec order, of `rows` rows.
void upsert_delete(struct buf *out, const struct dialect *d, const struct sink_spec *spec,
                   size_t rows);
// Stores with a staging table: its DDL (once per session), the COPY of rows (append: into the table itself), and what
// brings them from there into the table.
void upsert_stage_create(struct buf *out, const struct dialect *d, const struct sink_spec *spec);
void upsert_copy(struct buf *out, const struct dialect *d, const struct sink_spec *spec,
                 enum rows_kind kind);
void upsert_from_stage(struct buf *out, const struct dialect *d, const struct sink_spec *spec,
                       enum rows_kind kind);
// SELECT COUNT(*) of the table, or of what one batch appended.
void upsert_count(struct buf *out, const struct dialect *d, const struct sink_spec *spec,
                  uint64_t batch);
// DELETE of what one batch appended (one parameter: the batch), or of everything.
enum upsert_gone { UPSERT_BATCH_GONE, UPSERT_ALL_GONE };
void upsert_delete_rows(struct buf *out, const struct dialect *d, const struct sink_spec *spec,
                        enum upsert_gone gone);
size_t upsert_params(const struct sink_spec *spec); // of one row of upsert_write
size_t upsert_keys(const struct sink_spec *spec);   // key columns

void upsert_heads_create(struct buf *out, const struct dialect *d);
void upsert_heads_insert(struct buf *out, const struct dialect *d); // parameters: all columns
// batch, digest, prev, plan; parameters: the key columns. Locks the row.
void upsert_heads_select(struct buf *out, const struct dialect *d);
// Parameters: batch, digest, prev, plan, updated_at, then the key columns.
void upsert_heads_update(struct buf *out, const struct dialect *d);

// All of it as a script for people: `job check`.
bool upsert_describe(struct buf *out, const struct dialect *d, const struct sink_spec *spec,
                     struct err *e) ERR_CHECKED;

// Batch, digest, prev and plan as the heads table holds them.
bool head_parse(struct head *out, const struct str texts[4], struct err *e) ERR_CHECKED;
// Before a missing table is created: what is held must be nothing, or given up (SINK_CREATE_AGAIN).
bool head_lost_table(const struct head *held, const struct sink_spec *spec,
                     struct err *e) ERR_CHECKED;
enum head_state head_compare(const struct head *held, const struct commit_step *step);
// Texts of a head to be written: digests as hex, plan cut to fit, time as UTC text.
struct head_texts {
    char digest[17], prev[17];
    char plan[512];
    char updated_at[32];
};
void head_print(struct head_texts *out, const struct commit_step *step);

#endif
