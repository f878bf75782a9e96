// Shared inside lake/ only: the open lake, paths of its files, and one task's directory.
#ifndef LAKE_LAKE_INTERNAL_H
#define LAKE_LAKE_INTERNAL_H

#include "lake/lake.h"

#include "lake/layout/layout.h"

enum {
    LAKE_MANIFEST_MAX = 256 << 20, // bytes of one manifest or _metadata.json
    LAKE_PROBE = 64,               // batch ids looked for behind HEAD (ids may skip)
};

struct lake {
    char *root; // without a slash at the end
    struct durable *durable;
};

// Absolute, NUL-terminated, in the arena.
const char *lake_path(struct arena *a, const struct lake *s, struct str relative);
struct str path_dir(struct str path); // without the last component; "" when there is none
struct str path_base(struct str path);

// Syncs the directories above `dir` up to the root: a crash may have come between making one and syncing its parent.
bool lake_sync_above(struct lake *s, struct arena *a, struct str dir, struct err *e) ERR_CHECKED;

// Relative directory of (job, task), and of a batch's staging.
struct str lake_task_dir(struct arena *a, struct str job, unsigned task);
struct str lake_staging_dir(struct arena *a, struct str job, unsigned task, uint64_t batch);
const char *lake_done_path(struct arena *a, const struct lake *s, struct str task_dir,
                           uint64_t batch); // N.json
const char *lake_pending_path(struct arena *a, const struct lake *s, struct str task_dir,
                              uint64_t batch); // .pending-N.json
bool lake_head_write(struct lake *s, struct arena *a, struct str task_dir, uint64_t batch,
                     uint64_t digest, struct err *e) ERR_CHECKED;
// The digest a manifest file carries.
bool lake_manifest_digest(uint64_t *out, struct arena *a, const char *path,
                          struct err *e) ERR_CHECKED;

// An output directory belongs to one job: ERR_CONFIG when its _metadata.json names another.
bool lake_metadata_check(struct lake *s, struct str job, enum lake_kind kind, struct str output,
                         struct err *e) ERR_CHECKED;
// _metadata.json of one output, brought up to this batch (once, however often it is called).
bool lake_metadata_update(struct lake *s, const struct lake_manifest *m, size_t output,
                          struct err *e) ERR_CHECKED;
// The versions that it lists, as they come; none and true when there is no such file.
struct lake_version {
    uint64_t version;
    uint64_t
        restored; // the batch that brought it back out of an archive; 0 = none, the job wrote it
};
bool lake_metadata_versions(struct lake_version **out, size_t *n, struct arena *a, struct lake *s,
                            struct str output, struct err *e) ERR_CHECKED;
// Drops snapshot versions below `first`, but for restored ones.
bool lake_metadata_trim(struct lake *s, struct str output, uint64_t first,
                        struct err *e) ERR_CHECKED;

// trim.c: of a table whose keep_versions is not 0.
enum { LAKE_VERSIONS_LEAST = 2 };
size_t lake_versions_kept(const struct lake_manifest_output *o);

#endif
