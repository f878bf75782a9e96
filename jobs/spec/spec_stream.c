// Option table of streaming.
#include "jobs/spec/spec_internal.h"

#include <stddef.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define OPT(member, name, kind_) \
    .key = (name), .type = (kind_), .offset = offsetof(struct stream_spec, member)

static const struct conf_opt stream_opts[] = {
    {OPT(commit_ms, "commit_interval", CONF_DURATION), .def = "1s", .min = 10, .max = 3600000,
     .help = "A batch begins this long after the last one began, when something is new: warehouses "
             "and topics are that current."},
    {OPT(align_ms, "align", CONF_DURATION), .def = "0s", .max = 60000,
     .help = "How long a batch waits until every partition has something new, so that partitions "
             "that are behind are merged in the order of their timestamps."},
    {OPT(roll_ms, "roll_every", CONF_DURATION), .def = "10m", .min = 1000, .max = 604800000,
     .help = "Rows of streams for the lake become files when the oldest of them is this old."},
    {OPT(roll_bytes, "roll_size", CONF_BYTES), .def = "128MiB", .min = 1 << 10,
     .max = INT64_C(4) << 30,
     .help =
         "Or when the rows of one stream that wait in the state directory are this many bytes."},
    {OPT(snapshot_ms, "snapshot_every", CONF_DURATION), .def = "1h", .min = 1000, .max = 2592000000,
     .help = "A table that changed gets a new version in the lake this often."},
};

const struct conf_table spec_stream_table = {
    .name = "stream",
    .help =
        "How a job with `schedule: stream` makes its batches; a run by hand with `--once` does not "
        "look at it.",
    .opts = stream_opts,
    .count = COUNT(stream_opts),
    .bytes = sizeof(struct stream_spec),
    .at_offset = offsetof(struct stream_spec, at),
};
