// Shared inside jobs/source/kafka only.
#ifndef JOBS_SOURCE_KAFKA_KAFKA_INTERNAL_H
#define JOBS_SOURCE_KAFKA_KAFKA_INTERNAL_H

#include "jobs/source/source.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>

enum {
    KAFKA_REQUEST_TIMEOUT_MS = 30000,
    KAFKA_POLL_MESSAGES_MAX = 4096, // records of one source_batch
    KAFKA_PREFETCH_MIN_KB = 1024,   // per range
};

struct kafka_batch;

// One assigned range and where reading stands. Owned by the polling thread.
struct kafka_range {
    struct source_range spec;
    int64_t position;        // every offset below it was delivered or is absent
    int64_t lost_to;         // > 0: offsets [position, lost_to) are gone; reported by the next poll
    rd_kafka_queue_t *queue; // NULL: nothing to read
    enum { KAFKA_READING, KAFKA_ENDED } state;
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

    // The waker thread of one assignment.
    pthread_t waker;
    pthread_mutex_t lock; // guards stop and free_batches
    pthread_cond_t wake;
    bool waker_running, stop;
    struct kafka_batch *free_batches;

    pthread_mutex_t
        error_lock; // guards last_error: librdkafka's callback runs on the polling thread or in close
    char last_error[256];
};

static inline struct kafka_source *kafka_from(struct source *s);

// kafka.c
rd_kafka_t *kafka_client_new(struct kafka_source *s, size_t prefetch_kb, struct err *e);
bool kafka_err(struct err *e, rd_kafka_resp_err_t code, const char *doing);
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

extern const struct source_type source_kafka;
static inline struct kafka_source *kafka_from(struct source *s)
{
    if (s->type != &source_kafka)
        __builtin_trap(); // a programming error: another driver's handle
    return (struct kafka_source *)s;
}

#endif
