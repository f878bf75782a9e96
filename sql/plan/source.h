// Plain parts of the logical plan (sql/plan/logical.h): windows, joins, what a topic holds. Values, immutable after planning.
#ifndef SQL_PLAN_SOURCE_H
#define SQL_PLAN_SOURCE_H

#include "schema/serde/serde.h"

enum window_kind { WINDOW_NONE, WINDOW_TUMBLING, WINDOW_HOPPING, WINDOW_SESSION };
struct window_spec {
    enum window_kind kind;
    int64_t size_ms, advance_ms, grace_ms,
        retention_ms; // -1 = not given (grace default: 24 h - size, 0 when final)
    bool final;       // EMIT FINAL: one row per window, when it closes
};

// What a windowed key in a topic says: kind, and the size that gives the end of a window of time.
struct plan_window {
    enum window_kind kind;
    int64_t size_ms; // 0 when not known, and for sessions
};

// The schema of a topic's key or value in a registry.
struct plan_schema {
    int32_t id;           // KEY_SCHEMA_ID, VALUE_SCHEMA_ID; 0 = not given
    struct str full_name; // *_SCHEMA_FULL_NAME; "" = not given
    unsigned nullable;    // Protobuf: SERDE_PLAIN, SERDE_OPTIONAL, SERDE_WRAPPER
};

enum plan_wrapping { PLAN_WRAPPED, PLAN_UNWRAPPED }; // of a single value column

// A column filled from a record's headers: all of them (key.p == NULL), or the last one with this key.
struct plan_header {
    uint32_t column;
    struct str key;
};

// Declaration of a topic-backed source (CREATE STREAM|TABLE (…) WITH (…)).
struct plan_source {
    struct str topic;
    enum serde_format key_format, value_format;
    enum plan_wrapping value_wrapping;
    struct plan_schema key_schema, value_schema;
    struct plan_window window;   // of the keys: CREATE … WITH (WINDOW_TYPE = …)
    int timestamp_column;        // -1 = the record's
    struct str timestamp_format; // "" = BIGINT ms / TIMESTAMP as is
    const struct time_pattern *timestamp_pattern;
    bool timestamp_required; // SET 'ksql.timestamp.throw.on.invalid': a bad one ends the run
    const struct plan_header *headers;
    uint32_t header_count;
    char key_delimiter, value_delimiter; // DELIMITED; 0 = ','
    int partitions;                      // WITH (PARTITIONS=…), 0 = not given
};

bool plan_is_header(const struct plan_source *s, uint32_t column); // s may be NULL

// Formats a CSAS/CTAS sink would have (inherited when not given): drives key rules and re-typing at PLAN_OBJECT.
struct plan_formats {
    struct str topic;
    enum serde_format key_format, value_format;
    enum plan_wrapping value_wrapping;
    struct plan_schema key_schema, value_schema;
    struct plan_window window;
    char key_delimiter, value_delimiter; // DELIMITED; 0 = ','
    int partitions;                      // given, or the source's; 0 = not known
    bool read_only;                      // CREATE SOURCE …
    struct str timestamp_column, timestamp_format;
    int timestamp_index; // -1 = keep ROWTIME
    const struct time_pattern *timestamp_pattern;
};

enum join_kind { JOIN_INNER, JOIN_LEFT, JOIN_RIGHT, JOIN_FULL };
struct join_spec {
    enum join_kind kind;
    bool session;                // rows of session windows: the key has both bounds
    int64_t window_size_ms;      // of the result's windows; 0 = as the row has it
    int64_t before_ms, after_ms; // stream-stream: right rows in [left - before, left + after]
    int64_t grace_ms;            // -1 = not given: padded at once, kept for 24 h
};

#endif
