// What became of a case, and the report of all: lines for people, or one JSON object a line.
#ifndef ORCHESTRATOR_SQLTEST_VERDICT_H
#define ORCHESTRATOR_SQLTEST_VERDICT_H

#include "base/arena.h"
#include "base/buf.h"

enum verdict_status { VERDICT_PASS, VERDICT_FAIL, VERDICT_SKIP };

struct verdict {
    struct str file, test, name;
    bool negative;
    enum verdict_status status;
    enum { MESSAGE_NONE, MESSAGE_MATCH, MESSAGE_DIFFERS } message; // negative cases
    struct str reason;                                             // one line; "" = none
    struct str detail; // for people: expected and found rows, line by line
};

struct verdict_totals {
    uint64_t passed, failed, skipped;
};

enum verdict_form { VERDICT_TEXT, VERDICT_JSON };

void verdict_count(struct verdict_totals *totals, const struct verdict *v);
void verdict_print(struct buf *out, const struct verdict *v, enum verdict_form form);
void verdict_print_totals(struct buf *out, const struct verdict_totals *totals,
                          enum verdict_form form);

#endif
