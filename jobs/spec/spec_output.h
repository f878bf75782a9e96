// Where rows go, as the configuration file says it: warehouses with their URLs, and what each output of a job writes to the lake
// and to which tables. Part of struct app_spec (jobs/spec/spec.h), same lifetime: in its arena, immutable.
#ifndef JOBS_SPEC_SPEC_OUTPUT_H
#define JOBS_SPEC_SPEC_OUTPUT_H

#include "config/conf.h"

struct spec_url {
    struct str scheme; // "mysql" (also for mariadb://), "sqlite"
    struct str user, host, database;
    struct secret password;
    struct str path;                // file-based stores
    uint16_t port;                  // 0 = the store's default
    const struct conf_pair *params; // after '?'
    size_t param_count;
    struct str display; // without the password, for messages
    bool file_based;
};
struct warehouse_spec {
    struct str name;
    struct spec_url url;
    struct conf_at at;
};
bool spec_parse_url(struct spec_url *out, struct arena *a, struct str text,
                    const struct secret_source *secrets, struct err *e) ERR_CHECKED;

enum spec_format { SPEC_FORMAT_JSONL, SPEC_FORMAT_CSV };
enum spec_codec { SPEC_CODEC_NONE, SPEC_CODEC_GZIP, SPEC_CODEC_ZSTD };
enum spec_late { SPEC_LATE_WRITE, SPEC_LATE_DEAD_LETTER, SPEC_LATE_DROP };
struct compact_policy_spec {
    struct conf_at at; // line 0: only by hand
    int64_t min_files;
    uint64_t max_bytes;
};
struct lake_output_spec {
    struct conf_at at; // line 0: this output is not written to the lake
    enum spec_format format;
    enum spec_codec compression;
    struct conf_texts partition_by; // year month day hour, or column names
    struct str time;                // "ROWTIME" or a column
    struct str zone;
    bool snapshot;
    int64_t keep_versions;
    int64_t retain_ms; // 0 = for ever
    enum spec_late late;
    struct str archive; // a directory; "" = none
    struct compact_policy_spec compact;
    uint64_t file_bytes_max; // 0 = one file per partition and batch
};

enum spec_require { SPEC_REQUIRE_EXACT, SPEC_REQUIRE_CONVERGING, SPEC_REQUIRE_WINDOWED };
enum spec_create {
    SPEC_CREATE_DEFAULT,
    SPEC_CREATE_NO,
    SPEC_CREATE_YES
}; // resolved: never SPEC_CREATE_DEFAULT
enum spec_mode { SPEC_MODE_AUTO, SPEC_MODE_APPEND, SPEC_MODE_UPSERT };
enum spec_table_schema {
    SPEC_TABLE_FAIL,
    SPEC_TABLE_EVOLVE,
    SPEC_TABLE_IGNORE,
    SPEC_TABLE_QUARANTINE
}; // an existing table that is not as the output is
struct column_spec {
    struct str name; // in the warehouse
    struct str from; // SQL column; "" = the same name
    struct str type; // SQL type of the store; "" = its default for the column
    struct conf_at at;
};
struct target_spec {
    struct str to;
    const struct warehouse_spec *warehouse; // what `to` names
    struct str table;                       // "" in the file: the SQL name in lower case, filled in
    enum spec_create create;
    enum spec_mode mode;   // auto: tables upsert, streams append
    struct conf_texts key; // columns that rows of a stream are put by; none = the SQL's KEY columns
    enum spec_require require;
    enum spec_table_schema schema;
    int64_t rejects_max;
    struct conf_items columns; // struct column_spec
    struct conf_at at;
};

struct topic_output_spec {
    struct conf_at at;     // line 0: this output is not written to a topic
    struct str name;       // "" = the SQL's KAFKA_TOPIC
    struct str format;     // "" = the SQL's VALUE_FORMAT
    struct str key_format; // "" = the SQL's KEY_FORMAT
    int64_t
        partitions; // when it is created; 0 = the SQL's PARTITIONS, else those of the job's first topic
    int64_t replicas; // when it is created; 0 = the broker's default
};

struct output_spec {
    struct str name; // SQL object
    struct lake_output_spec lake;
    struct conf_items warehouse; // struct target_spec
    struct topic_output_spec topic;
    struct conf_at at;
};

#endif
