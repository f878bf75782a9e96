#include "jobs/run/job_internal.h"
#include "lake/layout/age.h"
#include "schema/text.h"

#include <assert.h>

// --- lake ------------------------------------------------------------------------------------------------------------

static int job_column(const struct job_build *b, const struct schema *schema, struct str name)
{
    int at = schema_find(schema, name);
    return at >= 0 ? at : schema_find(schema, job_upper(b->a, name));
}

// `schema` is what the columns of o are looked up in; `what` is the key of the file that names the column.
static void job_no_column(struct err *e, const char *what, struct str column,
                          const struct job_output *o, const struct schema *schema)
{
    struct buf columns;
    buf_init(&columns, 200);
    for (uint32_t i = 0; i < schema->count; i++)
        buf_printf(&columns, "%s%.*s", i ? ", " : "", STR_ARG(schema->columns[i].name));
    err_fail(e, ERR_CONFIG, "%s: output %.*s has no column %.*s", what, STR_ARG(o->name),
             STR_ARG(column));
    err_hint(e, "columns: %.*s%s", STR_ARG(buf_view(&columns)), columns.failed ? ", …" : "");
    buf_fini(&columns);
}

static bool job_lake_part(const struct job_build *b, struct lake_part *out, struct str name,
                          const struct lake_output_spec *lake, const struct job_output *o,
                          struct err *e)
{
    static const struct {
        const char *name;
        enum lake_part_kind kind;
    } parts[] = {{"year", LAKE_PART_YEAR},
                 {"month", LAKE_PART_MONTH},
                 {"day", LAKE_PART_DAY},
                 {"hour", LAKE_PART_HOUR}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (str_eq_nocase(name, str_from(parts[i].name))) {
            *out = (struct lake_part){parts[i].kind, -1};
            return true;
        }
    }
    *out = (struct lake_part){LAKE_PART_COLUMN, job_column(b, o->shape.schema, name)};
    if (out->column >= 0)
        return true;
    job_no_column(e, "partition_by", name, o, o->shape.schema);
    return job_fail(b, lake->at, e);
}

static bool job_lake_parts(const struct job_build *b, struct lake_output *out,
                           const struct lake_output_spec *lake, const struct job_output *o,
                           struct err *e)
{
    struct lake_part *parts = ARENA_ZARRAY(b->a, struct lake_part, lake->partition_by.n + 1);
    for (size_t i = 0; i < lake->partition_by.n; i++)
        if (!job_lake_part(b, &parts[i], lake->partition_by.v[i], lake, o, e))
            return false;
    out->parts = parts;
    out->part_count = lake->partition_by.n;
    return true;
}

static bool job_lake_time(const struct job_build *b, struct lake_output *out,
                          const struct lake_output_spec *lake, const struct job_output *o,
                          struct err *e)
{
    out->time_column = -1;
    if (!str_eq_nocase(lake->time, STR("ROWTIME"))) {
        out->time_column = job_column(b, o->shape.schema, lake->time);
        if (out->time_column < 0) {
            job_no_column(e, "time", lake->time, o, o->shape.schema);
            return job_fail(b, lake->at, e);
        }
        enum type_kind k = o->shape.schema->columns[out->time_column].type->kind;
        if (k != TYPE_BIGINT && k != TYPE_TIMESTAMP && k != TYPE_STRING && k != TYPE_DATE) {
            err_fail(e, ERR_CONFIG,
                     "time: column %.*s of %.*s is %s, not BIGINT, TIMESTAMP or STRING",
                     STR_ARG(lake->time), STR_ARG(o->name), type_kind_name(k));
            return job_fail(b, lake->at, e);
        }
    }
    if (!zone_load(&out->zone, b->a, lake->zone, e)) {
        e->kind = ERR_CONFIG;
        return job_fail(b, lake->at, e);
    }
    out->zone_name = arena_str(b->a, lake->zone).p;
    return true;
}

