// Warehouse drivers: one vtable per store. Order: open  head  (begin [replace] write* (commit | abort))*  close.
//
// A sink is one (job, task, output) in one target table of one warehouse. Rows and the head row are written in ONE
// transaction of the store (DESIGN section 2). The caller (jobs/run) has mapped SQL columns to target columns already:
// blocks given to write() have exactly spec->columns, op OP_INSERT/OP_UPDATE_AFTER (upsert or append) or OP_DELETE, are
// collapsed to one change per key, deletes first, sorted by key. A driver is transport plus a dialect. One thread per sink.
#ifndef WAREHOUSE_SINK_H
#define WAREHOUSE_SINK_H

#include "schema/block.h"
#include "warehouse/policy.h"
#include "warehouse/reject.h"
#include "warehouse/url.h"

struct durable;
struct sink_rows; // warehouse/differences.h
struct sink_differences;

enum {
    SINK_EXACT = 1 << 0,      // transaction + head
    SINK_CONVERGING = 1 << 1, // row versions, the highest wins
    SINK_WINDOWED = 1 << 2,   // token deduplication within a window
    SINK_DELETES = 1 << 3,
};

struct sink_column {
    struct str name;         // in the target table
    const struct type *type; // of the block's column
    struct str
        sql_type; // from the job's column mapping ("timestamp", "varchar(64)"); "" = the dialect's default
    bool key;    // part of the primary key (upsert mode)
    uint32_t at; // the driver's: index in the blocks
};

struct sink_spec {
    const struct warehouse_url *url;
    enum sink_mode mode;
    enum sink_create create;
    enum sink_schema schema;
    struct str table;
    const struct sink_column *columns;
    size_t count;
    size_t left_count; // the driver's: columns behind the others that the table has no place for
    const char *job;
    unsigned task;
    const char *output;      // SQL object
    uint64_t rejects_max;    // rows of a batch that may be refused (sluice_rejects)
    struct durable *durable; // sites "<driver>.commit", "<driver>.write" …
};

// What this output holds. batch 0 = nothing delivered yet (the row is inserted when the output is first opened).
struct head {
    uint64_t batch;
    uint64_t digest;
    uint64_t prev;  // digest of the batch before
    char plan[512]; // cluster id + ranges, for people and for recovery (may be cut)
};

struct commit_step {
    uint64_t batch, digest;
    uint64_t prev_batch, prev_digest; // the last batch that touched this output (0, 0 = none)
    const char *plan;
    int64_t now_ms; // the batch's now
    uint64_t slot;  // SINK_APPEND: the batch that the rows belong to; 0 = this one
};

enum head_state {
    HEAD_NEXT,   // the head is our previous batch: write, then commit
    HEAD_REPLAY, // the head is this batch with this digest: nothing to write; call abort()
    HEAD_OLDER, // the head is older than our previous batch: the caller has spools or stops with ERR_BEHIND
    HEAD_OTHER, // this batch or later with another digest: the caller stops with ERR_FENCED
};

struct sink {
    const struct sink_type *type; // first member of every driver's struct
};

// Connection lost or refused, deadlock, lock timeout: ERR_REMOTE with REMEDY_RECONNECT or REMEDY_RETRY_RUN.
struct sink_type {
    const char *name; // = URL scheme
    unsigned features;
    // Connects, checks or creates the table and sluice_heads, refuses hostile targets (DESIGN section 6) with the fix.
    bool (*open)(struct sink **out, const struct sink_spec *spec, struct err *e);
    bool (*head)(struct sink *s, struct head *out, struct err *e);
    // Starts the transaction, locks the head row, compares. found (may be NULL) = the head as read.
    bool (*begin)(struct sink *s, const struct commit_step *step, enum head_state *out,
                  struct head *found, struct err *e);
    // After begin: the transaction puts what is written in the place of what batch `slot` appended (SINK_APPEND, backfill): its
    // rows go, the new ones get its number. slot 0: in the place of all rows of the table (resync). NULL: the store cannot.
    bool (*replace)(struct sink *s, uint64_t slot, struct err *e);
    // After begin: what is written are these rejects (borrowed until commit), in their order. A row that is stored is a reject no more, one
    // that is refused stays in its place, one that is no reject any more is left out. On failure abort() follows.
    bool (*again)(struct sink *s, const struct reject_set *set, struct err *e);
    bool (*write)(struct sink *s, const struct block *b, struct err *e);
    // Writes refused rows and head, commits. *rejected = how many; of more than may be, write fails: ERR_DATA names table and key.
    bool (*commit)(struct sink *s, uint64_t *rejected, struct err *e);
    // Between transactions, for audits: rows of the table that a batch appended (SINK_APPEND); batch 0: all rows. NULL: cannot say.
    bool (*count)(struct sink *s, uint64_t batch, uint64_t *rows, struct err *e);
    // Between transactions, for audits: the table, or what a batch appended to it, against the rows it should hold, as the store itself
    // compares values, in the sink's columns; nothing that others see is written. Rows that cannot be stored: ERR_DATA. NULL: cannot say.
    bool (*compare)(struct sink *s, const struct sink_rows *want, struct sink_differences *out,
                    struct err *e);
    void (*abort)(struct sink *s);
    void (*close)(struct sink *s);
    // By output, target, batch, seq, over a connection of its own; none where there is no such table yet.
    bool (*rejects)(const struct warehouse_url *url, const struct rejects_query *q, reject_fn *fn,
                    void *arg, struct err *e);
    // What open would find different in the table, and do, as one line; changes nothing. NULL: cannot say.
    bool (*drift)(struct buf *out, const struct sink_spec *spec, struct err *e);
    // The statements that open and write would use: for `job check`. May be called without a connection.
    bool (*describe)(struct buf *out, const struct sink_spec *spec, struct err *e);
};

#endif
