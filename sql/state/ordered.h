// Ordered operator state: byte strings to byte strings, walked in key order from anywhere. What a batch changes lies in memory
// over the store, is written in key order by ordered_save and read from the store again afterwards, so that memory is
// bounded by the changes of one batch.
//
// Order: new; per batch (begin; put, del, scan; save; committed) or rollback; free. Without a store everything stays in memory,
// and rollback forgets it all. One thread. Views of a scan are valid until the next window (a put does not move them).
//
// Stored (table KV_STATE): id 'o' key -> value; id 'n' -> the operator's own note (stream times). id as in sql/state/groups.h.
#ifndef SQL_STATE_ORDERED_H
#define SQL_STATE_ORDERED_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/kv.h"

#define ORDERED_KEY_MAX  500 // LMDB's 511 bytes less the prefix
#define ORDERED_PART_MAX 200 // of what ordered_part() writes

struct ordered;
struct ordered_spec {
    uint64_t id;
    const char *name;     // for messages
    struct kv *kv;        // NULL = memory only
    struct kv_txn **read; // as in struct groups_spec
};

struct ordered *ordered_new(const struct ordered_spec *spec);
void ordered_free(struct ordered *s); // NULL is fine
// First batch, and after a rollback: *note becomes what was saved, empty when nothing was.
bool ordered_begin(struct ordered *s, struct str *note, struct err *e) ERR_CHECKED;

// A component of a key, made of key codec bytes of any length: equal parts and only they (up to a 128 bit hash) have equal
// bytes, and no part is the beginning of another, as with the key codec itself. Short parts keep their order.
void ordered_part(struct buf *out, struct str part);

void ordered_put(struct ordered *s, struct str key, struct str value);
void ordered_del(struct ordered *s, struct str key);

// Entries with the prefix from `from` on (which has it too).
struct ordered_scan;
bool ordered_open(struct ordered_scan **out, struct ordered *s, struct str prefix, struct str from,
                  struct err *e) ERR_CHECKED;
enum kv_found ordered_next(struct ordered_scan *c, struct str *key, struct str *value,
                           struct err *e);
void ordered_close(struct ordered_scan *c); // NULL is fine

size_t ordered_dirty_bytes(const struct ordered *s);
bool ordered_save(struct ordered *s, struct kv_txn *t, struct str note, struct err *e) ERR_CHECKED;
// After ordered_save: deletes from the store what has the prefix and lies in front of `upto`, run by run of keys with the same
// first upto.n bytes.
bool ordered_expire(struct ordered *s, struct kv_txn *t, struct str prefix, struct str upto,
                    struct err *e) ERR_CHECKED;
void ordered_note(struct ordered *s, struct str note); // without a store, instead of ordered_save
void ordered_committed(struct ordered *s);
void ordered_rollback(struct ordered *s);

#endif
