#include "tests/support/tsan_threads.h"

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define TSAN 1
#endif
#endif
#if defined __SANITIZE_THREAD__ && !defined TSAN
#define TSAN 1
#endif

#ifdef TSAN

#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <threads.h>

// glibc's mtx_t and cnd_t have room for the pthread types (it uses them itself).
_Static_assert(sizeof(mtx_t) >= sizeof(pthread_mutex_t), "mtx_t");
_Static_assert(sizeof(cnd_t) >= sizeof(pthread_cond_t), "cnd_t");

struct start {
    thrd_start_t fn;
    void *arg;
};

static void *start(void *arg)
{
    struct start s = *(struct start *)arg;
    mem_free(arg);
    return (void *)(intptr_t)s.fn(s.arg);
}

static int result(int rc)
{
    return rc == 0 ? thrd_success : rc == ETIMEDOUT ? thrd_timedout : thrd_error;
}

int thrd_create(thrd_t *thr, thrd_start_t fn, void *arg)
{
    struct start *s = mem_alloc(sizeof *s);
    *s = (struct start){fn, arg};
    return result(pthread_create(thr, NULL, start, s));
}

int thrd_join(thrd_t thr, int *res)
{
    void *value;
    int rc = pthread_join(thr, &value);
    if (rc == 0 && res)
        *res = (int)(intptr_t)value;
    return result(rc);
}

int thrd_detach(thrd_t thr)
{
    return result(pthread_detach(thr));
}

int mtx_init(mtx_t *m, int type)
{
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    if (type & mtx_recursive)
        pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    return result(pthread_mutex_init((pthread_mutex_t *)m, &attr));
}

int mtx_lock(mtx_t *m)
{
    return result(pthread_mutex_lock((pthread_mutex_t *)m));
}

int mtx_trylock(mtx_t *m)
{
    int rc = pthread_mutex_trylock((pthread_mutex_t *)m);
    return rc == EBUSY ? thrd_busy : result(rc);
}

int mtx_unlock(mtx_t *m)
{
    return result(pthread_mutex_unlock((pthread_mutex_t *)m));
}

void mtx_destroy(mtx_t *m)
{
    pthread_mutex_destroy((pthread_mutex_t *)m);
}

int cnd_init(cnd_t *c)
{
    return result(pthread_cond_init((pthread_cond_t *)c, NULL));
}

int cnd_signal(cnd_t *c)
{
    return result(pthread_cond_signal((pthread_cond_t *)c));
}

int cnd_broadcast(cnd_t *c)
{
    return result(pthread_cond_broadcast((pthread_cond_t *)c));
}

int cnd_wait(cnd_t *c, mtx_t *m)
{
    return result(pthread_cond_wait((pthread_cond_t *)c, (pthread_mutex_t *)m));
}

int cnd_timedwait(cnd_t *restrict c, mtx_t *restrict m, const struct timespec *restrict at)
{
    return result(pthread_cond_timedwait((pthread_cond_t *)c, (pthread_mutex_t *)m, at));
}

void cnd_destroy(cnd_t *c)
{
    pthread_cond_destroy((pthread_cond_t *)c);
}

// librdkafka orders the last use of a message or lock and its end by reference counts, whose atomics are not instrumented here.
// Reports without a frame of its own are still made.
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:librdkafka.so\n";
}

#endif

void tsan_threads_link(void)
{
}
