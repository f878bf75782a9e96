// The schemas of a test's topics: what "topics" lists, and what CREATE statements with columns describe, are registered before
// anything is planned; "post" is compared with what is registered at the end.
#ifndef ORCHESTRATOR_SQLTEST_SCHEMAS_H
#define ORCHESTRATOR_SQLTEST_SCHEMAS_H

#include "orchestrator/sqltest/suite.h"
#include "schema/registry/registry_memory.h"

bool schemas_register(struct registry *registry, struct arena *a, const struct suite_case *c,
                      struct err *e) ERR_CHECKED;
// False: *why says which schema differs.
bool schemas_check(struct str *why, struct arena *a, struct registry *registry,
                   const struct jnode *post);

#endif
