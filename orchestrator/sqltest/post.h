// "post" of a test: what the streams, tables and topics must be after all statements.
#ifndef ORCHESTRATOR_SQLTEST_POST_H
#define ORCHESTRATOR_SQLTEST_POST_H

#include "orchestrator/sqltest/jnode.h"
#include "sql/plan/logical.h"

// post may be NULL. False: *why says what differs.
bool post_check(struct str *why, struct arena *a, const struct plan *plan,
                const struct jnode *post);

#endif
