// Why a statement was refused, beside what a test expects of it. Pure functions.
#ifndef ORCHESTRATOR_SQLTEST_REFUSAL_H
#define ORCHESTRATOR_SQLTEST_REFUSAL_H

#include "orchestrator/sqltest/jnode.h"

// ksqlDB's message puts the place before a text and the hint and the statement behind it; an err has them apart. Whether the
// message, written so, holds what is expected; `statement` is the refused one, p == NULL when it is not known.
bool refusal_agrees(const struct err *e, struct str statement, const struct jnode *expected);
bool refusal_holds(const struct err *e, struct str statement, struct str message);
// The statements call a function that exists only in ksqlDB's own tests, written in Java, and that is what is refused.
bool refusal_is_test_function(const struct err *e, struct str statements);

#endif
