// Topics in memory behind struct topic_type, for tests of jobs/run: transactions that become visible as a whole, markers that can get
// lost, owners that fence one another. A commit that lies is the durable layer's "reply lost" at topic.commit. The input's offsets go
// to the groups of the fake broker that the property "fake.broker" names, where a plain commit would put them.
//
// The topics live beside that broker, under its name, until topic_fake_forget(). One thread.
#ifndef TESTS_SUPPORT_TOPIC_FAKE_H
#define TESTS_SUPPORT_TOPIC_FAKE_H

#include "base/buf.h"
#include "jobs/topic/topic.h"

extern const struct topic_type topic_fake;

void topic_fake_forget(const char *broker);
// What a reader of committed records sees, one per line in offset order: "topic topic/partition key value @timestamp", null as -, bytes
// that are not printable as hex; then the markers.
void topic_fake_print(struct buf *out, const char *broker);
// The records of one topic without their partitions: what is equal for any cutting into batches.
void topic_fake_print_rows(struct buf *out, const char *broker, const char *topic);
size_t topic_fake_records(const char *broker, const char *topic);
uint64_t topic_fake_marker(const char *broker, const char *group, const char *topic); // 0 = none
void topic_fake_lose_markers(const char *broker);
void topic_fake_delete(const char *broker, const char *topic);
// The next n requests fail as if the broker were down.
void topic_fake_down(const char *broker, uint64_t n);

#endif
