// What the suites of warehouse drivers share: a store to test, blocks written by hand, and a sink that is opened,
// killed and opened again as a job would do. One world per test; sink_cases.h has the cases.
#ifndef TESTS_SUPPORT_SINK_WORLD_H
#define TESTS_SUPPORT_SINK_WORLD_H

#include "base/durable.h"
#include "warehouse/sink.h"

#include "tests/support/test.h"

enum store_kind { STORE_MEMORY, STORE_SQLITE, STORE_MYSQL, STORE_POSTGRES };

// A driver under test. `arg` is the suite's own.
struct store {
    const char *name; // before each case's name
    enum store_kind kind;
    const struct sink_type *type;
    bool
        oracle_mysql; // JSON is rewritten; before 8.0.17 no collation without padding, before 8.0.16 no CHECK
    const char *commit_site, *write_site, *ddl_site;
    void *arg;
    void (*setup)(void *arg); // an empty store
    void (*teardown)(void *arg);
    void (*url)(struct warehouse_url *out, void *arg); // locks are waited for briefly
    bool (*sql)(void *arg, const char *sql); // hostile tables; NULL = the store has no SQL
    // Rows of a table as text, "a|1|NULL\n", ordered by its first column; bytes as hex, doubles as Java prints.
    void (*rows)(struct buf *out, void *arg, const char *table, const char *columns);
};

struct world {
    const struct store *store;
    struct arena *a;
    struct durable *durable;
    struct warehouse_url url;
    struct sink_spec spec;
    struct sink *sink;
    struct err e;
    uint64_t batch, digest; // delivered last
    uint64_t rejected;      // of that
    uint64_t slot;          // that the next rows come to; 0 = none
};

#define COLUMNS_MAX 24
enum column_role { COLUMN_VALUE, COLUMN_KEY };

struct world *world_new(const struct store *store);
void world_free(struct world *w);
// Adds a column to the spec.
void world_column(struct world *w, const char *name, const struct type *type, const char *sql_type,
                  enum column_role role);
// id STRING key, n BIGINT, amount DECIMAL(18, 2), in table "t".
void world_standard(struct world *w);
bool world_open(struct world *w);
void world_close(struct world *w);
// The process died: a new durable layer, a new sink; fails the test when it cannot be opened.
void world_restart(struct world *w);
struct commit_step world_step(const struct world *w); // the next batch
// begin, which must find HEAD_NEXT, write, commit; false = e.
bool world_deliver(struct world *w, const struct block *b);
enum head_state world_begin(struct world *w, const struct commit_step *step);
const char *world_rows(struct world *w); // of the spec's table and columns; arena memory
struct head world_head(struct world *w);

// Blocks of the world's columns. Cells are set with column functions or:
struct block *world_block(struct world *w, uint32_t rows);
void cell_text(struct block *b, size_t column, uint32_t row, const char *text);
void cell_str(struct block *b, size_t column, uint32_t row, struct str text);
void cell_i64(struct block *b, size_t column, uint32_t row, int64_t v);
void cell_f64(struct block *b, size_t column, uint32_t row, double v);
void cell_decimal(struct block *b, size_t column, uint32_t row, const char *text);
void cell_null(struct block *b, size_t column, uint32_t row);
void row_op(struct block *b, uint32_t row, enum row_op op);
// Standard columns: rows (id, n, amount) in one block; amount NULL = a delete.
struct standard_row {
    const char *id;
    int64_t n;
    const char *amount;
};
struct block *world_standard_block(struct world *w, const struct standard_row *rows, uint32_t n);
#define BLOCK(w, ...)                                                                    \
    world_standard_block((w), (const struct standard_row[]){__VA_ARGS__},                \
                         (uint32_t)(sizeof((const struct standard_row[]){__VA_ARGS__}) / \
                                    sizeof(struct standard_row)))

#endif