static bool job_lake_kind(const struct job_build *b, struct lake_output *out,
                          const struct lake_output_spec *lake, const struct job_output *o,
                          struct err *e)
{
    out->kind = o->table ? LAKE_SNAPSHOT : LAKE_STREAM;
    if (o->table && lake->retain_ms > 0) {
        err_fail(e, ERR_CONFIG, "output %.*s is a table: its versions have no age",
                 STR_ARG(o->name));
        err_hint(e, "leave retain out: keep_versions says how many stay");
        return job_fail(b, lake->at, e);
    }
    if (o->table && lake->archive.n > 0) {
        err_fail(e, ERR_CONFIG, "output %.*s is a table: its versions are not archived",
                 STR_ARG(o->name));
        err_hint(e, "leave archive out: lake export packs the newest version when asked");
        return job_fail(b, lake->at, e);
    }
    if (o->table && lake->compact.at.line) {
        err_fail(e, ERR_CONFIG, "output %.*s is a table: compact is for streams", STR_ARG(o->name));
        err_hint(e, "leave compact out: a version is one file already");
        return job_fail(b, lake->compact.at, e);
    }
    if (o->table && lake->partition_by.at.line && lake->partition_by.n > 0) {
        err_fail(e, ERR_CONFIG, "output %.*s is a table: partition_by is for streams",
                 STR_ARG(o->name));
        err_hint(e, "leave partition_by out: a snapshot is one directory per version");
        return job_fail(b, lake->partition_by.at, e);
    }
    if (!o->table && lake->snapshot) {
        err_fail(e, ERR_CONFIG, "output %.*s is a stream: it has no snapshots", STR_ARG(o->name));
        err_hint(e, "leave snapshot out: streams are appended by partition");
        return job_fail(b, lake->at, e);
    }
    return true;
}

// A row must tell by itself that its partition has expired.
static bool job_lake_late(const struct job_build *b, struct lake_output *out,
                          const struct lake_output_spec *lake, const struct job_output *o,
                          struct err *e)
{
    static const enum lake_late lates[] = {[SPEC_LATE_WRITE] = LAKE_LATE_WRITE,
                                           [SPEC_LATE_DEAD_LETTER] = LAKE_LATE_DEAD,
                                           [SPEC_LATE_DROP] = LAKE_LATE_DROP};
    out->late = lates[lake->late];
    if (out->late == LAKE_LATE_WRITE)
        return true;
    if (out->kind != LAKE_STREAM || out->retain_ms == 0) {
        err_fail(e, ERR_CONFIG, "output %.*s has a late_partition, but nothing of it expires",
                 STR_ARG(o->name));
        err_hint(e, "give the stream a retain, or leave late_partition out");
        return job_fail(b, lake->at, e);
    }
    if (age_told(out))
        return true;
    err_fail(e, ERR_CONFIG,
             "output %.*s has a late_partition, but its partition_by does not tell how old a "
             "partition is",
             STR_ARG(o->name));
    err_hint(e, "partition_by begins with year, or year and month, or year, month and day");
    return job_fail(b, lake->at, e);
}

static bool job_lake(struct job_build *b, struct lake_output *out,
                     const struct lake_output_spec *lake, const struct job_output *o, struct err *e)
{
    static const enum lake_format formats[] = {
        [SPEC_FORMAT_JSONL] = LAKE_JSONL, [SPEC_FORMAT_CSV] = LAKE_CSV};
    static const enum lake_codec codecs[] = {[SPEC_CODEC_NONE] = LAKE_PLAIN,
                                             [SPEC_CODEC_GZIP] = LAKE_GZIP,
                                             [SPEC_CODEC_ZSTD] = LAKE_ZSTD};
    if (!b->job->lake_root) {
        err_fail(e, ERR_CONFIG, "output %.*s goes to the lake, but there is no lake: {path: …}",
                 STR_ARG(o->name));
        return job_fail(b, lake->at, e);
    }
    *out = (struct lake_output){
        .name = o->name,
        .format = formats[lake->format],
        .codec = codecs[lake->compression],
        .schema = o->shape.schema,
        .file_bytes_max = lake->file_bytes_max,
        .keep_versions = (unsigned)lake->keep_versions,
        .retain_ms = lake->retain_ms,
        .archive = lake->archive.n > 0 ? arena_str(b->a, lake->archive).p : NULL,
        .compact_files = lake->compact.at.line ? (size_t)lake->compact.min_files : 0,
        .compact_bytes = lake->compact.at.line ? lake->compact.max_bytes : LAKE_COMPACT_BYTES,
    };
    return job_lake_kind(b, out, lake, o, e) && job_lake_time(b, out, lake, o, e) &&
           (o->table || job_lake_parts(b, out, lake, o, e)) && job_lake_late(b, out, lake, o, e);
}

