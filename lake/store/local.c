#include "lake/store/store.h"

#include "base/hash.h"
#include "base/vec.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct store_file {
    int fd;
    char *path;
    char piece[STORE_PIECE];
};

static int by_name(const void *x, const void *y)
{
    return str_cmp(((const struct store_entry *)x)->name, ((const struct store_entry *)y)->name);
}

static enum store_entry_kind kind_of(DIR *dir, const struct dirent *d)
{
    if (d->d_type == DT_REG || d->d_type == DT_DIR)
        return d->d_type == DT_DIR ? STORE_DIRECTORY : STORE_FILE;
    struct stat st;
    if (fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return STORE_OTHER;
    if (S_ISDIR(st.st_mode))
        return STORE_DIRECTORY;
    return S_ISREG(st.st_mode) ? STORE_FILE : STORE_OTHER;
}

static bool read_entries(struct store_entry **out, size_t *n, struct arena *a, DIR *dir)
{
    VEC(struct store_entry) found = {0};
    errno = 0;
    for (struct dirent *d = readdir(dir); d; d = readdir(dir)) {
        struct str name = str_from(d->d_name);
        if (str_eq(name, STR(".")) || str_eq(name, STR("..")))
            continue;
        struct store_entry entry = {arena_str(a, name), kind_of(dir, d)};
        vec_push(&found, entry);
        errno = 0;
    }
    bool ok = errno == 0;
    *n = found.n;
    *out = ARENA_ARRAY(a, struct store_entry, found.n + 1);
    if (found.n > 0) {
        qsort(found.v, found.n, sizeof *found.v, by_name);
        memcpy(*out, found.v, found.n * sizeof *found.v);
    }
    vec_fini(&found);
    return ok;
}

bool store_list(struct store_entry **out, size_t *n, struct arena *a, const char *dir,
                struct err *e)
{
    *out = NULL;
    *n = 0;
    DIR *d = opendir(dir);
    if (!d)
        return errno == ENOENT || err_sys(e, "cannot list %s", dir);
    bool ok = read_entries(out, n, a, d) || err_sys(e, "cannot list %s", dir);
    closedir(d);
    return ok;
}

bool store_may_hold_dirs(const char *dir)
{
    struct stat st;
    return stat(dir, &st) != 0 ||
           st.st_nlink != 2; // itself and its own "."; each directory's ".." would add one
}

enum store_read store_open(struct store_file **out, const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return STORE_MISSING;
    if (fd < 0) {
        err_sys(e, "cannot open %s", path);
        return STORE_FAILED;
    }
    struct store_file *f = mem_alloc(sizeof *f);
    f->fd = fd;
    f->path = mem_strdup(path);
    *out = f;
    return STORE_DATA;
}

enum store_read store_read(struct str *out, struct store_file *f, struct err *e)
{
    ssize_t n = read(f->fd, f->piece, sizeof f->piece);
    while (n < 0 && errno == EINTR)
        n = read(f->fd, f->piece, sizeof f->piece);
    if (n < 0) {
        err_sys(e, "cannot read %s", f->path);
        return STORE_FAILED;
    }
    *out = (struct str){f->piece, (size_t)n};
    return n == 0 ? STORE_END : STORE_DATA;
}

void store_close(struct store_file *f)
{
    if (!f)
        return;
    close(f->fd);
    mem_free(f->path);
    mem_free(f);
}

static bool checksum_file(uint64_t *out, uint64_t *bytes, struct store_file *f, struct err *e)
{
    struct hasher h;
    hasher_init(&h);
    *bytes = 0;
    struct str piece;
    enum store_read r;
    while ((r = store_read(&piece, f, e)) == STORE_DATA) {
        hasher_add(&h, piece.p, piece.n);
        *bytes += piece.n;
    }
    *out = hasher_sum(&h);
    return r == STORE_END;
}

bool store_compare(enum store_content *out, const char *path, uint64_t bytes, uint64_t checksum,
                   struct err *e)
{
    struct stat st;
    *out = STORE_ABSENT;
    if (stat(path, &st) != 0)
        return errno == ENOENT || errno == ENOTDIR || err_sys(e, "cannot look at %s", path);
    *out = STORE_DIFFERENT;
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != bytes)
        return true;
    struct store_file *f = NULL;
    enum store_read opened = store_open(&f, path, e);
    if (opened == STORE_MISSING)
        *out = STORE_ABSENT;
    if (opened != STORE_DATA)
        return opened == STORE_MISSING;
    uint64_t sum = 0;
    uint64_t seen = 0;
    bool ok = checksum_file(&sum, &seen, f, e);
    store_close(f);
    if (ok && sum == checksum && seen == bytes)
        *out = STORE_SAME;
    return ok;
}
