// The kernels of expr_eval.c that the compiler emits.
#ifndef SQL_EXEC_EXPR_STEPS_H
#define SQL_EXEC_EXPR_STEPS_H

#include "sql/exec/expr_internal.h"

step_fn step_column, step_pseudo, step_literal, step_field, step_index, step_call, step_cast,
    step_not, step_is_null, step_is_not_null, step_struct, step_array, step_split, step_pick,
    step_rescue, step_transform, step_filter, step_reduce;

#endif
