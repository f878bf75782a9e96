// A preload library that writes down every change a process makes to files below one directory: what the power-cut harness
// (power.py) needs to know which bytes a machine may lose. LD_PRELOAD=shim.so, SLUICE_POWER_DIR=directory (absolute),
// SLUICE_POWER_LOG=file outside of it.
//
// The log is a series of events in the order of their effects, each a line "<what> <fields>\n", followed by n bytes of data where the
// line says so. Paths are absolute, each in a line of its own behind the event. One lock is held over a call and its
// event, so that the log's order is the true one.
//   create INODE          + path      a file that was not there
//   write INODE OFFSET N SYNC + bytes SYNC = 1: durable when the call returned (O_DSYNC, O_SYNC)
//   truncate INODE SIZE
//   sync INODE                        fsync, fdatasync of a file
//   syncdir               + path
//   rename, link          + path + path
//   unlink, mkdir, rmdir  + path
//   shared INODE                      mapped writable: its bytes are not known
// What it cannot follow (an unknown way to change a file) shows when power.py compares the replayed log with the directory.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_length;
static int log_fd = -1;

// System calls, not the next library's functions: those may call each other through what is interposed here.
static long sys_write(int fd, const void *p, size_t n)
{
    return syscall(SYS_write, fd, p, n);
}

static void put(const void *p, size_t n)
{
    for (const char *at = p; n > 0;) {
        long k = sys_write(log_fd, at, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            abort(); // a log with a hole would prove nothing
        at += k;
        n -= (size_t)k;
    }
}

__attribute__((format(printf, 1, 2))) static void event(const char *format, ...)
{
    char line[PATH_MAX + 64];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof line)
        abort();
    put(line, (size_t)n);
}

__attribute__((constructor)) static void begin(void)
{
    const char *dir = getenv("SLUICE_POWER_DIR"), *log = getenv("SLUICE_POWER_LOG");
    if (!dir || !log || strlen(dir) >= sizeof root)
        return;
    root_length = strlen(dir);
    memcpy(root, dir, root_length + 1);
    log_fd =
        (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0)
        abort();
}

static bool below_root(const char *path)
{
    return log_fd >= 0 && strncmp(path, root, root_length) == 0 &&
           (path[root_length] == '/' || path[root_length] == '\0');
}

static bool of_fd(char out[PATH_MAX], int fd)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, out, PATH_MAX - 1);
    if (n < 0)
        return false;
    out[n] = '\0';
    return true;
}

// The absolute path, when it lies below the root.
static bool tracked_path(char out[PATH_MAX], int dir, const char *path)
{
    char base[PATH_MAX] = "";
    if (log_fd < 0)
        return false;
    if (path[0] != '/' && dir == AT_FDCWD && !getcwd(base, sizeof base))
        return false;
    if (path[0] != '/' && dir != AT_FDCWD && !of_fd(base, dir))
        return false;
    while (path[0] == '.' && path[1] == '/')
        path += 2;
    int n = snprintf(out, PATH_MAX, "%s%s%s", base, base[0] ? "/" : "", path);
    return n > 0 && n < PATH_MAX && below_root(out);
}

static bool tracked_fd(struct stat *st, int fd)
{
    char path[PATH_MAX];
    return log_fd >= 0 && fd != log_fd && fstat(fd, st) == 0 &&
           (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)) && of_fd(path, fd) && below_root(path);
}

static unsigned long long inode_of(const struct stat *st)
{
    return (unsigned long long)st->st_ino;
}

// --- opening ----------------------------------------------------------------------------------------------------------

