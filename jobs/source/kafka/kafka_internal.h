// Shared inside jobs/source/kafka only.
#ifndef JOBS_SOURCE_KAFKA_KAFKA_INTERNAL_H
#define JOBS_SOURCE_KAFKA_KAFKA_INTERNAL_H

#include "jobs/source/source.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
    KAFKA_REQUEST_TIMEOUT_MS = 30000,
    KAFKA_CONNECT_TIMEOUT_MS = 5000,
    KAFKA_COMMIT_TIMEOUT_MS = 15000,
    KAFKA_POLL_MESSAGES_MAX = 4096, // records of one source_batch
    KAFKA_FETCH_BYTES_DEFAULT = 32 << 20,
    KAFKA_HAS_QUEUE_BACKOFF = 0x02020000, // librdkafka's version with fetch.queue.backoff.ms
};

struct kafka_batch;
struct kafka_tail;

// One assigned range and where reading stands. Owned by the polling thread.
struct kafka_range {
    struct source_range spec;
    int64_t position;        // every offset below it was delivered or is absent
    int64_t lost_to;         // > 0: offsets [position, lost_to) are gone; reported by the next poll
    rd_kafka_queue_t *queue; // NULL: nothing to read
    struct kafka_tail *tail; // whose queue it is; NULL = the range's own
    enum { KAFKA_READING, KAFKA_ENDED } state;
};

// librdkafka before 2.2 lets a broker thread sleep up to 1 s once its prefetch queues were full. Any request ends that
// sleep, so a thread sends one to every leader whenever a good part of the prefetched bytes was taken, or a reader waits.
struct kafka_waker {
    pthread_t thread;
    bool running; // owned by the polling thread
    pthread_mutex_t lock;
    pthread_cond_t changed; // on CLOCK_MONOTONIC
    bool wanted, stop;      // under lock
    rd_kafka_t *rk;
    rd_kafka_topic_partition_list_t *list; // the assigned partitions; the thread's while it runs
    size_t taken,
        every; // bytes taken since the last request, and how many make one; polling thread
};

struct kafka_source {
    struct source base;
    struct source_spec spec; // strings borrowed from the caller for the source's life
    char *group;
    char *cluster;       // NULL until asked
    rd_kafka_t *control; // planning, group offsets
    rd_kafka_t *fetch;   // NULL before assign
    struct kafka_range *ranges;
    size_t range_count;
    struct kafka_tail *tails; // NULL: ranges are read by a client of their own
    size_t tail_count;
    int tail_fd;           // an event when one of their empty queues gets something
    atomic_bool disturbed; // a connection was lost: what is behind the address may be another log
    struct kafka_waker waker;

    pthread_mutex_t batch_lock; // guards free_batches: release() comes from any thread
    struct kafka_batch *free_batches;
    atomic_size_t lent; // batches not yet released

    pthread_mutex_t error_lock; // guards last_error: librdkafka's threads write it
    char last_error[256];
};

// What a client handle may prefetch. No fields: the control handle, which fetches nothing.
struct kafka_prefetch {
    size_t queue_kb;    // per partition
    size_t fetch_bytes; // per partition and request
    size_t reply_bytes; // per request
    int wait_ms;        // a fetch that finds nothing is answered after this
};

static inline struct kafka_source *kafka_from(struct source *s);

// kafka.c
rd_kafka_t *kafka_client_new(struct kafka_source *s, const struct kafka_prefetch *prefetch,
                             struct err *e);
void kafka_connect(rd_kafka_t *client);
void kafka_last_error(struct kafka_source *s, char *out, size_t size);
char *kafka_topic_name(const struct kafka_source *s, uint32_t topic); // mem_alloc'd

// kafka_plan.c
bool kafka_plan(struct source *base, struct arena *a, struct source_partition **out, size_t *count,
                struct err *e);
bool kafka_offsets_for_time(struct source *base, int64_t ms, struct source_offset *io, size_t n,
                            struct err *e);
bool kafka_group_read(struct source *base, struct source_offset *io, size_t n, struct err *e);
bool kafka_group_commit(struct source *base, const struct source_offset *offsets, size_t n,
                        struct err *e);

// kafka_fetch.c
bool kafka_assign(struct source *base, const struct source_range *ranges, size_t n, struct err *e);
enum source_poll kafka_poll(struct source *base, size_t range, int64_t timeout_ms,
                            struct source_batch *out, struct err *e);
void kafka_release(struct source *base, struct source_batch *b);
void kafka_unassign(struct kafka_source *s);

// kafka_waker.c
void kafka_waker_start(struct kafka_source *s); // after assign
void kafka_waker_stop(struct kafka_source *s);  // fine when it does not run
void kafka_waker_taken(struct kafka_source *s, size_t bytes);
void kafka_waker_waiting(struct kafka_source *s);

extern const struct source_type source_kafka;
static inline struct kafka_source *kafka_from(struct source *s)
{
    if (s->type != &source_kafka)
        __builtin_trap(); // a programming error: another driver's handle
    return (struct kafka_source *)s;
}

#endif
