#include "jobs/run/spool.h"

#include "base/durable.h"
#include "base/hash.h"
#include "schema/rowcodec.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SPOOL_BUFFER = 256 << 10, SPOOL_ROW_MAX = 256 << 20, SPOOL_VERSION = 1 };

static const char spool_magic[6] = {'S', 'L', 'S', 'P', SPOOL_VERSION, ROWCODEC_VERSION};

struct spool {
    struct durable *d;
    int fd;
    char *path;
    struct buf out, row;
    struct hasher hash;
    struct spool_info info;
};

static bool spool_flush(struct spool *s, struct err *e)
{
    if (s->out.n == 0)
        return true;
    hasher_add(&s->hash, s->out.p, s->out.n);
    s->info.bytes += s->out.n;
    bool ok = durable_write(s->d, "spool.write", s->fd, s->path, s->out.p, s->out.n, e);
    buf_clear(&s->out);
    return ok;
}

void spool_abandon(struct spool *s)
{
    if (!s)
        return;
    if (s->fd >= 0)
        close(s->fd);
    buf_fini(&s->out);
    buf_fini(&s->row);
    mem_free(s->path);
    mem_free(s);
}

bool spool_create(struct spool **out, struct durable *d, const char *path, struct err *e)
{
    struct spool *s = mem_zalloc(sizeof *s);
    s->d = d;
    s->fd = -1;
    s->path = mem_strdup(path);
    buf_init(&s->out, (size_t)2 * SPOOL_ROW_MAX);
    buf_init(&s->row, SPOOL_ROW_MAX);
    hasher_init(&s->hash);
    if (!durable_create(&s->fd, d, "spool.create", path, O_TRUNC | DURABLE_PRIVATE, e)) {
        spool_abandon(s);
        return false;
    }
    buf_put(&s->out, spool_magic, sizeof spool_magic);
    *out = s;
    return true;
}

// The row in s->row is complete.
static bool spool_row(struct spool *s, enum row_op op, struct err *e)
{
    if (!buf_ok(&s->row, "a spooled row", e))
        return false;
    s->info.rows_hash += hash_bytes(s->row.p, s->row.n, 0);
    s->info.rows++;
    s->info.deletes += op == OP_DELETE;
    s->info.upserts += op != OP_DELETE;
    buf_varint(&s->out, s->row.n);
    buf_put(&s->out, s->row.p, s->row.n);
    return s->out.n < SPOOL_BUFFER || spool_flush(s, e);
}

bool spool_add(struct spool *s, const struct column *columns, size_t n, uint32_t row,
               enum row_op op, struct err *e)
{
    buf_clear(&s->row);
    buf_u8(&s->row, (uint8_t)op);
    rowcodec_encode(&s->row, columns, n, row);
    return spool_row(s, op, e);
}

bool spool_add_bytes(struct spool *s, struct str row, enum row_op op, struct err *e)
{
    buf_clear(&s->row);
    buf_u8(&s->row, (uint8_t)op);
    buf_str(&s->row, row);
    return spool_row(s, op, e);
}

bool spool_seal(struct spool *s, struct spool_info *out, struct err *e)
{
    bool ok = spool_flush(s, e) && durable_fsync(s->d, "spool.fsync", s->fd, s->path, e);
    s->info.checksum = hasher_sum(&s->hash);
    *out = s->info;
    spool_abandon(s);
    return ok;
}

// --- reading ---------------------------------------------------------------------------------------------------------

struct spool_map {
    uint8_t *p; // read only
    size_t n;
};

static bool spool_map(struct spool_map *out, const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, "cannot open spool %s", path);
    struct stat st;
    if (fstat(fd, &st) != 0) {
        err_sys(e, "cannot read spool %s", path);
        close(fd);
        return false;
    }
    out->n = (size_t)st.st_size;
    void *p = out->n ? mmap(NULL, out->n, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    bool ok = p != MAP_FAILED || err_sys(e, "cannot map spool %s", path);
    close(fd);
    out->p = ok ? p : NULL;
    return ok;
}

