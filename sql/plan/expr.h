// A bound, typed expression: what the nodes of the logical plan (sql/plan/logical.h) compute with. A tree, immutable after
// binding, owned by the job's arena. Columns are indexes into the rows of the node's input; names are gone.
#ifndef SQL_PLAN_EXPR_H
#define SQL_PLAN_EXPR_H

#include "schema/block.h"

struct fn; // sql/exec/fn.h: scalar function

struct sql_pos {
    const char *file;
    unsigned line, column;
};

enum expr_kind {
    EXPR_LITERAL,
    EXPR_COLUMN, // column of the node's (single) input, by index
    EXPR_PSEUDO, // ROWTIME ROWPARTITION ROWOFFSET WINDOWSTART WINDOWEND
    EXPR_FIELD,  // args[0]->field
    EXPR_INDEX,  // args[0][args[1]]
    EXPR_CALL,   // fn(args…)
    EXPR_ARITH,  // op: + - * / %, args 2 (types as bound; the evaluator converts to `type`)
    EXPR_NEGATE,
    EXPR_COMPARE, // op: = <> < <= > >= IS DISTINCT FROM …
    EXPR_AND,     // args 2 or more: a AND b AND c is one node
    EXPR_OR,
    EXPR_NOT,
    EXPR_IS_NULL,
    EXPR_IS_NOT_NULL,
    EXPR_BETWEEN, // args 3
    EXPR_IN,      // args[0] IN args[1…]
    EXPR_LIKE,    // args[0] LIKE args[1] [ESCAPE escape]
    EXPR_CASE,    // searched: when1, then1, when2, then2 … [, else] (has_else)
    EXPR_CAST,    // args[0] AS type
    EXPR_STRUCT,  // constructor, args in field order
    EXPR_ARRAY,
    EXPR_MAP,    // k1, v1, k2, v2 …
    EXPR_LAMBDA, // (params) => args[0]: only as an argument of a call; type = the body's
    EXPR_PARAM,  // of a lambda around
};

enum expr_op {
    EXPR_OP_NONE,
    EXPR_ADD,
    EXPR_SUB,
    EXPR_MUL,
    EXPR_DIV,
    EXPR_MOD,
    EXPR_EQ,
    EXPR_NE,
    EXPR_LT,
    EXPR_LE,
    EXPR_GT,
    EXPR_GE,
    EXPR_DISTINCT,
    EXPR_NOT_DISTINCT,
};
enum expr_pseudo {
    PSEUDO_ROWTIME,
    PSEUDO_ROWPARTITION,
    PSEUDO_ROWOFFSET,
    PSEUDO_WINDOWSTART,
    PSEUDO_WINDOWEND
};

struct expr {
    enum expr_kind kind;
    enum expr_op op;
    const struct type *type; // NULL literal without a type: type == NULL
    struct expr **args;
    uint32_t arg_count;
    uint32_t column; // EXPR_COLUMN: index; EXPR_FIELD: field index; EXPR_PSEUDO: enum expr_pseudo;
        // EXPR_PARAM: its number, counted from the outermost lambda; EXPR_LAMBDA: the first one's
    uint32_t param_count; // EXPR_LAMBDA
    bool has_else;        // EXPR_CASE
    bool negated;         // NOT IN, NOT LIKE, NOT BETWEEN
    uint32_t escape;      // EXPR_LIKE: code point, 0 = none
    const struct fn *fn;
    struct value literal; // EXPR_LITERAL
    uint32_t site;        // call site number, unique in the program (for UUID(), RANDOM())
    struct sql_pos pos;
};

#endif
