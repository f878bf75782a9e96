#include "jobs/spec/spec_internal.h"
#include "jobs/spec/sql_folder.h"

#include "base/durable.h"
#include "base/map.h"

#include <assert.h>

enum { NAME_MAX_BYTES = 64, DEAD_COUNT_DEFAULT = 10000 };

static const struct limits_spec limits_default = {
    .batch_records = 2000000,
    .batch_bytes = UINT64_C(1) << 30,
    .batch_ms = 600000,
    .dirty_state_max = UINT64_C(32) << 20,
    .open_partitions_max = 64,
    .memory = UINT64_C(96) << 20,
};

// Properties of librdkafka that decide what is exact and what is not: they are ours.
static const struct {
    const char *name, *reason;
} owned[] = {
    {"group.id", "the group is the job's `group:`"},
    {"group.instance.id", "partitions are assigned, the group is never joined"},
    {"group.protocol", "partitions are assigned, the group is never joined"},
    {"partition.assignment.strategy", "partitions are assigned, the group is never joined"},
    {"session.timeout.ms", "partitions are assigned, the group is never joined"},
    {"heartbeat.interval.ms", "partitions are assigned, the group is never joined"},
    {"max.poll.interval.ms", "partitions are assigned, the group is never joined"},
    {"isolation.level", "only committed records are read"},
    {"enable.auto.commit", "offsets are committed last, after every output"},
    {"auto.commit.interval.ms", "offsets are committed last, after every output"},
    {"enable.auto.offset.store", "offsets are committed last, after every output"},
    {"auto.offset.reset", "where reading begins is the job's `start:`"},
    {"enable.partition.eof", "the end of a run is planned before it reads"},
    {"offset.store.method", "positions are in the state directory"},
    {"offset.store.path", "positions are in the state directory"},
    {"check.crcs", "records are always checked"},
    {"transactional.id", "it names the job, so that a second owner is fenced"},
    {"transaction.timeout.ms", "transactions belong to the commit protocol"},
    {"enable.idempotence", "topic outputs are always idempotent"},
    {"enable.gapless.guarantee", "topic outputs are always idempotent"},
    {"acks", "a row counts as written when all replicas in sync have it"},
    {"request.required.acks", "a row counts as written when all replicas in sync have it"},
    {"partitioner", "rows are placed by the murmur2 hash of the key"},
    {"message.send.max.retries", "retries belong to the commit protocol"},
    {"retries", "retries belong to the commit protocol"},
    {"max.in.flight", "order of topic rows belongs to the commit protocol"},
    {"max.in.flight.requests.per.connection", "order of topic rows belongs to the commit protocol"},
    {"plugin.library.paths", "no code is loaded from the configuration"},
    {"interceptors", "no code is loaded from the configuration"},
    {"opaque", "it is a pointer of the program"},
};

struct check {
    struct conf_reader *r;
    struct arena *a;
    struct app_spec *app;
    struct map *groups;       // consumer group -> job index
    struct map *lake_outputs; // output -> job index
};

static struct job_spec *job_at(const struct app_spec *app, size_t i)
{
    assert(i < app->jobs.n);
    return &((struct job_spec *)app->jobs.v)[i];
}

static struct warehouse_spec *warehouse_at(const struct app_spec *app, size_t i)
{
    assert(i < app->warehouses.n);
    return &((struct warehouse_spec *)app->warehouses.v)[i];
}

