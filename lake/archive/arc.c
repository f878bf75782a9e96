#include "lake/archive/arc.h"

#include "base/durable.h"
#include "base/mem.h"

#include <archive.h>
#include <archive_entry.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <unistd.h>

enum { ARC_PIECE = 256 * 1024, ARC_BLOCK = 64 * 1024, ARC_MODE = 0644 };

bool arc_kind_of(enum arc_kind *out, struct str name, struct err *e)
{
    static const struct {
        const char *end;
        enum arc_kind kind;
    } kinds[] = {{".tar", ARC_TAR},
                 {".tar.gz", ARC_TAR_GZIP},
                 {".tgz", ARC_TAR_GZIP},
                 {".tar.zst", ARC_TAR_ZSTD},
                 {".zip", ARC_ZIP}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (str_ends(name, str_from(kinds[i].end))) {
            *out = kinds[i].kind;
            return true;
        }
    err_fail(e, ERR_CONFIG, "%.*s does not say what kind of archive it is", STR_ARG(name));
    return err_hint(e, "its name ends in .tar, .tar.gz, .tar.zst or .zip");
}

// libarchive converts names by the locale of the thread: UTF-8 for as long as it works.
struct arc_locale {
    locale_t utf8, old;
};

static void arc_locale_open(struct arc_locale *l)
{
    l->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

static void arc_enter(struct arc_locale *l)
{
    if (l->utf8)
        l->old = uselocale(l->utf8);
}

static void arc_leave(struct arc_locale *l)
{
    if (l->utf8)
        uselocale(l->old);
}

static void arc_locale_close(struct arc_locale *l)
{
    if (l->utf8)
        freelocale(l->utf8);
}

static bool arc_err(struct err *e, struct archive *ar, enum err_kind kind, const char *path)
{
    const char *text = archive_error_string(ar);
    return err_fail(e, kind, "%s: %s", path, text ? text : "not a readable archive");
}

// --- writing ---------------------------------------------------------------------------------------------------------

struct arc_writer {
    struct archive *ar;
    struct durable *durable;
    char *path;
    int fd;
    enum arc_kind kind;
    struct arc_locale locale;
    struct buf out;   // not yet written
    bool failed;      // a durable call did:
    struct err cause; // and why
};

static bool arc_flush(struct arc_writer *w)
{
    if (!w->failed && w->out.n > 0)
        w->failed = !durable_write(w->durable, "lake.archive.write", w->fd, w->path, w->out.p,
                                   w->out.n, &w->cause);
    buf_clear(&w->out);
    return !w->failed;
}

static la_ssize_t arc_take(struct archive *ar, void *arg, const void *p, size_t n)
{
    struct arc_writer *w = arg;
    (void)ar;
    buf_put(&w->out, p, n);
    if (w->out.n >= ARC_PIECE && !arc_flush(w))
        return -1;
    return (la_ssize_t)n;
}

// The cause is ours when a durable call failed, else libarchive's.
static bool arc_write_failed(struct arc_writer *w, struct err *e)
{
    if (!w->failed)
        return arc_err(e, w->ar, ERR_IO, w->path);
    *e = w->cause;
    return false;
}

static int arc_set_kind(struct archive *ar, enum arc_kind kind)
{
    int r = ARCHIVE_OK;
    switch (kind) {
    case ARC_TAR:
    case ARC_TAR_GZIP:
    case ARC_TAR_ZSTD:
        r = archive_write_set_format_gnutar(ar);
        if (kind == ARC_TAR_GZIP) {
            r |= archive_write_add_filter_gzip(ar);
            r |= archive_write_set_filter_option(ar, "gzip", "timestamp", NULL);
        }
        if (kind == ARC_TAR_ZSTD)
            r |= archive_write_add_filter_zstd(ar);
        break;
    case ARC_ZIP:
        r = archive_write_set_format_zip(ar);
        r |= archive_write_set_format_option(ar, "zip", "hdrcharset", "UTF-8");
        break;
    }
    return r;
}

bool arc_create(struct arc_writer **out, struct durable *d, const char *path, enum arc_kind kind,
                struct err *e)
{
    int fd;
    if (!durable_create(&fd, d, "lake.archive.create", path, O_TRUNC, e))
        return false;
    struct arc_writer *w = mem_zalloc(sizeof *w);
    w->durable = d;
    w->path = mem_strdup(path);
    w->fd = fd;
    w->kind = kind;
    buf_init(&w->out, (size_t)ARC_PIECE * 4);
    arc_locale_open(&w->locale);
    arc_enter(&w->locale);
    w->ar = archive_write_new();
    // Nothing is padded behind the end: not every decompressor passes over zeros.
    bool ok = arc_set_kind(w->ar, kind) == ARCHIVE_OK &&
              archive_write_set_bytes_per_block(w->ar, ARC_BLOCK) == ARCHIVE_OK &&
              archive_write_set_bytes_in_last_block(w->ar, 1) == ARCHIVE_OK &&
              archive_write_open(w->ar, w, NULL, arc_take, NULL) == ARCHIVE_OK;
    arc_leave(&w->locale);
    if (!ok) {
        arc_write_failed(w, e);
        arc_abandon(w);
        return false;
    }
    *out = w;
    return true;
}

bool arc_entry(struct arc_writer *w, struct str name, uint64_t bytes, int64_t time_ms,
               enum arc_store store, struct err *e)
{
    char *z = mem_alloc(name.n + 1);
    memcpy(z, name.p, name.n);
    z[name.n] = '\0';
    arc_enter(&w->locale);
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, z);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, ARC_MODE);
    archive_entry_set_size(entry, (la_int64_t)bytes);
    archive_entry_set_mtime(entry, (time_t)(time_ms / 1000), 0);
    if (w->kind == ARC_ZIP && store == ARC_AS_IS)
        archive_write_zip_set_compression_store(w->ar);
    else if (w->kind == ARC_ZIP)
        archive_write_zip_set_compression_deflate(w->ar);
    bool ok = archive_write_header(w->ar, entry) == ARCHIVE_OK && !w->failed;
    archive_entry_free(entry);
    arc_leave(&w->locale);
    mem_free(z);
    return ok || arc_write_failed(w, e);
}

