#include "jobs/run/backup.h"

#include "base/durable.h"
#include "base/hash.h"
#include "base/vec.h"
#include "jobs/run/doc.h"
#include "jobs/run/session.h"
#include "lake/store/store.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BACKUP_PIECE = 1 << 20,
    BACKUP_DEPTH_MAX = 4,
    BACKUP_DOC_MAX = 256 << 20,
    BACKUP_FORMAT = 1
};

struct backup_file {
    struct str path; // relative
    uint64_t bytes, checksum;
};

struct backup {
    struct durable *d;
    struct arena *a;
    const char *site; // "backup" or "restore"
    const char *from, *to;
    VEC(struct backup_file) files;
};

static const char *backup_site(const struct backup *b, const char *what)
{
    return arena_printf(b->a, "%s.%s", b->site, what).p;
}

static const char *backup_path(const struct backup *b, const char *root, struct str path)
{
    return arena_printf(b->a, "%s/%.*s", root, STR_ARG(path)).p;
}

// --- copying ---------------------------------------------------------------------------------------------------------

static bool backup_pieces(struct backup *b, struct backup_file *f, int in, int out, const char *to,
                          struct err *e)
{
    char *piece = mem_alloc(BACKUP_PIECE);
    struct hasher h;
    hasher_init(&h);
    ssize_t n = 0;
    bool ok = true;
    while (ok && (n = read(in, piece, BACKUP_PIECE)) > 0) {
        hasher_add(&h, piece, (size_t)n);
        f->bytes += (uint64_t)n;
        ok = durable_write(b->d, backup_site(b, "write"), out, to, piece, (size_t)n, e);
    }
    if (ok && n < 0)
        ok = err_sys(e, "cannot read %.*s", STR_ARG(f->path));
    f->checksum = hasher_sum(&h);
    mem_free(piece);
    return ok && durable_fsync(b->d, backup_site(b, "fsync"), out, to, e);
}

// A spool may go while we copy: its batch is delivered then, and nobody will ask for it.
static bool backup_copy(struct backup *b, struct str path, struct err *e)
{
    struct backup_file f = {.path = arena_str(b->a, path)};
    const char *to = backup_path(b, b->to, path);
    int in = open(backup_path(b, b->from, path), O_RDONLY | O_CLOEXEC), out = -1;
    if (in < 0)
        return errno == ENOENT || err_sys(e, "cannot open %s", backup_path(b, b->from, path));
    bool ok = durable_create(&out, b->d, backup_site(b, "create"), to, O_EXCL | DURABLE_PRIVATE, e);
    if (ok) {
        ok = backup_pieces(b, &f, in, out, to, e);
        close(out);
    }
    close(in);
    if (ok)
        vec_push(&b->files, f);
    return ok;
}

static bool backup_is_store(struct str name)
{
    return str_starts(name, STR("data.mdb")) || str_eq(name, STR("lock.mdb"));
}

static bool backup_tree(struct backup *b, struct str dir, int depth, struct err *e)
{
    struct store_entry *v;
    size_t n;
    if (!store_list(&v, &n, b->a, backup_path(b, b->from, dir), e))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct str path =
            dir.n ? arena_printf(b->a, "%.*s/%.*s", STR_ARG(dir), STR_ARG(v[i].name)) : v[i].name;
        if (dir.n == 0 && backup_is_store(v[i].name))
            continue;
        if (v[i].kind == STORE_DIRECTORY && depth < BACKUP_DEPTH_MAX) {
            if (!durable_mkdirs(b->d, backup_site(b, "mkdir"), backup_path(b, b->to, path), 0700,
                                e) ||
                !backup_tree(b, path, depth + 1, e))
                return false;
        } else if (v[i].kind == STORE_FILE && !backup_copy(b, path, e)) {
            return false;
        }
    }
    return durable_fsync_dir(b->d, backup_site(b, "dirsync"), backup_path(b, b->to, dir), e);
}

