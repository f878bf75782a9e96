// Keyed operator state: groups in memory over the state store. A group is (key bytes, window start) with a fixed-size
// state; groups are loaded when first touched, written in key order by groups_save, evicted when clean.
//
// Order: new; per batch (begin; find and touch; save; committed) or rollback; free. Without a store nothing is ever loaded
// or evicted, and rollback forgets everything. Nothing here depends on hash order: walks are in key order. One thread.
//
// Stored (table KV_STATE): id 'g' [window start, key codec] 0 key bytes        -> row time, state
//                          id 'g' [window start, key codec] 1 hash of the key  -> key bytes, row time, state
//                          id 't' [time, key codec] 0 key bytes                ->            (TIMED)
//                          id 't' [time, key codec] 1 hash of the key          -> key bytes
//                          id 'm'                                              -> stream time
// id is the operator's fingerprint hash, 8 bytes big endian. The second form is for keys beyond LMDB's 511 bytes.
#ifndef SQL_STATE_GROUPS_H
#define SQL_STATE_GROUPS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"

#include <assert.h>

struct kv;
struct kv_txn;
struct groups;

// TIMED: a group has a time of its own (type->time), by which the store finds and expires it.
enum groups_shape { GROUPS_PLAIN, GROUPS_WINDOWED, GROUPS_TIMED };

struct groups_type { // of the states; ctx is the operator's
    void (*init)(const void *ctx, void *state);
    void (*save)(const void *ctx, struct buf *out, const void *state);
    bool (*load)(const void *ctx, void *state, struct cursor *in, struct err *e);
    void (*drop)(const void *ctx, void *state);
    size_t (*heap_bytes)(const void *ctx, const void *state);
    int64_t (*time)(const void *ctx, const void *state); // GROUPS_TIMED
};

struct groups_spec {
    uint64_t id;
    const char *name; // for messages
    enum groups_shape shape;
    size_t state_bytes; // a multiple of 16
    const struct groups_type *type;
    const void *ctx;
    struct kv *kv; // NULL = memory only
    struct kv_txn **
        read; // the batch's read transaction, shared by all operators: opened when first needed, closed
              // by its owner before anything is saved
};

// Stream time before the first record.
#define GROUPS_NO_TIME INT64_MIN

struct group_key;
struct group {
    const struct group_key *key;
    int64_t window_start;
    int64_t rowtime;     // the latest of its records
    int64_t stored_time; // TIMED: under which the store has it, GROUPS_NO_TIME = not there
    size_t heap;         // bytes counted for variable parts
    bool present;        // has a row: set by the operator, false = deleted or new
    bool dirty;
    bool was_present; // before this batch; set when first touched
    uint32_t note;    // the operator's, of this batch; 0 when first touched
};

struct groups *groups_new(const struct groups_spec *spec);
void groups_free(struct groups *s); // NULL is fine

// Finds or adds the key; bytes are copied. hash = hash_bytes of them.
struct group_key *groups_key(struct groups *s, struct str bytes, uint64_t hash);
struct str group_key_bytes(const struct group_key *k);
// The group of a key (window_start 0 for GROUPS_PLAIN), loaded or new.
bool groups_get(struct group **out, struct groups *s, struct group_key *k, int64_t window_start,
                struct err *e) ERR_CHECKED;
static inline void *group_state(struct group *g)
{
    return (char *)g + (sizeof *g + 15) / 16 * 16;
}
void groups_touch_slow(struct groups *s, struct group *g);
// To be called whenever the state changed.
static inline void groups_touch(struct groups *s, struct group *g)
{
    assert(g);
    if (!g->dirty)
        groups_touch_slow(s, g);
}

// The dirty groups by (key, window start). Valid until the next call on s.
struct group *const *groups_dirty(struct groups *s, size_t *n);
size_t groups_dirty_bytes(struct groups *s);

int64_t *groups_stream_time(struct groups *s);
bool groups_begin(struct groups *s,
                  struct err *e) ERR_CHECKED; // first batch: loads the stream time
// Groups that the store had when the batch began, with a window start or time in [from, to], loaded, by (that, key).
// *next = the first one beyond, INT64_MAX = none: until then there is no need to ask again.
struct group_list {
    VEC(struct group *) of;
};
bool groups_stored(struct group_list *out, int64_t *next, struct groups *s, int64_t from,
                   int64_t to, struct err *e) ERR_CHECKED;
// Writes dirty groups; deletes those whose window start or time is below expired.
bool groups_save(struct groups *s, struct kv_txn *t, int64_t expired, struct err *e) ERR_CHECKED;
// Clean groups beyond cache_max bytes are forgotten (those of this batch last), and expired ones.
void groups_committed(struct groups *s, size_t cache_max);
void groups_rollback(struct groups *s);

#endif