// --- warehouses ------------------------------------------------------------------------------------------------------

// Where a mapped column comes from: a column of the shape (the output's, WINDOWSTART, WINDOWEND, ROWTIME); -1 = nowhere.
static int job_source_column(const struct job_build *b, const struct shape *shape, struct str name)
{
    int at = job_column(b, shape->schema, name);
    if (at >= 0)
        return at;
    struct str upper = job_upper(b->a, name);
    for (uint32_t i = shape->schema->count; i < shape->all.count; i++)
        if (str_eq(shape->all.columns[i].name, upper))
            return (int)i;
    return -1;
}

struct job_columns {
    struct sink_column *columns;
    int *from;
    size_t n;
    const bool *key; // per column of the shape: part of the table's key
};

// The mapping that takes shape column `at`; NULL = the default applies.
static bool job_mapping(const struct job_build *b, const struct target_spec *t,
                        const struct shape *shape, int at, size_t *nth,
                        const struct column_spec **out)
{
    for (; *nth < t->columns.n; ++*nth) {
        const struct column_spec *c = &((const struct column_spec *)t->columns.v)[*nth];
        if (job_source_column(b, shape, c->from.n ? c->from : c->name) == at) {
            *out = c;
            ++*nth;
            return true;
        }
    }
    return false;
}

static void job_add_column(struct job_columns *out, const struct job_output *o, int at,
                           struct str name, struct str type, bool key)
{
    out->columns[out->n] = (struct sink_column){
        .name = name, .type = o->shape.all.columns[at].type, .sql_type = type, .key = key};
    out->from[out->n++] = at;
}

static bool job_maps(const struct job_build *b, const struct target_spec *t,
                     const struct shape *shape, int at)
{
    const struct column_spec *c;
    size_t nth = 0;
    return job_mapping(b, t, shape, at, &nth, &c);
}

// ROWTIME only when mapped; WINDOWEND not beside a WINDOWSTART that was mapped: whoever names the one column of a window has one.
static bool job_by_default(const struct job_build *b, const struct job_output *o,
                           const struct target_spec *t, int at)
{
    return at != o->shape.rowtime &&
           (at != o->shape.window_end || !job_maps(b, t, &o->shape, o->shape.window_start));
}

// Defaults in schema order, each replaced by what the mapping says of it; a column may be mapped more than once.
static void job_map_column(const struct job_build *b, struct job_columns *out,
                           const struct job_output *o, const struct target_spec *t, int at)
{
    const struct column_spec *c = NULL;
    size_t nth = 0;
    bool mapped = false;
    while (job_mapping(b, t, &o->shape, at, &nth, &c)) {
        job_add_column(out, o, at, c->name, c->type, out->key[at] && !mapped);
        mapped = true;
    }
    if (!mapped && job_by_default(b, o, t, at))
        job_add_column(out, o, at, job_lower(b->a, o->shape.all.columns[at].name), STR(""),
                       out->key[at]);
}

