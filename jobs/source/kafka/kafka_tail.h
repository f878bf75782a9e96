// Batches of messages, and partitions that are read on and on from batch to batch. Inside jobs/source/kafka: kafka_fetch.c cuts ranges,
// kafka_tail.c keeps what lies beyond them. The polling thread's; batches are recycled under the batch lock.
#ifndef JOBS_SOURCE_KAFKA_KAFKA_TAIL_H
#define JOBS_SOURCE_KAFKA_KAFKA_TAIL_H

#include "jobs/source/kafka/kafka_internal.h"

// Messages and the records that view them; recycled through free_batches.
struct kafka_batch {
    struct kafka_batch *next;
    rd_kafka_message_t *messages[KAFKA_POLL_MESSAGES_MAX];
    struct source_record records[KAFKA_POLL_MESSAGES_MAX];
    size_t message_count;
    struct arena *headers; // NULL unless headers are wanted
};

// A partition that is read on and on, from batch to batch, by one client (kafka_tail.c).
struct kafka_tail {
    uint32_t topic;
    int32_t partition;
    int64_t position; // every offset below it was delivered or is absent
    int64_t eof;      // where the next record will be, as the client said last; -1 = it has not
    rd_kafka_queue_t *queue;
    struct kafka_batch *held; // taken from the queue, not delivered yet; NULL = none
};

struct kafka_batch *kafka_batch_take(struct kafka_source *s);
void kafka_batch_give(struct kafka_source *s, struct kafka_batch *b);
// For a client that reads this many partitions.
struct kafka_prefetch kafka_prefetch(const struct kafka_source *s, size_t reading);

// kafka_tail.c
enum source_wait kafka_wait(struct source *base, const struct source_range *ranges, size_t n,
                            int64_t timeout_ms, struct err *e);
// The ranges go on where the tails stand. False: they do not, and the tails are gone.
bool kafka_tail_assign(struct kafka_source *s, const struct source_range *ranges, size_t n);
void kafka_tail_free(struct kafka_source *s); // before the client is destroyed
// Messages of b from `from` on belong to a later range.
void kafka_tail_keep(struct kafka_source *s, struct kafka_tail *t, struct kafka_batch *b,
                     size_t from);

#endif
