// Partitions that expire are exported first, one archive each: <dir>/<job>/streams/<output>/<partition>/<hash>.tar[.zst]. The name says what is inside (a hash
// over its files), so that an expiry that was cut short finds what it had exported and no archive is ever overwritten. Inside jobs/run.
#ifndef JOBS_RUN_EXPIRE_ARCHIVE_H
#define JOBS_RUN_EXPIRE_ARCHIVE_H

#include "jobs/run/session.h"
#include "lake/inspect.h"

struct expire_archive {
    const char *path, *dir; // dir: as configured
    size_t first, count;    // its files in the list of those that expire
};
const char *expire_archive_path(struct arena *a, const char *job, const struct lake_output *o,
                                const struct lake_ls_partition *p);
// Durable and read back, all of them, when true.
bool expire_archive_write(struct session *s, const struct expire_archive *v, size_t n,
                          const struct lake_file *files, int64_t now_ms, struct err *e) ERR_CHECKED;

#endif
