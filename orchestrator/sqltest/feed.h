// What a query of a case reads: the test's inputs of its topics in file order, then all that is in its other topics.
#ifndef ORCHESTRATOR_SQLTEST_FEED_H
#define ORCHESTRATOR_SQLTEST_FEED_H

#include "orchestrator/sqltest/query.h"

struct feed {
    struct arena *a;
    const struct stub *stub;
    const struct query_input *inputs; // in file order
    size_t count;
};

// *out, in the arena, has the records; how many is returned.
size_t feed_list(struct query_input **out, const struct feed *f, const struct query *q);

#endif
