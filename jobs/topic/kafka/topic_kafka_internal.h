// Shared inside jobs/topic/kafka only.
#ifndef JOBS_TOPIC_KAFKA_TOPIC_KAFKA_INTERNAL_H
#define JOBS_TOPIC_KAFKA_TOPIC_KAFKA_INTERNAL_H

#include "jobs/source/kafka/kafka_client.h"
#include "jobs/topic/kafka/topic_kafka.h"

#include <pthread.h>

enum {
    TOPIC_REQUEST_MS = 30000,
    TOPIC_TRANSACTION_MS = 300000, // the broker aborts what a stopped process left open after this
    TOPIC_QUEUE_KB = 16384,        // rows in the producer's queue
};

struct topic_kafka {
    struct topic_writer base;
    struct topic_spec spec; // strings borrowed for the handle's life
    char *marker_group;     // "<group>.commits"
    rd_kafka_t *producer;
    enum { TOPIC_IDLE, TOPIC_FENCED_OTHERS, TOPIC_IN_TRANSACTION } state;

    pthread_mutex_t error_lock; // guards last_error: librdkafka's threads write it
    char last_error[256];
};

struct topic_kafka *topic_kafka_from(struct topic_writer *s);
// The error of a transactional call, which is destroyed: fenced = FENCED, else REMOTE; with the client's last words.
bool topic_kafka_fail(struct topic_kafka *s, rd_kafka_error_t *failed, const char *doing,
                      struct err *e);
// A client of this handle: producer, or a consumer that reads committed offsets only.
rd_kafka_t *topic_kafka_client(struct topic_kafka *s, rd_kafka_type_t type, struct err *e);
char *topic_kafka_text(struct str s); // mem_alloc'd, NUL-terminated

bool topic_kafka_prepare(struct topic_writer *base, const struct topic_want *topics, size_t n,
                         int32_t *partitions, struct err *e);
bool topic_kafka_marker(struct topic_writer *base, struct str topic, struct topic_marker *out,
                        struct err *e);
bool topic_kafka_begin(struct topic_writer *base, struct err *e);
bool topic_kafka_write(struct topic_writer *base, struct str topic,
                       const struct topic_record *records, size_t n, struct err *e);
bool topic_kafka_commit(struct topic_writer *base, const struct topic_commit *c, struct err *e);

#endif
