// What the joins share: both inputs of a window put in one order, keys as bytes, rows of the window and rows of the state
// referred to alike, and the block of results.
//
// Order: join_push for what comes in; in flush join_open, then join_next row by row with join_add for results (join_emit when
// there are many), join_close. A join belongs to one operator; memory is the window's, so references are too.
#ifndef SQL_EXEC_JOIN_H
#define SQL_EXEC_JOIN_H

#include "base/vec.h"
#include "sql/exec/op.h"
#include "sql/state/rows.h"

#define JOIN_NONE     UINT32_MAX // reference to no row: its columns are NULL
#define JOIN_EMIT_MAX 16384      // results that are worth a block

enum join_input { JOIN_LEFT_INPUT, JOIN_RIGHT_INPUT };

// What a row can do. Stream rows of an outer side without a key find nothing, but are padded (KIP-962).
enum join_part { JOIN_NO_PART, JOIN_MATCHES, JOIN_PADDED };

struct join_side {
    VEC(const struct block *) blocks;
    const struct block *rows; // NULL: none in this window
    struct column *columns;   // of rows: those that the join keeps
    struct buf keys;
    VEC(size_t) ends;
    uint8_t *part;          // enum join_part of each row
    VEC(struct str) stored; // rows of the state that results refer to, in the row codec
    uint32_t at;
};

struct join_row { // of the result
    uint32_t ref[2];
    uint32_t key; // join_key_ref or join_stored_key
    enum row_op op;
    uint64_t seq, origin;
    int64_t rowtime, window_start, window_end;
};

struct join {
    struct op *o;
    struct join_side side[2];
    VEC(struct str) stored_keys;
    VEC(struct join_row) out;
    uint64_t window, epoch; // both count up
    int64_t time[2];        // windowed rows: the latest ROWTIME of each side, at least
    bool timed;
    enum join_input first; // of rows with equal seq
    struct buf scratch;
};

void join_init(struct join *s, struct op *o, enum join_input first);
void join_fini(struct join *s);
void join_push(struct join *s, uint32_t input, const struct block *b);
// *any: something came in.
bool join_open(struct join *s, bool *any, struct err *e) ERR_CHECKED;
// The next row of both inputs by (seq, input, position), -U rows apart; false at the end.
bool join_next(struct join *s, enum join_input *input, uint32_t *row);
void join_close(struct join *s); // also on rollback

// Key codec, and the window's start (end too for sessions) where rows have one.
struct str join_key(const struct join *s, enum join_input input, uint32_t row);
enum join_part join_part(const struct join *s, enum join_input input, uint32_t row);
bool join_is_delete(const struct join *s, enum join_input input, uint32_t row);
// References.
uint32_t join_key_ref(const struct join *s, enum join_input input, uint32_t row);
uint32_t join_stored_key(struct join *s, struct str key);
uint32_t join_stored(struct join *s, enum join_input input, struct str bytes);
uint32_t join_slot(struct join *s, enum join_input input, struct row_slot *slot);
// The kept columns of a row, in the row codec; valid until the next call.
bool join_encode(struct str *out, struct join *s, enum join_input input, uint32_t row,
                 struct err *e) ERR_CHECKED;
struct join_place {
    struct group *g; // touched
    const struct rows_spec *rows;
    uint32_t slot;
};
// Puts a row, or the deletion, into a slot of a group.
bool join_set(struct join *s, enum join_input input, uint32_t row, const struct join_place *to,
              struct err *e) ERR_CHECKED;

// State of windowed tables: found by key and window, and forgotten when no side can change the window any more.
enum groups_shape join_shape(const struct phys_node *n);
bool join_group(struct group **out, struct join *s, struct groups *groups, enum join_input input,
                uint32_t row, struct err *e) ERR_CHECKED;
bool join_begin_groups(struct join *s, struct groups *groups, struct err *e) ERR_CHECKED;
bool join_save_groups(struct join *s, struct groups *groups, struct kv_txn *t,
                      struct err *e) ERR_CHECKED;
void join_rollback(struct join *s);

// A result with the key, seq and window of row `row` of `input`; the caller fills in the rest.
struct join_row join_result(const struct join *s, enum join_input input, uint32_t row);
void join_add(struct join *s, const struct join_row *row);
bool join_emit(struct join *s, struct err *e) ERR_CHECKED; // what was added so far
static inline bool join_emit_many(struct join *s, struct err *e)
{
    return s->out.n < JOIN_EMIT_MAX || join_emit(s, e);
}

#endif
