// The option tables of the configuration file: every key, its limits, its default, its documentation.
#include "jobs/spec/spec_internal.h"

#include "schema/serde/serde.h"
#include "schema/text.h"

#include <assert.h>
#include <stddef.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

// --- hooks ---------------------------------------------------------------------------------------

static bool fail_err(struct conf_reader *r, const struct yaml_node *n, const struct err *e)
{
    return conf_fail(r, n, e->hint, "%s", e->text);
}

static bool parse_start(struct conf_reader *r, void *field, const struct yaml_node *n)
{
    static const struct str words[] = {
        [SPEC_START_EARLIEST] = {"earliest", 8},
        [SPEC_START_LATEST] = {"latest", 6},
        [SPEC_START_GROUP] = {"group", 5},
    };
    struct start_spec *out = field;
    struct str v;
    if (!conf_scalar(r, &v, n))
        return false;
    for (unsigned i = 0; i < COUNT(words); i++) {
        if (str_eq(v, words[i])) {
            *out = (struct start_spec){.from = (enum spec_start)i};
            return true;
        }
    }
    *out = (struct start_spec){.from = SPEC_START_TIME};
    if (text_parse_timestamp(&out->time_ms, v))
        return true;
    return conf_fail(r, n, "as in 2025-10-01T00:00:00Z",
                     "start is \"%.*s\", wanted is earliest, latest, group or a time",
                     STR_ARG(str_slice(n->text, 0, 80)));
}

static bool parse_zone(struct conf_reader *r, void *field, const struct yaml_node *n)
{
    struct str *out = field;
    const struct zone *zone = NULL;
    struct err e;
    if (!conf_scalar(r, out, n))
        return false;
    if (zone_load(&zone, conf_arena(r), *out, &e))
        return true;
    return conf_fail(r, n, "a name as in Europe/Paris, or UTC", "unknown time zone \"%.*s\"",
                     STR_ARG(str_slice(n->text, 0, 80)));
}

// A count, a share, or both as a mapping.
static bool dead_max_word(struct conf_reader *r, void *out, const struct yaml_node *n);

// "Not given" must differ from 0.
static void dead_max_init(void *out)
{
    struct dead_max_spec *s = out;
    s->count = s->ratio_ppm = -1;
}

static void limits_init(void *out)
{
    struct limits_spec *s = out;
    s->batch_records = s->batch_ms = s->open_partitions_max = -1;
    s->batch_bytes = s->dirty_state_max = s->memory = UINT64_MAX;
}

static bool parse_create(struct conf_reader *r, void *field, const struct yaml_node *n)
{
    enum spec_create *out = field;
    struct str v;
    if (!conf_scalar(r, &v, n))
        return false;
    if (!str_eq(v, STR("true")) && !str_eq(v, STR("false")))
        return conf_fail(r, n, NULL, "create is \"%.*s\", wanted is true or false",
                         STR_ARG(str_slice(n->text, 0, 80)));
    *out = str_eq(v, STR("true")) ? SPEC_CREATE_YES : SPEC_CREATE_NO;
    return true;
}

static bool warehouse_url(struct conf_reader *r, void *out, const struct yaml_node *n)
{
    struct warehouse_spec *s = out;
    struct err e;
    if (yaml_is_null(n))
        return conf_fail(r, n, NULL, "a warehouse needs a URL");
    if (!spec_parse_url(&s->url, conf_arena(r), n->text, conf_secrets(r), &e))
        return fail_err(r, n, &e);
    // A password written out is not shown; ${…} is, it says where the password is.
    if (secret_given(s->url.password) && !secret_has_reference(n->text))
        conf_display(r, s->url.display);
    return true;
}

static bool topic_name(struct conf_reader *r, void *out, const struct yaml_node *n)
{
    return conf_scalar(r, &((struct topic_output_spec *)out)->name, n);
}

