// Why a statement was refused, beside what a test expects of it. Pure functions.
#ifndef ORCHESTRATOR_SQLTEST_REFUSAL_H
#define ORCHESTRATOR_SQLTEST_REFUSAL_H

#include "orchestrator/sqltest/jnode.h"

// The error's text holds the expected message (with its cause's), blanks apart.
bool refusal_agrees(const struct err *e, const struct jnode *expected);
// The error's text holds the message, also as ksqlDB's .sql tests see it.
bool refusal_holds(const struct err *e, struct str message);
// The statements call a function that exists only in ksqlDB's own tests, written in Java, and that is what is refused.
bool refusal_is_test_function(const struct err *e, struct str statements);

#endif
