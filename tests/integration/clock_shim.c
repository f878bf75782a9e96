// A preload library that moves a process's wall clock: LD_PRELOAD=clock_shim.so, SLUICE_CLOCK_SHIFT=file of eight bytes, the milliseconds to
// add, which may change at any moment and count for all processes that have the file. The monotonic clock is the true one, and
// waits until a wall time end when the shifted clock would show it, had nobody moved it since they began.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static const _Atomic int64_t *shift;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("SLUICE_CLOCK_SHIFT");
    const int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        abort(); // true time would prove nothing
    void *p = mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        abort();
    close(fd);
    shift = p;
}

static struct timespec moved(struct timespec t, int64_t ms)
{
    int64_t ns = t.tv_nsec + ms % 1000 * 1000000;
    t.tv_sec += ms / 1000 + (ns >= 1000000000) - (ns < 0);
    t.tv_nsec = ns + (ns < 0 ? 1000000000 : ns >= 1000000000 ? -1000000000 : 0);
    return t;
}

static bool is_wall(clockid_t id)
{
    return id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE;
}

int clock_gettime(clockid_t id, struct timespec *out)
{
    const int rc = (int)syscall(SYS_clock_gettime, id, out);
    if (rc == 0 && is_wall(id) && shift)
        *out = moved(*out, *shift);
    return rc;
}

int timespec_get(struct timespec *out, int base)
{
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, out) == 0 ? base : 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec t;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &t);
    *out = (struct timeval){t.tv_sec, t.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *out)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (out)
        *out = t.tv_sec;
    return t.tv_sec;
}

// --- waits ------------------------------------------------------------------------------------------------------------

// Which clock a condition has cannot be asked: a time before 2001 is no wall time.
static int wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, const struct timespec *at)
{
    if (at->tv_sec < 1000000000)
        return pthread_cond_clockwait(cond, lock, CLOCK_MONOTONIC, at);
    const struct timespec true_time = moved(*at, -*shift);
    return pthread_cond_clockwait(cond, lock, CLOCK_REALTIME, &true_time);
}

int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict lock,
                           const struct timespec *restrict at)
{
    return wait_until(cond, lock, at);
}

int cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict lock, const struct timespec *restrict at)
{
    const int rc = wait_until((pthread_cond_t *)cond, (pthread_mutex_t *)lock, at);
    return rc == 0 ? thrd_success : rc == ETIMEDOUT ? thrd_timedout : thrd_error;
}
