// Rows to records of a stream's or table's topic, in its formats. Immutable after sink_open; everything lives in the arena.
#ifndef ORCHESTRATOR_SQLTEST_SINK_H
#define ORCHESTRATOR_SQLTEST_SINK_H

#include "orchestrator/sqltest/stub.h"
#include "sql/plan/step.h"

struct sink {
    const struct schema *schema;
    const struct encoder *key, *value;  // NULL: always null
    const struct plan_source *declared; // its HEADERS columns are not written
    bool bare_value;                    // NULL in it is a record without value
    enum window_kind window;
};

// object: a PLAN_OBJECT; schema: of the blocks that come.
bool sink_open(struct sink *out, const struct stub *stub, struct arena *a,
               const struct plan_node *object, const struct schema *schema,
               struct err *e) ERR_CHECKED;
// Row `row` as a record without headers; bytes are copied into a.
bool sink_record(struct stub_record *out, const struct sink *s, struct arena *a,
                 const struct block *b, uint32_t row, struct err *e) ERR_CHECKED;
// INSERT … VALUES: the row's record at the end of its topic.
bool sink_insert(struct stub_topic **out, struct stub *stub, const struct plan_row *row,
                 struct err *e) ERR_CHECKED;

#endif