// Names become directories, table keys and ids on brokers.
static bool check_name(struct check *c, const char *what, struct str name, struct conf_at at)
{
    bool ok = name.n > 0 && name.n <= NAME_MAX_BYTES;
    for (size_t i = 0; ok && i < name.n; i++) {
        const char ch = name.p[i];
        const bool word =
            (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9');
        // What begins with _ is ours, with . hidden, with - an option.
        ok = word || ((ch == '-' || ch == '_') && i > 0);
    }
    if (ok)
        return true;
    return conf_fail_at(c->r, at,
                        "letters, digits, _ and -, at most 64, the first a letter or digit",
                        "%s name \"%.*s\" is not allowed", what, STR_ARG(str_slice(name, 0, 80)));
}

static void check_kafka(struct check *c)
{
    const struct conf_pairs *kafka = &c->app->kafka;
    bool servers = false;
    for (size_t i = 0; i < kafka->n; i++) {
        const struct conf_pair *p = &kafka->v[i];
        servers = servers || str_eq(p->name, STR("bootstrap.servers")) ||
                  str_eq(p->name, STR("metadata.broker.list"));
        for (size_t k = 0; k < sizeof owned / sizeof owned[0]; k++) {
            if (str_eq(p->name, str_from(owned[k].name)))
                conf_fail_at(c->r, p->at, NULL, "kafka property %s cannot be set: %s",
                             owned[k].name, owned[k].reason);
        }
    }
    if (!servers)
        conf_fail_at(c->r, c->app->at, "kafka: { bootstrap.servers: \"host:9092\" }",
                     "key bootstrap.servers is missing in kafka");
}

static void inherit_limits(struct limits_spec *s, const struct limits_spec *from)
{
    if (s->batch_records < 0)
        s->batch_records = from->batch_records;
    if (s->batch_bytes == UINT64_MAX)
        s->batch_bytes = from->batch_bytes;
    if (s->batch_ms < 0)
        s->batch_ms = from->batch_ms;
    if (s->dirty_state_max == UINT64_MAX)
        s->dirty_state_max = from->dirty_state_max;
    if (s->open_partitions_max < 0)
        s->open_partitions_max = from->open_partitions_max;
    if (s->memory == UINT64_MAX)
        s->memory = from->memory;
}

static bool is_time_part(struct str s)
{
    return str_eq(s, STR("year")) || str_eq(s, STR("month")) || str_eq(s, STR("day")) ||
           str_eq(s, STR("hour"));
}

static void check_lake(struct check *c, size_t job, const struct output_spec *o)
{
    const struct lake_output_spec *l = &o->lake;
    if (c->app->lake.path.n == 0)
        conf_fail_at(c->r, l->at, "lake: { path: ./data_lake } at the top of the file",
                     "output %.*s is for the lake, but there is no lake", STR_ARG(o->name));
    if (l->snapshot && l->partition_by.at.line)
        conf_fail_at(c->r, l->partition_by.at, NULL,
                     "partition_by is for streams, a snapshot is one directory per version");
    for (size_t i = 0; i < l->partition_by.n; i++) {
        const struct str part = l->partition_by.v[i];
        for (size_t k = 0; k < i; k++) {
            if (str_eq_nocase(part, l->partition_by.v[k]))
                conf_fail_at(c->r, l->partition_by.at, NULL, "partition_by names %.*s twice",
                             STR_ARG(part));
        }
        if (!is_time_part(part) && part.n > 0 && part.p[0] == '_')
            conf_fail_at(c->r, l->partition_by.at, NULL,
                         "partition column %.*s begins with _, which readers take for hidden",
                         STR_ARG(part));
    }
    bool added = false;
    uint64_t *owner = map_put(c->lake_outputs, o->name, &added);
    if (added)
        *owner = job;
    else
        conf_fail_at(c->r, l->at, NULL, "output %.*s is already written to the lake by job %.*s",
                     STR_ARG(o->name), STR_ARG(job_at(c->app, *owner)->name));
}

static struct str lower(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++)
        p[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] - 'A' + 'a' : s.p[i]);
    p[s.n] = '\0';
    return (struct str){p, s.n};
}

static void check_warehouse_name(struct check *c, struct target_spec *t)
{
    struct str *names = ARENA_ARRAY(c->a, struct str, c->app->warehouses.n);
    for (size_t i = 0; i < c->app->warehouses.n; i++) {
        names[i] = warehouse_at(c->app, i)->name;
        if (str_eq(names[i], t->to))
            t->warehouse = warehouse_at(c->app, i);
    }
    if (!t->warehouse && t->to.n > 0)
        conf_fail_at(c->r, t->at, conf_suggest(c->a, t->to, names, c->app->warehouses.n),
                     "unknown warehouse %.*s", STR_ARG(t->to));
}

// The type goes into CREATE TABLE as it stands.
static void check_column(struct check *c, const struct column_spec *col)
{
    for (size_t i = 0; i < col->type.n; i++) {
        const char ch = col->type.p[i];
        const bool fine = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                          (ch >= '0' && ch <= '9') || strchr(" _(),", ch);
        if (!fine) {
            conf_fail_at(c->r, col->at, "letters, digits, blanks, _ ( ) and ,",
                         "type \"%.*s\" of column %.*s is not allowed",
                         STR_ARG(str_slice(col->type, 0, 80)), STR_ARG(col->name));
            return;
        }
    }
}

