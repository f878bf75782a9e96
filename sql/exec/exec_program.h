// The public side of a physical program (sql/exec/program.h has the inside): compiled once per job from the logical plan,
// immutable, in the job's arena; any thread may read it. It says which topics to read and which outputs come, decodes
// raw records (scan_run, many at once) and is run by the engine (sql/exec/exec.h).
#ifndef SQL_EXEC_EXEC_PROGRAM_H
#define SQL_EXEC_EXEC_PROGRAM_H

#include "schema/serde/serde.h"
#include "sql/plan/logical.h"

struct program;

enum output_collapse { OUTPUT_EVERY_CHANGE, OUTPUT_LAST_CHANGE }; // what the consumer needs
// Rows of a stream: all of them are kept, or the last one of a key, so that their order matters.
enum output_rows { OUTPUT_ALL_ROWS, OUTPUT_LAST_ROW };
enum program_order { ORDER_ROW_WISE, ORDER_FREE, ORDER_ALIGNED }; // row-wise and free need no merge

struct program_output_spec {
    struct str name; // SQL object
    enum output_collapse collapse;
    enum output_rows rows;
};
struct program_spec {
    const struct plan *plan;
    const struct program_output_spec *outputs; // only what they need is kept in the DAG
    size_t output_count;
    enum { PROGRAM_COLLAPSE, PROGRAM_NO_COLLAPSE } collapse; // the one switch
    struct registry
        *registry; // of formats with schemas; thread-safe, outlives the program. NULL = none
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

#endif