static bool parse_serde(struct conf_reader *r, void *field, const struct yaml_node *n)
{
    struct str *out = field;
    enum serde_format f;
    if (!conf_scalar(r, out, n))
        return false;
    return serde_format_parse(&f, *out) ||
           conf_fail(r, n, "JSON, KAFKA, DELIMITED, AVRO, PROTOBUF or JSON_SR",
                     "unknown format \"%.*s\"", STR_ARG(str_slice(n->text, 0, 80)));
}

static bool target_name(struct conf_reader *r, void *out, const struct yaml_node *n)
{
    return conf_scalar(r, &((struct target_spec *)out)->to, n);
}

static bool column_from(struct conf_reader *r, void *out, const struct yaml_node *n)
{
    return conf_scalar(r, &((struct column_spec *)out)->from, n);
}

// --- tables, inner ones first --------------------------------------------------------------------

#define OPT(strct, member, name, kind_) \
    .key = (name), .type = (kind_), .offset = offsetof(struct strct, member)

static const struct conf_opt limits_opts[] = {
    {OPT(limits_spec, batch_records, "batch_records", CONF_INT), .max = INT64_C(1000000000),
     .help = "Records that one batch reads at most; 0 = no limit. Without it 2000000."},
    {OPT(limits_spec, batch_bytes, "batch_bytes", CONF_BYTES),
     .help = "Bytes of records that one batch reads at most; 0 = no limit. Without it 1GiB."},
    {OPT(limits_spec, batch_ms, "batch_time", CONF_DURATION), .max = INT64_C(86400000),
     .help = "After this time a batch ends where it stands; 0 = no limit. Without it 10m."},
    {OPT(limits_spec, dirty_state_max, "dirty_state_max", CONF_BYTES), .min = 1 << 20,
     .help = "Changed state that one batch holds before it ends early. Without it 32MiB."},
    {OPT(limits_spec, open_partitions_max, "open_partitions_max", CONF_INT), .min = 1, .max = 10000,
     .help = "Lake partitions that one batch writes to before it ends early. Without it 64."},
    {OPT(limits_spec, memory, "memory", CONF_BYTES), .min = 16 << 20,
     .help = "Memory for records, blocks and encoders of a run; a batch ends early when it is used "
             "up. Without it 96MiB."},
};

static const struct conf_table limits_table = {
    .name = "limits",
    .help =
        "When a batch ends. At the top of the file for all jobs, in a job for that one. Sizes are "
        "written 64MiB or 1GB, durations 30s or 1h30m.",
    .opts = limits_opts,
    .count = COUNT(limits_opts),
    .bytes = sizeof(struct limits_spec),
    .at_offset = offsetof(struct limits_spec, at),
    .init = limits_init,
};

static const struct conf_opt dead_max_opts[] = {
    {OPT(dead_max_spec, count, "count", CONF_INT), .max = INT64_C(1000000000000),
     .help = "Dead letters of one run."},
    {OPT(dead_max_spec, ratio_ppm, "ratio", CONF_RATIO), .max = 1000000,
     .help = "Dead letters as a share of the records that the run read: 0.5% or 0.005."},
};

static const struct conf_table dead_max_table = {
    .name = "max",
    .help =
        "More dead letters than this fail the run before it decides the batch. A single number is "
        "`count`, a single percentage is `ratio`, `none` is no limit; with both the first one "
        "reached counts.",
    .opts = dead_max_opts,
    .count = COUNT(dead_max_opts),
    .bytes = sizeof(struct dead_max_spec),
    .at_offset = offsetof(struct dead_max_spec, at),
    .init = dead_max_init,
    .scalar = dead_max_word,
};