bool arc_data(struct arc_writer *w, struct str piece, struct err *e)
{
    while (piece.n > 0) {
        arc_enter(&w->locale);
        la_ssize_t n = archive_write_data(w->ar, piece.p, piece.n);
        arc_leave(&w->locale);
        if (n <= 0 || w->failed)
            return arc_write_failed(w, e);
        piece = str_slice(piece, (size_t)n, piece.n);
    }
    return true;
}

bool arc_finish(struct arc_writer *w, struct err *e)
{
    arc_enter(&w->locale);
    bool ok = archive_write_close(w->ar) == ARCHIVE_OK;
    arc_leave(&w->locale);
    if (!ok || !arc_flush(w))
        return arc_write_failed(w, e);
    if (!durable_fsync(w->durable, "lake.archive.fsync", w->fd, w->path, e))
        return false;
    arc_abandon(w);
    return true;
}

void arc_abandon(struct arc_writer *w)
{
    if (!w)
        return;
    w->failed = true; // what libarchive still holds is not written
    arc_enter(&w->locale);
    archive_write_free(w->ar);
    arc_leave(&w->locale);
    arc_locale_close(&w->locale);
    close(w->fd);
    buf_fini(&w->out);
    mem_free(w->path);
    mem_free(w);
}

// --- reading ---------------------------------------------------------------------------------------------------------

struct arc_reader {
    struct archive *ar;
    char *path;
    struct arc_locale locale;
    char piece[ARC_BLOCK];
};

static int arc_support(struct archive *ar)
{
    int r = archive_read_support_format_tar(ar);
    r |= archive_read_support_format_zip(ar);
    r |= archive_read_support_filter_gzip(ar);
    r |= archive_read_support_filter_zstd(ar);
    return r;
}

bool arc_open(struct arc_reader **out, const char *path, struct err *e)
{
    struct arc_reader *r = mem_zalloc(sizeof *r);
    r->path = mem_strdup(path);
    arc_locale_open(&r->locale);
    arc_enter(&r->locale);
    r->ar = archive_read_new();
    bool ok = arc_support(r->ar) == ARCHIVE_OK &&
              archive_read_open_filename(r->ar, path, ARC_BLOCK) == ARCHIVE_OK;
    arc_leave(&r->locale);
    if (!ok) {
        int code = archive_errno(r->ar);
        if (code == ENOENT || code == EACCES)
            (void)!err_sys_at(e, __FILE__, __LINE__, ERR_CONFIG, code, "cannot open %s", path);
        else
            (void)!arc_err(e, r->ar, ERR_DATA, path);
        arc_close(r);
        return false;
    }
    *out = r;
    return true;
}

static enum arc_next arc_take_entry(struct str *name, struct arc_reader *r, struct err *e)
{
    struct archive_entry *entry;
    int got = archive_read_next_header(r->ar, &entry);
    if (got == ARCHIVE_EOF)
        return ARC_END;
    if (got != ARCHIVE_OK && got != ARCHIVE_WARN) {
        arc_err(e, r->ar, ERR_DATA, r->path);
        return ARC_FAILED;
    }
    const char *path = archive_entry_pathname(entry);
    bool plain = path && archive_entry_filetype(entry) == AE_IFREG &&
                 !archive_entry_hardlink(entry) && !archive_entry_symlink(entry) &&
                 !archive_entry_is_encrypted(entry);
    if (!plain) {
        err_fail(e, ERR_DATA, "%s: %s is not a plain file", r->path, path ? path : "an entry");
        return ARC_FAILED;
    }
    *name = str_from(path);
    return ARC_ENTRY;
}

enum arc_next arc_next(struct str *name, struct arc_reader *r, struct err *e)
{
    arc_enter(&r->locale);
    enum arc_next next = arc_take_entry(name, r, e);
    arc_leave(&r->locale);
    return next;
}

enum arc_next arc_read(struct str *piece, struct arc_reader *r, struct err *e)
{
    arc_enter(&r->locale);
    la_ssize_t n = archive_read_data(r->ar, r->piece, sizeof r->piece);
    arc_leave(&r->locale);
    if (n < 0) {
        arc_err(e, r->ar, ERR_DATA, r->path);
        return ARC_FAILED;
    }
    *piece = (struct str){r->piece, (size_t)n};
    return n == 0 ? ARC_END : ARC_DATA;
}

void arc_close(struct arc_reader *r)
{
    if (!r)
        return;
    arc_enter(&r->locale);
    archive_read_free(r->ar);
    arc_leave(&r->locale);
    arc_locale_close(&r->locale);
    mem_free(r->path);
    mem_free(r);
}
