// One persistent query as a running program over stub topics: records in, records of its sink's topic out. It is the engine
// that jobs run (sql/exec), uncollapsed, in windows of a given number of records.
//
// Order: query_open  query_feed*  query_close. One thread.
#ifndef ORCHESTRATOR_SQLTEST_QUERY_H
#define ORCHESTRATOR_SQLTEST_QUERY_H

#include "orchestrator/sqltest/stub.h"

struct kv;
struct query;

struct query_spec {
    const struct plan_query *plan;
    struct stub *stub;
    uint64_t window; // records at once
    struct kv *kv;   // state to go on with, and to keep by query_keep; NULL = none
};

struct query_input {
    const struct stub_topic *topic;
    const struct stub_record *record;
};

bool query_open(struct query **out, const struct query_spec *spec, struct err *e) ERR_CHECKED;
// Writes the state to kv; only query_close may follow.
bool query_keep(struct query *q, struct err *e) ERR_CHECKED;
void query_close(struct query *q); // NULL is fine
const struct plan_query *query_plan(const struct query *q);
struct stub_topic *query_topic(const struct query *q); // of its sink
bool query_reads(const struct query *q, const struct stub_topic *t);
// Feeds the records in their order; what comes out is appended to the sink's topic.
bool query_feed(struct query *q, const struct query_input *inputs, size_t n,
                struct err *e) ERR_CHECKED;

#endif