static bool job_check_mappings(const struct job_build *b, const struct job_output *o,
                               const struct target_spec *t, struct err *e)
{
    for (size_t i = 0; i < t->columns.n; i++) {
        const struct column_spec *c = &((const struct column_spec *)t->columns.v)[i];
        struct str from = c->from.n ? c->from : c->name;
        if (job_source_column(b, &o->shape, from) < 0) {
            job_no_column(e, "columns", from, o, &o->shape.all);
            return job_fail(b, c->at, e);
        }
    }
    return true;
}

static void job_columns(const struct job_build *b, struct job_columns *out,
                        const struct job_output *o, const struct target_spec *t)
{
    size_t cap = o->shape.all.count + t->columns.n;
    out->columns = ARENA_ZARRAY(b->a, struct sink_column, cap);
    out->from = ARENA_ZARRAY(b->a, int, cap);
    out->n = 0;
    const struct schema *s = o->shape.schema;
    for (uint32_t i = 0; i < s->key_count; i++)
        job_map_column(b, out, o, t, (int)i);
    if (o->shape.window_start >= 0) {
        job_map_column(b, out, o, t, o->shape.window_start);
        job_map_column(b, out, o, t, o->shape.window_end);
    }
    for (uint32_t i = s->key_count; i < s->count; i++)
        job_map_column(b, out, o, t, (int)i);
    job_map_column(b, out, o, t, o->shape.rowtime);
}

// --- modes -----------------------------------------------------------------------------------------------------------

static bool job_target_mode(const struct job_build *b, struct job_target *out,
                            const struct job_output *o, const struct target_spec *t, struct err *e)
{
    out->spec.mode = o->table || t->mode == SPEC_MODE_UPSERT ? SINK_UPSERT : SINK_APPEND;
    if (o->table && t->mode == SPEC_MODE_APPEND) {
        err_fail(e, ERR_CONFIG, "output %.*s is a table: it is upserted, not appended to",
                 STR_ARG(o->name));
        err_hint(e, "leave mode out");
        return job_fail(b, t->at, e);
    }
    if (t->key.n > 0 && (o->table || out->spec.mode == SINK_APPEND)) {
        err_fail(e, ERR_CONFIG,
                 o->table ? "output %.*s is a table: its key is the SQL's"
                          : "output %.*s is appended to: key is for mode: upsert",
                 STR_ARG(o->name));
        err_hint(e, o->table ? "leave key out" : "add mode: upsert, or leave key out");
        return job_fail(b, t->key.at, e);
    }
    return true;
}

static bool job_key_fits(const struct job_build *b, const struct job_output *o, int at,
                         struct conf_at place, struct err *e)
{
    const struct schema_column *c = &o->shape.all.columns[at];
    if (!type_is_nested(c->type) && c->type->kind != TYPE_DOUBLE)
        return true;
    err_fail(e, ERR_CONFIG, "key: column %.*s of %.*s is %s, no key for a table", STR_ARG(c->name),
             STR_ARG(o->name), type_kind_name(c->type->kind));
    return job_fail(b, place, e);
}

// The columns that `key` names, in its order.
static bool job_named_keys(const struct job_build *b, struct job_target *out,
                           const struct job_output *o, const struct target_spec *t, struct err *e)
{
    int *key = ARENA_ARRAY(b->a, int, t->key.n + 1);
    out->key = key;
    for (size_t i = 0; i < t->key.n; i++) {
        const int at = job_source_column(b, &o->shape, t->key.v[i]);
        if (at < 0) {
            job_no_column(e, "key", t->key.v[i], o, &o->shape.all);
            return job_fail(b, t->key.at, e);
        }
        for (size_t k = 0; k < out->key_count; k++)
            if (key[k] == at) {
                err_fail(e, ERR_CONFIG, "key: column %.*s is named twice", STR_ARG(t->key.v[i]));
                return job_fail(b, t->key.at, e);
            }
        if (!job_key_fits(b, o, at, t->key.at, e))
            return false;
        key[out->key_count++] = at;
    }
    return true;
}