static void spool_unmap(const struct spool_map *m)
{
    if (m->p) // an empty file has no map
        munmap(m->p, m->n);
}

static bool spool_check(const struct spool_replay *spec, const struct spool_map *m, struct err *e)
{
    if (m->n != spec->bytes || m->n < sizeof spool_magic ||
        hash_bytes(m->p, m->n, 0) != spec->checksum) {
        err_fail(e, ERR_DATA,
                 "spool %s is damaged: %zu bytes found, %llu recorded, or its checksum differs",
                 spec->path, m->n, (unsigned long long)spec->bytes);
        return err_hint(
            e, "the state directory lost data: see the recovery handbook, \"damaged spool\"");
    }
    if (memcmp(m->p, spool_magic, sizeof spool_magic) != 0)
        return err_fail(e, ERR_DATA, "spool %s was written by another version of the program",
                        spec->path);
    return true;
}

static bool spool_next(const struct spool_replay *spec, struct cursor *in, struct str *row,
                       enum row_op *op, struct err *e)
{
    uint64_t n;
    const uint8_t *p;
    if (!cur_varint(in, &n) || n == 0 || !cur_bytes(in, &p, n))
        return err_fail(e, ERR_DATA, "spool %s ends in the middle of a row", spec->path);
    *op = (enum row_op)p[0];
    *row = (struct str){(const char *)p + 1, n - 1};
    return true;
}

// Decodes up to block_rows rows; *rows = how many.
static bool spool_block(const struct spool_replay *spec, struct arena *a, struct cursor *in,
                        struct block **out, struct err *e)
{
    struct block *b = block_new(a, spec->schema, spec->block_rows);
    b->op = ARENA_ZARRAY(a, uint8_t, spec->block_rows);
    b->rows = 0;
    while (b->rows < spec->block_rows && in->p < in->end) {
        struct str bytes;
        enum row_op op;
        if (!spool_next(spec, in, &bytes, &op, e))
            return false;
        b->op[b->rows] = (uint8_t)op;
        struct cursor row = {(const uint8_t *)bytes.p, (const uint8_t *)bytes.p + bytes.n};
        if (!rowcodec_decode(b->columns, spec->schema->count, b->rows, a, &row, e))
            return err_wrap(e, "spool %s", spec->path);
        b->rows++;
    }
    *out = b;
    return true;
}

bool spool_replay(const struct spool_replay *spec, spool_block_fn *fn, void *arg, struct err *e)
{
    assert(spec->block_rows > 0);
    struct spool_map m = {NULL, 0};
    if (!spool_map(&m, spec->path, e))
        return false;
    bool ok = spool_check(spec, &m, e);
    struct arena *a = arena_new(NULL);
    struct cursor in = {NULL, NULL};
    if (ok)
        in = (struct cursor){m.p + sizeof spool_magic, m.p + m.n};
    while (ok && in.p < in.end) {
        struct block *b = NULL;
        arena_reset(a);
        ok = spool_block(spec, a, &in, &b, e) && fn(arg, b, e);
    }
    arena_free(a);
    spool_unmap(&m);
    return ok;
}

bool spool_replay_bytes(const struct spool_replay *spec, spool_bytes_fn *fn, void *arg,
                        struct err *e)
{
    struct spool_map m = {NULL, 0};
    if (!spool_map(&m, spec->path, e))
        return false;
    bool ok = spool_check(spec, &m, e);
    struct cursor in = {NULL, NULL};
    if (ok)
        in = (struct cursor){m.p + sizeof spool_magic, m.p + m.n};
    while (ok && in.p < in.end) {
        struct str row;
        enum row_op op;
        ok = spool_next(spec, &in, &row, &op, e) && fn(arg, row, op, e);
    }
    spool_unmap(&m);
    return ok;
}