// --- backup ----------------------------------------------------------------------------------------------------------

static bool backup_last_batch(uint64_t *out, struct backup *b, const char *dir, struct err *e)
{
    struct kv *kv;
    struct kv_txn *t = NULL;
    struct control c;
    struct kv_spec spec = {.dir = dir, .mode = KV_READER, .durable = b->d};
    if (!kv_open(&kv, &spec, e))
        return false;
    bool ok = kv_begin_read(&t, kv, e) && control_load(&c, b->a, t, e);
    kv_abort(t);
    kv_close(kv);
    if (ok)
        *out = c.last_batch;
    // Reading made a lock file, which is not part of it.
    return ok && durable_unlink(b->d, backup_site(b, "unlink"),
                                arena_printf(b->a, "%s/lock.mdb", dir).p, e);
}

static bool backup_store(struct backup *b, struct err *e)
{
    struct kv *kv;
    struct kv_spec spec = {.dir = b->from, .mode = KV_READER, .durable = b->d};
    struct backup_file f = {.path = STR("data.mdb")};
    const char *to = backup_path(b, b->to, f.path);
    if (!kv_open(&kv, &spec, e))
        return false;
    bool ok = kv_copy(kv, backup_site(b, "store"), to, e);
    kv_close(kv);
    struct str text;
    struct store_file *in = NULL;
    struct hasher h;
    hasher_init(&h);
    ok = ok && store_open(&in, to, e) == STORE_DATA;
    enum store_read got = STORE_FAILED;
    while (ok && (got = store_read(&text, in, e)) == STORE_DATA) {
        hasher_add(&h, text.p, text.n);
        f.bytes += text.n;
    }
    store_close(in);
    f.checksum = hasher_sum(&h);
    if (ok)
        vec_push(&b->files, f);
    return ok && got == STORE_END;
}

static bool backup_document(struct backup *b, const char *job, uint64_t batch, struct err *e)
{
    json_t *j = json_object(), *files = json_array();
    json_object_set_new(j, "format", json_integer(BACKUP_FORMAT));
    json_object_set_new(j, "job", json_string(job));
    json_object_set_new(j, "batch", doc_new_u64(batch));
    for (size_t i = 0; i < b->files.n; i++) {
        json_t *f = json_object();
        json_object_set_new(f, "path", doc_new_str(b->files.v[i].path));
        json_object_set_new(f, "bytes", doc_new_u64(b->files.v[i].bytes));
        json_object_set_new(f, "checksum", doc_new_hex(b->files.v[i].checksum));
        json_array_append_new(files, f);
    }
    json_object_set_new(j, "files", files);
    struct buf text;
    buf_init(&text, BACKUP_DOC_MAX);
    doc_pretty(&text, j);
    buf_char(&text, '\n');
    json_decref(j);
    bool ok = buf_ok(&text, "the list of files", e) &&
              durable_replace(b->d, backup_site(b, "document"),
                              backup_path(b, b->to, STR("backup.json")), buf_view(&text), e);
    buf_fini(&text);
    return ok;
}

static void backup_sum(struct backup_report *out, const struct backup *b)
{
    out->files = b->files.n;
    for (size_t i = 0; i < b->files.n; i++)
        out->bytes += b->files.v[i].bytes;
}

bool state_backup(struct backup_report *out, const struct job *job, struct durable *d,
                  const char *to, struct err *e)
{
    assert(job && d && to);
    *out = (struct backup_report){0};
    if (file_exists(to))
        return err_fail(e, ERR_CONFIG, "%s exists: a backup wants a directory of its own", to);
    struct backup b = {
        .d = d, .a = arena_new(NULL), .site = "backup", .from = job->state_dir, .to = to};
    // The store first: what it knows to be undelivered still has its spools, or was delivered since.
    bool ok = durable_mkdirs(d, "backup.mkdir", to, 0700, e) && backup_store(&b, e) &&
              backup_last_batch(&out->batch, &b, to, e) && backup_tree(&b, STR(""), 0, e) &&
              backup_document(&b, job->name, out->batch, e);
    backup_sum(out, &b);
    vec_fini(&b.files);
    arena_free(b.a);
    return ok || err_wrap(e, "backup of job %s", job->name);
}