static bool dead_max_word(struct conf_reader *r, void *out, const struct yaml_node *n)
{
    struct yaml_node key = {.kind = YAML_SCALAR, .line = n->line, .column = n->column};
    struct yaml_node value = *n;
    struct yaml_node *keys[] = {&key};
    struct yaml_node *items[] = {&value};
    const struct yaml_node map = {.kind = YAML_MAP,
                                  .line = n->line,
                                  .column = n->column,
                                  .keys = keys,
                                  .items = items,
                                  .n = 1};
    if (str_eq(n->text, STR("none")))
        return true;
    key.text = str_ends(n->text, STR("%")) ? STR("ratio") : STR("count");
    return conf_table_parse(r, out, &dead_max_table, &map);
}

static const struct conf_opt output_lag_opts[] = {
    {OPT(output_lag_spec, batches, "batches", CONF_INT), .def = "10000", .min = 1, .max = 1000000,
     .help = "Batches that may wait for one table."},
    {OPT(output_lag_spec, time_ms, "time", CONF_DURATION), .def = "24h", .min = 1000,
     .max = 2592000000, .help = "How long the oldest of them may wait."},
    {OPT(output_lag_spec, bytes, "bytes", CONF_BYTES), .def = "10GiB", .min = 1 << 10,
     .max = INT64_C(1) << 50,
     .help = "Bytes of rows that may wait for one warehouse table, on the disk of `state:`."},
};
static const struct conf_table output_lag_table = {
    .name = "output_lag",
    .help = "How far a warehouse table may be behind; at any of these limits the job waits for it.",
    .opts = output_lag_opts,
    .count = COUNT(output_lag_opts),
    .bytes = sizeof(struct output_lag_spec),
    .at_offset = offsetof(struct output_lag_spec, at),
};

static const char *const payloads[] = {"full", "hash", "none", NULL};
static const struct conf_opt dead_opts[] = {
    {OPT(dead_letters_spec, payload, "payload", CONF_ENUM), .choices = payloads, .def = "full",
     .help =
         "What is kept of a dead record: its bytes, their hash, or nothing but place and reason."},
    {OPT(dead_letters_spec, max, "max", CONF_SECTION), .sub = &dead_max_table,
     .help = "The limit that fails the run; without it 10000 dead letters of a run."},
};
static const struct conf_table dead_table = {
    .name = "dead_letters",
    .help = "Records that cannot be decoded or written. They are kept below `_dead_letters` in the "
            "lake, or "
            "in the state directory when there is no lake.",
    .opts = dead_opts,
    .count = COUNT(dead_opts),
    .bytes = sizeof(struct dead_letters_spec),
    .at_offset = offsetof(struct dead_letters_spec, at),
};

static const char *const formats[] = {"jsonl", "csv", NULL};
static const char *const lates[] = {"write", "dead_letter", "drop", NULL};
static const char *const codecs[] = {"none", "gzip", "zstd", NULL};
static const struct conf_opt compact_opts[] = {
    {OPT(compact_policy_spec, min_files, "min_files", CONF_INT), .def = "16", .min = 2,
     .max = 100000, .help = "So many files in a row make it worth while."},
    {OPT(compact_policy_spec, max_bytes, "max_bytes", CONF_BYTES), .def = "128MiB", .min = 1,
     .help = "Of the files that become one, all together; larger ones stay as they are."},
};
static const struct conf_table compact_table = {
    .name = "compact",
    .help = "The `compact:` section of an output's `lake:`: when small files become one.",
    .opts = compact_opts,
    .count = COUNT(compact_opts),
    .bytes = sizeof(struct compact_policy_spec),
    .at_offset = offsetof(struct compact_policy_spec, at),
};

