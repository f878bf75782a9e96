// Many small files of a partition become one, without another look at their rows: which, and the new files. And the reverse need:
// one slot's rows of such a file put in the place of its former ones. Publishing is lake_publish's, as for any batch.
//
// A compacted file records which rows are which slot's (struct lake_slot_rows), in the order of the slots, and is called after
// the first. Streams only. One thread per handle.
#ifndef LAKE_COMPACT_H
#define LAKE_COMPACT_H

#include "lake/inspect.h"

#include <stdatomic.h>

struct lake_compact_policy {
    size_t min_files;   // fewer are left alone; at least 2
    uint64_t max_bytes; // of the files that become one, all together
    // TIERED: a file larger than all behind it together waits for more of them: a byte is rewritten a few times in its life,
    // not with every compaction.
    enum { LAKE_COMPACT_TIERED, LAKE_COMPACT_ALL } how;
    // LEAVE: a partition with a file that cannot be read is passed over, and told.
    enum { LAKE_COMPACT_REFUSE, LAKE_COMPACT_LEAVE } unreadable;
    void (*left)(void *arg, const struct lake_file *first, const struct err *why);
    void *left_arg;
};
// Neighbours in one partition, in the order of their slots, of the same format, codec and header line.
struct lake_merge {
    const struct lake_ls_output *output;
    const struct lake_ls_file *files;
    size_t count;
    uint64_t rows, bytes;
};
struct lake_merges {
    const struct lake_merge *v;
    size_t n;
};
bool lake_compact_choose(struct lake_merges *out, struct arena *a, struct lake *s,
                         const struct lake_ls_output *o, const struct lake_compact_policy *policy,
                         struct err *e) ERR_CHECKED;

struct lake_compact_spec {
    const char *job;
    unsigned task;
    uint64_t batch;
    const struct lake_merge *merges;
    size_t count;
    const atomic_bool *cancel; // looked at between two files; NULL = none
};
// Writes the new files, synced, and fills files, replaced and outputs of *out. ERR_DATA: a source is not what was published.
bool lake_compact_stage(struct lake_manifest *out, struct arena *a, struct lake *s,
                        const struct lake_compact_spec *spec, struct err *e) ERR_CHECKED;

// m: a sealed batch that replaces `slot`, m->replaced the files that held or enclosed it (lake_slot_files). Each compacted one of them is
// written anew with the slot's new rows in their place; files and replaced of m follow. again: slots that will be replaced
// after this one, so that a damaged file of theirs may go.
struct lake_splice_spec {
    uint64_t slot;
    const uint64_t *again;
    size_t again_count;
};
bool lake_splice(struct lake_manifest *m, struct arena *a, struct lake *s,
                 const struct lake_splice_spec *spec, struct err *e) ERR_CHECKED;

#endif
