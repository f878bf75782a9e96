// Kafka as a source, through librdkafka: explicit assignment, read_committed, no group membership (jobs/source/source.h).
//
// Two client handles: one to plan and commit, one per assign() to fetch, whose prefetch limit depends on the number of ranges.
// librdkafka before 2.2 sleeps up to a second when a prefetch queue fills up; a waker thread sends a cheap request to the
// partition leaders while ranges are being read.
#ifndef JOBS_SOURCE_KAFKA_KAFKA_H
#define JOBS_SOURCE_KAFKA_KAFKA_H

#include "jobs/source/source.h"

extern const struct source_type source_kafka;

#endif
