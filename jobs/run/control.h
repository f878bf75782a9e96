// The control document of a job's state store: last batch id, clock, positions, heads as we know them, snapshot versions. One JSON
// value, rewritten by every decide transaction; loaded at open. Plain values in one arena; owned by the run's thread.
#ifndef JOBS_RUN_CONTROL_H
#define JOBS_RUN_CONTROL_H

#include "base/kv.h"
#include "jobs/run/record.h"

#define CONTROL_FORMAT 1

struct control_position {
    struct str topic;
    int32_t partition;
    int64_t next;
    int64_t rolled; // rows of [rolled, next) may still be in row logs
    bool anchored;
    int64_t anchor_offset, anchor_timestamp;
    uint64_t anchor_hash;
};

// The last batch that touched an output. name: "lake", "<warehouse>/<table>/<output>", "topics" (all of them: one marker), or
// "topic/<topic>/<output>" (known since; digest 0).
struct control_output {
    struct str name;
    uint64_t batch, digest;
    bool left;  // batches were decided while the job did not have it: it lacks what they changed
    bool whole; // a table after a reset: the next batch's rows take the place of all that are there
    uint64_t seen, gap_from, gap_to; // of a stream: jobs/run/gaps.h; 0 = not known, none
    bool stale; // rows from before a reset may stand in the table: of keys that did not come again
    // jobs/run/behind.h: `batch` is decided for it, but from `behind` on it has taken nothing; 0 = it has all.
    uint64_t behind, behind_batches, behind_bytes; // batches with rows for it, and their spools
    int64_t behind_ms;                             // since when
    char behind_why[128];
};

struct control_version {
    struct str output;
    uint64_t version;  // newest decided snapshot; 0 = none
    bool changed;      // the table changed since
    bool left;         // as of an output; no rows are stored then
    struct str layout; // columns of the stored rows (shape_text); "" = taken for those of the SQL
};

// Rows of a stream output that are decided but not in a lake file yet: a file of the state directory, committed up to `bytes`.
struct control_log {
    struct str output, file; // file "" = empty
    struct str schema;       // of its rows, printed
    uint64_t bytes, rows;
    int64_t since_ms; // `now` of the batch that brought the first row
};

// Slots that are to be executed again, one batch each, until all are done: a backfill or a recovery that was begun.
struct control_redo {
    struct str kind; // batch kind; "" = none
    uint64_t *slots;
    size_t count, next;  // next: the first that is not decided yet
    struct str *outputs; // SQL names of those that are replaced
    size_t output_count;
    bool kept;     // records come from the lake
    uint64_t sent; // recover: batches up to this one are in the topics
};

struct control {
    struct arena *a;
    bool fresh; // nothing stored yet
    uint64_t last_batch, last_run;
    uint64_t delivered; // every batch up to this one is known to be delivered
    uint64_t since;     // batches up to this one belong to a history that a reset left behind
    uint64_t forgotten; // batches up to this one have no record any more
    uint64_t moved;     // the last batch that moved positions
    int64_t oldest_ms;  // `now` of the first one that has; 0 = to be looked up
    bool offsets_owed;  // the group's offsets could not be committed: the next open tries again
    int64_t now_ms;     // the last batch's now
    uint64_t code;
    struct str cluster;
    struct str marker_topic; // where the marker of the topics' last batch is; "" = none
    struct control_position *positions;
    size_t position_count, position_cap;
    struct control_output *outputs;
    size_t output_count, output_cap;
    struct control_log *logs;
    size_t log_count, log_cap;
    uint64_t next_seq;   // sequence numbers from here on are free
    uint64_t roll_seq;   // the first one of the rows since the last roll
    size_t roll_places;  // partitions there were then; a number's meaning depends on it
    int64_t snapshot_ms; // `now` of the last batch that wrote snapshots
    uint64_t
        lake_batches;   // that brought files of streams since the lake was looked at for compaction
    int64_t expired_ms; // rows before it were looked at for expiry; 0 = never
    struct control_version *versions;
    size_t version_count, version_cap;
    struct str *fingerprints;
    size_t fingerprint_count;
    struct control_redo redo;
};

bool control_load(struct control *out, struct arena *a, struct kv_txn *t,
                  struct err *e) ERR_CHECKED;
bool control_store(const struct control *s, struct kv_txn *t, struct err *e) ERR_CHECKED;
struct control_position *control_position(const struct control *s, struct str topic,
                                          int32_t partition); // NULL = unknown
struct control_position *control_position_add(struct control *s, struct str topic,
                                              int32_t partition);
struct control_output *control_output(struct control *s,
                                      struct str name); // added when absent, batch 0
struct control_version *control_version(struct control *s, struct str output); // added when absent
struct control_log *control_log(struct control *s, struct str output);         // added when absent
uint64_t control_log_rows(const struct control *s); // waiting in all of them
void control_redo_step(struct control *s); // one more slot is done; after the last there is none

// The first batch of this history that can have a record.
uint64_t control_first_batch(const struct control *s);
// Batch records by id.
bool control_put_record(struct kv_txn *t, const struct batch_record *r, struct err *e) ERR_CHECKED;
enum kv_found control_get_record(struct batch_record *out, struct arena *a, struct kv_txn *t,
                                 uint64_t batch, struct err *e);
void control_id_key(char out[8], uint64_t id); // big endian: records and runs sort by id

#endif
