// Decoding keys and values side by side into columns: scan_run's core, also used where one statement's topic feeds another.
#ifndef SQL_EXEC_SCAN_H
#define SQL_EXEC_SCAN_H

#include "sql/exec/program.h"

struct scan_side {
    const struct decoder *decoder; // NULL: all columns NULL, every row fine
    const struct payload *payloads;
    struct column *columns; // prepared
    struct decode_result result;
};

// Runs the decoder over n payloads; statuses and reasons come from the arena.
void scan_side_run(struct scan_side *s, uint32_t column_count, struct arena *a, uint32_t n);
struct scan_time {
    const struct time_pattern *pattern; // NULL = ISO-8601
    const struct zone *utc;
};
// ROWTIME from a column: BIGINT or TIMESTAMP as it is, STRING by a pattern or as ISO-8601. False when NULL, not a
// time or negative; then *why says which (text of the arena).
bool scan_timestamp(int64_t *out, struct str *why, struct arena *a, const struct column *c,
                    uint32_t row, const struct scan_time *how);

#endif
