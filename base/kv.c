#include "base/kv_internal.h"

#include "base/durable.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { KEY_MAX = 511, READERS_MAX = 256, LOCK_TRIES = 10 };
static const size_t map_bytes_default = (size_t)64 << 30;
static const size_t map_bytes_least = (size_t)1 << 30;

static const char *const table_names[KV_COUNT] = {"meta", "batch", "run", "state", "table"};

struct kv_txn {
    struct kv *kv;
    MDB_txn *txn;
    enum kv_mode mode;
};

struct kv_cursor {
    struct kv_txn *txn;
    MDB_cursor *cursor;
    enum { CURSOR_NEW, CURSOR_AT, CURSOR_END } at;
    size_t prefix_n, from_n;
    char prefix[KEY_MAX + 1], from[KEY_MAX + 1];
};

bool kv_lmdb_fail(const struct kv *s, int rc, const char *what, struct err *e)
{
    if (rc == MDB_MAP_FULL) {
        err_fail(e, ERR_LIMIT, "cannot %s: state store %s is full: %zu bytes", what, s->dir,
                 s->map_bytes);
        return false;
    }
    if (rc == MDB_READERS_FULL)
        return err_fail(e, ERR_LIMIT, "cannot %s: state store %s has its %d readers already", what,
                        s->dir, READERS_MAX);
    if (rc > 0)
        return err_sys_at(e, __FILE__, __LINE__, ERR_IO, rc, "cannot %s: state store %s", what,
                          s->dir);
    return err_fail(e, ERR_IO, "cannot %s: state store %s: %s", what, s->dir, mdb_strerror(rc));
}

const char *kv_refused_filesystem(unsigned long magic)
{
    // statfs(2). Locks and shared maps of these do not hold between hosts, or not at all.
    switch ((uint32_t)magic) {
    case 0x6969:
        return "NFS";
    case 0x517B:
    case 0xFF534D42:
    case 0xFE534D42:
        return "SMB";
    case 0x65735546:
        return "FUSE";
    case 0x01021997:
        return "9P";
    case 0x00C36400:
        return "Ceph";
    case 0x5346414F:
        return "AFS";
    default:
        return NULL;
    }
}

static bool check_filesystem(const char *dir, struct err *e)
{
    struct statfs fs;
    if (statfs(dir, &fs) != 0)
        return err_sys(e, "cannot look at the file system of %s", dir);
    const char *name = kv_refused_filesystem((unsigned long)fs.f_type);
    if (!name)
        return true;
    err_fail(e, ERR_CONFIG, "state directory %s is on %s", dir, name);
    return err_hint(e,
                    "the state store needs a local file system: its lock and its memory map do "
                    "not hold on %s",
                    name);
}

// Linux lists flock holders by inode: "1: FLOCK  ADVISORY  WRITE 1234 08:01:567 0 EOF".
static int64_t flock_holder(struct str line, ino_t ino)
{
    enum { KIND = 1, PID = 4, PLACE = 5, WORDS };
    struct str word[WORDS] = {STR_NONE};
    for (size_t i = 0; i < WORDS; i++) {
        struct str rest = STR_NONE;
        line = str_trim(line);
        if (!str_split_once(&word[i], &rest, line, ' '))
            return 0;
        line = rest;
    }
    struct str part = word[PLACE];
    struct str inode = STR_NONE;
    while (str_split_once(&part, &inode, part, ':'))
        part = inode;
    int64_t pid = 0;
    uint64_t found = 0;
    if (!str_eq(word[KIND], STR("FLOCK")) || !str_to_u64(&found, part) || found != ino)
        return 0;
    return str_to_i64(&pid, word[PID]) && pid > 0 ? pid : 0;
}

static int64_t lock_holder(const struct stat *st)
{
    FILE *f = fopen("/proc/locks", "re");
    if (!f)
        return 0;
    char line[256];
    int64_t found = 0;
    while (!found && fgets(line, sizeof line, f))
        found = flock_holder(str_from(line), st->st_ino);
    fclose(f);
    return found;
}

int64_t kv_owner(const char *dir)
{
    char path[4096];
    struct stat st;
    const int n = snprintf(path, sizeof path, "%s/data.mdb", dir);
    return n > 0 && (size_t)n < sizeof path && stat(path, &st) == 0 ? lock_holder(&st) : 0;
}

