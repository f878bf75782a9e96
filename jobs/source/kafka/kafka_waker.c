#include "jobs/source/kafka/kafka_internal.h"
#include "jobs/source/kafka/kafka_tail.h"

#include "base/clock.h"

#include <assert.h>
#include <time.h>

enum {
    WAKER_REQUEST_MS = 200, // a broker that is down must not hold up the end of an assignment
    WAKER_PAUSE_MS = 2,     // between two requests
    LIST_OFFSETS_END = -1,
};

// Waits for `changed`, at most ms (-1: for ever). Locked.
static void waker_wait(struct kafka_waker *w, long ms)
{
    if (ms < 0) {
        pthread_cond_wait(&w->changed, &w->lock);
        return;
    }
    const struct clock c = clock_system();
    const int64_t until_ms = c.mono_ms(c.arg) + ms;
    const struct timespec at = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    pthread_cond_timedwait(&w->changed, &w->lock, &at);
}

// One ListOffsets request per leader, whatever the number of partitions; its answer is of no interest.
static void *waker_run(void *arg)
{
    struct kafka_waker *w = arg;
    pthread_mutex_lock(&w->lock);
    while (!w->stop) {
        if (!w->wanted) {
            waker_wait(w, -1);
            continue;
        }
        w->wanted = false;
        pthread_mutex_unlock(&w->lock);
        for (int i = 0; i < w->list->cnt; i++)
            w->list->elems[i].offset = LIST_OFFSETS_END;
        (void)rd_kafka_offsets_for_times(w->rk, w->list, WAKER_REQUEST_MS);
        pthread_mutex_lock(&w->lock);
        if (!w->stop)
            waker_wait(w, WAKER_PAUSE_MS);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void waker_partition(struct kafka_source *s, uint32_t topic, int32_t partition)
{
    char *name = kafka_topic_name(s, topic);
    rd_kafka_topic_partition_list_add(s->waker.list, name, partition);
    mem_free(name);
}

void kafka_waker_start(struct kafka_source *s)
{
    struct kafka_waker *w = &s->waker;
    assert(!w->running && s->fetch);
    if (rd_kafka_version() >= KAFKA_HAS_QUEUE_BACKOFF)
        return;
    w->rk = s->fetch;
    w->list = rd_kafka_topic_partition_list_new((int)(s->range_count + s->tail_count));
    for (size_t i = 0; i < s->range_count; i++)
        if (s->ranges[i].state != KAFKA_ENDED)
            waker_partition(s, s->ranges[i].spec.topic, s->ranges[i].spec.partition);
    for (size_t i = 0; i < s->tail_count; i++)
        waker_partition(s, s->tails[i].topic, s->tails[i].partition);
    w->wanted = w->stop = false;
    w->taken = 0;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, &attr);
    pthread_condattr_destroy(&attr);
    // Without the thread reading is only slower.
    w->running = pthread_create(&w->thread, NULL, waker_run, w) == 0;
    if (!w->running) {
        pthread_mutex_destroy(&w->lock);
        pthread_cond_destroy(&w->changed);
        rd_kafka_topic_partition_list_destroy(w->list);
    }
}

void kafka_waker_stop(struct kafka_source *s)
{
    struct kafka_waker *w = &s->waker;
    if (!w->running)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    w->running = false;
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->changed);
    rd_kafka_topic_partition_list_destroy(w->list);
    w->list = NULL;
}

static void waker_want(struct kafka_waker *w)
{
    w->taken = 0;
    pthread_mutex_lock(&w->lock);
    w->wanted = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

void kafka_waker_taken(struct kafka_source *s, size_t bytes)
{
    struct kafka_waker *w = &s->waker;
    w->taken += bytes;
    if (w->running && w->taken >= w->every)
        waker_want(w);
}

void kafka_waker_waiting(struct kafka_source *s)
{
    if (s->waker.running)
        waker_want(&s->waker);
}
