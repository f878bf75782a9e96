#include "jobs/run/rowlog.h"

#include "base/durable.h"
#include "base/hash.h"
#include "base/vec.h"
#include "schema/rowcodec.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    ROWLOG_FRAME = 256 << 10, // entries are written when there are this many bytes of them
    ROWLOG_FRAME_HEAD = 12,
    ROWLOG_ROW_MAX = 256 << 20,
    ROWLOG_VERSION = 1,
    ROWLOG_BLOCK_ROWS = 4096,
};

static const char rowlog_magic[6] = {'S', 'L', 'R', 'L', ROWLOG_VERSION, ROWCODEC_VERSION};

struct rowlog {
    struct rowlog_spec spec;
    int fd;
    char *path;
    struct str file;
    bool created;
    uint64_t bytes, rows; // of the file, flushed; of this batch
    struct buf frame, row;
};

// --- a file as it lies there -----------------------------------------------------------------------------------------

struct rowlog_map {
    uint8_t *p; // read only
    size_t n;   // at least what is committed
};

static bool rowlog_map(struct rowlog_map *out, const char *path, struct err *e)
{
    *out = (struct rowlog_map){NULL, 0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, "cannot open row log %s", path);
    struct stat st;
    if (fstat(fd, &st) != 0) {
        err_sys(e, "cannot read row log %s", path);
        close(fd);
        return false;
    }
    void *p = st.st_size ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    bool ok = p != MAP_FAILED || err_sys(e, "cannot map row log %s", path);
    close(fd);
    if (ok)
        *out = (struct rowlog_map){p, (size_t)st.st_size};
    return ok;
}

static void rowlog_unmap(const struct rowlog_map *m)
{
    if (m->p)
        munmap(m->p, m->n);
}

static bool rowlog_damaged(const char *path, const char *what, struct err *e)
{
    err_fail(e, ERR_DATA, "row log %s is damaged: %s", path, what);
    return err_hint(
        e, "the state directory lost data: see the recovery handbook, \"damaged row log\"");
}

// --- writing ---------------------------------------------------------------------------------------------------------

void rowlog_abandon(struct rowlog *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    buf_fini(&s->frame);
    buf_fini(&s->row);
    mem_free(s->path);
    mem_free(s);
}

static bool rowlog_write(struct rowlog *s, const void *p, size_t n, struct err *e)
{
    s->bytes += n;
    return durable_write(s->spec.durable, "rowlog.write", s->fd, s->path, p, n, e);
}

static char *rowlog_path(const char *dir, struct str file)
{
    size_t n = strlen(dir) + file.n + 2;
    char *path = mem_alloc(n);
    (void)snprintf(path, n, "%s/%.*s", dir, STR_ARG(file));
    return path;
}

static bool rowlog_copy(struct rowlog *s, struct err *e)
{
    const struct control_log *old = s->spec.committed;
    char *path = rowlog_path(s->spec.dir, old->file);
    struct rowlog_map m = {NULL, 0};
    bool ok = rowlog_map(&m, path, e) &&
              (m.n >= old->bytes || rowlog_damaged(path, "it is shorter than committed", e)) &&
              rowlog_write(s, m.p, old->bytes, e);
    rowlog_unmap(&m);
    mem_free(path);
    return ok;
}

// A new file, with what was committed of the old one.
static bool rowlog_renew(struct rowlog *s, struct err *e)
{
    s->file = s->spec.fresh;
    s->created = true;
    mem_free(s->path);
    s->path = rowlog_path(s->spec.dir, s->file);
    if (!durable_create(&s->fd, s->spec.durable, "rowlog.create", s->path,
                        O_TRUNC | DURABLE_PRIVATE, e))
        return false;
    if (s->spec.committed->file.n > 0)
        return rowlog_copy(s, e);
    return rowlog_write(s, rowlog_magic, sizeof rowlog_magic, e);
}

