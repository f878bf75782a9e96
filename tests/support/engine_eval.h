// One SQL expression over one record, as text: what CAST AS STRING prints of the select column, "null" for NULL.
// Columns: K STRING key, S STRING, T STRING, I INT, B BIGINT, D DOUBLE, M DECIMAL(6,2), X STRUCT<A INT, C STRING>, L ARRAY<INT>,
// P MAP<STRING, INT>, Z BOOLEAN, TS TIMESTAMP, DT DATE, N INT (never in the record).
#ifndef TESTS_SUPPORT_ENGINE_EVAL_H
#define TESTS_SUPPORT_ENGINE_EVAL_H

struct engine_case {
    const char *expr, *want;
};

// The record that most cases use.
extern const char *const engine_record;
void engine_eval(char out[512], const char *expr, const char *json);
void engine_eval_all(const struct engine_case *cases, unsigned n);

#endif
