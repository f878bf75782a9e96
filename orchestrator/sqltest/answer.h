// Push and pull queries of a case, run when all persistent queries are done, and what they answer against the test's `responses`.
// A pull query reads what its table's topic holds last of each key; every other query all records of its topics.
#ifndef ORCHESTRATOR_SQLTEST_ANSWER_H
#define ORCHESTRATOR_SQLTEST_ANSWER_H

#include "orchestrator/sqltest/feed.h"
#include "orchestrator/sqltest/match.h"
#include "sql/plan/step.h"

struct answer_case {
    struct arena *a;
    const struct plan *plan;
    struct stub *stub;
    uint64_t window;
    const struct feed *feed;
    const struct jnode *responses; // NULL = none
    enum match_numbers numbers;
};

// Appends what differs to `why`; true when nothing does.
bool answers_check(struct buf *why, const struct answer_case *c);

#endif
