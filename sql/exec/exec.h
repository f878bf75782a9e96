// The engine: a physical program (compiled once per job, immutable) and its running instance.
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

#include "schema/serde/serde.h"
#include "sql/plan/logical.h"

struct kv;
struct kv_txn;
struct pool;
struct program;
struct exec;

enum output_collapse { OUTPUT_EVERY_CHANGE, OUTPUT_LAST_CHANGE }; // what the consumer needs
enum program_order { ORDER_ROW_WISE, ORDER_FREE, ORDER_ALIGNED }; // row-wise and free need no merge

struct program_output_spec {
    struct str name; // SQL object
    enum output_collapse collapse;
};
struct program_spec {
    const struct plan *plan;
    const struct program_output_spec *outputs; // only what they need is kept in the DAG
    size_t output_count;
    enum { PROGRAM_COLLAPSE, PROGRAM_NO_COLLAPSE } collapse; // the one switch
};
bool program_compile(const struct program **out, struct arena *a, const struct program_spec *spec,
                     struct err *e) ERR_CHECKED;

// A topic to read: only used columns are decoded.
struct program_source {
    struct str topic;
    struct str object; // SQL name
    bool table;        // declared as TABLE
    bool table_side;   // for the merge order and input_order: tables_first
    const struct plan_source *decl;
    const struct schema *schema; // of the blocks that scan_run makes (pruned)
};
struct program_output {
    struct str name;
    bool table;
    const struct schema *schema;
    bool collapsed; // arrives as last changes at exec_batch_end
};
size_t program_source_count(const struct program *p);
const struct program_source *program_source(const struct program *p, size_t i);
size_t program_output_count(const struct program *p);
const struct program_output *program_output(const struct program *p, size_t i);
enum program_order program_order(const struct program *p);
uint64_t program_digest(const struct program *p); // code digest: plan text, engine version
// One line per stateful operator: "agg:TOTAL_PAR_TYPE keys… aggregates… window…": equal text = state can be kept.
size_t program_fingerprint_count(const struct program *p);
struct str program_fingerprint(const struct program *p, size_t i);
void program_explain(struct buf *out, const struct program *p);

struct scan_header { // same shape as the sources' struct source_header
    struct str key;
    struct payload value;
};
// One raw record for the scan. Thread-safe: many scans of one program may run at once.
struct scan_record {
    struct payload key, value;
    int64_t timestamp, offset;
    int32_t partition;
    const void *headers; // struct scan_header *, only for HEADERS columns
    uint32_t header_count;
};
// block: rows that go on, in record order; seq NULL, rowtime = extracted timestamp. status: enum decode_status per record (bad
// keys and bad timestamps are DECODE_BAD too); reason: set where DECODE_BAD.
struct scan_result {
    struct block *block;
    uint32_t *record; // per block row: index of its record
    uint8_t *status;
    struct str *reason;
    uint64_t ok, null_values, bad, filtered;
};
bool scan_run(struct scan_result *out, const struct program *p, size_t source, struct arena *a,
              const struct scan_record *records, uint32_t n, struct err *e) ERR_CHECKED;

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

#endif
