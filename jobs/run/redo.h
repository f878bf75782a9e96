// A recorded slot executed again in its place: what backfill and recovery have in common. Inside jobs/run. One thread.
//
// Order: redo_open (after run_settle)  redo_plan  (redo_slot)*. What it needs of the past are batch records and the lake's manifests.
#ifndef JOBS_RUN_REDO_H
#define JOBS_RUN_REDO_H

#include "jobs/run/execute.h"
#include "lake/inspect.h"

struct kept; // jobs/run/kept.h

struct redo {
    struct session *s;
    struct arena *a;     // of the whole redo
    struct lake_ls lake; // what was published when it began; empty without a lake
    struct lake_slots slots;
    bool *outputs; // by job.outputs: those that are replaced
    struct map
        *changed; // compacted files that it wrote anew or removed since: path -> position in `now`
    struct redo_changed {
        struct lake_file file;
        enum { REDO_GONE, REDO_THERE } is;
    } * now;
    size_t now_count, now_cap;
    const struct kept *kept; // where records come from instead of the topics; NULL = nowhere else
};

// The batch that first covered a range, with what it wrote.
struct redo_slot {
    uint64_t slot;
    int64_t now_ms;
    const struct batch_range *ranges;
    size_t range_count;
    uint64_t appended; // rows it appended to tables, by its record
    bool logged;       // an endless run's: its rows of streams came to the lake by a later batch
    const struct lake_file *files;
    size_t file_count; // what it has in the lake now, of the replaced outputs
};

bool redo_open(struct redo *out, struct session *s, struct err *e) ERR_CHECKED;
// The slot of a batch record; KV_ABSENT when the batch is none: a reset, a backfill, a roll. What *out points to is in a.
enum kv_found redo_find(struct redo_slot *out, const struct redo *r, struct arena *a,
                        struct kv_txn *t, uint64_t slot, struct err *e);
// Can its rows be replaced alone? In the lake not those of an endless run, which share files with other batches'.
bool redo_apart(const struct redo *r, const struct redo_slot *slot, struct err *e) ERR_CHECKED;
// Are all its ranges still in the topics, and the topics still the job's?
bool redo_there(const struct redo *r, const struct redo_slot *slot, struct err *e) ERR_CHECKED;
// Both?
bool redo_readable(const struct redo *r, const struct redo_slot *slot, struct err *e) ERR_CHECKED;
// One batch of the kind: executed, decided, delivered.
bool redo_execute(struct redo *r, const struct redo_slot *slot, const struct execute_replace *how,
                  enum batch_kind kind, struct err *e) ERR_CHECKED;
// execute.c: m, sealed, gets what is in the slot's place; the slot's rows inside of compacted files go there.
bool redo_splice(struct lake_manifest *m, struct session *s, struct arena *a,
                 const struct execute_replace *how, struct err *e) ERR_CHECKED;
// The slot's records through the session's engine, which keeps what it learns: nothing is decided, dead letters are not written.
bool redo_read(const struct redo *r, const struct redo_slot *slot, struct err *e) ERR_CHECKED;
// The part of the job's program that makes this output.
bool redo_alone(const struct program **out, const struct redo *r, size_t output,
                struct err *e) ERR_CHECKED;
// By job.targets: those whose rows have a slot. The rest, put by key, would get older rows over newer ones.
const bool *redo_parts(const struct redo *r);
// May the output be replaced by parts? Streams that remember nothing between batches; otherwise the reason.
bool redo_replaceable(const struct redo *r, size_t output, struct err *e) ERR_CHECKED;

#endif
