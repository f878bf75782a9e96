// Rows that a store refuses: taken out of their batch, up to a limit, and kept in the store's table sluice_rejects by the batch's own
// transaction, beside the head. A batch that is delivered again finds row and reject as one.
//
// For outputs with a key (upserts) a reject stands for a key whose row is not what the job says. It goes when a later change of the
// key is stored or takes its place, so that there is at most one per key; what is there can be written without undoing anything newer.
//
// struct rejects is what all drivers do alike, without a store: which rows of a block were taken, and which kept ones a transaction
// settles. One per sink, in its arena, one thread. Order, per transaction:
//   begin  owe*  (block  take*  stored)*  then the driver writes taken and removes settled (rejects_sql.h).
#ifndef WAREHOUSE_REJECTS_H
#define WAREHOUSE_REJECTS_H

#include "warehouse/sink.h"

enum {
    REJECTS_KEPT_MAX = 10000,     // of a table: beyond it a refused row holds the batch
    REJECTS_ROW_MAX = 1 << 20,    // bytes of a row's text: a larger one is not taken
    REJECTS_BYTES_MAX = 16 << 20, // of all rows taken from one batch
};

struct rejects;

// spec outlives the result, which lives in a.
bool rejects_new(struct rejects **out, struct arena *a, const struct sink_spec *spec,
                 struct err *e) ERR_CHECKED;
// span: what the taken rows are kept under; may be said again before the first row.
void rejects_begin(struct rejects *r, struct reject_span span);
bool rejects_by_key(const struct rejects *r); // kept ones are to be told, by rejects_owe
void rejects_owe(struct rejects *r, struct reject_place place, struct str key);
void rejects_forgive(struct rejects *r); // what was kept goes with the rows of the table

// The rows of the transaction are kept ones: of sink.h, "again". Before the first row; then those that are there still are told.
void rejects_again(struct rejects *r, const struct reject_set *set);
void rejects_there(struct rejects *r, uint64_t seq);

// b stays the block until the next call.
void rejects_block(struct rejects *r, const struct block *b);
bool rejects_has(const struct rejects *r, uint32_t row); // taken from the block
// e (ERR_DATA) says why the store cannot have the row. True: taken, e is cleared. False: the batch has to wait; e's hint says why.
bool rejects_take(struct rejects *r, uint32_t row, struct err *e);
// A row without a key, for messages: its place in the batch, and its values as JSON, cut where they are long.
void rejects_describe(struct buf *out, struct rejects *r, uint32_t row);
void rejects_stored(struct rejects *r); // all other rows of the block are

// For a comparison, after rejects_block: rows whose keys are owed are left out as if they were taken.
void rejects_leave_out(struct rejects *r);
size_t rejects_owed(const struct rejects *r);

uint64_t rejects_missing(
    const struct rejects *r); // rows of the transaction that the table does not get
struct reject_span rejects_span(const struct rejects *r);
// TAKEN_NEW: rows of sluice_rejects that come. TAKEN_AGAIN: they are there, only their error is another one.
enum rejects_kind { TAKEN_NEW, TAKEN_AGAIN } rejects_kind(const struct rejects *r);
// In the order taken; target and output as in spec. Live until the next begin.
const struct reject *rejects_taken(const struct rejects *r, size_t *count);
const struct reject_place *rejects_settled(const struct rejects *r, size_t *count);

#endif
