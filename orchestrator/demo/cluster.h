// A Kafka cluster inside this process (librdkafka's mock cluster), for `sluice demo` and tests: no server, no network but loopback.
//
// What it does not do: keep more than 5 MB per partition (the oldest records go, silently), offsets_for_times (it says "end"),
// transactions that isolate, CreateTopics, DeleteRecords. It lives until stop; its threads are librdkafka's. One thread calls.
#ifndef ORCHESTRATOR_DEMO_CLUSTER_H
#define ORCHESTRATOR_DEMO_CLUSTER_H

#include "base/err.h"

struct demo_cluster;

enum { DEMO_CLUSTER_PARTITION_BYTES_MAX = 5 << 20 };

bool demo_cluster_start(struct demo_cluster **out, int brokers, struct err *e) ERR_CHECKED;
void demo_cluster_stop(struct demo_cluster *s); // NULL is fine
const char *demo_cluster_bootstrap(const struct demo_cluster *s);
bool demo_cluster_topic(struct demo_cluster *s, const char *topic, int partitions,
                        struct err *e) ERR_CHECKED;
// Broker numbers count from 1. A broker that is down closes its connections and keeps its records.
enum demo_broker { DEMO_BROKER_UP, DEMO_BROKER_DOWN };
void demo_cluster_broker(struct demo_cluster *s, int broker, enum demo_broker state);

#endif