static bool rowlog_continue(struct rowlog *s, struct err *e)
{
    const struct control_log *old = s->spec.committed;
    struct stat st;
    s->file = old->file;
    s->path = rowlog_path(s->spec.dir, s->file);
    if (stat(s->path, &st) != 0)
        return err_sys(e, "cannot read row log %s", s->path);
    if ((uint64_t)st.st_size < old->bytes)
        return rowlog_damaged(s->path, "it is shorter than committed", e);
    if ((uint64_t)st.st_size > old->bytes)
        return rowlog_renew(s, e);
    s->bytes = old->bytes;
    return durable_create(&s->fd, s->spec.durable, "rowlog.create", s->path,
                          O_APPEND | DURABLE_PRIVATE, e);
}

bool rowlog_open(struct rowlog **out, const struct rowlog_spec *spec, struct err *e)
{
    struct rowlog *s = mem_zalloc(sizeof *s);
    s->spec = *spec;
    s->fd = -1;
    buf_init(&s->frame, (size_t)2 * ROWLOG_ROW_MAX);
    buf_init(&s->row, ROWLOG_ROW_MAX);
    if (spec->committed->file.n > 0 ? rowlog_continue(s, e) : rowlog_renew(s, e)) {
        *out = s;
        return true;
    }
    rowlog_abandon(s);
    return false;
}

static bool rowlog_flush(struct rowlog *s, struct err *e)
{
    if (s->frame.n == 0)
        return true;
    if (!buf_ok(&s->frame, "rows of a row log", e))
        return false;
    struct buf head;
    buf_init(&head, ROWLOG_FRAME_HEAD);
    buf_le32(&head, (uint32_t)s->frame.n);
    buf_le64(&head, hash_bytes(s->frame.p, s->frame.n, 0));
    bool ok = rowlog_write(s, head.p, head.n, e) && rowlog_write(s, s->frame.p, s->frame.n, e);
    buf_fini(&head);
    buf_clear(&s->frame);
    return ok;
}

bool rowlog_add(struct rowlog *s, uint64_t seq, const struct column *columns, size_t n,
                uint32_t row, struct err *e)
{
    buf_clear(&s->row);
    buf_le64(&s->row, seq);
    rowcodec_encode(&s->row, columns, n, row);
    if (!buf_ok(&s->row, "a row", e))
        return false;
    buf_varint(&s->frame, s->row.n);
    buf_put(&s->frame, s->row.p, s->row.n);
    s->rows++;
    return s->frame.n < ROWLOG_FRAME || rowlog_flush(s, e);
}

uint64_t rowlog_bytes(const struct rowlog *s)
{
    return s->bytes + s->frame.n;
}

bool rowlog_seal(struct rowlog *s, struct arena *a, struct control_log *io, struct err *e)
{
    struct durable *d = s->spec.durable;
    bool ok = rowlog_flush(s, e) && durable_fsync(d, "rowlog.fsync", s->fd, s->path, e) &&
              (!s->created || durable_fsync_dir(d, "rowlog.dir", s->spec.dir, e));
    if (ok) {
        if (!str_eq(io->file, s->file))
            io->file = arena_str(a, s->file);
        io->bytes = s->bytes;
        io->rows += s->rows;
    }
    rowlog_abandon(s);
    return ok;
}

// --- reading ---------------------------------------------------------------------------------------------------------

struct rowlog_entry {
    uint64_t seq;
    const uint8_t *p;
    uint32_t n;
    uint32_t place; // order within one sequence number
};

struct rowlog_index {
    VEC(struct rowlog_entry) v;
    bool ascending;
};

static bool rowlog_index_frame(struct rowlog_index *x, struct cursor in)
{
    while (in.p < in.end) {
        uint64_t n, seq;
        const uint8_t *p;
        if (!cur_varint(&in, &n) || n < 8 || !cur_bytes(&in, &p, n))
            return false;
        struct cursor head = {p, p + 8};
        (void)!cur_le64(&head, &seq);
        const struct rowlog_entry *last = x->v.n ? &x->v.v[x->v.n - 1] : NULL;
        x->ascending = x->ascending && (!last || last->seq <= seq);
        struct rowlog_entry entry = {seq, p + 8, (uint32_t)(n - 8), (uint32_t)x->v.n};
        vec_push(&x->v, entry);
    }
    return true;
}

