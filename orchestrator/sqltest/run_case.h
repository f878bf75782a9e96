// Runs one case of ksqlDB's JSON format: all statements are planned, then query after query is fed whole, then topics,
// streams and tables are compared with what the test expects.
#ifndef ORCHESTRATOR_SQLTEST_RUN_CASE_H
#define ORCHESTRATOR_SQLTEST_RUN_CASE_H

#include "orchestrator/sqltest/suite.h"
#include "orchestrator/sqltest/verdict.h"

// window: records at once. Texts of *out live in the arena.
void run_case(struct verdict *out, struct arena *a, const struct suite_case *c, uint64_t window);

#endif