static bool job_sql_keys(const struct job_build *b, struct job_target *out,
                         const struct job_output *o, const struct target_spec *t, struct err *e)
{
    const uint32_t count = o->shape.schema->key_count;
    int *key = ARENA_ARRAY(b->a, int, count + 1);
    out->key = key;
    out->key_count = count;
    if (count == 0) {
        err_fail(e, ERR_CONFIG, "mode: upsert: stream %.*s has no KEY column", STR_ARG(o->name));
        err_hint(e, "key: [COLUMN, …] names what its rows are put by");
        return job_fail(b, t->at, e);
    }
    for (uint32_t i = 0; i < count; i++) {
        key[i] = (int)i;
        if (!job_key_fits(b, o, (int)i, t->at, e))
            return false;
    }
    return true;
}

// Per column of the shape: whether it is part of the table's key.
static bool job_target_keys(const struct job_build *b, struct job_target *out, const bool **is_key,
                            const struct job_output *o, const struct target_spec *t, struct err *e)
{
    bool *keys = ARENA_ZARRAY(b->a, bool, o->shape.all.count + 1);
    *is_key = keys;
    for (uint32_t i = 0; o->table && i < o->shape.all.count; i++)
        keys[i] = i < o->shape.schema->key_count || (int)i == o->shape.window_start;
    if (o->table || out->spec.mode == SINK_APPEND)
        return true;
    if (!(t->key.n ? job_named_keys : job_sql_keys)(b, out, o, t, e))
        return false;
    for (size_t i = 0; i < out->key_count; i++)
        keys[out->key[i]] = true;
    return true;
}

// --- targets ---------------------------------------------------------------------------------------------------------

static bool job_check_features(const struct job_build *b, const struct job_output *o,
                               const struct job_target *target, const struct target_spec *t,
                               struct err *e)
{
    unsigned features = target->type->features;
    if (t->require == SPEC_REQUIRE_EXACT && !(features & SINK_EXACT)) {
        err_fail(e, ERR_CONFIG, "output %.*s requires exact delivery, %s is not exact",
                 STR_ARG(o->name), target->type->name);
        return job_fail(b, t->at, e);
    }
    if (o->table && !(features & SINK_DELETES)) {
        err_fail(e, ERR_CONFIG, "output %.*s is a table with deletes, %s has none",
                 STR_ARG(o->name), target->type->name);
        return job_fail(b, t->at, e);
    }
    return true;
}

static bool job_target_warehouse(struct job_build *b, struct job_target *out,
                                 const struct target_spec *t, struct err *e)
{
    for (size_t i = 0; i < b->job->url_count; i++) {
        if (!str_eq(b->job->url_names[i], t->to))
            continue;
        out->warehouse = t->to;
        out->type = b->job->url_types[i];
        out->spec.url = &b->job->urls[i];
        return true;
    }
    err_fail(e, ERR_CONFIG, "to: %.*s is no warehouse of this file", STR_ARG(t->to));
    return job_fail(b, t->at, e);
}

