// Topics in memory, one partition each: what a test feeds and what queries write. Records hold bytes, as a broker would.
// One thread; everything lives in the arena.
#ifndef ORCHESTRATOR_SQLTEST_STUB_H
#define ORCHESTRATOR_SQLTEST_STUB_H

#include "schema/serde/window_key.h"
#include "sql/exec/exec_program.h"

struct stub_window {
    enum { STUB_NOT_WINDOWED, STUB_TIME, STUB_SESSION } kind;
    int64_t start, end;
};

static inline enum window_key stub_window_key(const struct stub_window *w)
{
    return w->kind == STUB_SESSION ? WINDOW_KEY_SESSION : WINDOW_KEY_TIME;
}

struct stub_record {
    struct payload key; // with its window
    struct payload value;
    int64_t timestamp;
    struct stub_window window;
    const struct scan_header *headers;
    uint32_t header_count;
};

struct stub_topic {
    struct str name;
    struct stub_record *records;
    uint32_t n, cap;
    bool fed;      // by the test's inputs: queries read those only
    uint32_t read; // by ASSERT
};

struct stub {
    struct arena *a;
    struct registry *registry; // of the topics' schemas
    struct stub_topic **topics;
    uint32_t n, cap;
};

struct stub_topic *stub_topic(struct stub *s, struct str name); // made when it is not there
void stub_add(struct stub *s, struct stub_topic *t, const struct stub_record *r);

// What the records of a topic are: of its stream or table.
struct stub_shape {
    enum serde_format key_format, value_format;
    enum plan_wrapping value_wrapping;
    const struct schema *schema;        // NULL: no stream or table has the topic
    const struct plan_source *declared; // NULL: a query writes it
    struct plan_schema key_schema, value_schema;
    char key_delimiter, value_delimiter;
    struct registry *registry;
    struct str topic;
};
struct stub_shape stub_shape_of(const struct plan_node *object, const struct stub *s);
struct stub_shape stub_shape(const struct plan *plan, const struct stub *s, struct str topic);

#endif