static bool lock_failed(const struct kv *s, int fd, const char *path, struct err *e)
{
    if (errno != EWOULDBLOCK)
        return err_sys(e, "cannot lock %s", path);
    struct stat st = {0};
    const int64_t pid = fstat(fd, &st) == 0 ? lock_holder(&st) : 0;
    if (pid > 0)
        err_fail(e, ERR_FENCED, "state directory %s is in use by process %lld", s->dir,
                 (long long)pid);
    else
        err_fail(e, ERR_FENCED, "state directory %s is in use by another process", s->dir);
    return err_hint(e, "one process owns a state directory at a time; wait for it or stop it");
}

// Of the file that has the name, not of one that was renamed over while we waited for it.
static bool lock_data(struct kv *s, const char *path, struct err *e)
{
    for (int tries = 0; tries < LOCK_TRIES; tries++) {
        struct stat locked = {0}, named = {0};
        s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (s->lock_fd < 0)
            return err_sys(e, "cannot open %s", path);
        if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0)
            return lock_failed(s, s->lock_fd, path, e);
        if (fstat(s->lock_fd, &locked) == 0 && stat(path, &named) == 0 &&
            locked.st_ino == named.st_ino)
            return true;
        close(s->lock_fd);
        s->lock_fd = -1;
    }
    return err_fail(e, ERR_FENCED, "state directory %s is in use by another process", s->dir);
}

static bool open_tables(struct kv *s, MDB_txn *txn, unsigned flags, int *rc)
{
    for (size_t i = 0; i < KV_COUNT; i++) {
        *rc = mdb_dbi_open(txn, table_names[i], flags, &s->tables[i]);
        if (*rc != 0)
            return false;
    }
    return true;
}

// In its own transaction; the handles belong to the environment once it has committed.
static bool bind_tables(struct kv *s, enum kv_mode mode, struct err *e)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(s->env, NULL, mode == KV_OWNER ? 0 : MDB_RDONLY, &txn);
    if (rc != 0)
        return kv_lmdb_fail(s, rc, "begin", e);
    if (!open_tables(s, txn, mode == KV_OWNER ? MDB_CREATE : 0, &rc)) {
        mdb_txn_abort(txn);
        return kv_lmdb_fail(s, rc == MDB_NOTFOUND ? ENOENT : rc, "open the tables", e);
    }
    rc = mdb_txn_commit(txn);
    return rc == 0 || kv_lmdb_fail(s, rc, "create the tables", e);
}

static bool create_tables(void *arg, struct err *e)
{
    return bind_tables(arg, KV_OWNER, e);
}

static int open_env_with(struct kv *s, const char *path, unsigned flags, size_t map_bytes)
{
    int rc = mdb_env_create(&s->env);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(s->env, KV_COUNT);
    if (rc == 0)
        rc = mdb_env_set_maxreaders(s->env, READERS_MAX);
    if (rc == 0)
        rc = mdb_env_set_mapsize(s->env, map_bytes);
    if (rc == 0)
        rc = mdb_env_open(s->env, path, MDB_NOTLS | flags, 0600);
    return rc;
}

// Address space is taken, not memory; where it is short (ulimit -v, valgrind) the map starts smaller.
static bool open_env(struct kv *s, const char *path, unsigned flags, struct err *e)
{
    int rc = open_env_with(s, path, flags, s->map_bytes);
    while ((rc == EINVAL || rc == ENOMEM) && s->map_bytes > map_bytes_least) {
        mdb_env_close(s->env);
        s->env = NULL;
        s->map_bytes /= 4;
        rc = open_env_with(s, path, flags, s->map_bytes);
    }
    return rc == 0 || kv_lmdb_fail(s, rc, "open", e);
}

static bool make_sync(int *out, struct kv *s, const char *path, struct err *e)
{
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, "cannot open %s", path);
    // Whoever finds it under its name finds it locked.
    const bool ok = (flock(fd, LOCK_EX | LOCK_NB) == 0 || err_sys(e, "cannot lock %s", path)) &&
                    durable_fsync(s->durable, "state.create.fsync", fd, path, e);
    if (!ok) {
        close(fd);
        return false;
    }
    *out = fd;
    return true;
}

