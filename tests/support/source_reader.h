// Reads ranges of a source to their ends, as jobs/run does, and checks the contract of jobs/source/source.h on the way: offsets
// rise inside the range, next_offset never goes back, an ended range stays ended. One thread.
#ifndef TESTS_SUPPORT_SOURCE_READER_H
#define TESTS_SUPPORT_SOURCE_READER_H

#include "jobs/source/source.h"

struct source_reading {
    uint64_t records;
    uint64_t bytes; // keys and values
    uint64_t lost;  // offsets reported as POLL_LOST
    uint64_t
        checksum; // order-independent over (topic, partition, offset, timestamp, key, value, headers)
    uint64_t polls, batches;
    // Called for every record; may be NULL.
    void (*each)(void *arg, const struct source_range *range, const struct source_record *r);
    void *arg;
    uint64_t stop_after; // records; 0 = read to the ends
    int64_t patience_ms; // without any progress; 0 = 20 s
};

// What one record adds to the checksum.
uint64_t source_record_hash(const struct source_range *range, const struct source_record *r);
// assign() and poll() until every range ended, `stop_after` was reached, or a poll failed.
bool source_read(struct source_reading *io, struct source *s, const struct source_range *ranges,
                 size_t n, struct err *e) ERR_CHECKED;
// plan(), then source_read() of [log start, end) of every partition.
bool source_read_all(struct source_reading *io, struct source *s, struct err *e) ERR_CHECKED;

#endif
