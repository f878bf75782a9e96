// One persistent query as a plan of its own, as ksqlDB runs it: what it reads are topics, also those that other statements of
// the script write; its one output is the stream or table it writes to. Used where statements are tested one by one.
#ifndef SQL_PLAN_ISOLATE_H
#define SQL_PLAN_ISOLATE_H

#include "sql/plan/logical.h"

// Nodes are copied into `a`, so that the script's own plan stays as it is; expressions and schemas are shared.
const struct plan *plan_isolate(struct arena *a, const struct plan_query *q);

#endif