// A store appears whole: LMDB makes nothing of a file whose first pages a power cut has torn. Under the lock of the empty file that has its name.
static bool make_store(struct kv *s, const char *data, struct err *e)
{
    char path[KV_DIR_MAX + 32];
    snprintf(path, sizeof path, "%s.new", data);
    if (!durable_unlink(s->durable, "state.create.unlink", path, e) ||
        !open_env(s, path, MDB_NOSUBDIR | MDB_NOLOCK, e) ||
        !durable_call(s->durable, "state.create", create_tables, s, e))
        return false;
    mdb_env_close(s->env);
    s->env = NULL;
    int fd = -1;
    if (!make_sync(&fd, s, path, e))
        return false;
    if (!durable_rename(s->durable, "state.create.rename", path, data, e)) {
        close(fd);
        return false;
    }
    close(s->lock_fd); // of the empty file, which has no name any more
    s->lock_fd = fd;
    return durable_fsync_dir(s->durable, "state.dirsync", s->dir, e);
}

static bool open_owner(struct kv *s, const char *data, struct err *e)
{
    struct stat st;
    if (!file_exists(s->dir) && !durable_mkdirs(s->durable, "state.mkdir", s->dir, 0700, e))
        return false;
    if (!check_filesystem(s->dir, e) || !lock_data(s, data, e))
        return false;
    if (fstat(s->lock_fd, &st) != 0)
        return err_sys(e, "cannot look at %s", data);
    if ((st.st_size == 0 && !make_store(s, data, e)) || !open_env(s, s->dir, 0, e))
        return false;
    int dead = 0;
    mdb_reader_check(s->env, &dead); // slots of readers that were killed hold old pages
    return bind_tables(s, KV_READER, e);
}

static bool open_reader(struct kv *s, const char *data, struct err *e)
{
    struct stat st;
    if (stat(data, &st) != 0 || st.st_size == 0) {
        err_fail(e, ERR_IO, "no state store in %s", s->dir);
        return err_hint(e, "it appears with the first run of a job");
    }
    return check_filesystem(s->dir, e) && open_env(s, s->dir, MDB_RDONLY, e) &&
           bind_tables(s, KV_READER, e);
}

bool kv_open(struct kv **out, const struct kv_spec *spec, struct err *e)
{
    assert(out && spec && spec->dir);
    assert(spec->durable || spec->mode == KV_READER);
    *out = NULL;
    char data[KV_DIR_MAX + 16];
    const size_t n = strlen(spec->dir);
    if (n == 0 || n >= KV_DIR_MAX)
        return err_fail(e, ERR_CONFIG, "state directory has %zu bytes, allowed are 1 to %d", n,
                        KV_DIR_MAX - 1);
    struct kv *s = mem_zalloc(sizeof *s);
    memcpy(s->dir, spec->dir, n + 1);
    s->mode = spec->mode;
    s->durable = spec->durable;
    s->lock_fd = -1;
    s->map_bytes = spec->map_bytes_max ? spec->map_bytes_max : map_bytes_default;
    snprintf(data, sizeof data, "%s/data.mdb", s->dir);
    const bool ok = s->mode == KV_OWNER ? open_owner(s, data, e) : open_reader(s, data, e);
    if (!ok) {
        kv_close(s);
        return false;
    }
    *out = s;
    return true;
}

void kv_close(struct kv *s)
{
    if (!s)
        return;
    if (s->env)
        mdb_env_close(s->env);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    mem_free(s);
}

static bool begin(struct kv_txn **out, struct kv *s, enum kv_mode mode, struct err *e)
{
    assert(out && s);
    const unsigned flags = mode == KV_READER ? MDB_RDONLY : 0;
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(s->env, NULL, flags, &txn);
    if (rc == MDB_MAP_RESIZED) {
        // Another process was given a larger map: take over its size.
        rc = mdb_env_set_mapsize(s->env, 0);
        if (rc == 0)
            rc = mdb_txn_begin(s->env, NULL, flags, &txn);
    }
    if (rc != 0)
        return kv_lmdb_fail(s, rc, "begin", e);
    struct kv_txn *t = mem_zalloc(sizeof *t);
    *t = (struct kv_txn){.kv = s, .txn = txn, .mode = mode};
    *out = t;
    return true;
}

bool kv_begin_read(struct kv_txn **out, struct kv *s, struct err *e)
{
    return begin(out, s, KV_READER, e);
}

bool kv_begin_write(struct kv_txn **out, struct kv *s, struct err *e)
{
    assert(s->mode == KV_OWNER);
    int dead = 0;
    mdb_reader_check(s->env, &dead);
    return begin(out, s, KV_OWNER, e);
}

