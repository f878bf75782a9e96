// The state store's ground: LMDB behind a small interface. One environment, a fixed list of named tables,
// one writer (the owner of the job), any number of readers, in other processes too.
//
// Write transactions are private until kv_commit(), which is one synchronous durable call (site
// "state.commit"). Keys are 1..511 bytes. Views returned by get and cursors live until the transaction
// ends or writes. The owner holds flock on the data file itself (kv_open with KV_OWNER; ERR_FENCED naming the
// holder when taken; in another process, or in this one). Directories on NFS/SMB/FUSE are refused. A handle is owned by one thread.
#ifndef BASE_KV_H
#define BASE_KV_H

#include "base/err.h"
#include "base/str.h"

struct durable;
struct kv;
struct kv_txn;

enum kv_table { KV_META, KV_BATCH, KV_RUN, KV_STATE, KV_TABLE, KV_COUNT };
enum kv_mode { KV_OWNER, KV_READER };

struct kv_spec {
    const char *dir; // created 0700 when absent (owner)
    enum kv_mode mode;
    size_t map_bytes_max; // 0 = 64 GiB of address space
    struct durable *durable;
};

bool kv_open(struct kv **out, const struct kv_spec *spec, struct err *e) ERR_CHECKED;
void kv_close(struct kv *s);       // NULL is fine
int64_t kv_owner(const char *dir); // the process that has it open as owner; 0 = none, or unknown
bool kv_begin_read(struct kv_txn **out, struct kv *s, struct err *e) ERR_CHECKED;
bool kv_begin_write(struct kv_txn **out, struct kv *s, struct err *e) ERR_CHECKED;
bool kv_commit(struct kv_txn *t, struct err *e) ERR_CHECKED; // frees t either way
void kv_abort(struct kv_txn *t);                             // NULL is fine

// A consistent copy, compacted, as the contents of a data file, while the owner goes on (sites "<site>.create|copy|fsync").
bool kv_copy(struct kv *s, const char *site, const char *path, struct err *e) ERR_CHECKED;
// The owner's data file rewritten without free pages (sites "state.compact.*"); afterwards the handle is only good for kv_close().
// Nobody else should read meanwhile.
bool kv_compact(struct kv *s, struct err *e) ERR_CHECKED;

enum kv_found { KV_FOUND, KV_ABSENT, KV_FAILED };
enum kv_found kv_get(struct str *out, struct kv_txn *t, enum kv_table table, struct str key,
                     struct err *e);
bool kv_put(struct kv_txn *t, enum kv_table table, struct str key, struct str value,
            struct err *e) ERR_CHECKED;
bool kv_del(struct kv_txn *t, enum kv_table table, struct str key,
            struct err *e) ERR_CHECKED; // absent is fine
// Deletes every key with the prefix ("" = all).
bool kv_del_prefix(struct kv_txn *t, enum kv_table table, struct str prefix,
                   struct err *e) ERR_CHECKED;
uint64_t kv_count(struct kv_txn *t, enum kv_table table);

// Ascending walk from the first key >= from; stops at the first key without the prefix.
struct kv_cursor;
bool kv_cursor_open(struct kv_cursor **out, struct kv_txn *t, enum kv_table table,
                    struct str prefix, struct str from, struct err *e) ERR_CHECKED;
enum kv_found kv_cursor_next(struct kv_cursor *c, struct str *key, struct str *value,
                             struct err *e);
// Descending variant: first the last key with the prefix (and <= from, when from is given and has the prefix).
enum kv_found kv_cursor_prev(struct kv_cursor *c, struct str *key, struct str *value,
                             struct err *e);
void kv_cursor_close(struct kv_cursor *c); // before its transaction ends; NULL is fine

// Name of a file system that cannot hold a state store, by statfs(2) type; NULL = fine.
const char *kv_refused_filesystem(unsigned long magic);

#endif
