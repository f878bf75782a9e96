// Sources of records: Kafka today. Order: open  (plan  assign  poll*  (group_commit)  wait*)*  close.
//
// plan() freezes per partition the log start and the last stable offset. assign() starts reading explicit ranges, poll() returns
// records of ONE range in offset order; payload memory belongs to the batch until release(). One thread per handle, except release,
// which any thread may call.
#ifndef JOBS_SOURCE_SOURCE_H
#define JOBS_SOURCE_SOURCE_H

#include "base/arena.h"
#include "schema/serde/serde.h"

struct durable;

struct source_header {
    struct str key;
    struct payload value;
};

struct source_record {
    struct payload key, value;
    int64_t timestamp; // Unix ms; -1 when the record has none
    int64_t offset;
    const struct source_header *headers; // NULL unless spec.headers
    uint32_t header_count;
};

struct source_batch {
    const struct source_record *records;
    uint32_t n;
    int64_t
        next_offset; // position after this batch (> last record's offset + 1 when markers or gaps follow)
    void *owner; // the source's
};

struct source_partition {
    uint32_t topic; // index into spec.topics
    int32_t partition;
    int64_t log_start; // first offset still there
    int64_t end;       // last stable offset now: the ceiling
};

struct source_range {
    uint32_t topic;
    int32_t partition;
    int64_t start, end; // [start, end)
    // >= start. A source that stands here since its last assign(), or since wait(), may go on here: what lies before was read.
    int64_t resume;
};

struct source_offset {
    uint32_t topic;
    int32_t partition;
    int64_t offset; // -1 = none
};

enum source_poll {
    POLL_BATCH, // *out holds records (or only a moved next_offset, n = 0)
    POLL_IDLE,  // nothing within timeout
    POLL_END, // the range is read completely: every offset below its end was delivered or is absent
    POLL_LOST, // offsets [position, out->next_offset) are below the log start now: gone
    POLL_FAILED,
};

enum source_wait { SOURCE_READY, SOURCE_QUIET, SOURCE_WAIT_FAILED };

struct source_spec {
    const struct str *topics;
    size_t topic_count;
    const struct str *properties; // name, value, … of `kafka:`, checked by jobs/spec
    size_t property_count;        // pairs
    const char *group;            // for group_read/group_commit
    const char *client_id;
    enum { SOURCE_NO_HEADERS, SOURCE_HEADERS } headers;
    size_t fetch_bytes_max;  // budget of prefetched bytes over all ranges; 0 = 32 MiB
    struct durable *durable; // group commit: site "kafka.commit"
};

struct source {
    const struct source_type *type;
};

struct source_type {
    const char *name;
    bool (*open)(struct source **out, const struct source_spec *spec, struct err *e);
    // Identity of the cluster (part of anchors); lives as long as the source.
    bool (*identity)(struct source *s, struct str *out, struct err *e);
    // All partitions of all topics, by (topic, partition). A missing topic is an error naming it.
    bool (*plan)(struct source *s, struct arena *a, struct source_partition **out, size_t *count,
                 struct err *e);
    // offset of the first record with timestamp >= ms per partition (end when none).
    bool (*offsets_for_time)(struct source *s, int64_t ms, struct source_offset *io, size_t n,
                             struct err *e);
    bool (*assign)(struct source *s, const struct source_range *ranges, size_t n, struct err *e);
    // Waits until a record at or above one of the starts may be there, at most timeout_ms; ends count for nothing. SOURCE_READY is
    // no promise: what there is, plan() says. NULL = cannot: the caller asks plan() now and then.
    enum source_wait (*wait)(struct source *s, const struct source_range *ranges, size_t n,
                             int64_t timeout_ms, struct err *e);
    enum source_poll (*poll)(struct source *s, size_t range, int64_t timeout_ms,
                             struct source_batch *out, struct err *e);
    void (*release)(struct source *s, struct source_batch *b);
    bool (*group_read)(struct source *s, struct source_offset *io, size_t n, struct err *e);
    bool (*group_commit)(struct source *s, const struct source_offset *offsets, size_t n,
                         struct err *e);
    void (*close)(struct source *s);
};

#endif
