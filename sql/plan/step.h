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
};

#endif
