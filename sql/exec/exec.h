// The engine: the running instance of a physical program (sql/exec/exec_program.h).
//
// Order of calls: program_compile; exec_open (reads state lazily from the store); per batch: exec_batch_begin, exec_window*,
// exec_batch_end, exec_save into the caller's write transaction (the decide transaction), then exec_committed; or exec_rollback
// when the batch was abandoned before decide. Everything is a deterministic function of (program, state, windows, now).
//
// A window is a contiguous range of sequence numbers with one block list per source. Output rows of each wanted output come in
// (seq, position) order through emit(), before exec_window returns. How rows are cut into windows never changes what
// is emitted, uncollapsed (P1); outputs marked collapsible may come collapsed: one last change per key at exec_batch_end.
#ifndef SQL_EXEC_EXEC_H
#define SQL_EXEC_EXEC_H

#include "sql/exec/exec_program.h"

struct kv;
struct kv_txn;
struct pool;
struct exec;

typedef bool exec_emit_fn(void *arg, size_t output, const struct block *b, struct err *e);

struct exec_spec {
    const struct program *program;
    struct kv *kv; // NULL: memory only (tests); a rollback then forgets everything
    const char *job;
    struct pool *pool;      // NULL = none
    size_t dirty_state_max; // bytes; see exec_dirty_bytes
    size_t cache_max;       // clean state kept in memory
    exec_emit_fn *emit;
    void *emit_arg;
};
bool exec_open(struct exec **out, const struct exec_spec *spec, struct err *e) ERR_CHECKED;
void exec_close(struct exec *x);

struct exec_counters { // per plan node with drops, for receipts
    struct str name;   // the object it works for
    const char *kind;  // "filter", "aggregate", …
    uint64_t rows_in, rows_out, dropped_filter, dropped_late, dropped_null_key, dropped_error;
    uint64_t dropped_unmatched; // stream rows of an inner join for which the table has no row
};
// dropped_late counts (row, window) pairs; what the decoder's filter drops is in scan_result.filtered, not here.
bool exec_batch_begin(struct exec *x, int64_t now_ms, uint64_t batch, struct err *e) ERR_CHECKED;
// inputs: one per source.
bool exec_window(struct exec *x, const struct block_list *inputs, struct err *e) ERR_CHECKED;
bool exec_batch_end(struct exec *x, struct err *e) ERR_CHECKED;
bool exec_save(struct exec *x, struct kv_txn *t, struct err *e) ERR_CHECKED;
void exec_committed(struct exec *x);
void exec_rollback(struct exec *x);
size_t exec_dirty_bytes(const struct exec *x);
size_t exec_counter_count(const struct exec *x);
const struct exec_counters *exec_counter(const struct exec *x, size_t i); // of the current batch
bool exec_wipe(struct kv_txn *t, struct err *e) ERR_CHECKED; // all operator state (job reset)
bool exec_forget(struct kv_txn *t, struct str fingerprint,
                 struct err *e) ERR_CHECKED; // of one operator that a program had

#endif
