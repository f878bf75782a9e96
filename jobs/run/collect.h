// Where the engine's output rows go during a batch: lake stages, spools, collapsed table changes. Nothing is visible outside the
// state directory and hidden staging until the batch is decided. Order: collect_open  (collect_emit via exec)*  collect_close_rows
// collect_tables (inside the decide transaction)  collect_seal  collect_free. One thread.
#ifndef JOBS_RUN_COLLECT_H
#define JOBS_RUN_COLLECT_H

#include "jobs/run/control.h"
#include "jobs/run/job.h"

struct collect;
struct durable;
struct late;

enum collect_lake {
    COLLECT_DIRECT, // rows of streams go into staged files
    COLLECT_LOGGED, // into row logs; only dead letters are staged
    COLLECT_ROLLED, // none come: the row logs are staged, nothing goes to warehouses and topics
};

struct collect_spec {
    const struct job *job;
    struct durable *durable;
    struct lake *lake; // NULL = none
    const char *spool_dir;
    const int32_t *partitions; // of the topic outputs
    enum collect_lake how;
    struct stream_rows *rows; // COLLECT_LOGGED
    uint64_t batch;
    int64_t now_ms;
    uint64_t slot;                                   // whose files and rows these replace; 0 = none
    enum { COLLECT_INSTEAD, COLLECT_BESIDE } beside; // BESIDE: they come to what the slot has …
    uint64_t file_number;                            // … as <slot>-<n> with n from here on
    // Of a batch that is not a step forward: which outputs (by job.outputs) and tables (by job.targets; NULL = theirs) take part, whether
    // tables are replaced whole, whether topics got its records already.
    const bool *outputs, *targets;
    enum { COLLECT_ROWS, COLLECT_WHOLE } tables;
    enum { COLLECT_SILENT, COLLECT_SEND } topics;
    const bool *whole; // by job.targets, NULL = none: tables that a step forward replaces whole
    struct late *late; // what the lake does not take; NULL = it takes every row
    struct arena *a;   // the batch's
};

bool collect_open(struct collect **out, const struct collect_spec *spec, struct err *e) ERR_CHECKED;
// exec_emit_fn; arg is the struct collect.
bool collect_emit(void *arg, size_t output, const struct block *b, struct err *e) ERR_CHECKED;
// A row that a table (of job.targets) had refused, in its columns: of all that come to it, the reject `seq` of `slot`, in ascending order.
bool collect_again(struct collect *s, size_t target, struct reject_place from,
                   const struct column *columns, enum row_op op, struct err *e) ERR_CHECKED;
// After exec_batch_end: writes collapsed changes to the spools.
bool collect_close_rows(struct collect *s, struct err *e) ERR_CHECKED;
enum collect_snapshot { COLLECT_NO_SNAPSHOT, COLLECT_SNAPSHOT };
// Inside the decide transaction: applies changes to materialised tables, updates control's versions and, with COLLECT_SNAPSHOT
// (the run's last batch), stages a new version of every changed table.
bool collect_tables(struct collect *s, struct kv_txn *t, struct control *control,
                    enum collect_snapshot how, struct err *e) ERR_CHECKED;
bool collect_dead_letters(struct collect *s, uint64_t rows, struct str text,
                          struct err *e) ERR_CHECKED;
// The letters of spec.late.
bool collect_late(struct collect *s, struct err *e) ERR_CHECKED;
// The durability barrier: everything fsynced. Fills record's targets, topics, manifest and dead_file (digests are the caller's).
bool collect_seal(struct collect *s, struct batch_record *record, struct lake_manifest *manifest,
                  struct err *e) ERR_CHECKED;
// The batch should end at this window: too many open partitions.
bool collect_full(const struct collect *s);
// Something of this batch goes to the lake.
enum collect_staged {
    COLLECT_NOTHING_STAGED,
    COLLECT_STAGED
} collect_staged(const struct collect *s);
// COLLECT_ROLLED: the committed rows of all row logs.
bool collect_roll(struct collect *s, const struct control *control, const char *dir,
                  struct err *e) ERR_CHECKED;
size_t collect_dirty_bytes(const struct collect *s);
void collect_free(struct collect *s);

#endif
