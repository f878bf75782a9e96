// What the statements of a script do beside defining streams and tables, one after another: queries start and stop, rows are
// inserted, contents asserted. A job has only queries that start; scripts that are tested have all of it.
//
// Immutable after planning, owned by the plan's arena.
#ifndef SQL_PLAN_STEP_H
#define SQL_PLAN_STEP_H

#include "sql/plan/logical.h"

enum plan_step_kind {
    STEP_QUERY_START,
    STEP_QUERY_REPLACE, // `old` goes on as `query`, with its state
    STEP_QUERY_STOP,    // `old`
    STEP_INSERT,        // INSERT INTO … VALUES
    STEP_ASSERT_VALUES, // the next record of the object's topic
    STEP_ASSERT_TOMBSTONE,
    STEP_SELECT, // a push or pull query
};

// A column of a query's answer; what of it a deleted row still has.
enum plan_select_from { SELECT_VALUE, SELECT_KEY, SELECT_WINDOW_START, SELECT_WINDOW_END };
struct plan_select_column {
    struct str name;
    const struct type *type;
    enum plan_select_from from;
    uint32_t key;                     // which key column of the rows
    const struct plan_header *header; // the record's, or one of them; NULL = no such column
};

// SELECT alone. The query's rows are its keys (K0, K1, …) and the columns of the answer (C0, C1, …).
enum plan_select_kind { SELECT_PULL, SELECT_PUSH };
struct plan_select {
    enum plan_select_kind kind;
    struct plan_query *query;       // not one of plan.queries
    const struct plan_node *source; // the (first) stream or table that is read
    struct plan_select_column *columns;
    uint32_t column_count;
    bool keyed_only; // rows without a key are left out
    bool limited;
    uint64_t limit;
};

// One row of constant expressions for a stream or table.
struct plan_row {
    const struct plan_node *object;
    struct expr **exprs;                              // one per column; NULL = not given
    struct expr *rowtime, *window_start, *window_end; // NULL = not given
};

struct plan_step {
    enum plan_step_kind kind;
    uint32_t statement; // place in the script
    struct sql_pos pos;
    struct plan_query *query, *old;
    struct plan_row row;
    struct plan_select *select;
};

#endif
