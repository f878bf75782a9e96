#include "jobs/run/job.h"

#include "base/durable.h"
#include "base/vec.h"
#include "jobs/run/job_internal.h"
#include "jobs/run/job_url.h"
#include "jobs/spec/spec.h"
#include "schema/registry/registry_http.h"
#include "sql/sql.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

enum { JOB_THREADS_MAX = 4, JOB_FETCH_BYTES = 16 << 20, JOB_PATIENCE_MS = 60000 };

bool job_fail(const struct job_build *b, struct conf_at at, struct err *e)
{
    return conf_place(b->app->reader, at, e);
}

struct str job_upper(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++)
        p[i] = (char)(s.p[i] >= 'a' && s.p[i] <= 'z' ? s.p[i] - 32 : s.p[i]);
    p[s.n] = '\0';
    return (struct str){p, s.n};
}

struct str job_lower(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++)
        p[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + 32 : s.p[i]);
    p[s.n] = '\0';
    return (struct str){p, s.n};
}

// --- SQL -------------------------------------------------------------------------------------------------------------

static bool job_plan(struct job_build *b, struct err *e)
{
    const struct conf_texts *sql = &b->spec->sql;
    struct sql_script *scripts = ARENA_ZARRAY(b->a, struct sql_script, sql->n + 1);
    if (sql->n == 0) {
        err_fail(e, ERR_CONFIG, "job %s has no sql: files", b->spec->name.p);
        return job_fail(b, b->spec->at, e);
    }
    for (size_t i = 0; i < sql->n; i++) {
        scripts[i].file = sql->v[i].p;
        if (b->spec->sql_text) {
            scripts[i].text = b->spec->sql_text[i];
        } else if (!file_read(&scripts[i].text, b->a, scripts[i].file, SPEC_SQL_BYTES_MAX, e)) {
            e->kind = ERR_CONFIG;
            return job_fail(b, sql->at, e);
        }
    }
    const struct sql_spec spec = {
        .scripts = scripts, .count = sql->n, .use = SQL_JOB, .registry = b->registry};
    return sql_plan_spec(&b->job->plan, b->a, &spec, e);
}

static bool job_registry(struct job_build *b, struct err *e)
{
    const struct registry_spec *r = &b->app->registry;
    if (r->at.line == 0)
        return true;
    const struct registry_http_spec spec = {
        .url = r->url,
        .user = r->user,
        .password = secret_reveal(r->password),
        .ca_file = r->ca_file,
        .cert_file = r->cert_file,
        .key_file = r->key_file,
        .verify = r->verify ? REGISTRY_VERIFY : REGISTRY_NO_VERIFY,
        .timeout_ms = r->timeout_ms,
        .clock = clock_system(),
    };
    return registry_http_new(&b->registry, b->a, &spec, e) || job_fail(b, r->at, e);
}

const struct plan_node *job_object(const struct plan *plan, struct str name)
{
    for (uint32_t i = 0; i < plan->object_count; i++)
        if (str_eq(plan->objects[i]->name, name))
            return plan->objects[i];
    for (uint32_t i = 0; i < plan->object_count; i++)
        if (str_eq_nocase(plan->objects[i]->name, name))
            return plan->objects[i];
    return NULL;
}

static bool job_unknown_object(const struct job_build *b, const struct output_spec *o,
                               struct err *e)
{
    const struct plan *plan = b->job->plan;
    struct str best = STR_NONE;
    size_t least = 6;
    for (uint32_t i = 0; i < plan->object_count; i++) {
        size_t d = str_distance(plan->objects[i]->name, o->name);
        if (d < least) {
            least = d;
            best = plan->objects[i]->name;
        }
    }
    err_fail(e, ERR_CONFIG, "output %.*s is no stream or table of the job's SQL", STR_ARG(o->name));
    if (best.n)
        err_hint(e, "did you mean %.*s?", STR_ARG(best));
    return job_fail(b, o->at, e);
}