static int open_at(int dir, const char *path, int flags, mode_t mode)
{
    char full[PATH_MAX];
    struct stat st;
    if (!(flags & (O_CREAT | O_TRUNC)) || !tracked_path(full, dir, path))
        return (int)syscall(SYS_openat, dir, path, flags, mode);
    pthread_mutex_lock(&lock);
    bool there = fstatat(dir, path, &st, 0) == 0;
    int fd = (int)syscall(SYS_openat, dir, path, flags, mode);
    int saved = errno;
    if (fd >= 0 && fstat(fd, &st) == 0) {
        if (!there)
            event("create %llu\n%s\n", inode_of(&st), full);
        else if (flags & O_TRUNC)
            event("truncate %llu 0\n", inode_of(&st));
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
    return fd;
}

#define MODE_ARGUMENT(flags)         \
    mode_t mode = 0;                 \
    if ((flags)&O_CREAT) {           \
        va_list args;                \
        va_start(args, flags);       \
        mode = va_arg(args, mode_t); \
        va_end(args);                \
    }

int open(const char *path, int flags, ...)
{
    MODE_ARGUMENT(flags)
    return open_at(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    MODE_ARGUMENT(flags)
    return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
    MODE_ARGUMENT(flags)
    return open_at(dir, path, flags, mode);
}

int openat64(int dir, const char *path, int flags, ...)
{
    MODE_ARGUMENT(flags)
    return open_at(dir, path, flags, mode);
}

int creat(const char *path, mode_t mode)
{
    return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

// What the fortified headers make of open() with flags that the compiler does not know.
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);

int __open_2(const char *path, int flags)
{
    return open_at(AT_FDCWD, path, flags, 0);
}

int __open64_2(const char *path, int flags)
{
    return open_at(AT_FDCWD, path, flags, 0);
}

int __openat_2(int dir, const char *path, int flags)
{
    return open_at(dir, path, flags, 0);
}

int __openat64_2(int dir, const char *path, int flags)
{
    return open_at(dir, path, flags, 0);
}

void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
    void *p = (void *)syscall(SYS_mmap, at, n, protection, flags, fd, offset);
    struct stat st;
    if (p != MAP_FAILED && fd >= 0 && (protection & PROT_WRITE) && (flags & MAP_SHARED) &&
        tracked_fd(&st, fd)) {
        pthread_mutex_lock(&lock);
        event("shared %llu\n", inode_of(&st));
        pthread_mutex_unlock(&lock);
    }
    return p;
}

void *mmap64(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
    return mmap(at, n, protection, flags, fd, offset);
}

// --- writing ----------------------------------------------------------------------------------------------------------

static void put_vector(const struct iovec *v, int count, size_t n)
{
    for (int i = 0; i < count && n > 0; i++) {
        size_t k = v[i].iov_len < n ? v[i].iov_len : n;
        put(v[i].iov_base, k);
        n -= k;
    }
}

// offset -1: at the file's position.
static ssize_t write_at(int fd, const struct iovec *v, int count, off_t offset)
{
    struct stat st;
    bool tracked = tracked_fd(&st, fd);
    if (tracked)
        pthread_mutex_lock(&lock);
    ssize_t n = offset < 0 ? syscall(SYS_writev, fd, v, count)
                           : syscall(SYS_pwritev, fd, v, count, offset, 0);
    int saved = errno;
    if (tracked && n > 0) {
        off_t from = offset < 0 ? lseek(fd, 0, SEEK_CUR) - n : offset;
        int sync = (fcntl(fd, F_GETFL) & (O_DSYNC | O_SYNC)) != 0;
        event("write %llu %lld %zd %d\n", inode_of(&st), (long long)from, n, sync);
        put_vector(v, count, (size_t)n);
    }
    if (tracked)
        pthread_mutex_unlock(&lock);
    errno = saved;
    return n;
}

static struct iovec vector_of(const void *p, size_t n)
{
    struct iovec v = {.iov_len = n};
    memcpy(&v.iov_base, &p, sizeof p); // iovec has no const; writing only reads
    return v;
}

ssize_t write(int fd, const void *p, size_t n)
{
    struct iovec v = vector_of(p, n);
    return write_at(fd, &v, 1, -1);
}

ssize_t writev(int fd, const struct iovec *v, int count)
{
    return write_at(fd, v, count, -1);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t offset)
{
    struct iovec v = vector_of(p, n);
    return write_at(fd, &v, 1, offset);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off_t offset)
{
    return pwrite(fd, p, n, offset);
}

ssize_t pwritev(int fd, const struct iovec *v, int count, off_t offset)
{
    return write_at(fd, v, count, offset);
}

ssize_t pwritev64(int fd, const struct iovec *v, int count, off_t offset)
{
    return write_at(fd, v, count, offset);
}

int ftruncate(int fd, off_t size)
{
    struct stat st;
    bool tracked = tracked_fd(&st, fd);
    if (tracked)
        pthread_mutex_lock(&lock);
    int rc = (int)syscall(SYS_ftruncate, fd, size);
    int saved = errno;
    if (tracked && rc == 0)
        event("truncate %llu %lld\n", inode_of(&st), (long long)size);
    if (tracked)
        pthread_mutex_unlock(&lock);
    errno = saved;
    return rc;
}

int ftruncate64(int fd, off_t size)
{
    return ftruncate(fd, size);
}

// --- making durable ---------------------------------------------------------------------------------------------------

static int sync_fd(long call, int fd)
{
    struct stat st;
    char path[PATH_MAX];
    bool tracked = tracked_fd(&st, fd) && of_fd(path, fd);
    if (tracked)
        pthread_mutex_lock(&lock);
    int rc = (int)syscall(call, fd);
    int saved = errno;
    if (tracked && rc == 0 && S_ISDIR(st.st_mode))
        event("syncdir\n%s\n", path);
    else if (tracked && rc == 0)
        event("sync %llu\n", inode_of(&st));
    if (tracked)
        pthread_mutex_unlock(&lock);
    errno = saved;
    return rc;
}

int fsync(int fd)
{
    return sync_fd(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return sync_fd(SYS_fdatasync, fd);
}

// --- names ------------------------------------------------------------------------------------------------------------

struct names {
    const char *what;
    int from_dir, to_dir;
    const char *from, *to; // to: NULL when the call has one path
};

static int name_call(const struct names *s, long call, long a, long b, long c, long d, long e)
{
    char from[PATH_MAX], to[PATH_MAX];
    bool tracked = tracked_path(from, s->from_dir, s->from);
    bool both = s->to && tracked_path(to, s->to_dir, s->to);
    if (s->to && tracked != both)
        abort(); // into or out of what is watched: the log could not say it
    if (tracked)
        pthread_mutex_lock(&lock);
    int rc = (int)syscall(call, a, b, c, d, e);
    int saved = errno;
    if (tracked && rc == 0 && s->to)
        event("%s\n%s\n%s\n", s->what, from, to);
    else if (tracked && rc == 0)
        event("%s\n%s\n", s->what, from);
    if (tracked)
        pthread_mutex_unlock(&lock);
    errno = saved;
    return rc;
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    const struct names n = {"rename", from_dir, to_dir, from, to};
    return name_call(&n, SYS_renameat2, from_dir, (long)from, to_dir, (long)to, (long)flags);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return renameat2(from_dir, from, to_dir, to, 0);
}

int rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    const struct names n = {"link", from_dir, to_dir, from, to};
    return name_call(&n, SYS_linkat, from_dir, (long)from, to_dir, (long)to, flags);
}

int link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlinkat(int dir, const char *path, int flags)
{
    const struct names n = {
        .what = flags & AT_REMOVEDIR ? "rmdir" : "unlink", .from_dir = dir, .from = path};
    return name_call(&n, SYS_unlinkat, dir, (long)path, flags, 0, 0);
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int mkdirat(int dir, const char *path, mode_t mode)
{
    const struct names n = {.what = "mkdir", .from_dir = dir, .from = path};
    return name_call(&n, SYS_mkdirat, dir, (long)path, (long)mode, 0, 0);
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}
