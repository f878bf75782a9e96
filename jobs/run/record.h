// The batch record: what a decided batch is. Stored as JSON under its id in the state store by the decide transaction; delivery
// needs nothing but this record, the staged files and the spools (DESIGN section 2, step 4). It is the receipt, too.
// Plain values; strings live in the arena of whoever built or loaded the record.
#ifndef JOBS_RUN_RECORD_H
#define JOBS_RUN_RECORD_H

#include "warehouse/sink.h"

enum batch_kind {
    BATCH_FORWARD,
    BATCH_ROLL,
    BATCH_RESET,
    BATCH_BACKFILL, // a recorded slot again, in place; positions and state stay
    BATCH_RECOVER,  // a recorded slot again, in place, after the state was lost
    BATCH_RESYNC,   // outputs of a store anew, from state or lake
    BATCH_COMPACT,  // small files of the lake become one; brings nothing
    BATCH_EXPIRE,   // files of the lake that the policy does not keep are deleted; brings nothing
    BATCH_RESTORE,  // files come back into the lake from an archive; brings no records
    BATCH_REPLAY,   // dead letters of a slot again: what they give now comes to what the slot has
    BATCH_REJECTS   // rows of a slot that warehouses had refused, as they are, into their tables
};
enum { BATCH_KINDS = BATCH_REJECTS + 1 };
// Moves files only: no record is read or written again, its ranges say where the job stood.
bool batch_kind_stands(enum batch_kind kind);

// One source partition of the batch: end - start = delivered + absent + lost; delivered = decoded + null + dead.
struct batch_range {
    struct str topic;
    int32_t partition;
    int64_t start, end;
    uint64_t delivered, absent, lost;
    uint64_t decoded, null_values, dead,
        filtered; // filtered: decoded rows that the pushed-down filter dropped
    bool anchored;
    int64_t anchor_offset, anchor_timestamp;
    uint64_t anchor_hash; // xxh64 of key and value
};

// Where a partition stands that the batch did not move.
struct batch_position {
    struct str topic;
    int32_t partition;
    int64_t next;
};

// One warehouse output of the batch, with all that delivery needs of the configuration of the day.
struct batch_target {
    struct str warehouse, scheme, table, output;
    enum sink_mode mode;
    enum sink_create create;
    enum sink_schema schema;
    const struct sink_column *columns;
    size_t column_count;
    struct str spool;                                     // file name in the spool directory
    uint64_t rows, upserts, deletes, collapsed, rejected; // rejected: known once delivered
    uint64_t bytes, checksum, rows_hash, digest, prev_batch, prev_digest;
    uint64_t slot; // appended rows: the batch whose rows these replace (beside: join); 0 = none
    bool beside;
    struct reject_set again; // BATCH_REJECTS: what the rows are, in their order; batch 0 = none
    bool whole;              // resync: the rows are the whole table, what else is there goes
    bool skipped;            // by a person: never delivered; its rows are dead letters
};

// One topic output of the batch. All of a batch are one transaction with one marker.
struct batch_topic {
    struct str topic, output, spool;
    uint64_t rows, deletes; // deletes: rows without a value
    uint64_t bytes, checksum, rows_hash;
};

struct batch_counter {
    struct str name;
    uint64_t rows_in, rows_out, filter, late, null_key, error, unmatched;
};

struct batch_record {
    uint64_t batch, run;
    uint64_t slot; // the batch whose files and rows this one replaces; 0 = none
    enum batch_kind kind;
    bool logged; // its rows of streams went to row logs: a later roll batch brings them to the lake
    int64_t now_ms;
    uint64_t code; // digest of the plan that made it
    struct str cluster, group;
    struct batch_range *ranges;
    size_t range_count;
    struct batch_position *positions; // of the partitions without a range; a replaced slot: of all
    size_t position_count;
    struct batch_target *targets;
    size_t target_count;
    struct batch_topic *topics;
    size_t topic_count;
    struct str marker_topic;      // "" = no topic outputs
    struct str marker_prev_topic; // where the batch before has its marker; "" = there is none
    uint64_t topics_digest, topics_prev_batch, topics_prev_digest;
    struct str manifest; // lake manifest JSON; "" = no lake output
    uint64_t lake_digest, lake_prev_batch, lake_prev_digest;
    struct str dead_file; // of the state directory, of a job without a lake; "" = none
    uint64_t dead;
    const struct batch_late *late; // jobs/run/late.h
    const struct batch_counter *counters;
    size_t late_count, counter_count;
};

void record_write(struct buf *out, const struct batch_record *r);
bool record_read(struct batch_record *out, struct arena *a, struct str json,
                 struct err *e) ERR_CHECKED;
const char *batch_kind_name(enum batch_kind kind);
// Cluster, ranges and positions as one line: what heads keep in `plan`, for people and for recovery:
// "cluster [slot=N] topic/partition:start-end … topic/partition@next … ."; without the last word it was cut.
void record_plan_text(struct buf *out, const struct batch_record *r);
// Fills cluster, slot, ranges and positions. ERR_DATA: cut, or not such a text.
bool record_read_plan(struct batch_record *out, struct arena *a, struct str text,
                      struct err *e) ERR_CHECKED;
// Source ranges as a JSON array (lake manifests, receipts), and read back.
void record_ranges_json(struct buf *out, const struct batch_range *ranges, size_t n);
bool record_read_ranges(struct batch_record *out, struct arena *a, struct str json,
                        struct err *e) ERR_CHECKED;

#endif
