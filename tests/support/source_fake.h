// A broker in memory and the source that reads it: struct source_type source_fake, for tests of jobs/run. It hides nothing a broker
// can do to us: gaps, a log start and a last stable offset that move, recreation, outages, refused and half-believed commits.
//
// Order: source_fake_new  topic/append/…  then any number of source_fake.open() with the property "fake.broker" = the broker's
// name (source_fake_properties() makes it)  source_fake_free. Owned by one thread; only release() may come from others.
// Payloads are copied into each batch, so a view kept after release() is found by the sanitizers. Once the durable layer of a
// handle is dead, that handle neither reads nor answers.
#ifndef TESTS_SUPPORT_SOURCE_FAKE_H
#define TESTS_SUPPORT_SOURCE_FAKE_H

#include "jobs/source/source.h"

struct source_fake;

struct source_fake_record {
    struct payload key, value; // p NULL = null
    int64_t timestamp;
    const struct source_header *headers;
    uint32_t header_count;
};

extern const struct source_type source_fake;

// `name` must be unused. seed 0: batches as large as possible; others vary sizes, idle polls and moves over gaps,
// deterministically.
struct source_fake *source_fake_new(const char *name, uint64_t seed);
struct source_fake *source_fake_find(struct str name); // NULL = none
void source_fake_free(struct source_fake *s);          // asserts that every batch was released
// Properties for source_spec: one pair; lives as long as the broker.
const struct str *source_fake_properties(const struct source_fake *s);
// Another cluster id: what another broker behind the same address would say.
void source_fake_set_cluster(struct source_fake *s, const char *id);
void source_fake_reseed(struct source_fake *s, uint64_t seed);

// Topics. Creating one that is there adds partitions.
void source_fake_topic(struct source_fake *s, const char *topic, int32_t partitions);
void source_fake_delete_topic(struct source_fake *s, const char *topic);
// Empty again, offsets from 0.
void source_fake_recreate(struct source_fake *s, const char *topic, int32_t partitions);

// Returns the record's offset.
int64_t source_fake_append(struct source_fake *s, const char *topic, int32_t partition,
                           const struct source_fake_record *r);
// Text key and value (NULL = null).
int64_t source_fake_add(struct source_fake *s, const char *topic, int32_t partition,
                        int64_t timestamp, const char *key, const char *value);
// n offsets that hold nothing a reader sees: transaction markers, aborted records.
void source_fake_skip(struct source_fake *s, const char *topic, int32_t partition, int64_t n);
// Compaction: the record at offset is gone, the offsets stay.
void source_fake_compact(struct source_fake *s, const char *topic, int32_t partition,
                         int64_t offset);
// DeleteRecords or retention: log start = offset.
void source_fake_delete_before(struct source_fake *s, const char *topic, int32_t partition,
                               int64_t offset);
// Unclean election: the end goes back to offset.
void source_fake_truncate(struct source_fake *s, const char *topic, int32_t partition,
                          int64_t offset);
// An open transaction holds the last stable offset; -1 lets it go.
void source_fake_hold(struct source_fake *s, const char *topic, int32_t partition, int64_t offset);
int64_t source_fake_end(const struct source_fake *s, const char *topic, int32_t partition);

// Calls fn(s, arg) before the n-th next poll (1 = the next) of any handle: growth, deletion, recreation under the reader.
void source_fake_at_poll(struct source_fake *s, uint64_t n,
                         void (*fn)(struct source_fake *, void *), void *arg);
// Calls fn(s, arg) whenever a reader waits for something new: the place to produce it, or to cancel. NULL: waiting fails the test.
void source_fake_at_wait(struct source_fake *s, void (*fn)(struct source_fake *, void *),
                         void *arg);
uint64_t source_fake_polls(const struct source_fake *s);
// The next n requests (plan, offsets, group) fail as ERR_REMOTE; polls meanwhile are idle and count too.
void source_fake_down(struct source_fake *s, uint64_t n);

// Groups: offset or -1.
int64_t source_fake_group(const struct source_fake *s, const char *group, const char *topic,
                          int32_t partition);
void source_fake_set_group(struct source_fake *s, const char *group, const char *topic,
                           int32_t partition, int64_t offset);
enum source_fake_commits {
    COMMITS_ACCEPTED,
    COMMITS_REFUSED,   // a foreign member is active: nothing is stored
    COMMITS_LIED_ABOUT // stored, then reported as failed
};
void source_fake_commits(struct source_fake *s, enum source_fake_commits how);

#endif