static const struct conf_opt lake_opts[] = {
    {OPT(lake_output_spec, format, "format", CONF_ENUM), .choices = formats, .def = "jsonl",
     .help = "Format of the files."},
    {OPT(lake_output_spec, compression, "compression", CONF_ENUM), .choices = codecs, .def = "gzip",
     .help = "Compression of the files."},
    {OPT(lake_output_spec, partition_by, "partition_by", CONF_TEXTS), .flags = CONF_ONE_OR_MANY,
     .def = "year month day",
     .help = "Directories of a stream: year, month, day, hour of `time`, or names of columns. Not "
             "for snapshots."},
    {OPT(lake_output_spec, time, "time", CONF_TEXT), .def = "ROWTIME",
     .help = "Time that the partitions are made of: ROWTIME or a column."},
    {OPT(lake_output_spec, zone, "zone", CONF_CUSTOM), .parse = parse_zone, .kind = "time zone",
     .def = "UTC", .help = "Time zone of the partitions."},
    {OPT(lake_output_spec, snapshot, "snapshot", CONF_BOOL), .def = "false",
     .help = "Write the whole table as a new version at the end of a run that changed it."},
    {OPT(lake_output_spec, keep_versions, "keep_versions", CONF_INT), .def = "7", .min = 2,
     .max = 100000, .help = "Versions of a snapshot that are kept."},
    {OPT(lake_output_spec, retain_ms, "retain", CONF_DURATION), .def = "0",
     .max = INT64_C(3155760000000),
     .help =
         "A partition of a stream whose rows are all older, by whole days of `zone`, is deleted "
         "after a run; 0 = never."},
    {OPT(lake_output_spec, late, "late_partition", CONF_ENUM), .choices = lates, .def = "write",
     .help = "A row whose partition is older than `retain` keeps: written all the same, until the "
             "next expiry; kept as a dead letter; or dropped. It is counted, and other places of "
             "the output get it."},
    {OPT(lake_output_spec, archive, "archive", CONF_PATH),
     .help = "Directory into which a partition is exported, as an archive of its own, before it "
             "expires; without it nothing is kept."},
    {OPT(lake_output_spec, compact, "compact", CONF_SECTION), .flags = CONF_OPTIONAL,
     .sub = &compact_table,
     .help = "Small files of a partition of a stream are made one after a run; without it by hand "
             "only."},
    {OPT(lake_output_spec, file_bytes_max, "file_bytes_max", CONF_BYTES), .def = "128MiB",
     .help = "A file larger than this is split; 0 = never."},
};
static const struct conf_table lake_table = {
    .name = "lake_output",
    .help = "The `lake:` section of an output.",
    .opts = lake_opts,
    .count = COUNT(lake_opts),
    .bytes = sizeof(struct lake_output_spec),
    .at_offset = offsetof(struct lake_output_spec, at),
};

static const struct conf_opt column_opts[] = {
    {OPT(column_spec, from, "from", CONF_TEXT),
     .help = "Column of the output; without it the one of the same name in upper case."},
    {OPT(column_spec, type, "type", CONF_TEXT),
     .help =
         "Type in the warehouse, as in timestamp or varchar(64); without it what fits the column."},
};
static const struct conf_table column_table = {
    .name = "columns",
    .help =
        "Columns of the warehouse table that differ from the default. The key is the name in the "
        "warehouse; a single name instead of the section is `from`.",
    .opts = column_opts,
    .count = COUNT(column_opts),
    .bytes = sizeof(struct column_spec),
    .at_offset = offsetof(struct column_spec, at),
    .name_offset = offsetof(struct column_spec, name),
    .scalar = column_from,
};

