// The contract of warehouse drivers: every case runs against every store.
#ifndef TESTS_SUPPORT_SINK_CASES_H
#define TESTS_SUPPORT_SINK_CASES_H

#include "tests/support/sink_world.h"

// Runs all cases with names "<store>: …"; returns the number of failures, as cmocka does.
int sink_cases_run(const struct store *store);
void sink_case_compare(struct world *w); // one of them

#endif
