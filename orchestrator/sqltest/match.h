// Whether a record is what a test expects, by ksqlDB's rules: numbers by digits and scale, DOUBLE by value, names also in
// upper case. Pure functions.
#ifndef ORCHESTRATOR_SQLTEST_MATCH_H
#define ORCHESTRATOR_SQLTEST_MATCH_H

#include "orchestrator/sqltest/record.h"

enum match_numbers { MATCH_EXACT, MATCH_NEAR }; // property use.exact.numeric.comparison

struct match {
    struct arena *a;
    const struct stub_shape *shape;
    enum match_numbers numbers;
    bool typed;         // the format has types: DOUBLE is compared by value
    bool any_zero_time; // the test has no inputs: an expected timestamp 0 is anything
};

// Appends what differs to `why`; true when nothing does.
bool match_record(struct buf *why, const struct match *m, const struct jnode *expected,
                  const struct stub_record *actual);
// Whether a value of type t (NULL: not known) is what is expected.
bool match_json(const struct match *m, const struct jnode *expected, const struct jnode *actual,
                const struct type *t);

#endif
