// The syntax tree of ksqlDB's whole grammar (SqlBase.g4): what the parser makes, what bind and the printer read.
//
// Names are as ksqlDB sees them (upper case unless quoted). AND, OR and CASE are flat (args…), so that a long chain is not
// a deep tree. Everything lives in the parser's arena; immutable after parsing, except that nothing is shared upwards.
#ifndef SQL_AST_H
#define SQL_AST_H

#include "sql/plan/logical.h"

enum ast_kind {
    AST_NULL,
    AST_BOOLEAN, // text: TRUE or FALSE
    AST_INTEGER, // text: digits, with a leading '-'
    AST_DECIMAL,
    AST_DOUBLE,
    AST_STRING,
    AST_TYPED,  // name 'text': DATE, TIME, TIMESTAMP, DECIMAL literals
    AST_COLUMN, // [qualifier.]text
    AST_FIELD,  // args[0]->text
    AST_INDEX,  // args[0][args[1]]
    AST_CALL,   // text(args…), star = text(*)
    AST_UNIT,   // window unit as an argument: DATEADD(DAYS, …)
    AST_LAMBDA, // (names…) => args[0]
    AST_ARITH,  // op
    AST_NEGATE,
    AST_PLUS,
    AST_CONCAT, // a || b
    AST_COMPARE,
    AST_AND, // args ≥ 2
    AST_OR,
    AST_NOT,
    AST_IS_NULL, // negated
    AST_BETWEEN, // args 3, negated
    AST_IN,      // args[0] IN (args[1…]), negated
    AST_LIKE,    // args 2, text = escape, negated
    AST_CASE,    // has_operand: args[0] first; then when, then …[, else]
    AST_CAST,    // args[0] AS type
    AST_STRUCT,  // names, args
    AST_ARRAY,
    AST_MAP,     // key, value, …
    AST_AT_ZONE, // args[0] AT TIME ZONE text
};

struct ast_type {
    enum { AST_TYPE_NAMED, AST_TYPE_DECIMAL, AST_TYPE_ARRAY, AST_TYPE_MAP, AST_TYPE_STRUCT } kind;
    struct str name;              // NAMED: upper case or quoted
    unsigned precision, scale;    // DECIMAL
    const struct ast_type **args; // ARRAY 1, MAP 2, STRUCT one per field
    struct str *names;            // STRUCT
    uint32_t count;
    struct sql_pos pos;
};

struct ast_expr {
    enum ast_kind kind;
    enum expr_op op;
    bool negated, has_else, has_operand, star;
    uint32_t height; // of the tree below: bounded by the parser
    uint32_t arg_count, name_count;
    struct str text, qualifier; // qualifier.p == NULL: none
    struct ast_expr **args;
    struct str *names;
    const struct ast_type *type;
    struct sql_pos pos;
};

#endif
