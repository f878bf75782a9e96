// Copies of a job's state directory: taken while the job runs, checked when put back.
//
// A backup is a directory: data.mdb (one consistent, compacted snapshot), the other files of the state directory, and backup.json,
// written last, with sizes and checksums; a directory without it is none. Mode 0700: it holds unmasked rows. Fault sites
// "backup.*", "restore.*". One thread.
#ifndef JOBS_RUN_BACKUP_H
#define JOBS_RUN_BACKUP_H

#include "jobs/run/run.h"

struct backup_report {
    uint64_t batch; // the last one decided in it
    uint64_t files, bytes;
    uint64_t head; // restore: the newest batch that an output holds
};

// `to` must not exist. Nothing of the job is locked or changed.
bool state_backup(struct backup_report *out, const struct job *job, struct durable *d,
                  const char *to, struct err *e) ERR_CHECKED;

enum restore_mode {
    RESTORE_FITTING, // refused when an output holds a batch that the backup does not know
    RESTORE_RECOVER, // the caller recovers afterwards
};
// The state directory that was there is kept beside it as "<dir>.before-restore".
bool state_restore(struct backup_report *out, const struct job *job, const struct run_env *env,
                   const char *from, enum restore_mode mode, struct err *e) ERR_CHECKED;

// Rewrites the state store without free pages; bytes before and after.
bool state_compact(uint64_t *before, uint64_t *after, const struct job *job, struct durable *d,
                   struct err *e) ERR_CHECKED;

#endif
