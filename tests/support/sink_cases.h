// The contract of warehouse drivers: every case runs against every store.
#ifndef TESTS_SUPPORT_SINK_CASES_H
#define TESTS_SUPPORT_SINK_CASES_H

#include "tests/support/sink_world.h"

// Runs all cases with names "<store>: …"; returns the number of failures, as cmocka does.
int sink_cases_run(const struct store *store);
// sink_compare.c
void sink_case_count(struct world *w);
void sink_case_compare(struct world *w);
void sink_case_compare_appended(struct world *w);
void sink_case_compare_appended_types(struct world *w);
// sink_case_schema.c: an existing table that is not as the output is.
void sink_case_evolve(struct world *w);
void sink_case_evolve_cut_short(struct world *w);
void sink_case_evolve_refuses(struct world *w);
void sink_case_ignore(struct world *w);
void sink_case_quarantine(struct world *w);
void sink_case_quarantine_all(struct world *w);
void sink_case_drift(struct world *w);

#endif
