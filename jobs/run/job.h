// A job ready to run: its SQL compiled and its outputs bound to lake files and warehouse tables. Built once from the configuration
// (job_compile), immutable, in one arena. What the rest of jobs/run works with; nothing below knows the YAML.
#ifndef JOBS_RUN_JOB_H
#define JOBS_RUN_JOB_H

#include "jobs/run/shape.h"
#include "jobs/source/source.h"
#include "jobs/topic/topic.h"
#include "lake/lake.h"
#include "sql/exec/exec.h"
#include "warehouse/sink.h"

struct app_spec;
struct job_spec;

// One output written to one table of one warehouse.
struct job_target {
    struct str name; // "<warehouse>/<table>/<output>": the key of its head in control
    struct str warehouse;
    const struct sink_type *type;
    struct sink_spec spec; // durable unset: the run fills it in
    const int *from;       // per sink column: index in the shape
    const int
        *key; // of a stream that is upserted: its key columns in the shape; NULL = not such a one
    size_t key_count;
    struct schema schema; // the sink's columns, as spooled
    size_t output;        // index in job.outputs
};

// One output written to a topic, as ksqlDB would write it.
struct job_topic {
    struct str name; // "topic/<topic>/<output>": its entry in control
    struct topic_want want;
    size_t output; // index in job.outputs
    enum serde_format key_format, value_format;
    const struct encoder *key, *value; // key NULL: the output has no key
    bool bare_value;                   // the single value column alone: NULL is Kafka's null
    enum window_kind window;           // what follows the key bytes
};

struct job_output {
    struct str name;
    size_t index; // in the program's outputs
    bool table;
    struct shape shape;
    int lake;                          // index in job.lake_outputs; -1 = none
    size_t target_first, target_count; // in job.targets
    int topic;                         // index in job.topic_outputs; -1 = none
};

enum job_start { JOB_EARLIEST, JOB_LATEST, JOB_GROUP, JOB_TIME };
enum job_dead_payload { JOB_DEAD_FULL, JOB_DEAD_HASH, JOB_DEAD_NONE };

struct job_limits {
    uint64_t batch_records_max, batch_bytes_max; // 0 = none
    int64_t batch_ms_max;
    size_t dirty_state_max;
    size_t fetch_bytes_max;
    size_t open_partitions_max;
    uint64_t dead_max;      // dead letters of one run; above it fails. UINT64_MAX = no limit
    int64_t dead_ratio_ppm; // dead letters per million records of a run; -1 = no limit
    uint64_t lag_batches, lag_bytes; // a table may be behind the other outputs by; 0 batches = not
    int64_t lag_ms;
    int64_t patience_ms; // without a record although there should be some
};

// How an endless run makes its batches.
struct job_stream {
    enum { JOB_BOUNDED, JOB_STREAM } schedule; // what `job run` does
    int64_t commit_ms, align_ms, roll_ms, snapshot_ms;
    uint64_t roll_bytes;
};

struct job {
    const char *name;
    const char *state_dir; // <state>/<job>/<task>
    const char *lake_root; // NULL = no lake
    const struct plan *plan;
    const struct program *program;
    const struct job_output *outputs;
    size_t output_count;
    const struct lake_output *lake_outputs;
    size_t lake_output_count;
    const struct job_target *targets;
    size_t target_count;
    const struct job_topic *topic_outputs; // the first one's topic carries the marker
    size_t topic_output_count;
    const struct str *topics; // read: distinct, in order of first use
    size_t topic_count;
    const struct str *properties; // of kafka:, name/value pairs
    size_t property_count;
    const char *group;
    enum job_start start;
    int64_t start_ms; // JOB_TIME
    enum { JOB_EVENT_TIME, JOB_TABLES_FIRST } input_order;
    enum { JOB_REFUSE_LOSS, JOB_ACCEPT_LOSS } loss;
    enum job_dead_payload dead_payload;
    int64_t history_ms;   // records of runs and batches are kept as long; 0 = for ever
    uint64_t history_max; // and as many of each
    uint64_t redo_spools; // delivered batches whose spools are kept
    unsigned threads;
    struct job_limits limits;
    struct job_stream stream;
    const struct warehouse_url
        *urls; // of all configured warehouses, for decided batches of an older configuration
    const struct str *url_names;
    const struct sink_type *const *url_types;
    size_t url_count;
};

// sinks: the drivers of builtin.c, NULL-terminated.
bool job_compile(const struct job **out, struct arena *a, const struct app_spec *app,
                 const struct job_spec *spec, const struct sink_type *const *sinks,
                 struct err *e) ERR_CHECKED;

// Reading everything again would leave its rows twice: files or rows of a stream that are not put by key, and records.
bool job_output_appends(const struct job *job, size_t output);

#endif
