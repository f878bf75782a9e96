// ASSERT VALUES and ASSERT NULL VALUES: the next record of a topic against a row of constants.
#ifndef ORCHESTRATOR_SQLTEST_EXPECT_H
#define ORCHESTRATOR_SQLTEST_EXPECT_H

#include "orchestrator/sqltest/stub.h"
#include "sql/plan/step.h"

// Takes the next record of the object's topic; only the columns that the statement names are compared.
bool expect_next(struct stub *stub, const struct plan_step *step, struct err *e) ERR_CHECKED;

#endif