static void check_targets(struct check *c, struct output_spec *o, struct map *tables)
{
    struct target_spec *v = o->warehouse.v;
    for (size_t i = 0; i < o->warehouse.n; i++) {
        struct target_spec *t = &v[i];
        bool added = false;
        check_warehouse_name(c, t);
        if (t->table.n == 0)
            t->table = lower(c->a, o->name);
        if (t->create == SPEC_CREATE_DEFAULT)
            t->create =
                t->warehouse && t->warehouse->url.file_based ? SPEC_CREATE_YES : SPEC_CREATE_NO;
        map_put(tables, arena_printf(c->a, "%.*s\n%.*s", STR_ARG(t->to), STR_ARG(t->table)),
                &added);
        if (!added)
            conf_fail_at(c->r, t->at, NULL, "table %.*s of warehouse %.*s is written twice",
                         STR_ARG(t->table), STR_ARG(t->to));
        for (size_t k = 0; k < t->columns.n; k++)
            check_column(c, &((const struct column_spec *)t->columns.v)[k]);
    }
}

static void check_group(struct check *c, struct job_spec *j, size_t index)
{
    bool added = false;
    if (j->group.n == 0)
        j->group = j->name;
    uint64_t *owner = map_put(c->groups, j->group, &added);
    if (added)
        *owner = index;
    else
        conf_fail_at(c->r, j->at, "each job needs its own group",
                     "group %.*s is also the one of job %.*s", STR_ARG(j->group),
                     STR_ARG(job_at(c->app, *owner)->name));
}

static void check_job(struct check *c, size_t index, struct map *tables)
{
    struct job_spec *j = job_at(c->app, index);
    check_name(c, "job", j->name, j->at);
    check_group(c, j, index);
    spec_check_schedule(c->r, &j->schedule);
    const struct limits_spec written = j->limits;
    inherit_limits(&j->limits, &c->app->limits);
    spec_show_limits(c->r, arena_printf(c->a, "jobs.%.*s.", STR_ARG(j->name)), &written, &j->limits,
                     &limits_default);
    if (j->dead_letters.max.at.line == 0)
        j->dead_letters.max.count = DEAD_COUNT_DEFAULT;
    spec_show_job(c->r, c->a, j);
    struct output_spec *outputs = j->outputs.v;
    for (size_t i = 0; i < j->outputs.n; i++) {
        struct output_spec *o = &outputs[i];
        if (o->lake.at.line == 0 && o->warehouse.n == 0 && o->topic.at.line == 0)
            conf_fail_at(c->r, o->at,
                         "give it lake:, warehouse: or topic:", "output %.*s is written nowhere",
                         STR_ARG(o->name));
        if (o->lake.at.line)
            check_lake(c, index, o);
        check_targets(c, o, tables);
    }
    if (j->outputs.n == 0 && j->sql.n > 0)
        conf_fail_at(c->r, j->at, NULL, "job %.*s has no outputs", STR_ARG(j->name));
}

static void check_app(struct check *c)
{
    struct map *tables = map_new(c->a);
    check_kafka(c);
    inherit_limits(&c->app->limits, &limits_default);
    for (size_t i = 0; i < c->app->warehouses.n; i++)
        check_name(c, "warehouse", warehouse_at(c->app, i)->name, warehouse_at(c->app, i)->at);
    for (size_t i = 0; i < c->app->jobs.n; i++)
        check_job(c, i, tables);
    spec_check_after(c->r, c->app);
}

static const char *dir_of(struct arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return ".";
    return arena_str(a, (struct str){path, slash == path ? 1 : (size_t)(slash - path)}).p;
}

