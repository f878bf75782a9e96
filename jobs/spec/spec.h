// The configuration file, whole: sluice.yaml -> struct app_spec. No I/O but reading that file and ${file:…}.
//
// spec_load() checks everything that can be known without SQL, brokers and databases and reports all errors at once.
// Struct members are documented in the option tables (spec_table.c), which docs/configuration.md is printed from.
// Everything lives in the arena and is immutable afterwards; strings are NUL-terminated behind the view.
#ifndef JOBS_SPEC_SPEC_H
#define JOBS_SPEC_SPEC_H

#include "jobs/spec/spec_output.h"
#include "jobs/spec/spec_registry.h"
#include "jobs/spec/spec_schedule.h"

enum spec_start { SPEC_START_EARLIEST, SPEC_START_LATEST, SPEC_START_GROUP, SPEC_START_TIME };
struct start_spec {
    enum spec_start from;
    int64_t time_ms; // SPEC_START_TIME
};

struct limits_spec {
    int64_t batch_records; // 0 = no limit
    uint64_t batch_bytes;
    int64_t batch_ms;
    uint64_t dirty_state_max;
    int64_t open_partitions_max;
    uint64_t memory;
    struct conf_at at;
};

enum spec_payload { SPEC_PAYLOAD_FULL, SPEC_PAYLOAD_HASH, SPEC_PAYLOAD_NONE };
struct dead_max_spec { // of one run; -1 = no limit
    int64_t count;
    int64_t ratio_ppm;
    struct conf_at at;
};
struct dead_letters_spec {
    enum spec_payload payload;
    struct dead_max_spec max;
    struct conf_at at;
};
// How an endless run makes its batches (`schedule: stream`).
struct stream_spec {
    int64_t commit_ms, align_ms, roll_ms, snapshot_ms;
    uint64_t roll_bytes;
    struct conf_at at;
};

struct output_lag_spec { // all 0 = none
    int64_t batches, time_ms;
    uint64_t bytes;
    struct conf_at at;
};

enum spec_order { SPEC_ORDER_EVENT_TIME, SPEC_ORDER_TABLES_FIRST };
struct job_spec {
    struct str name;
    struct conf_texts sql; // paths, resolved; folders are replaced by their files (sql_folder.h)
    const struct str
        *sql_text; // their contents when they were read before (spec_read_sql); else NULL
    struct schedule_spec schedule;
    struct on_failure_spec on_failure;
    struct start_spec start;
    struct str group; // filled in: the job's name
    enum spec_order input_order;
    int64_t threads;           // 0 = as many as processors, at most 4
    struct limits_spec limits; // filled in from the file's
    struct dead_letters_spec dead_letters;
    struct stream_spec stream;
    bool accept_loss;
    struct output_lag_spec output_lag;
    int64_t redo_spools;
    int64_t history_keep_ms, history_max;
    struct conf_items outputs; // struct output_spec
    struct conf_at at;
};

struct lake_spec {
    struct str path; // "" = no lake
    struct conf_at at;
};

struct app_spec {
    struct str file; // as given
    struct conf_pairs kafka;
    struct registry_spec registry;
    struct str state;
    struct lake_spec lake;
    struct conf_items warehouses; // struct warehouse_spec
    struct limits_spec limits;
    struct conf_items jobs; // struct job_spec
    struct daemon_spec daemon;
    struct admin_spec admin;
    struct conf_at at;
    const struct conf_reader *reader; // for conf_show
};

enum { SPEC_SQL_BYTES_MAX = 64 << 20 }; // one SQL file

struct spec_options {
    const char *(*env)(void *arg, const char *name); // NULL: the process's environment
    void *env_arg;
    const struct conf_override *overrides; // of the command line
    size_t override_count;
};

// False: errors has all of them. options may be NULL.
bool spec_load(const struct app_spec **out, struct arena *a, const char *path,
               const struct spec_options *options, struct conf_errors *errors) ERR_CHECKED;
// The same from memory; path is for messages and relative paths.
bool spec_parse(const struct app_spec **out, struct arena *a, const char *path, struct str text,
                const struct spec_options *options, struct conf_errors *errors) ERR_CHECKED;
// Reads the SQL files of all jobs now, so that later changes do not reach them: for a process that lives long.
bool spec_read_sql(const struct app_spec *app, struct arena *a,
                   struct conf_errors *errors) ERR_CHECKED;
// NULL when there is no such job; *e then says so with the nearest name.
const struct job_spec *spec_job(const struct app_spec *app, struct str name, struct err *e);
// docs/configuration.md.
void spec_print_docs(struct buf *out);

#endif
