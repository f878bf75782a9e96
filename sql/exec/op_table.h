// The step that makes a table out of records: latest value per primary key, NULL value = delete, NULL key = dropped.
#ifndef SQL_EXEC_OP_TABLE_H
#define SQL_EXEC_OP_TABLE_H

#include "sql/exec/op.h"

// o->state becomes the table's. Rows are kept only when some consumer retracts (node->keeps_rows); then every change is
// preceded by -U with what the key had.
bool table_open(struct op *o, struct err *e) ERR_CHECKED;
bool table_push(struct op *o, const struct block *b, struct err *e) ERR_CHECKED;
bool table_begin(struct op *o, struct err *e) ERR_CHECKED;
bool table_save(struct op *o, struct kv_txn *t, struct err *e) ERR_CHECKED;
void table_committed(struct op *o);
void table_rollback(struct op *o);
size_t table_dirty_bytes(const struct op *o);
void table_close(struct op *o);

#endif
