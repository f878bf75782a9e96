// The test's own hands on a Kafka cluster: topics, records, transactions, deletions. Everything waits for its answer and ends the
// test when it fails. One thread.
#ifndef TESTS_SUPPORT_KAFKA_WORLD_H
#define TESTS_SUPPORT_KAFKA_WORLD_H

#include "jobs/source/source.h"

#include <librdkafka/rdkafka.h>

struct kafka_world;

struct kafka_world *kafka_world_new(const char *bootstrap);
void kafka_world_free(struct kafka_world *w);
rd_kafka_t *kafka_world_client(struct kafka_world *w); // the idempotent producer

// A topic name that no other test or run uses.
void kafka_world_name(char out[64], const char *what);
// config: "key=value" strings, NULL at the end; may be NULL.
void kafka_world_create(struct kafka_world *w, const char *topic, int partitions,
                        const char *const *config);
void kafka_world_delete(struct kafka_world *w, const char *topic);
void kafka_world_add_partitions(struct kafka_world *w, const char *topic, int total);
void kafka_world_delete_records(struct kafka_world *w, const char *topic, int partition,
                                int64_t before);

struct kafka_world_record {
    struct payload key, value; // p NULL = null
    int64_t timestamp;
    const char *header; // name = value's name; NULL = none
    struct payload header_value;
};
// Queued; kafka_world_flush() waits until all are there.
void kafka_world_send(struct kafka_world *w, const char *topic, int partition,
                      const struct kafka_world_record *r);
void kafka_world_text(struct kafka_world *w, const char *topic, int partition, int64_t timestamp,
                      const char *key, const char *value);
void kafka_world_flush(struct kafka_world *w);

// A producer of its own with a transaction open; the records in it are text.
rd_kafka_t *kafka_world_begin(const char *bootstrap, const char *transactional_id);
void kafka_world_in(rd_kafka_t *tx, const char *topic, int partition, const char *value);
enum kafka_world_end { WORLD_COMMIT, WORLD_ABORT, WORLD_LEAVE_OPEN };
void kafka_world_end(rd_kafka_t *tx, enum kafka_world_end how); // the producer is gone afterwards

#endif
