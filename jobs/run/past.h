// What the outputs of a job say about its past: their heads, and the plans of published batches. Read for recovery; no state
// directory is needed. Inside jobs/run. Everything lives in the arena given. One thread.
#ifndef JOBS_RUN_PAST_H
#define JOBS_RUN_PAST_H

#include "jobs/run/session.h"

struct past_output {
    struct str name; // as in control: "lake" or "<warehouse>/<table>/<output>"
    uint64_t batch, digest;
    struct str plan; // of warehouses; "" = none
    bool lost; // the table is gone or holds nothing, though others hold batches: to be filled anew
};

struct past {
    struct past_output *outputs; // the lake first, when there is one
    size_t output_count;
    size_t lost;
    uint64_t head,
        least;   // the newest and the oldest batch over all outputs but topics and lost ones
    bool topics; // the job has topic outputs; marker is what they hold
    struct topic_marker marker;
    // Batches whose plan is known, by id: all that the lake has published, otherwise the newest head's.
    struct batch_record *batches;
    size_t batch_count;
};

// Finishes what the lake has claimed first: its files are still staged there.
bool past_read(struct past *out, struct session *s, struct arena *a, struct err *e) ERR_CHECKED;
const struct batch_record *past_batch(const struct past *p, uint64_t id); // NULL = plan unknown
// The first batch of the newest unbroken history: later ones continue where the one before ended.
size_t past_begin(const struct past *p);
// The newest batch was sent to topics, as every batch of its own slot, and they do not have it.
bool past_topics_behind(const struct past *p);
// Does the batch move positions (and not execute an old slot again)?
bool past_moves(const struct batch_record *r);

#endif