static const char *const modes[] = {"auto", "append", "upsert", NULL};
static const char *const guarantees[] = {"exact", "converging", "windowed", NULL};
static const char *const table_schemas[] = {"fail", "evolve", "ignore", "quarantine", NULL};
static const struct conf_opt target_opts[] = {
    {OPT(target_spec, to, "to", CONF_TEXT), .flags = CONF_REQUIRED,
     .help = "Name of a warehouse in `warehouses`."},
    {OPT(target_spec, table, "table", CONF_TEXT),
     .help = "Table; without it the SQL name in lower case."},
    {OPT(target_spec, create, "create", CONF_CUSTOM), .parse = parse_create, .kind = "true | false",
     .help = "Create the table when it is absent; without it true for SQLite, false otherwise."},
    {OPT(target_spec, mode, "mode", CONF_ENUM), .choices = modes, .def = "auto",
     .help =
         "auto: a table is upserted by its key, rows of a stream are appended. upsert: the latest "
         "row of a stream per `key`."},
    {OPT(target_spec, key, "key", CONF_TEXTS),
     .help =
         "Columns by which rows of a stream are upserted; without it the stream's KEY columns."},
    {OPT(target_spec, require, "require", CONF_ENUM), .choices = guarantees, .def = "exact",
     .help = "The guarantee that the warehouse must give; a weaker one is refused."},
    {OPT(target_spec, schema, "schema", CONF_ENUM), .choices = table_schemas, .def = "fail",
     .help =
         "An existing table that is not as the output is, at open: `fail` = refuse with every "
         "difference; `evolve` = add columns, widen narrower ones; `ignore` = leave columns out "
         "that it lacks; `quarantine` = write what fits, refuse rows with a value that has no "
         "place."},
    {OPT(target_spec, rejects_max, "rejects_max", CONF_INT), .def = "100", .max = 10000,
     .help = "Rows of a batch that the warehouse may refuse (a constraint, a value that does not "
             "fit): they are kept in its table `sluice_rejects`, the others are written. More, and "
             "the batch waits; 0 = any refused row holds the batch."},
    {OPT(target_spec, columns, "columns", CONF_MAP), .sub = &column_table,
     .help = "Columns with another name or type than the default."},
};
static const struct conf_table target_table = {
    .name = "warehouse",
    .help =
        "Where the rows of an output go: one section, a list of them, or the name of a warehouse. "
        "Column "
        "names are the SQL names in lower case; a windowed key adds `windowstart` and `windowend` "
        "(the latter not when "
        "WINDOWSTART is mapped).",
    .opts = target_opts,
    .count = COUNT(target_opts),
    .bytes = sizeof(struct target_spec),
    .at_offset = offsetof(struct target_spec, at),
    .scalar = target_name,
};

static const struct conf_opt topic_opts[] = {
    {OPT(topic_output_spec, name, "name", CONF_TEXT),
     .help = "Topic; without it the KAFKA_TOPIC of the SQL."},
    {OPT(topic_output_spec, format, "format", CONF_CUSTOM), .parse = parse_serde, .kind = "format",
     .help = "Format of the values; without it the VALUE_FORMAT of the SQL."},
    {OPT(topic_output_spec, key_format, "key_format", CONF_CUSTOM), .parse = parse_serde,
     .kind = "format", .help = "Format of the keys; without it the KEY_FORMAT of the SQL."},
    {OPT(topic_output_spec, partitions, "partitions", CONF_INT), .max = 100000,
     .help = "Partitions of the topic: it is created with them when it is missing, and must have "
             "them. Without it a topic that is there is taken as it is, and a new one gets the "
             "PARTITIONS of the SQL or as many as the first topic that the job reads."},
    {OPT(topic_output_spec, replicas, "replicas", CONF_INT), .max = 100,
     .help = "Replicas of a topic that is created; without it the broker's default."},
};
static const struct conf_table topic_table = {
    .name = "topic",
    .help = "The topic that an output is written to, in one Kafka transaction per batch, as ksqlDB "
            "would write it. A single name instead of the section is `name`.",
    .opts = topic_opts,
    .count = COUNT(topic_opts),
    .bytes = sizeof(struct topic_output_spec),
    .at_offset = offsetof(struct topic_output_spec, at),
    .scalar = topic_name,
};

