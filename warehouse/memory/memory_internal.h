// The warehouses behind the memory driver. Only included in warehouse/memory/.
#ifndef WAREHOUSE_MEMORY_MEMORY_INTERNAL_H
#define WAREHOUSE_MEMORY_MEMORY_INTERNAL_H

#include "base/vec.h"
#include "warehouse/memory/memory.h"
#include "warehouse/differences.h"
#include "warehouse/upsert.h"

#define MEMORY_TEXT_MAX ((size_t)1 << 30)

// A stored row: one allocation holding the views and their bytes. NULL cells have p == NULL.
struct memory_row {
    uint64_t batch; // append
    size_t count;
    struct str cells[];
};

struct memory_column {
    char *name, *type; // owned
    bool key;
};

// Vectors hold these rather than bare pointers.
struct memory_slot {
    struct memory_row *row;
};

struct memory_table {
    struct memory_table *next;
    char *name;
    enum sink_mode mode;
    struct memory_column *columns;
    size_t count;
    char *reject;                 // key text, or NULL
    VEC(struct memory_slot) rows; // upsert: by key, ascending
};

struct memory_head_row {
    char *job, *output, *table;
    unsigned task;
    struct head head;
};

// Owned strings; row NULL = it was to be deleted.
struct memory_reject_row {
    char *job, *output, *table, *error, *key, *row;
    unsigned task;
    uint64_t batch, seq;
};

struct planned_fault {
    uint64_t nth; // counts down; 0 = none
    enum memory_fault fault;
    enum err_remedy remedy;
};

struct memory_warehouse {
    char *name;
    struct memory_warehouse *next;
    struct memory_table *tables; // by name
    VEC(struct memory_head_row) heads;
    VEC(struct memory_reject_row) rejects; // by job, task, output, table, batch, seq
    struct planned_fault faults[MEMORY_COMMIT + 1];
    enum memory_power power;
    const void *owner; // the sink in a transaction
    uint64_t commits;
};

struct memory_warehouse *memory_warehouse_named(struct str name); // made when there is none
struct memory_table *memory_table_named(const struct memory_warehouse *w, struct str name);
struct memory_head_row *memory_head_row(const struct memory_warehouse *w, const char *job,
                                        unsigned task, const char *output, struct str table);
struct memory_row *memory_row_new(const struct str *cells, size_t count, uint64_t batch);
int memory_row_cmp(const struct memory_table *t, const struct memory_row *x,
                   const struct memory_row *y); // by key
bool memory_row_is(const struct memory_table *t, const struct memory_row *row,
                   const char *key_text);
// The rows of t against wanted ones in key order: which are missing, extra, changed.
void memory_table_compare(struct sink_differences *out, const struct memory_table *t,
                          struct memory_row *const *want, size_t count);
// Those that a batch appended against wanted ones, which are sorted: which are missing, extra.
void memory_table_compare_batch(struct sink_differences *out, const struct memory_table *t,
                                uint64_t batch, struct memory_row **want, size_t count);
bool memory_reject_in(const struct memory_reject_row *r, struct reject_span span);
bool memory_reject_of(const struct memory_reject_row *r, const struct sink_spec *spec);
void memory_reject_add(struct memory_warehouse *w, const struct sink_spec *spec,
                       const struct reject *r);
// The one in its place has its error now.
void memory_reject_change(struct memory_warehouse *w, const struct sink_spec *spec,
                          const struct reject *r);
void memory_reject_remove(struct memory_warehouse *w, size_t i);
bool memory_rejects_read(const struct warehouse_url *url, const struct rejects_query *q,
                         reject_fn *fn, void *arg, struct err *e) ERR_CHECKED;
void memory_rejects_empty(struct memory_warehouse *w);
void memory_rejects_copy(struct memory_warehouse *to, const struct memory_warehouse *from);
// Links it in, in name order.
void memory_table_add(struct memory_warehouse *w, struct memory_table *t);

#endif
