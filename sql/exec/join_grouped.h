// A join of two inputs whose state is one store of groups: all of the operator but what it does with a window.
//
// The operator's state is struct join_grouped; its table of functions has these but for `open`, which calls join_grouped_open, and `flush`.
#ifndef SQL_EXEC_JOIN_GROUPED_H
#define SQL_EXEC_JOIN_GROUPED_H

#include "sql/exec/join.h"

struct join_grouped {
    struct join join;
    struct groups *groups;
};

void join_grouped_open(struct op *o, enum join_input first, const struct rows_spec *rows);
bool join_grouped_push(struct op *o, uint32_t input, const struct block *b,
                       struct err *e) ERR_CHECKED;
bool join_grouped_begin(struct op *o, struct err *e) ERR_CHECKED;
bool join_grouped_save(struct op *o, struct kv_txn *t, struct err *e) ERR_CHECKED;
void join_grouped_committed(struct op *o);
void join_grouped_rollback(struct op *o);
size_t join_grouped_dirty_bytes(const struct op *o);
void join_grouped_close(struct op *o);

#endif
