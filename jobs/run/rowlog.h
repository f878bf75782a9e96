// The row log of one stream output: rows that are decided but not yet in a lake file, appended batch by batch to a file of the state
// directory, until a roll batch sorts them into final files. What counts of the file is its committed length, which stands in the
// control document and moves with the decision; what lies behind it is rubbish of a batch that was not decided.
//
// File: "SLRL", version byte, row codec version byte, then frames: length LE32, xxh64 LE64, and as many bytes of entries: LEB128 length, sequence
// number LE64, row codec bytes of the output's shape. Writing: rowlog_open  rowlog_add*  rowlog_seal (fsync) or rowlog_abandon. A file that is
// longer than committed is never appended to: its committed bytes are copied to a new one, since nobody knows what became of pages
// whose write may have failed. Durable sites "rowlog.create|write|fsync|dir|unlink". One thread.
#ifndef JOBS_RUN_ROWLOG_H
#define JOBS_RUN_ROWLOG_H

#include "jobs/run/control.h"
#include "jobs/run/shape.h"

struct durable;
struct rowlog;

struct rowlog_spec {
    struct durable *durable;
    const char *dir;                     // the row logs'
    const struct control_log *committed; // file "" = none yet
    struct str fresh;                    // name of the file when a new one is needed
};

bool rowlog_open(struct rowlog **out, const struct rowlog_spec *spec, struct err *e) ERR_CHECKED;
bool rowlog_add(struct rowlog *s, uint64_t seq, const struct column *columns, size_t n,
                uint32_t row, struct err *e) ERR_CHECKED;
// Everything is on disk. *io, as committed before, becomes what to commit now. Frees s either way.
bool rowlog_seal(struct rowlog *s, struct arena *a, struct control_log *io,
                 struct err *e) ERR_CHECKED;
void rowlog_abandon(struct rowlog *s); // NULL is fine
uint64_t rowlog_bytes(const struct rowlog *s);

// The committed rows in the order of their sequence numbers, in blocks of the output's schema, which live until fn returns.
typedef bool rowlog_block_fn(void *arg, const struct block *b, struct err *e);
bool rowlog_replay(const char *dir, const struct control_log *log, const struct shape *shape,
                   rowlog_block_fn *fn, void *arg, struct err *e) ERR_CHECKED;
// Deletes the files that control does not name.
bool rowlog_clean(const char *dir, const struct control *control, struct durable *d,
                  struct err *e) ERR_CHECKED;

#endif
