// What base/durable.c (the fault plan) gives to base/file.c (the file calls). Not for others.
#ifndef BASE_DURABLE_INTERNAL_H
#define BASE_DURABLE_INTERNAL_H

#include "base/durable.h"

// One call of a site: durable_enter, the effect unless enter said no, durable_leave. Between the two
// no lock is held. Injected failures carry `kind` (ERR_IO for files, ERR_REMOTE for servers).
struct durable_step {
    struct durable *d;
    const char *site;
    const char *what; // path, or NULL
    enum err_kind kind;
    enum fault_action action;
    int sys_errno;
};

// False: no effect may happen; *e says why (dead, crash before, injected error).
bool durable_enter(struct durable_step *st, struct err *e) ERR_CHECKED;
// done: the effect's own result, with *e filled when false. Applies "after" actions.
bool durable_leave(const struct durable_step *st, bool done, struct err *e) ERR_CHECKED;

// Files whose fsync failed: they may never be synced again, only written anew.
void durable_sync_failed(struct durable *d, dev_t dev, ino_t ino);
bool durable_sync_refused(struct durable *d, dev_t dev, ino_t ino);
void durable_sync_forget(struct durable *d, dev_t dev, ino_t ino);

#endif
