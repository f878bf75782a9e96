// Topics as outputs through librdkafka's transactional producer (jobs/topic/topic.h).
#ifndef JOBS_TOPIC_KAFKA_TOPIC_KAFKA_H
#define JOBS_TOPIC_KAFKA_TOPIC_KAFKA_H

#include "jobs/topic/topic.h"

extern const struct topic_type topic_kafka;

#endif
