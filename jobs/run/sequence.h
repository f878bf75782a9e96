// From source partitions to windows: reads the batch's ranges, decodes them (in the pool), puts records into the job's one
// order and hands out windows of blocks with sequence numbers (DESIGN section 3).
//
// Row-wise and order-free jobs: (stripe, partition, offset), stripe = (offset - start) / 4096. Order-dependent jobs: k-way merge of the
// partitions' head records by (phase, timestamp, table side first, topic, partition, offset). Both depend on the plan only: never on
// fetch timing, threads or arrival. A batch may end after any window; sequence_finish() says where every partition stands then.
//
// Call order: sequence_open  (sequence_next)*  sequence_finish  sequence_close. One thread; blocks live until the next call.
#ifndef JOBS_RUN_SEQUENCE_H
#define JOBS_RUN_SEQUENCE_H

#include "jobs/run/record.h"
#include "jobs/source/source.h"
#include "sql/exec/exec.h"

#include <stdatomic.h>

struct clock;
struct pool;
struct sequence;

enum { SEQUENCE_STRIPE = 4096, SEQUENCE_WINDOW_DEFAULT = 16384 };
enum sequence_order { SEQUENCE_STRIPES, SEQUENCE_MERGE };
enum sequence_loss { SEQUENCE_REFUSE_LOSS, SEQUENCE_ACCEPT_LOSS };

// One planned partition range. start = our position, read_from >= start where the log begins (below it: lost already).
struct sequence_range {
    uint32_t topic; // index into the source's topics
    struct str topic_name;
    int32_t partition;
    int64_t start, read_from, end;
    bool anchored; // check the record at anchor_offset (== start - 1 or lower) first
    int64_t anchor_offset, anchor_timestamp;
    uint64_t anchor_hash;
    int64_t stripe_base; // SEQUENCE_PLACED: where its stripes are counted from, at most start
    size_t place;        // SEQUENCE_PLACED: its position among all partitions
    int phase;           // tables_first: 0 for table-side topics, 1 for the others
    int side;            // 0 table side, 1 stream side
};

// A record that could not be decoded, in consumption order.
typedef bool sequence_dead_fn(void *arg, const struct sequence_range *range,
                              const struct scan_record *record, struct str reason, struct err *e);

struct sequence_spec {
    const struct program *program;
    struct source *source;
    const struct sequence_range *ranges; // by (topic, partition)
    size_t range_count;
    enum sequence_order order;
    enum sequence_loss loss;
    uint64_t seq_base; // first sequence number
    // RUNNING: one after the other. PLACED (stripes only): a record's number says its stripe since stripe_base, its partition and its
    // offset, so that it does not depend on how batches are cut.
    enum { SEQUENCE_RUNNING, SEQUENCE_PLACED } numbers;
    size_t places;     // SEQUENCE_PLACED: how many partitions there are
    uint32_t window;   // rows of one merged window; 0 = default
    struct pool *pool; // NULL: decode on this thread
    const struct clock *clock;
    // GO_ON: a source that stands where a range begins need not read its anchor again. COMPARE: it must.
    enum { SEQUENCE_GO_ON, SEQUENCE_COMPARE } anchors;
    enum { SEQUENCE_NO_ORIGINS, SEQUENCE_ORIGINS } origins; // ORIGINS: sequence_origin is asked
    int64_t patience_ms;       // without any record before the source counts as unreachable
    const atomic_bool *cancel; // may be NULL
    sequence_dead_fn *dead;
    void *dead_arg;
};

enum sequence_step { SEQUENCE_WINDOW, SEQUENCE_END, SEQUENCE_FAILED };

bool sequence_open(struct sequence **out, const struct sequence_spec *spec,
                   struct err *e) ERR_CHECKED;
// *inputs: one list per program source, valid until the next call.
enum sequence_step sequence_next(struct sequence *s, const struct block_list **inputs,
                                 struct err *e);
// The record of the window that this number is of, and its range; NULL: of none. Valid until the next call.
const struct scan_record *sequence_origin(const struct sequence *s, uint64_t seq,
                                          const struct sequence_range **range);
// Fills out[range_count]: real ends, counts and anchors of everything consumed so far.
void sequence_finish(struct sequence *s, struct batch_range *out);
uint64_t sequence_records(const struct sequence *s);     // consumed so far
uint64_t sequence_bytes(const struct sequence *s);       // their keys and values
uint64_t sequence_next_number(const struct sequence *s); // above all given so far
void sequence_close(struct sequence *s);
uint64_t sequence_anchor_hash(const struct scan_record *r);

#endif