static bool commit(void *arg, struct err *e)
{
    struct kv_txn *t = arg;
    MDB_txn *txn = t->txn;
    t->txn = NULL; // freed by the call, whatever it returns
    const int rc = mdb_txn_commit(txn);
    return rc == 0 || kv_lmdb_fail(t->kv, rc, "commit", e);
}

bool kv_commit(struct kv_txn *t, struct err *e)
{
    assert(t && t->mode == KV_OWNER);
    const bool ok = durable_call(t->kv->durable, "state.commit", commit, t, e);
    kv_abort(t);
    return ok;
}

void kv_abort(struct kv_txn *t)
{
    if (!t)
        return;
    if (t->txn)
        mdb_txn_abort(t->txn);
    mem_free(t);
}

// LMDB takes keys and values as mutable but does not write to them.
static MDB_val val_of(struct str s)
{
    MDB_val v = {.mv_size = s.n};
    memcpy(&v.mv_data, &s.p, sizeof v.mv_data);
    return v;
}

static struct str str_of(MDB_val v)
{
    return (struct str){v.mv_data, v.mv_size};
}

static void check_key(struct str key)
{
    assert(key.n >= 1 && key.n <= KEY_MAX);
}

enum kv_found kv_get(struct str *out, struct kv_txn *t, enum kv_table table, struct str key,
                     struct err *e)
{
    assert(table < KV_COUNT);
    check_key(key);
    MDB_val k = val_of(key);
    MDB_val v = {0};
    const int rc = mdb_get(t->txn, t->kv->tables[table], &k, &v);
    if (rc == MDB_NOTFOUND)
        return KV_ABSENT;
    if (rc != 0) {
        kv_lmdb_fail(t->kv, rc, "read", e);
        return KV_FAILED;
    }
    *out = str_of(v);
    return KV_FOUND;
}

bool kv_put(struct kv_txn *t, enum kv_table table, struct str key, struct str value, struct err *e)
{
    assert(table < KV_COUNT && t->mode == KV_OWNER);
    check_key(key);
    MDB_val k = val_of(key);
    MDB_val v = val_of(value);
    const int rc = mdb_put(t->txn, t->kv->tables[table], &k, &v, 0);
    return rc == 0 || kv_lmdb_fail(t->kv, rc, "write", e);
}

bool kv_del(struct kv_txn *t, enum kv_table table, struct str key, struct err *e)
{
    assert(table < KV_COUNT && t->mode == KV_OWNER);
    check_key(key);
    MDB_val k = val_of(key);
    const int rc = mdb_del(t->txn, t->kv->tables[table], &k, NULL);
    return rc == 0 || rc == MDB_NOTFOUND || kv_lmdb_fail(t->kv, rc, "delete", e);
}

bool kv_del_prefix(struct kv_txn *t, enum kv_table table, struct str prefix, struct err *e)
{
    assert(table < KV_COUNT && t->mode == KV_OWNER);
    if (prefix.n == 0) {
        const int rc = mdb_drop(t->txn, t->kv->tables[table], 0);
        return rc == 0 || kv_lmdb_fail(t->kv, rc, "clear a table", e);
    }
    check_key(prefix);
    MDB_cursor *c = NULL;
    int rc = mdb_cursor_open(t->txn, t->kv->tables[table], &c);
    if (rc != 0)
        return kv_lmdb_fail(t->kv, rc, "open a cursor", e);
    MDB_val k = val_of(prefix);
    MDB_val v = {0};
    rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
    while (rc == 0 && str_starts(str_of(k), prefix)) {
        rc = mdb_cursor_del(c, 0);
        if (rc == 0)
            rc = mdb_cursor_get(c, &k, &v, MDB_NEXT); // the one behind the deleted
    }
    mdb_cursor_close(c);
    return rc == 0 || rc == MDB_NOTFOUND || kv_lmdb_fail(t->kv, rc, "delete", e);
}

uint64_t kv_count(struct kv_txn *t, enum kv_table table)
{
    assert(table < KV_COUNT);
    MDB_stat st = {0};
    const int rc = mdb_stat(t->txn, t->kv->tables[table], &st);
    assert(rc == 0);
    return st.ms_entries;
}

