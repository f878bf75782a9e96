// Joins of a query to plan nodes: conditions checked (bind_condition.c), each relation brought to the join's key, keys of the
// result (bind_join.c).
#ifndef SQL_BIND_JOIN_H
#define SQL_BIND_JOIN_H

#include "sql/bind_from.h"
#include "sql/bind_plan_internal.h"

struct condition { // of one join, its sides in the order of the relations
    const struct ast_expr *whole;
    const struct ast_expr *left, *right;
    struct from_source *left_source, *right_source;
    struct expr *left_key, *right_key; // over the rows of their relations
    const struct ast_relation *relation;
    enum plan_kind kind;
    struct join_spec spec;
};

// The condition of f's i-th relation; what the key of the result can be (f->viable …) is that up to it.
bool bind_condition(struct condition *c, struct from *f, uint32_t i) ERR_CHECKED;
bool bind_is_sole_key(const struct from_source *s, const struct ast_expr *x);
bool bind_same_column(const struct ast_expr *x, const struct ast_expr *y);

// FROM with joins: s->top, s->input and s->q become those of the joined rows.
bool bind_join(struct query *s) ERR_CHECKED;
// A select list over joined rows that keeps their key: the columns that can be the key, one of which must be selected.
bool bind_joined(struct query *s) ERR_CHECKED;
enum serde_format bind_join_key_format(const struct query *s); // the first that is not NONE

#endif