// --- restore ---------------------------------------------------------------------------------------------------------

static bool restore_read(struct backup *b, const struct job *job, uint64_t *batch, struct err *e)
{
    struct str text;
    json_t *j;
    const char *path = backup_path(b, b->from, STR("backup.json"));
    if (!file_read(&text, b->a, path, BACKUP_DOC_MAX, e))
        return err_hint(e, "%s is no backup, or one that was not finished", b->from);
    if (!doc_parse(&j, text, "backup.json", e))
        return false;
    struct doc d = {b->a, "backup.json", NULL};
    int64_t format = doc_i64(&d, j, "format");
    struct str name = doc_str(&d, j, "job");
    *batch = doc_u64(&d, j, "batch");
    const json_t *files = doc_array(&d, j, "files");
    for (size_t i = 0; i < json_array_size(files); i++) {
        const json_t *f = json_array_get(files, i);
        const struct backup_file file = {doc_str(&d, f, "path"), doc_u64(&d, f, "bytes"),
                                         doc_hex(&d, f, "checksum")};
        vec_push(&b->files, file);
    }
    json_decref(j);
    if (!doc_ok(&d, e))
        return false;
    if (format != BACKUP_FORMAT)
        return err_fail(e, ERR_DATA, "%s has format %lld, this program knows format %d", path,
                        (long long)format, BACKUP_FORMAT);
    return str_eq(name, str_from(job->name)) ||
           err_fail(e, ERR_CONFIG, "%s is a backup of job %.*s", b->from, STR_ARG(name));
}

static bool restore_check(struct backup *b, struct err *e)
{
    for (size_t i = 0; i < b->files.n; i++) {
        const struct backup_file *f = &b->files.v[i];
        enum store_content found;
        size_t at;
        const char *path = backup_path(b, b->from, f->path);
        if (str_starts(f->path, STR("/")) || str_find(&at, f->path, STR("..")))
            return err_fail(e, ERR_DATA, "backup.json names a file outside: %.*s",
                            STR_ARG(f->path));
        if (!store_compare(&found, path, f->bytes, f->checksum, e))
            return false;
        if (found != STORE_SAME)
            return err_fail(e, ERR_DATA, "%s is %s: the backup is damaged", path,
                            found == STORE_ABSENT ? "missing" : "not what was written");
    }
    return true;
}

static bool restore_copy(struct backup *b, struct err *e)
{
    VEC(struct backup_file) files = {.v = b->files.v, .n = b->files.n};
    b->files.v = NULL;
    b->files.n = b->files.cap = 0;
    bool ok = durable_remove_tree(b->d, "restore.clean", b->to, e) &&
              durable_mkdirs(b->d, "restore.mkdir", b->to, 0700, e);
    for (size_t i = 0; ok && i < files.n; i++) {
        struct str dir = files.v[i].path;
        while (dir.n && dir.p[dir.n - 1] != '/')
            dir.n--;
        const char *target = backup_path(b, b->to, dir);
        ok = durable_mkdirs(b->d, "restore.mkdir", target, 0700, e) &&
             backup_copy(b, files.v[i].path, e) &&
             durable_fsync_dir(b->d, "restore.dirsync", target, e);
    }
    vec_fini(&files);
    return ok && durable_fsync_dir(b->d, "restore.dirsync", b->to, e);
}

// The newest batch that any output holds. The topics' marker comes last and is never ahead of the others.
static bool restore_heads(uint64_t *out, struct session *s, struct err *e)
{
    struct lake_head lake = {0};
    if (s->lake && !lake_head(s->lake, s->job->name, 0, &lake, e))
        return false;
    *out = lake.batch > lake.pending ? lake.batch : lake.pending;
    for (size_t i = 0; i < s->job->target_count; i++) {
        struct sink *sink = NULL;
        struct head h;
        if (!heads_sink(&sink, s, i, e) || !sink->type->head(sink, &h, e))
            return false;
        *out = h.batch > *out ? h.batch : *out;
    }
    return true;
}

