// source_kafka opened for a test: its spec's strings, durable layer and handle in one value. One thread.
#ifndef TESTS_SUPPORT_KAFKA_SOURCE_H
#define TESTS_SUPPORT_KAFKA_SOURCE_H

#include "base/durable.h"
#include "jobs/source/source.h"

struct kafka_case {
    struct str topic;
    struct str properties[8];
    struct source_spec spec;
    struct durable *durable;
    struct source *s;
    struct arena *a;
    struct err e;
    struct source_partition *partitions; // after kafka_case_plan
    size_t count;
};

// Reads `topic` with headers, as group "<topic>-group".
void kafka_case_open(struct kafka_case *c, const char *bootstrap, const char *topic);
void kafka_case_close(struct kafka_case *c);
void kafka_case_plan(struct kafka_case *c); // fails the test when it cannot
struct source_range kafka_case_range(const struct kafka_case *c, size_t partition);

#endif