static bool rowlog_index(struct rowlog_index *x, const struct rowlog_map *m, uint64_t bytes,
                         const char *path, struct err *e)
{
    if (m->n < bytes || bytes < sizeof rowlog_magic)
        return rowlog_damaged(path, "it is shorter than committed", e);
    if (memcmp(m->p, rowlog_magic, sizeof rowlog_magic) != 0)
        return err_fail(e, ERR_DATA, "row log %s was written by another version of the program",
                        path);
    struct cursor in = {m->p + sizeof rowlog_magic, m->p + bytes};
    while (in.p < in.end) {
        uint32_t n;
        uint64_t sum;
        const uint8_t *p;
        if (!cur_le32(&in, &n) || !cur_le64(&in, &sum) || !cur_bytes(&in, &p, n) ||
            hash_bytes(p, n, 0) != sum || !rowlog_index_frame(x, (struct cursor){p, p + n}))
            return rowlog_damaged(path, "a checksum or a length is wrong", e);
    }
    return true;
}

static int rowlog_order(const void *x, const void *y)
{
    const struct rowlog_entry *p = x, *q = y;
    if (p->seq != q->seq)
        return p->seq < q->seq ? -1 : 1;
    return p->place < q->place ? -1 : p->place > q->place;
}

static bool rowlog_blocks(const struct rowlog_index *x, const struct shape *shape,
                          rowlog_block_fn *fn, void *arg, struct err *e)
{
    struct arena *a = arena_new(NULL);
    bool ok = true;
    for (size_t at = 0; ok && at < x->v.n;) {
        arena_reset(a);
        struct column *columns = shape_new(shape, a, ROWLOG_BLOCK_ROWS);
        uint32_t n = 0;
        for (; ok && n < ROWLOG_BLOCK_ROWS && at < x->v.n; n++, at++) {
            const struct rowlog_entry *entry = &x->v.v[at];
            struct cursor in = {entry->p, entry->p + entry->n};
            ok = rowcodec_decode(columns, shape->all.count, n, a, &in, e);
        }
        ok = ok && fn(arg, shape_block(shape, a, columns, n), e);
    }
    arena_free(a);
    return ok;
}

bool rowlog_replay(const char *dir, const struct control_log *log, const struct shape *shape,
                   rowlog_block_fn *fn, void *arg, struct err *e)
{
    struct rowlog_index x = {.ascending = true};
    struct rowlog_map m = {NULL, 0};
    char *path = rowlog_path(dir, log->file);
    bool ok = rowlog_map(&m, path, e) && rowlog_index(&x, &m, log->bytes, path, e);
    if (ok && x.v.n != log->rows)
        ok = rowlog_damaged(path, "it has another number of rows than committed", e);
    if (ok && !x.ascending)
        qsort(x.v.v, x.v.n, sizeof *x.v.v, rowlog_order);
    ok = ok && rowlog_blocks(&x, shape, fn, arg, e);
    vec_fini(&x.v);
    rowlog_unmap(&m);
    mem_free(path);
    return ok;
}

static bool rowlog_named(const struct control *control, const char *name)
{
    for (size_t i = 0; i < control->log_count; i++)
        if (str_eq(control->logs[i].file, str_from(name)))
            return true;
    return false;
}

bool rowlog_clean(const char *dir, const struct control *control, struct durable *d, struct err *e)
{
    DIR *list = opendir(dir);
    if (!list)
        return err_sys(e, "cannot list %s", dir);
    bool ok = true;
    struct dirent *entry;
    while (ok && (entry = readdir(list)) != NULL) {
        if (entry->d_name[0] == '.' || rowlog_named(control, entry->d_name))
            continue;
        char *path = rowlog_path(dir, str_from(entry->d_name));
        ok = durable_unlink(d, "rowlog.unlink", path, e);
        mem_free(path);
    }
    closedir(list);
    return ok;
}
