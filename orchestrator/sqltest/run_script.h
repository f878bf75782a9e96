// Runs one case of ksqlDB's .sql form: statement after statement, each inserted row at once through all queries that are
// running; CREATE OR REPLACE goes on with the state of the query it replaces.
#ifndef ORCHESTRATOR_SQLTEST_RUN_SCRIPT_H
#define ORCHESTRATOR_SQLTEST_RUN_SCRIPT_H

#include "orchestrator/sqltest/script.h"
#include "orchestrator/sqltest/verdict.h"

// Texts of *out live in the arena.
void run_script(struct verdict *out, struct arena *a, const struct script_case *c);

#endif
