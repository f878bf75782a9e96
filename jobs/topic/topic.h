// Topics as outputs: the rows of a batch, the offsets of its input and a marker in one transaction (DESIGN sections 2 and 12).
// Kafka is the one driver (jobs/topic/kafka); tests bring another. Order: open  prepare  marker
// (begin write* commit | abort)*  close.
//
// Nothing is visible to a reader of committed records before commit, and everything is after it. The marker says which batch the
// topics hold: an offset of group `<group>.commits`, its metadata the batch's digest. One thread per handle.
#ifndef JOBS_TOPIC_TOPIC_H
#define JOBS_TOPIC_TOPIC_H

#include "base/arena.h"
#include "schema/serde/serde.h"

struct durable;
struct topic_writer;

struct topic_record {
    struct payload key, value; // p NULL = null
    int64_t timestamp;
    int32_t partition;
};

struct topic_want {
    struct str name;
    enum { TOPIC_CREATE, TOPIC_REFUSE } missing;
    int32_t partitions;     // 0 = as many as there are; must be given to create it
    int32_t partitions_new; // when it is missing and `partitions` is 0
    int replicas;           // when it is missing; 0 = the broker's default
    enum { TOPIC_EVERY_RECORD, TOPIC_LAST_PER_KEY } cleanup; // when it is missing: delete | compact
};

struct topic_spec {
    const struct str *properties; // name, value, … of `kafka:`
    size_t property_count;        // pairs
    const char *group; // of the job: its offsets are committed, markers are in `<group>.commits`
    const char *transactional_id; // names the owner: opening fences every older handle
    const char *client_id;
    struct durable *durable; // sites "topic.create", "topic.fence", "topic.write", "topic.commit"
};

// What the topics hold. An empty digest text is a marker that a person set.
struct topic_marker {
    enum { TOPIC_MARKER_NONE, TOPIC_MARKER_SET } state;
    uint64_t batch;
    char digest[17]; // hex
};

struct topic_offset {
    struct str topic;
    int32_t partition;
    int64_t offset;
};

struct topic_commit {
    const struct topic_offset *offsets; // of the input
    size_t offset_count;
    struct str marker_topic;
    uint64_t batch, digest;
};

struct topic_type {
    const char *name;
    bool (*open)(struct topic_writer **out, const struct topic_spec *spec, struct err *e);
    // Creates what is missing, checks the rest; partitions[i] = how many topic i has. Idempotent.
    bool (*prepare)(struct topic_writer *s, const struct topic_want *topics, size_t n,
                    int32_t *partitions, struct err *e);
    // Ends what an earlier owner of the transactional id left open, then reads the marker of partition 0 of `topic`: what it
    // says is final.
    bool (*marker)(struct topic_writer *s, struct str topic, struct topic_marker *out,
                   struct err *e);
    bool (*begin)(struct topic_writer *s, struct err *e);
    bool (*write)(struct topic_writer *s, struct str topic, const struct topic_record *records,
                  size_t n, struct err *e);
    // After a failure of begin, write or commit the handle is only closed: what happened is what a new handle's marker says.
    bool (*commit)(struct topic_writer *s, const struct topic_commit *c, struct err *e);
    void (*close)(struct topic_writer *s); // aborts an open transaction
};

struct topic_writer {
    const struct topic_type *type; // first member of every driver's struct
};

// Java's murmur2 of the key bytes, positive, modulo the number of partitions: where Kafka's own producer puts a key.
int32_t topic_partition(struct str key, int32_t partitions);

#endif
