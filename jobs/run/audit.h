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
    AUDIT_ROWS,     // of a table: missing, extra, changed
    AUDIT_MARKER,   // of the topics: gone, or another batch's
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

struct audit_spec {
    // REPLAY: tables that are only in warehouses are compared, too: the recorded batches are executed once more, in memory.
    enum { AUDIT_STORED, AUDIT_REPLAY } tables;
    audit_fn *found; // told every finding
    void *arg;
};
struct audit_report {
    uint64_t findings;
    uint64_t batches, files, tables; // looked at
    uint64_t compared;               // of the tables: row by row
    uint64_t uncompared;             // their rows are not known …
    struct str why; // … for this reason; "" = they are not published, and nobody asked for REPLAY
};
// out->why lives in `a`.
bool run_audit(struct audit_report *out, struct arena *a, const struct job *job,
               const struct run_env *env, const struct audit_spec *spec, struct err *e) ERR_CHECKED;

#endif
