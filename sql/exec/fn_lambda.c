// The table's rows of the functions that take lambdas; bind_lambda.c binds them, expr_lambda_eval.c runs them.
#include "sql/exec/fn_internal.h"

static const struct fn fns[] = {
    {
        .name = "TRANSFORM",
        .signatures = "TRANSFORM(ARRAY<T>, T => U) -> ARRAY<U>\n"
                      "TRANSFORM(MAP<STRING, T>, (STRING, T) => STRING, (STRING, T) => U) -> "
                      "MAP<STRING, U>",
        .help = "Every element, or every key and every value, made into another one. Two equal new "
                "keys "
                "are an error, and what fails for one element fails as a whole.",
        .example = "TRANSFORM(ARRAY[1, 2], x => x * 10)",
        .gives = "[10, 20]",
        .lambda = FN_LAMBDA_TRANSFORM,
    },
    {
        .name = "FILTER",
        .signatures = "FILTER(ARRAY<T>, T => BOOLEAN) -> ARRAY<T>\n"
                      "FILTER(MAP<STRING, T>, (STRING, T) => BOOLEAN) -> MAP<STRING, T>",
        .help =
            "The elements or entries for which the condition holds. What fails for one element, or "
            "is NULL, fails as a whole.",
        .example = "FILTER(ARRAY[1, 2, 3], x => x > 1)",
        .gives = "[2, 3]",
        .lambda = FN_LAMBDA_FILTER,
    },
    {
        .name = "REDUCE",
        .signatures = "REDUCE(ARRAY<T>, S, (S, T) => S) -> S\n"
                      "REDUCE(MAP<STRING, T>, S, (S, STRING, T) => S) -> S",
        .help =
            "A state (second argument) taken through all elements, those of a map in the order of "
            "MAP_KEYS. A NULL state gives NULL, a NULL array or map the state.",
        .example = "REDUCE(ARRAY[2, 3, 4], 1, (s, x) => s * x)",
        .gives = "24",
        .nulls = FN_SEES_NULLS,
        .lambda = FN_LAMBDA_REDUCE,
    },
};
FN_FAMILY(lambda, "Lambdas");