static const struct conf_opt output_opts[] = {
    {OPT(output_spec, lake, "lake", CONF_SECTION), .flags = CONF_OPTIONAL, .sub = &lake_table,
     .help = "Write to the lake."},
    {OPT(output_spec, warehouse, "warehouse", CONF_LIST), .flags = CONF_ONE_OR_MANY,
     .sub = &target_table, .help = "Write to warehouses."},
    {OPT(output_spec, topic, "topic", CONF_SECTION), .flags = CONF_OPTIONAL, .sub = &topic_table,
     .help = "Write to a Kafka topic."},
};
static const struct conf_table output_table = {
    .name = "outputs",
    .help = "Streams and tables of the job's SQL that are written somewhere, by their SQL name.",
    .opts = output_opts,
    .count = COUNT(output_opts),
    .bytes = sizeof(struct output_spec),
    .at_offset = offsetof(struct output_spec, at),
    .name_offset = offsetof(struct output_spec, name),
};

static const char *const orders[] = {"event_time", "tables_first", NULL};
static const struct conf_opt job_opts[] = {
    {OPT(job_spec, sql, "sql", CONF_PATHS), .flags = CONF_REQUIRED | CONF_ONE_OR_MANY, .min = 1,
     .help =
         "SQL files, run in order; relative to this file. A folder stands for what its config.yaml "
         "lists: folders: or queries:, in that order."},
    {OPT(job_spec, schedule, "schedule", CONF_SECTION), .flags = CONF_OPTIONAL,
     .sub = &spec_schedule_table, .help = "When the job runs; without it by hand only."},
    {OPT(job_spec, on_failure, "on_failure", CONF_SECTION), .flags = CONF_OPTIONAL,
     .sub = &spec_on_failure_table, .help = "What the daemon does when the job has failed."},
    {OPT(job_spec, start, "start", CONF_CUSTOM), .parse = parse_start,
     .kind = "earliest | latest | group | time", .def = "earliest",
     .help = "Where the first run begins to read streams (tables are always read from the start): "
             "`group` = where "
             "the consumer group stands, a time = the first record at or after it, as in "
             "2025-10-01T00:00:00Z."},
    {OPT(job_spec, group, "group", CONF_TEXT),
     .help = "Kafka consumer group that shows how far the job is; without it the job's name."},
    {OPT(job_spec, input_order, "input_order", CONF_ENUM), .choices = orders, .def = "event_time",
     .help =
         "`tables_first` reads, in each batch, what tables are made of before everything else."},
    {OPT(job_spec, threads, "threads", CONF_INT), .def = "0", .max = 256,
     .help = "Worker threads; 0 = one per processor, at most 4. The output does not depend on it."},
    {OPT(job_spec, limits, "limits", CONF_SECTION), .sub = &limits_table,
     .help = "When a batch ends, for this job."},
    {OPT(job_spec, dead_letters, "dead_letters", CONF_SECTION), .sub = &dead_table,
     .help = "Records that cannot be decoded or written."},
    {OPT(job_spec, stream, "stream", CONF_SECTION), .sub = &spec_stream_table,
     .help = "How an endless run makes its batches."},
    {OPT(job_spec, output_lag, "output_lag", CONF_SECTION), .flags = CONF_OPTIONAL,
     .sub = &output_lag_table,
     .help = "Lets the other outputs go on while a warehouse cannot take its rows; without it they "
             "wait."},
    {OPT(job_spec, redo_spools, "redo_spools", CONF_INT), .def = "0", .max = 100000,
     .help =
         "Delivered batches whose warehouse rows stay on local disk, for a store that may lose its "
         "tail (fail-over to a replica): they are delivered again by themselves. 0 = until the "
         "next batch has proven them."},
    {OPT(job_spec, history_keep_ms, "history_keep", CONF_DURATION), .def = "90d",
     .help = "Records of runs and batches (receipts) that are older are forgotten, but the newest "
             "100 stay; 0 = never. What needs them afterwards refuses: a backfill of these "
             "batches, a resync of a table that is not published as snapshots."},
    {OPT(job_spec, history_max, "history_max", CONF_INT), .def = "100000", .min = 100,
     .max = 100000000,
     .help = "Records of runs, and of batches, that are kept at most: the oldest go first."},
    {OPT(job_spec, accept_loss, "accept_loss", CONF_BOOL), .def = "false",
     .help = "Go on when records were deleted from the topic before they were read; otherwise the "
             "job stops."},
    {OPT(job_spec, outputs, "outputs", CONF_MAP), .flags = CONF_REQUIRED, .sub = &output_table,
     .help = "What is written where, by SQL name."},
};
static const struct conf_table job_table = {
    .name = "jobs",
    .help = "Jobs by name: SQL, what starts it, and where its outputs go.",
    .opts = job_opts,
    .count = COUNT(job_opts),
    .bytes = sizeof(struct job_spec),
    .at_offset = offsetof(struct job_spec, at),
    .name_offset = offsetof(struct job_spec, name),
};

