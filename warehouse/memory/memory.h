// The reference driver: warehouses in memory, by name, that survive close and open ("memory://NAME"). For tests and for
// the exhaustive crash simulation: the same conversions and the same head rules as the SQL drivers, tables to look into,
// and calls that can be made to fail or to lie. Commits are durable calls, site "memory.commit".
//
// The warehouses live in a process-wide list behind a mutex (tests/lint/globals.allow); one warehouse is used by one
// thread at a time. A second owner does not wait for the head's lock: begin fails as after a lock timeout.
#ifndef WAREHOUSE_MEMORY_MEMORY_H
#define WAREHOUSE_MEMORY_MEMORY_H

#include "warehouse/sink.h"

extern const struct sink_type sink_memory;

// Forgets a warehouse, or all (NULL). No sink may be open on it.
void memory_forget(const char *warehouse);
// `to` becomes a copy of `from`, or empty when there is none: a backup, and its restoration.
void memory_copy(const char *to, const char *from);

enum memory_call { MEMORY_OPEN, MEMORY_HEAD, MEMORY_BEGIN, MEMORY_WRITE, MEMORY_COMMIT };
enum memory_fault {
    MEMORY_FAIL, // no effect, fails
    MEMORY_LIE,  // commit: done, but reported failed; others as MEMORY_FAIL
};
// The nth such call from now on fails with ERR_REMOTE and this remedy; nth 0 clears.
void memory_fail(const char *warehouse, enum memory_call call, uint64_t nth,
                 enum memory_fault fault, enum err_remedy remedy);
// Rows whose key text (below; of appended rows: the whole line) is this are refused, as a CHECK constraint would; "" clears.
void memory_reject(const char *warehouse, const char *table, const char *key_text);
// Takes a row away behind everybody's back; false when it is not there.
bool memory_delete(const char *warehouse, const char *table, const char *key_text);
// Puts a row there, or in the place of the one with its key: "a|1|NULL", as memory_print_table has it. False: no such table or
// another number of columns.
bool memory_put(const char *warehouse, const char *table, const char *line);
// The row that memory_delete would find, in its place and of its batch.
bool memory_change(const char *warehouse, const char *table, const char *key_text,
                   const char *line);
// DROP TABLE: heads stay.
bool memory_drop(const char *warehouse, const char *table);
// While locked, open and begin fail as if the store were down.
enum memory_power { MEMORY_UP, MEMORY_DOWN };
void memory_power(const char *warehouse, enum memory_power power);

// Rows by key (append: by insertion), values as text: NULL, numbers plain, bytes as hex, times as UTC text.
size_t memory_rows(const char *warehouse, const char *table);
bool memory_has_table(const char *warehouse, const char *table);
// "k=a|n=1" of the row whose key text is e.g. "a" (several key columns: "a|1"); false when absent.
bool memory_get(struct buf *out, const char *warehouse, const char *table, const char *key_text);
// One line per row in key order: "a|1|NULL\n"; _sluice_batch is not printed.
void memory_print_table(struct buf *out, const char *warehouse, const char *table);
// All tables, heads and rejects in name order: two equal warehouses print equal texts.
void memory_print(struct buf *out, const char *warehouse);
// One line per row of sluice_rejects; memory_print has them, too.
void memory_print_rejects(struct buf *out, const char *warehouse);
bool memory_head(struct head *out, const char *warehouse, const char *job, unsigned task,
                 const char *output, const char *table);
uint64_t memory_commits(const char *warehouse);

#endif