static bool job_program(struct job_build *b, struct err *e)
{
    const struct output_spec *specs = b->spec->outputs.v;
    size_t count = b->spec->outputs.n;
    struct program_output_spec *outputs = ARENA_ZARRAY(b->a, struct program_output_spec, count + 1);
    if (count == 0) {
        err_fail(e, ERR_CONFIG, "job %s has no outputs", b->spec->name.p);
        return job_fail(b, b->spec->at, e);
    }
    for (size_t i = 0; i < count; i++) {
        const struct plan_node *n = job_object(b->job->plan, specs[i].name);
        if (!n)
            return job_unknown_object(b, &specs[i], e);
        for (size_t k = 0; k < i; k++) {
            if (str_eq(outputs[k].name, n->name)) {
                err_fail(e, ERR_CONFIG, "output %.*s stands here twice", STR_ARG(n->name));
                return job_fail(b, specs[i].at, e);
            }
        }
        outputs[i].name = n->name;
        // Readers of a topic get every change; lake and warehouses the last one per key and batch.
        bool every = !n->table || specs[i].topic.at.line > 0;
        outputs[i].collapse = every ? OUTPUT_EVERY_CHANGE : OUTPUT_LAST_CHANGE;
        const struct target_spec *targets = specs[i].warehouse.v;
        for (size_t t = 0; !n->table && t < specs[i].warehouse.n; t++)
            if (targets[t].mode == SPEC_MODE_UPSERT)
                outputs[i].rows = OUTPUT_LAST_ROW;
    }
    struct program_spec p = {.plan = b->job->plan,
                             .outputs = outputs,
                             .output_count = count,
                             .collapse = PROGRAM_COLLAPSE,
                             .registry = b->registry};
    return program_compile(&b->job->program, b->a, &p, e);
}

static int job_topic_order(const void *x, const void *y)
{
    const struct str *p = x, *q = y;
    return str_cmp(*p, *q);
}

static void job_topics(struct job_build *b)
{
    const struct program *p = b->job->program;
    size_t n = 0;
    struct str *topics = ARENA_ZARRAY(b->a, struct str, program_source_count(p) + 1);
    for (size_t i = 0; i < program_source_count(p); i++) {
        struct str topic = program_source(p, i)->topic;
        bool known = false;
        for (size_t k = 0; k < n; k++)
            known = known || str_eq(topics[k], topic);
        if (!known)
            topics[n++] = topic;
    }
    // Sorted: the merge orders equal timestamps by topic name.
    if (n)
        qsort(topics, n, sizeof *topics, job_topic_order);
    b->job->topics = topics;
    b->job->topic_count = n;
}

// --- the rest of the configuration -----------------------------------------------------------------------------------

static bool job_warehouses(struct job_build *b, const struct sink_type *const *sinks, struct err *e)
{
    const struct warehouse_spec *warehouses = b->app->warehouses.v;
    size_t n = b->app->warehouses.n;
    struct warehouse_url *urls = ARENA_ZARRAY(b->a, struct warehouse_url, n + 1);
    struct str *names = ARENA_ZARRAY(b->a, struct str, n + 1);
    const struct sink_type **types = ARENA_ZARRAY(b->a, const struct sink_type *, n + 1);
    for (size_t i = 0; i < n; i++) {
        const struct warehouse_spec *w = &warehouses[i];
        job_url(&urls[i], b->a, &w->url);
        names[i] = w->name;
        types[i] = job_sink_type(sinks, w->url.scheme);
        if (!types[i]) {
            err_fail(e, ERR_CONFIG, "warehouse %.*s: this program has no driver for %.*s://",
                     STR_ARG(w->name), STR_ARG(w->url.scheme));
            if (str_eq(w->url.scheme, STR("mysql")))
                err_hint(e, "built without mysql (libmariadb)");
            else if (str_eq(w->url.scheme, STR("postgres")))
                err_hint(e, "built without postgres (libpq)");
            else
                err_hint(e, "known: mysql, postgres, sqlite");
            return job_fail(b, w->at, e);
        }
    }
    b->job->urls = urls;
    b->job->url_names = names;
    b->job->url_types = types;
    b->job->url_count = n;
    return true;
}

static void job_properties(struct job_build *b)
{
    const struct conf_pairs *kafka = &b->app->kafka;
    struct str *p = ARENA_ZARRAY(b->a, struct str, 2 * kafka->n + 1);
    for (size_t i = 0; i < kafka->n; i++) {
        p[2 * i] = kafka->v[i].name;
        p[2 * i + 1] = secret_reveal(kafka->v[i].value);
    }
    b->job->properties = p;
    b->job->property_count = kafka->n;
}

