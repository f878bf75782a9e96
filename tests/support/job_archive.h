// What tests of archives do with a job's lake: export parts of it, and bring them back. One thread.
#ifndef TESTS_SUPPORT_JOB_ARCHIVE_H
#define TESTS_SUPPORT_JOB_ARCHIVE_H

#include "jobs/run/restore.h"
#include "tests/support/job_upkeep.h"

enum { JOB_ARCHIVE_PATH = 2048 };

struct job_archive_choice {
    const char *what; // output or job
    struct str partition;
    const char *name; // of the archive, below the world's directory
    unsigned existing;
};
// path: of the archive. False: *e.
bool job_archive_export(struct job_world *w, char path[JOB_ARCHIVE_PATH],
                        const struct job_archive_choice *x, struct err *e);
// It must not fail: one partition, all of an output or of a job.
void job_archive_exports_part(struct job_world *w, char path[JOB_ARCHIVE_PATH], const char *what,
                              struct str partition, const char *name);
void job_archive_exports(struct job_world *w, char path[JOB_ARCHIVE_PATH], const char *what,
                         const char *name);
// False: w->e and w->text.
bool job_archive_restore(struct job_world *w, const char *path, struct restore_report *out,
                         struct arena *a);
// Until it succeeds, with a new process after each death.
void job_archive_restores(struct job_world *w, const char *path);
// With this message, and nothing has changed.
void job_archive_refuses(struct job_world *w, const char *path, const char *why);

#endif