bool spec_parse(const struct app_spec **out, struct arena *a, const char *path, struct str text,
                const struct spec_options *options, struct conf_errors *errors)
{
    assert(out && path && errors);
    static const struct spec_options none = {0};
    const struct spec_options *o = options ? options : &none;
    struct yaml_doc *doc = ARENA_NEW(a, struct yaml_doc);
    struct app_spec *app = ARENA_NEW(a, struct app_spec);
    *out = NULL;
    if (!yaml_parse(doc, a, arena_strdup(a, path), text, errors) && !doc->root)
        return false;
    const struct conf_spec spec = {
        .doc = doc,
        .secrets = {.env = o->env, .arg = o->env_arg, .dir = dir_of(a, path)},
        .overrides = o->overrides,
        .override_count = o->override_count,
    };
    struct conf_reader *reader = NULL;
    // Checks between settings run after errors too: one run tells everything.
    const bool parsed = conf_parse(app, a, &spec_app_table, &spec, errors, &reader);
    app->file = arena_str(a, str_from(path));
    app->reader = reader;
    if (doc->root && doc->root->kind == YAML_MAP) {
        struct check c = {.r = reader, .a = a, .app = app};
        c.groups = map_new(a);
        c.lake_outputs = map_new(a);
        check_app(&c);
    }
    if (!parsed || errors->n > 0)
        return false;
    bool expanded = true;
    for (size_t i = 0; i < app->jobs.n; i++)
        expanded = sql_folder_expand(&job_at(app, i)->sql, a, reader, errors) && expanded;
    if (!expanded)
        return false;
    *out = app;
    return true;
}

bool spec_load(const struct app_spec **out, struct arena *a, const char *path,
               const struct spec_options *options, struct conf_errors *errors)
{
    struct str text;
    struct err e;
    *out = NULL;
    if (!file_read(&text, a, path, YAML_BYTES_MAX, &e)) {
        struct err *first = conf_errors_add(errors);
        *first = e;
        first->kind = ERR_CONFIG;
        err_hint(first, "-c FILE names another configuration file");
        return false;
    }
    return spec_parse(out, a, path, text, options, errors);
}

bool spec_read_sql(const struct app_spec *app, struct arena *a, struct conf_errors *errors)
{
    bool ok = true;
    for (size_t i = 0; i < app->jobs.n; i++) {
        struct job_spec *j = job_at(app, i);
        struct str *texts = ARENA_ZARRAY(a, struct str, j->sql.n + 1);
        for (size_t k = 0; k < j->sql.n; k++) {
            struct err e;
            if (file_read(&texts[k], a, j->sql.v[k].p, SPEC_SQL_BYTES_MAX, &e))
                continue;
            e.kind = ERR_CONFIG;
            conf_place(app->reader, j->sql.at, &e);
            *conf_errors_add(errors) = e;
            ok = false;
        }
        j->sql_text = texts;
    }
    return ok;
}

const struct job_spec *spec_job(const struct app_spec *app, struct str name, struct err *e)
{
    struct arena *a = arena_new(NULL);
    const struct job_spec *found = NULL;
    struct str *names = ARENA_ARRAY(a, struct str, app->jobs.n);
    for (size_t i = 0; i < app->jobs.n; i++) {
        names[i] = job_at(app, i)->name;
        if (str_eq(names[i], name))
            found = job_at(app, i);
    }
    if (!found) {
        err_fail(e, ERR_CONFIG, "there is no job %.*s in %.*s", STR_ARG(name), STR_ARG(app->file));
        err_hint(e, "%s", conf_suggest(a, name, names, app->jobs.n));
    }
    arena_free(a);
    return found;
}

void spec_print_docs(struct buf *out)
{
    buf_text(
        out,
        "# Configuration\n\n"
        "One YAML file, by default `./sluice.yaml`; `-c FILE` names another. Printed from the "
        "option tables of the program.\n\n"
        "All errors are reported at once, each with its place and the nearest valid key. What "
        "is set wins in this order: environment variable, file, default; "
        "`sluice config show --origin` says which one did.\n\n"
        "In any value `${env:NAME}` is replaced by an environment variable and `${file:PATH}` "
        "by the content of a file (without its last line end); `$${` is a literal `${`. What is "
        "put "
        "in is taken as it is and is never parsed or shown. YAML anchors, aliases and tags are "
        "refused.\n\n"
        "Sizes: `500`, `64MiB`, `1GB`. Durations: `30s`, `10m`, `1h30m`, `7d`. Shares: `0.5%` or "
        "`0.005`.\n");
    conf_print_docs(out, &spec_app_table);
    buf_text(out, "\n## Kafka properties that are refused\n\n| property | reason |\n|---|---|\n");
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        buf_printf(out, "| `%s` | %s |\n", owned[i].name, owned[i].reason);
}
