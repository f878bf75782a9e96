#include "base/pool.h"

#include "base/mem.h"

#include <assert.h>
#include <pthread.h>

enum { TASK_QUEUED = 1, TASK_RUNNING, TASK_DONE };
enum { THREADS_MAX = 1024 };

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work; // a task was queued, or stop
    pthread_cond_t done; // the task somebody waits for is done
    struct pool_task *first, *last;
    const struct pool_task *waited_for;
    bool stop;
    size_t threads;
    pthread_t thread[];
};

static void check(int rc)
{
    assert(rc == 0);
}

static struct pool_task *take(struct pool *s)
{
    struct pool_task *task = s->first;
    if (task) {
        s->first = task->next;
        if (!s->first)
            s->last = NULL;
        task->state = TASK_RUNNING;
    }
    return task;
}

static void *worker(void *arg)
{
    struct pool *s = arg;
    check(pthread_mutex_lock(&s->lock));
    for (;;) {
        struct pool_task *task = take(s);
        if (!task && s->stop)
            break;
        if (!task) {
            check(pthread_cond_wait(&s->work, &s->lock));
            continue;
        }
        check(pthread_mutex_unlock(&s->lock));
        task->run(task);
        check(pthread_mutex_lock(&s->lock));
        task->state = TASK_DONE;
        if (s->waited_for == task)
            check(pthread_cond_signal(&s->done));
    }
    check(pthread_mutex_unlock(&s->lock));
    return NULL;
}

struct pool *pool_new(size_t threads)
{
    assert(threads <= THREADS_MAX);
    struct pool *s = mem_zalloc(sizeof *s + mem_array_bytes(threads, sizeof s->thread[0]));
    check(pthread_mutex_init(&s->lock, NULL));
    check(pthread_cond_init(&s->work, NULL));
    check(pthread_cond_init(&s->done, NULL));
    s->threads = threads;
    for (size_t i = 0; i < threads; i++)
        check(pthread_create(&s->thread[i], NULL, worker, s));
    return s;
}

// Queued tasks still run: their owners may be waiting for what they release.
void pool_free(struct pool *s)
{
    if (!s)
        return;
    check(pthread_mutex_lock(&s->lock));
    s->stop = true;
    check(pthread_cond_broadcast(&s->work));
    check(pthread_mutex_unlock(&s->lock));
    for (size_t i = 0; i < s->threads; i++)
        check(pthread_join(s->thread[i], NULL));
    check(pthread_cond_destroy(&s->work));
    check(pthread_cond_destroy(&s->done));
    check(pthread_mutex_destroy(&s->lock));
    mem_free(s);
}

void pool_submit(struct pool *s, struct pool_task *task)
{
    assert(task->run);
    task->next = NULL;
    if (s->threads == 0) {
        task->run(task);
        task->state = TASK_DONE;
        return;
    }
    check(pthread_mutex_lock(&s->lock));
    assert(!s->stop);
    task->state = TASK_QUEUED;
    if (s->last)
        s->last->next = task;
    else
        s->first = task;
    s->last = task;
    check(pthread_cond_signal(&s->work));
    check(pthread_mutex_unlock(&s->lock));
}

void pool_wait(struct pool *s, struct pool_task *task)
{
    check(pthread_mutex_lock(&s->lock));
    assert(task->state >= TASK_QUEUED && task->state <= TASK_DONE);
    s->waited_for = task;
    while (task->state != TASK_DONE)
        check(pthread_cond_wait(&s->done, &s->lock));
    s->waited_for = NULL;
    check(pthread_mutex_unlock(&s->lock));
}

size_t pool_threads(const struct pool *s)
{
    return s->threads;
}
