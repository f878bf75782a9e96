// sluice.yaml as values: the whole configuration file, checked. Reads that one file (and secrets named in it), does no other I/O.
//
// All strings live in the arena and are NUL-terminated. Secrets (passwords) are interpolated from ${env:…} and ${file:…} into
// parsed components and never printed. Every error of the file is reported at once, with file:line:column and the nearest valid key.
#ifndef JOBS_SPEC_SPEC_H
#define JOBS_SPEC_SPEC_H

#include "base/arena.h"
#include "base/buf.h"

struct spec_pos {
    unsigned line, column;
};

struct spec_pair {
    struct str name, value;
};

// scheme://user:password@host:port/database?param=value, or scheme://path for file-based stores.
struct spec_url {
    struct str scheme, user, password, host, database, path;
    uint16_t port; // 0 = default
    const struct spec_pair *params;
    size_t param_count;
    struct str display; // without the password
};

struct spec_warehouse {
    struct str name;
    struct spec_url url;
    struct spec_pos pos;
};

enum spec_schedule {
    SPEC_SCHEDULE_NONE,
    SPEC_SCHEDULE_EVERY,
    SPEC_SCHEDULE_CRON,
    SPEC_SCHEDULE_STREAM
};
enum spec_start { SPEC_EARLIEST, SPEC_LATEST, SPEC_GROUP, SPEC_TIME };
enum spec_order { SPEC_EVENT_TIME, SPEC_TABLES_FIRST };
enum spec_payload { SPEC_PAYLOAD_FULL, SPEC_PAYLOAD_HASH, SPEC_PAYLOAD_NONE };
enum spec_tri { SPEC_UNSET, SPEC_NO, SPEC_YES };

// outputs: NAME: lake:
struct spec_lake {
    struct str format;              // "jsonl", "csv"
    struct str compression;         // "none", "gzip", "zstd"
    const struct str *partition_by; // year month day hour, or columns; default year, month, day
    size_t partition_count;
    struct str time; // "ROWTIME" or a column
    struct str zone; // default UTC
    enum spec_tri snapshot;
    unsigned keep_versions;  // default 7, at least 2
    uint64_t file_bytes_max; // 0 = no split
    struct spec_pos pos;
};

// columns: target: {from: COLUMN, type: TEXT}
struct spec_column {
    struct str name, from,
        type; // from "" = the SQL column of that name; type "" = the store's default
    struct spec_pos pos;
};

struct spec_target {
    struct str to;        // a warehouse's name
    struct str table;     // "" = the output's name in lower case
    enum spec_tri create; // unset: yes for SQLite
    struct str require;   // "exact" (default), "converging", "windowed"
    const struct spec_column *columns;
    size_t column_count;
    struct spec_pos pos;
};

struct spec_output {
    struct str name;              // as written; SQL identifiers compare in upper case
    const struct spec_lake *lake; // NULL = none
    const struct spec_target *targets;
    size_t target_count;
    struct spec_pos pos;
};

struct spec_limits {
    uint64_t batch_records, batch_bytes;       // 0 = none
    int64_t batch_ms;                          // 0 = none
    uint64_t dirty_state_max, fetch_bytes_max; // defaults 48 MiB, 32 MiB
    unsigned open_partitions_max;              // default 64
    int64_t patience_ms;                       // default 60 s
};

struct job_spec {
    const char *name;
    const struct str
        *sql; // files, absolute or relative to the working directory (resolved against the yaml's)
    size_t sql_count;
    enum spec_schedule schedule;
    int64_t every_ms;
    struct str cron, zone;
    bool at_start;
    enum spec_start start;
    int64_t start_ms; // SPEC_TIME
    struct str group; // default sluice-<name>
    enum spec_order input_order;
    unsigned threads; // default: number of processors, at most 4
    bool accept_loss;
    struct spec_limits limits;
    enum spec_payload dead_payload;
    uint64_t dead_max; // default UINT64_MAX
    const struct spec_output *outputs;
    size_t output_count;
    struct spec_pos pos;
};

struct app_spec {
    const char *file;              // for messages
    const struct spec_pair *kafka; // properties passed to librdkafka; values may be secrets
    size_t kafka_count;
    const char *state; // directory, resolved
    const char *lake;  // directory, resolved; NULL = no lake
    const struct spec_warehouse *warehouses;
    size_t warehouse_count;
    const struct job_spec *jobs;
    size_t job_count;
};

// Errors beyond the first are in *all (one formatted message per line block), which may be NULL.
bool spec_load(const struct app_spec **out, struct arena *a, const char *path, struct buf *all,
               struct err *e) ERR_CHECKED;
bool spec_parse(const struct app_spec **out, struct arena *a, const char *file, struct str text,
                struct buf *all,
                struct err *e) ERR_CHECKED; // paths relative to file's directory
const struct job_spec *spec_job(const struct app_spec *s, const char *name); // NULL when unknown
const char *spec_nearest_job(const struct app_spec *s,
                             const char *name); // "did you mean", may be NULL
void spec_print_docs(struct buf *out);          // docs/configuration.md's option tables
enum spec_origin { SPEC_VALUES, SPEC_WITH_ORIGIN };
void spec_print(struct buf *out, const struct app_spec *s,
                enum spec_origin origin); // config show; secrets as ***

#endif
