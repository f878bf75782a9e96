// Offline tests of SQL in ksqlDB's formats, over files and folders: `sluice test`.
//
// run_case.h runs one case; query.h drives the engine; docs/test.md is the manual.
#ifndef ORCHESTRATOR_SQLTEST_SQLTEST_H
#define ORCHESTRATOR_SQLTEST_SQLTEST_H

#include "orchestrator/sqltest/verdict.h"

struct sqltest_spec {
    const char *const *files; // folders: every *.json and *.sql below, by name
    size_t count;
    struct str filter; // in the case's name; "" = all
    uint64_t window;
    enum verdict_form form;
};

// Prints every case and the totals to stdout. False when a file cannot be read, not when a case fails.
bool sqltest_run(struct verdict_totals *out, const struct sqltest_spec *spec,
                 struct err *e) ERR_CHECKED;

#endif
