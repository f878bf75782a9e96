// Do lake, warehouses and offsets hold what the receipts say? Looks and changes nothing (a decided batch is not delivered either);
// takes the state's lock, so that nothing moves meanwhile. One thread.
#ifndef JOBS_RUN_AUDIT_H
#define JOBS_RUN_AUDIT_H

#include "jobs/run/run.h"

enum audit_kind {
    AUDIT_RECEIPT,  // equations, or ranges that do not follow one another
    AUDIT_POSITION, // not where the last receipts end
    AUDIT_HEAD,     // of an output: older, later, another digest
    AUDIT_MANIFEST, // published with other contents than decided, or gone
    AUDIT_FILE,     // missing, changed, unreadable, orphan …
    AUDIT_ROWS,     // of a table: more or fewer than were written
    AUDIT_OFFSETS,  // of the group
};
const char *audit_kind_name(enum audit_kind kind);

struct audit_finding {
    enum audit_kind kind;
    struct str place, text;
    struct str repair; // a command, or what to do
};
// False stops with e.
typedef bool audit_fn(void *arg, const struct audit_finding *f, struct err *e);

struct audit_report {
    uint64_t findings;
    uint64_t batches, files, tables; // looked at
    uint64_t
        uncounted; // tables whose rows nothing can be compared with: they are not published to the lake
};
bool run_audit(struct audit_report *out, const struct job *job, const struct run_env *env,
               audit_fn *fn, void *arg, struct err *e) ERR_CHECKED;

#endif
