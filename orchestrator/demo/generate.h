// The deterministic generator of transactions: record i of a seed is the same bytes everywhere and always (SplitMix64; the fields
// are drawn in a fixed order). One in ten re-emits an earlier transaction id, so that a transaction has a life cycle.
//
// generator_*: pure, one thread. generate_produce: sends records to a real broker or the embedded one.
#ifndef ORCHESTRATOR_DEMO_GENERATE_H
#define ORCHESTRATOR_DEMO_GENERATE_H

#include "base/buf.h"

enum { GENERATE_SEED = 42, GENERATE_COUNT = 1000, GENERATE_PARTITIONS = 4 };

struct generator;
struct generator *generator_new(uint64_t seed);
void generator_free(struct generator *s);
// Appends the next record's JSON value; *timestamp = its record timestamp, Unix ms. Keys are null.
void generator_next(struct generator *s, struct buf *out, int64_t *timestamp);

struct generate_spec {
    const char *brokers;
    const char *topic;
    uint64_t seed, first, count; // records [first, first + count) of the seed
    int32_t
        partitions; // of a topic that must be created; record i goes to partition i mod the topic's
};
bool generate_produce(const struct generate_spec *spec, struct err *e) ERR_CHECKED;

#endif