static const struct conf_opt root_opts[] = {
    {OPT(lake_spec, path, "path", CONF_PATH), .env = "SLUICE_LAKE_PATH",
     .help = "Root directory of the lake; relative to this file."},
};
static const struct conf_table root_table = {
    .name = "lake",
    .help = "The data lake.",
    .opts = root_opts,
    .count = COUNT(root_opts),
    .bytes = sizeof(struct lake_spec),
    .at_offset = offsetof(struct lake_spec, at),
};

static const struct conf_table warehouse_table = {
    .name = "warehouses",
    .help = "Warehouses by name, each a URL: `mysql://user:password@host:port/database` (also "
            "mariadb://), "
            "`sqlite://path`; parameters of the driver behind `?`. `${env:NAME}` and "
            "`${file:PATH}` are put "
            "into the parts after the URL was split, so a password may hold any character.",
    .bytes = sizeof(struct warehouse_spec),
    .at_offset = offsetof(struct warehouse_spec, at),
    .name_offset = offsetof(struct warehouse_spec, name),
    .scalar = warehouse_url,
};

static const struct conf_opt app_opts[] = {
    {OPT(app_spec, kafka, "kafka", CONF_PAIRS),
     .help = "Properties of librdkafka, at least `bootstrap.servers`; TLS and SASL settings go "
             "here. Those that the "
             "commit protocol owns (group.id, isolation.level, acks, …) are refused."},
    {OPT(app_spec, registry, "schema_registry", CONF_SECTION), .flags = CONF_OPTIONAL,
     .sub = &spec_registry_table,
     .help = "The schema registry of the formats AVRO, PROTOBUF and JSON_SR."},
    {OPT(app_spec, state, "state", CONF_PATH), .def = "./state", .env = "SLUICE_STATE",
     .help = "State directory, on a local file system; relative to this file."},
    {OPT(app_spec, lake, "lake", CONF_SECTION), .sub = &root_table, .help = "The data lake."},
    {OPT(app_spec, warehouses, "warehouses", CONF_MAP), .sub = &warehouse_table,
     .help = "Warehouse URLs by name."},
    {OPT(app_spec, limits, "limits", CONF_SECTION), .sub = &limits_table,
     .help = "When a batch ends, for all jobs."},
    {OPT(app_spec, jobs, "jobs", CONF_MAP), .flags = CONF_REQUIRED, .sub = &job_table,
     .help = "Jobs by name."},
    {OPT(app_spec, daemon, "daemon", CONF_SECTION), .sub = &spec_daemon_table,
     .help = "The scheduler."},
    {OPT(app_spec, admin, "admin", CONF_SECTION), .flags = CONF_OPTIONAL, .sub = &spec_admin_table,
     .help = "The daemon's web page, metrics and API."},
};
const struct conf_table spec_app_table = {
    .name = "sluice.yaml",
    .help = "The top of the file.",
    .opts = app_opts,
    .count = COUNT(app_opts),
    .bytes = sizeof(struct app_spec),
    .at_offset = offsetof(struct app_spec, at),
};