bool kv_cursor_open(struct kv_cursor **out, struct kv_txn *t, enum kv_table table,
                    struct str prefix, struct str from, struct err *e)
{
    assert(out && table < KV_COUNT);
    assert(prefix.n <= KEY_MAX && from.n <= KEY_MAX);
    struct kv_cursor *c = mem_zalloc(sizeof *c);
    const int rc = mdb_cursor_open(t->txn, t->kv->tables[table], &c->cursor);
    if (rc != 0) {
        mem_free(c);
        return kv_lmdb_fail(t->kv, rc, "open a cursor", e);
    }
    c->txn = t;
    c->prefix_n = prefix.n;
    if (prefix.n)
        memcpy(c->prefix, prefix.p, prefix.n);
    c->from_n = from.n;
    if (from.n)
        memcpy(c->from, from.p, from.n);
    *out = c;
    return true;
}

static struct str prefix_of(const struct kv_cursor *c)
{
    return (struct str){c->prefix, c->prefix_n};
}

static int seek_first(const struct kv_cursor *c, MDB_val *k, MDB_val *v)
{
    const struct str from = {c->from, c->from_n};
    const struct str start = str_cmp(from, prefix_of(c)) > 0 ? from : prefix_of(c);
    *k = val_of(start);
    return mdb_cursor_get(c->cursor, k, v, start.n ? MDB_SET_RANGE : MDB_FIRST);
}

// The last key <= from when from has the prefix, else the last key with the prefix: the one before
// the first key that is beyond it.
static int seek_last(const struct kv_cursor *c, MDB_val *k, MDB_val *v)
{
    char beyond[KEY_MAX + 1];
    const struct str from = {c->from, c->from_n};
    size_t n = c->prefix_n;
    memcpy(beyond, c->prefix, sizeof beyond);
    if (from.n && str_starts(from, prefix_of(c))) {
        *k = val_of(from);
        int rc = mdb_cursor_get(c->cursor, k, v, MDB_SET_RANGE);
        if (rc == 0 && str_eq(str_of(*k), from))
            return 0;
        return mdb_cursor_get(c->cursor, k, v, rc == 0 ? MDB_PREV : MDB_LAST);
    }
    while (n > 0 && (unsigned char)beyond[n - 1] == 0xFF)
        n--;
    if (n == 0)
        return mdb_cursor_get(c->cursor, k, v, MDB_LAST);
    beyond[n - 1]++;
    *k = val_of((struct str){beyond, n});
    const int rc = mdb_cursor_get(c->cursor, k, v, MDB_SET_RANGE);
    if (rc != 0 && rc != MDB_NOTFOUND)
        return rc;
    return mdb_cursor_get(c->cursor, k, v, rc == 0 ? MDB_PREV : MDB_LAST);
}

// Where the cursor came to, by LMDB's answer.
static enum kv_found arrive(struct kv_cursor *c, int rc, struct str key, struct err *e)
{
    if (rc != 0 && rc != MDB_NOTFOUND) {
        kv_lmdb_fail(c->txn->kv, rc, "walk", e);
        return KV_FAILED;
    }
    const bool inside = rc == 0 && str_starts(key, prefix_of(c));
    c->at = inside ? CURSOR_AT : CURSOR_END;
    return inside ? KV_FOUND : KV_ABSENT;
}

enum kv_found kv_cursor_next(struct kv_cursor *c, struct str *key, struct str *value, struct err *e)
{
    if (c->at == CURSOR_END)
        return KV_ABSENT;
    MDB_val k = {0};
    MDB_val v = {0};
    const int rc =
        c->at == CURSOR_NEW ? seek_first(c, &k, &v) : mdb_cursor_get(c->cursor, &k, &v, MDB_NEXT);
    *key = str_of(k);
    *value = str_of(v);
    return arrive(c, rc, *key, e);
}

enum kv_found kv_cursor_prev(struct kv_cursor *c, struct str *key, struct str *value, struct err *e)
{
    if (c->at == CURSOR_END)
        return KV_ABSENT;
    MDB_val k = {0};
    MDB_val v = {0};
    const int rc =
        c->at == CURSOR_NEW ? seek_last(c, &k, &v) : mdb_cursor_get(c->cursor, &k, &v, MDB_PREV);
    *key = str_of(k);
    *value = str_of(v);
    return arrive(c, rc, *key, e);
}

void kv_cursor_close(struct kv_cursor *c)
{
    if (!c)
        return;
    mdb_cursor_close(c->cursor);
    mem_free(c);
}