static bool job_target(struct job_build *b, struct job_target *out, size_t index,
                       const struct job_output *o, const struct target_spec *t, struct err *e)
{
    static const enum sink_schema schemas[] = {[SPEC_TABLE_FAIL] = SINK_SCHEMA_FAIL,
                                               [SPEC_TABLE_EVOLVE] = SINK_SCHEMA_EVOLVE,
                                               [SPEC_TABLE_IGNORE] = SINK_SCHEMA_IGNORE,
                                               [SPEC_TABLE_QUARANTINE] = SINK_SCHEMA_QUARANTINE};
    struct job_columns columns;
    if (!job_target_warehouse(b, out, t, e) || !job_check_mappings(b, o, t, e) ||
        !job_check_features(b, o, out, t, e) || !job_target_mode(b, out, o, t, e) ||
        !job_target_keys(b, out, &columns.key, o, t, e))
        return false;
    job_columns(b, &columns, o, t);
    struct schema_column *schema = ARENA_ZARRAY(b->a, struct schema_column, columns.n + 1);
    for (size_t i = 0; i < columns.n; i++)
        schema[i] = (struct schema_column){columns.columns[i].name, columns.columns[i].type,
                                           columns.columns[i].key};
    out->output = index;
    out->from = columns.from;
    out->schema = (struct schema){.count = (uint32_t)columns.n, .columns = schema};
    out->spec.rejects_max = (uint64_t)t->rejects_max;
    out->spec.create = t->create == SPEC_CREATE_YES ? SINK_CREATE_IF_ABSENT : SINK_CREATE_NEVER;
    out->spec.schema = schemas[t->schema];
    out->spec.table = t->table.n ? t->table : job_lower(b->a, o->name);
    out->spec.columns = columns.columns;
    out->spec.count = columns.n;
    out->spec.job = b->spec->name.p;
    out->spec.output = arena_str(b->a, o->name).p;
    out->name = arena_printf(b->a, "%.*s/%.*s/%.*s", STR_ARG(t->to), STR_ARG(out->spec.table),
                             STR_ARG(o->name));
    for (const struct job_target *x = b->job->targets; x < out; x++) {
        if (str_eq(x->warehouse, out->warehouse) && str_eq(x->spec.table, out->spec.table)) {
            err_fail(e, ERR_CONFIG, "table %.*s of %.*s is already written by output %s",
                     STR_ARG(out->spec.table), STR_ARG(t->to), x->spec.output);
            return job_fail(b, t->at, e);
        }
    }
    return true;
}

// --- outputs ---------------------------------------------------------------------------------------------------------

bool job_output_appends(const struct job *job, size_t output)
{
    const struct job_output *o = &job->outputs[output];
    bool appends = !o->table && o->lake >= 0;
    for (size_t i = 0; i < o->target_count; i++)
        appends |= job->targets[o->target_first + i].spec.mode == SINK_APPEND;
    return appends || o->topic >= 0;
}

static size_t job_target_total(const struct job_spec *s)
{
    size_t n = 0;
    const struct output_spec *outputs = s->outputs.v;
    for (size_t i = 0; i < s->outputs.n; i++)
        n += outputs[i].warehouse.n;
    return n;
}

bool job_outputs(struct job_build *b, struct err *e)
{
    const struct job_spec *s = b->spec;
    struct job *j = b->job;
    struct job_output *outputs = ARENA_ZARRAY(b->a, struct job_output, s->outputs.n + 1);
    struct lake_output *lakes = ARENA_ZARRAY(b->a, struct lake_output, s->outputs.n + 1);
    struct job_target *targets = ARENA_ZARRAY(b->a, struct job_target, job_target_total(s) + 1);
    struct job_topic *topics = ARENA_ZARRAY(b->a, struct job_topic, s->outputs.n + 1);
    j->outputs = outputs;
    j->lake_outputs = lakes;
    j->targets = targets;
    j->topic_outputs = topics;
    j->output_count = s->outputs.n;
    for (size_t i = 0; i < s->outputs.n; i++) {
        const struct program_output *p = program_output(j->program, i);
        const struct output_spec *from = &((const struct output_spec *)s->outputs.v)[i];
        struct job_output *o = &outputs[i];
        *o = (struct job_output){
            .name = p->name, .index = i, .table = p->table, .lake = -1, .topic = -1};
        shape_init(&o->shape, b->a, p->schema);
        o->target_first = j->target_count;
        if (from->lake.at.line) {
            o->lake = (int)j->lake_output_count;
            if (!job_lake(b, &lakes[j->lake_output_count++], &from->lake, o, e))
                return false;
        }
        for (size_t t = 0; t < from->warehouse.n; t++, j->target_count++)
            if (!job_target(b, &targets[j->target_count], i, o,
                            &((const struct target_spec *)from->warehouse.v)[t], e))
                return false;
        o->target_count = from->warehouse.n;
        if (from->topic.at.line) {
            o->topic = (int)j->topic_output_count;
            if (!job_topic(b, &topics[j->topic_output_count++], i, &from->topic, e))
                return false;
        }
    }
    return true;
}