static bool restore_fits(struct backup_report *out, const struct backup *b, const struct job *job,
                         const struct run_env *env, enum restore_mode mode, struct err *e)
{
    struct job copy = *job;
    struct session s;
    struct run_report report = {0};
    copy.state_dir = b->to;
    bool ok = session_open(&s, &copy, env, &report, e) && restore_heads(&out->head, &s, e);
    session_close(&s);
    if (!ok || out->head <= out->batch || mode == RESTORE_RECOVER)
        return ok;
    err_fail(e, ERR_FENCED, "the outputs hold batch %llu, the backup ends with batch %llu",
             (unsigned long long)out->head, (unsigned long long)out->batch);
    return err_hint(e,
                    "--recover restores it and executes the batches since again, in their place: "
                    "see the recovery handbook, \"state lost\"");
}

// The one that was there must not be in use; it is kept.
static bool restore_swap(struct backup *b, const struct job *job, struct err *e)
{
    struct kv *kv = NULL;
    const char *dir = job->state_dir;
    const char *old = arena_printf(b->a, "%s.before-restore", dir).p;
    struct kv_spec spec = {.dir = dir, .mode = KV_OWNER, .durable = b->d};
    bool there = file_exists(arena_printf(b->a, "%s/data.mdb", dir).p);
    bool ok = (!there || kv_open(&kv, &spec, e)) &&
              durable_remove_tree(b->d, "restore.clean", old, e) &&
              (!file_exists(dir) || durable_rename(b->d, "restore.rename", dir, old, e)) &&
              durable_rename(b->d, "restore.rename", b->to, dir, e) &&
              durable_fsync_dir(b->d, "restore.dirsync", arena_printf(b->a, "%s/..", dir).p, e);
    kv_close(kv);
    return ok;
}

bool state_restore(struct backup_report *out, const struct job *job, const struct run_env *env,
                   const char *from, enum restore_mode mode, struct err *e)
{
    *out = (struct backup_report){0};
    struct arena *a = arena_new(NULL);
    struct backup b = {.d = env->durable,
                       .a = a,
                       .site = "restore",
                       .from = from,
                       .to = arena_printf(a, "%s.restoring", job->state_dir).p};
    bool ok = restore_read(&b, job, &out->batch, e) && restore_check(&b, e) &&
              restore_copy(&b, e) && restore_fits(out, &b, job, env, mode, e) &&
              restore_swap(&b, job, e);
    struct err ignored;
    if (!ok && !durable_dead(b.d))
        (void)!durable_remove_tree(b.d, "restore.clean", b.to, &ignored);
    backup_sum(out, &b);
    vec_fini(&b.files);
    arena_free(a);
    return ok || err_wrap(e, "restoring job %s from %s", job->name, from);
}

// --- compact ---------------------------------------------------------------------------------------------------------

static bool compact_size(uint64_t *out, const char *dir, struct err *e)
{
    char path[4096];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/data.mdb", dir);
    if (stat(path, &st) != 0)
        return err_sys(e, "no state store in %s", dir);
    *out = (uint64_t)st.st_size;
    return true;
}

bool state_compact(uint64_t *before, uint64_t *after, const struct job *job, struct durable *d,
                   struct err *e)
{
    struct kv *kv = NULL;
    struct kv_spec spec = {.dir = job->state_dir, .mode = KV_OWNER, .durable = d};
    bool ok = compact_size(before, job->state_dir, e) && kv_open(&kv, &spec, e) &&
              kv_compact(kv, e) && compact_size(after, job->state_dir, e);
    kv_close(kv);
    return ok || err_wrap(e, "compacting the state of job %s", job->name);
}
