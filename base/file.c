#include "base/durable_internal.h"

#include "base/arena.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TREE_DEPTH_MAX = 64 };

static struct durable_step step(struct durable *d, const char *site, const char *path)
{
    return (struct durable_step){.d = d, .site = site, .what = path, .kind = ERR_IO};
}

static int open_retrying(const char *path, int flags, mode_t mode)
{
    int fd = -1;
    do {
        fd = open(path, flags, mode);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

static bool create(int *out, struct durable *d, const char *path, int flags, struct err *e)
{
    const mode_t mode = flags & DURABLE_PRIVATE ? 0600 : 0666;
    int all = (flags & ~DURABLE_PRIVATE) | O_CREAT | O_CLOEXEC;
    if ((flags & O_ACCMODE) == 0)
        all |= O_WRONLY;
    const int fd = open_retrying(path, all, mode);
    if (fd < 0)
        return err_sys(e, "cannot create %s", path);
    struct stat st;
    if (fstat(fd, &st) == 0 && st.st_size == 0)
        durable_sync_forget(d, st.st_dev, st.st_ino);
    *out = fd;
    return true;
}

bool durable_create(int *out, struct durable *d, const char *site, const char *path, int flags,
                    struct err *e)
{
    assert(out && path);
    *out = -1;
    struct durable_step st = step(d, site, path);
    if (!durable_enter(&st, e))
        return false;
    if (durable_leave(&st, create(out, d, path, flags, e), e))
        return true;
    if (*out >= 0)
        close(*out);
    *out = -1;
    return false;
}

static bool write_all(int fd, const char *path, const void *p, size_t n, struct err *e)
{
    const char *at = p;
    while (n > 0) {
        const ssize_t k = write(fd, at, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return err_sys(e, "cannot write %s", path);
        assert((size_t)k <= n);
        if (k == 0)
            return err_fail(e, ERR_IO, "cannot write %s: the system took no bytes", path);
        at += k;
        n -= (size_t)k;
    }
    return true;
}

// NOLINTNEXTLINE(readability-function-size): write(2) with its place in the plan and its name
bool durable_write(struct durable *d, const char *site, int fd, const char *path, const void *p,
                   size_t n, struct err *e)
{
    assert(fd >= 0 && path && (p || n == 0));
    struct durable_step st = step(d, site, path);
    if (!durable_enter(&st, e)) {
        struct err ignored;
        if (st.action == FAULT_ERROR)
            (void)write_all(fd, path, p, n / 2, &ignored);
        return false;
    }
    return durable_leave(&st, write_all(fd, path, p, n, e), e);
}

bool durable_fsync(struct durable *d, const char *site, int fd, const char *path, struct err *e)
{
    assert(fd >= 0 && path);
    struct stat id;
    if (fstat(fd, &id) != 0)
        return err_sys(e, "cannot stat %s", path);
    if (durable_sync_refused(d, id.st_dev, id.st_ino))
        return err_fail(e, ERR_BUG, "%s is synced again after a failed fsync", path);
    struct durable_step st = step(d, site, path);
    bool ok = durable_enter(&st, e);
    if (ok) {
        const bool done = fsync(fd) == 0 || err_sys(e, "cannot sync %s", path);
        ok = durable_leave(&st, done, e);
    }
    if (!ok)
        durable_sync_failed(d, id.st_dev, id.st_ino);
    return ok;
}

static bool sync_dir(const char *path, struct err *e)
{
    const int fd = open_retrying(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(e, "cannot open directory %s", path);
    const bool ok = fsync(fd) == 0 || err_sys(e, "cannot sync directory %s", path);
    close(fd);
    return ok;
}

bool durable_fsync_dir(struct durable *d, const char *site, const char *path, struct err *e)
{
    struct durable_step st = step(d, site, path);
    if (!durable_enter(&st, e))
        return false;
    return durable_leave(&st, sync_dir(path, e), e);
}

bool durable_rename(struct durable *d, const char *site, const char *from, const char *to,
                    struct err *e)
{
    struct durable_step st = step(d, site, to);
    if (!durable_enter(&st, e))
        return false;
    const bool done = rename(from, to) == 0 || err_sys(e, "cannot rename %s to %s", from, to);
    return durable_leave(&st, done, e);
}

bool durable_link(struct durable *d, const char *site, const char *from, const char *to,
                  struct err *e)
{
    struct durable_step st = step(d, site, to);
    if (!durable_enter(&st, e))
        return false;
    const bool done = link(from, to) == 0 || err_sys(e, "cannot link %s to %s", from, to);
    return durable_leave(&st, done, e);
}

bool durable_unlink(struct durable *d, const char *site, const char *path, struct err *e)
{
    struct durable_step st = step(d, site, path);
    if (!durable_enter(&st, e))
        return false;
    const bool done = unlink(path) == 0 || errno == ENOENT || err_sys(e, "cannot delete %s", path);
    return durable_leave(&st, done, e);
}

// "a/b" -> "a", "/a" -> "/", "a" -> ".".
static const char *parent_of(struct arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return ".";
    return arena_str(a, (struct str){path, slash == path ? 1 : (size_t)(slash - path)}).p;
}

static bool sync_parent(const char *path, struct err *e)
{
    struct arena *a = arena_new(NULL);
    const bool ok = sync_dir(parent_of(a, path), e);
    arena_free(a);
    return ok;
}

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool make_one(struct durable *d, const char *site, const char *path, mode_t mode,
                     struct err *e)
{
    struct durable_step st = step(d, site, path);
    if (!durable_enter(&st, e))
        return false;
    bool done = mkdir(path, mode) == 0 || (errno == EEXIST && is_dir(path)) ||
                err_sys(e, "cannot create directory %s", path);
    done = done && sync_parent(path, e);
    return durable_leave(&st, done, e);
}

bool durable_mkdirs(struct durable *d, const char *site, const char *path, mode_t mode,
                    struct err *e)
{
    assert(path);
    char part[PATH_MAX];
    const size_t n = strlen(path);
    if (n == 0 || n >= sizeof part)
        return err_fail(e, ERR_IO, "directory name of %zu bytes, allowed are 1 to %zu", n,
                        sizeof part - 1);
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        const char kept = part[i];
        part[i] = '\0';
        if (part[i - 1] != '/' && !is_dir(part) && !make_one(d, site, part, mode, e))
            return false;
        part[i] = kept;
    }
    return true;
}

static bool remove_entry(struct durable_step st, int dir, const char *name, int flags,
                         struct err *e)
{
    if (!durable_enter(&st, e))
        return false;
    const bool done = unlinkat(dir, name, flags) == 0 || errno == ENOENT ||
                      err_sys(e, "cannot delete %s in %s", name, st.what);
    return durable_leave(&st, done, e);
}

// Empties the directory `name` in `parent`, then removes it.
static bool remove_dir(struct durable *d, const char *site, int parent, const char *name,
                       unsigned depth, struct err *e)
{
    if (depth > TREE_DEPTH_MAX)
        return err_fail(e, ERR_LIMIT, "cannot delete %s: deeper than %d directories", name,
                        TREE_DEPTH_MAX);
    const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return true;
    if (fd < 0)
        return err_sys(e, "cannot open directory %s", name);
    DIR *dir = fdopendir(fd);
    if (!dir) {
        err_sys(e, "cannot list directory %s", name);
        close(fd);
        return false;
    }
    bool ok = true;
    const struct dirent *item = NULL;
    while (ok && (item = readdir(dir))) {
        if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0)
            continue;
        struct stat st;
        if (fstatat(dirfd(dir), item->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            ok = errno == ENOENT || err_sys(e, "cannot stat %s in %s", item->d_name, name);
        else if (S_ISDIR(st.st_mode))
            ok = remove_dir(d, site, dirfd(dir), item->d_name, depth + 1, e);
        else
            ok = remove_entry(step(d, site, name), dirfd(dir), item->d_name, 0, e);
    }
    closedir(dir);
    return ok && remove_entry(step(d, site, name), parent, name, AT_REMOVEDIR, e);
}

bool durable_remove_tree(struct durable *d, const char *site, const char *path, struct err *e)
{
    assert(path && path[0]);
    return remove_dir(d, site, AT_FDCWD, path, 0, e);
}

static const char *site_part(char out[64], const char *site, const char *part)
{
    const int n = snprintf(out, 64, "%s.%s", site, part);
    assert(n > 0 && n < 64);
    return out;
}

static bool write_temporary(struct durable *d, const char *site, const char *temp, struct str text,
                            struct err *e)
{
    char name[64];
    if (durable_dead(d))
        return err_fail(e, ERR_CANCELLED, "%s: not done, the simulated process is dead", site);
    // A leftover may be a file whose fsync failed: never reuse it.
    if (unlink(temp) != 0 && errno != ENOENT)
        return err_sys(e, "cannot delete %s", temp);
    int fd = -1;
    if (!create(&fd, d, temp, O_EXCL, e))
        return false;
    bool ok = durable_write(d, site_part(name, site, "write"), fd, temp, text.p, text.n, e) &&
              durable_fsync(d, site_part(name, site, "fsync"), fd, temp, e);
    if (close(fd) != 0 && ok)
        ok = err_sys(e, "cannot close %s", temp);
    return ok;
}

bool durable_replace(struct durable *d, const char *site, const char *path, struct str text,
                     struct err *e)
{
    assert(path && path[0]);
    char name[64];
    struct arena *a = arena_new(NULL);
    const char *dir = parent_of(a, path);
    const char *slash = strrchr(path, '/');
    const char *temp = arena_printf(a, "%s/.%s.tmp", dir, slash ? slash + 1 : path).p;
    const bool ok = write_temporary(d, site, temp, text, e) &&
                    durable_rename(d, site_part(name, site, "rename"), temp, path, e) &&
                    durable_fsync_dir(d, site_part(name, site, "dirsync"), dir, e);
    arena_free(a);
    return ok;
}

bool file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

static bool read_all(struct str *out, struct arena *a, int fd, const char *path, size_t max,
                     struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return err_sys(e, "cannot stat %s", path);
    if (S_ISDIR(st.st_mode))
        return err_fail(e, ERR_IO, "cannot read %s: it is a directory", path);
    if (st.st_size > 0 && (uintmax_t)st.st_size > max)
        return err_fail(e, ERR_LIMIT, "%s has %jd bytes, allowed are %zu", path,
                        (intmax_t)st.st_size, max);
    // Pipes and /proc say 0: read until the end either way, growing by copying.
    size_t cap = st.st_size > 0 ? (size_t)st.st_size + 1 : 4096;
    size_t n = 0;
    char *p = arena_alloc(a, cap);
    for (;;) {
        const ssize_t k = read(fd, p + n, cap - n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return err_sys(e, "cannot read %s", path);
        if (k == 0)
            break;
        n += (size_t)k;
        if (n > max)
            return err_fail(e, ERR_LIMIT, "%s has more than the allowed %zu bytes", path, max);
        if (n == cap) {
            char *more = arena_alloc(a, cap * 2);
            memcpy(more, p, n);
            p = more;
            cap *= 2;
        }
    }
    p[n] = '\0';
    *out = (struct str){p, n};
    return true;
}

bool file_read(struct str *out, struct arena *a, const char *path, size_t max, struct err *e)
{
    assert(out && a && path);
    const int fd = open_retrying(path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);
    if (fd < 0)
        return err_sys(e, "cannot open %s", path);
    const bool ok = read_all(out, a, fd, path, max, e);
    close(fd);
    return ok;
}
