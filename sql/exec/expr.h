// Expressions: a bound tree compiled once to flat steps over whole columns, run block by block.
//
// ksqlDB's rules: an exception, or a NULL operand of arithmetic, makes the whole select expression NULL for that row (an
// error vector per scope); comparisons are two-valued; CASE, AND and OR evaluate their branches only for the rows that
// reach them (selections). Programs are immutable and shared; an expr_env belongs to one thread.
#ifndef SQL_EXEC_EXPR_H
#define SQL_EXEC_EXPR_H

#include "sql/plan/logical.h"

struct expr_prog;

// What EXPR_COLUMN refers to: the node's input, whose physical block may hold only some of the logical columns and of
// the fields of a STRUCT.
struct expr_input {
    const struct schema *schema; // physical
    const int32_t *columns;      // logical column -> physical, -1 = pruned; NULL = the same
    uint32_t *slots;             // counter: constant columns of the whole program
};

bool expr_compile(const struct expr_prog **out, struct arena *a, const struct expr *x,
                  const struct expr_input *in, struct err *e) ERR_CHECKED;
const struct type *expr_prog_type(const struct expr_prog *p);
// Physical column when the expression is nothing but that column, else -1.
int expr_prog_column(const struct expr_prog *p);

struct expr_env;
struct expr_env *expr_env_new(uint32_t slots);
void expr_env_free(struct expr_env *s); // NULL is fine
void expr_env_batch(struct expr_env *s, int64_t now_ms);

// out: b->rows rows in arena a (or b's own column); NULL where the expression failed.
void expr_run(struct column *out, const struct expr_prog *p, const struct block *b,
              struct expr_env *env, struct arena *a);
// idx (room for b->rows): the rows where the predicate holds; *errors = rows where it failed. Returns their number.
uint32_t expr_filter(uint32_t *idx, uint64_t *errors, const struct expr_prog *p,
                     const struct block *b, struct expr_env *env, struct arena *a);

#endif