static void job_limits(struct job_limits *out, const struct job_spec *s)
{
    const struct limits_spec *l = &s->limits;
    // Of a memory limit, a quarter may lie in librdkafka's queues.
    size_t fetch = l->memory && l->memory / 4 < JOB_FETCH_BYTES ? l->memory / 4 : JOB_FETCH_BYTES;
    *out = (struct job_limits){
        .batch_records_max = (uint64_t)l->batch_records,
        .batch_bytes_max = l->batch_bytes,
        .batch_ms_max = l->batch_ms,
        .dirty_state_max = l->dirty_state_max,
        .fetch_bytes_max = fetch,
        .open_partitions_max = (size_t)l->open_partitions_max,
        .dead_max =
            s->dead_letters.max.count >= 0 ? (uint64_t)s->dead_letters.max.count : UINT64_MAX,
        .dead_ratio_ppm = s->dead_letters.max.ratio_ppm,
        .patience_ms = JOB_PATIENCE_MS,
    };
    out->lag_batches = (uint64_t)s->output_lag.batches;
    out->lag_bytes = s->output_lag.bytes;
    out->lag_ms = s->output_lag.time_ms;
}

static void job_settings(struct job_build *b)
{
    static const enum job_start starts[] = {[SPEC_START_EARLIEST] = JOB_EARLIEST,
                                            [SPEC_START_LATEST] = JOB_LATEST,
                                            [SPEC_START_GROUP] = JOB_GROUP,
                                            [SPEC_START_TIME] = JOB_TIME};
    static const enum job_dead_payload payloads[] = {[SPEC_PAYLOAD_FULL] = JOB_DEAD_FULL,
                                                     [SPEC_PAYLOAD_HASH] = JOB_DEAD_HASH,
                                                     [SPEC_PAYLOAD_NONE] = JOB_DEAD_NONE};
    const struct job_spec *s = b->spec;
    struct job *j = b->job;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int64_t threads = s->threads                     ? s->threads
                      : processors < JOB_THREADS_MAX ? processors
                                                     : JOB_THREADS_MAX;
    j->name = s->name.p;
    j->state_dir = arena_printf(b->a, "%s/%s/0", b->app->state.p, s->name.p).p;
    j->lake_root = b->app->lake.path.n ? b->app->lake.path.p : NULL;
    j->group = s->group.p;
    j->start = starts[s->start.from];
    j->start_ms = s->start.time_ms;
    j->input_order = s->input_order == SPEC_ORDER_TABLES_FIRST ? JOB_TABLES_FIRST : JOB_EVENT_TIME;
    j->redo_spools = (uint64_t)s->redo_spools;
    j->history_ms = s->history_keep_ms;
    j->history_max = (uint64_t)s->history_max;
    j->loss = s->accept_loss ? JOB_ACCEPT_LOSS : JOB_REFUSE_LOSS;
    j->dead_payload = payloads[s->dead_letters.payload];
    j->threads = threads > 0 ? (unsigned)threads : 1;
    job_limits(&j->limits, s);
    j->stream = (struct job_stream){
        .schedule = s->schedule.trigger == SPEC_TRIGGER_STREAM ? JOB_STREAM : JOB_BOUNDED,
        .commit_ms = s->stream.commit_ms,
        .align_ms = s->stream.align_ms,
        .roll_ms = s->stream.roll_ms,
        .snapshot_ms = s->stream.snapshot_ms,
        .roll_bytes = s->stream.roll_bytes,
    };
}

bool job_compile(const struct job **out, struct arena *a, const struct app_spec *app,
                 const struct job_spec *spec, const struct sink_type *const *sinks, struct err *e)
{
    assert(out && app && spec && sinks);
    struct job_build b = {.a = a, .app = app, .spec = spec, .job = ARENA_NEW(a, struct job)};
    job_settings(&b);
    job_properties(&b);
    if (!job_warehouses(&b, sinks, e) || !job_registry(&b, e) || !job_plan(&b, e) ||
        !job_program(&b, e))
        return err_wrap(e, "job %s", spec->name.p);
    job_topics(&b);
    if (!job_outputs(&b, e))
        return err_wrap(e, "job %s", spec->name.p);
    *out = b.job;
    return true;
}
