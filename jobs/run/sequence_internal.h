// Shared by sequence.c (fetching and decoding chunks) and sequence_order.c (putting them in order).
#ifndef JOBS_RUN_SEQUENCE_INTERNAL_H
#define JOBS_RUN_SEQUENCE_INTERNAL_H

#include "base/pool.h"
#include "jobs/run/sequence.h"

enum {
    SEQUENCE_CHUNK_BYTES = 4 << 20, // raw bytes of one chunk at most (one record may be larger)
    SEQUENCE_CHUNK_BYTES_MIN = 64 << 10, // with many partitions
    SEQUENCE_POLL_MS = 100,
};

// One batch of the source, shared by the chunks that view its records.
struct holder {
    struct source_batch batch;
    unsigned refs;
    struct holder *next; // in the lane's queue
};

// Consecutive records of one stripe of one range: the unit of decoding and, without a merge, of a window.
struct chunk {
    struct pool_task task; // first: the pool hands it back
    struct sequence *s;
    struct lane *lane;
    struct chunk *next;
    struct arena *a;
    struct scan_record *records;
    uint32_t n;
    size_t bytes;
    struct holder **holders;
    size_t holder_count;
    int64_t stripe, end;       // end: the position after this chunk
    struct scan_result *scans; // one per source of the topic
    uint32_t *cursors;         // next row per scan
    size_t *parts; // index in the window's concatenation, per scan; SIZE_MAX = not in it yet
    bool failed;
    struct err e;
    uint32_t next_record; // first one not consumed
    bool waited;
};

// One range being read.
struct lane {
    const struct sequence_range *range;
    size_t index;
    const size_t *sources; // program sources that read this topic
    size_t source_count;
    int64_t fetched; // everything below is in chunks
    enum { LANE_READING, LANE_ENDED } state;
    bool verify;
    struct holder *raw, *raw_last; // undistributed batches
    uint32_t raw_at;               // record in raw
    int64_t raw_end;               // the source's position
    struct chunk *head, *tail;
    size_t chunk_count;
    // Merge key of the head record.
    bool ready;
    int64_t time;
    // Consumed so far.
    int64_t position;
    struct batch_range counts;
};

// A record of the window and the first of its numbers.
struct origin {
    uint64_t seq;
    const struct lane *lane;
    const struct scan_record *record;
};

struct sequence {
    struct sequence_spec spec;
    struct arena *a;      // the sequence's life
    struct arena *window; // one window
    struct lane *lanes;
    size_t lane_count;
    size_t source_count;
    size_t chunk_bytes, depth;
    uint64_t seq;
    uint64_t records, bytes;
    struct block_list *inputs;
    struct origin *origins; // of the window, by number; SEQUENCE_ORIGINS
    size_t origin_count;
    struct chunk *retired; // freed when the next window starts
    struct chunk *spare;
    int64_t last_progress_ms;
};

// The lane's oldest chunk, decoded. NULL with *failed unset: the lane has ended.
struct chunk *lane_head(struct lane *l, struct sequence *s, bool *failed, struct err *e);
// Counts records [chunk->next_record, upto) as consumed, reports their dead letters.
bool chunk_consume(struct chunk *c, uint32_t upto, struct err *e);
// Takes the fully consumed head chunk off its lane; it is freed when the next window starts.
void lane_retire(struct lane *l, struct sequence *s);
// First record at or after c->next_record that has a row in some scan; n when there is none.
uint32_t chunk_next_row(const struct chunk *c, int64_t *time);

// Room for so many; sequence_place adds one.
void sequence_places(struct sequence *s, size_t n);
void sequence_place(struct sequence *s, const struct lane *l, const struct scan_record *r,
                    uint64_t seq);

enum sequence_step sequence_next_stripe(struct sequence *s, struct err *e);
enum sequence_step sequence_next_merge(struct sequence *s, struct err *e);

#endif
