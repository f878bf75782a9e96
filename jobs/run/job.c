#include "jobs/run/job.h"

#include "base/durable.h"
#include "base/vec.h"
#include "jobs/run/job_internal.h"
#include "jobs/spec/spec.h"
#include "sql/sql.h"

#include <assert.h>
#include <stdlib.h>

enum { JOB_SQL_MAX = 64 << 20 };

bool job_fail(const struct job_build *b, struct spec_pos pos, struct err *e)
{
    return err_position(e, b->app->file, pos.line, pos.column, NULL, 0);
}

struct str job_upper(struct arena *a, struct str s)
{
    struct str copy = arena_str(a, s);
    char *p = (char *)(uintptr_t)copy.p; // our own copy
    for (size_t i = 0; i < copy.n; i++)
        if (p[i] >= 'a' && p[i] <= 'z')
            p[i] = (char)(p[i] - 32);
    return copy;
}

struct str job_lower(struct arena *a, struct str s)
{
    struct str copy = arena_str(a, s);
    char *p = (char *)(uintptr_t)copy.p;
    for (size_t i = 0; i < copy.n; i++)
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (char)(p[i] + 32);
    return copy;
}

// --- SQL -------------------------------------------------------------------------------------------------------------

static bool job_plan(struct job_build *b, struct err *e)
{
    struct sql_script *scripts = ARENA_ZARRAY(b->a, struct sql_script, b->spec->sql_count + 1);
    if (b->spec->sql_count == 0) {
        err_fail(e, ERR_CONFIG, "job %s has no sql: files", b->spec->name);
        return job_fail(b, b->spec->pos, e);
    }
    for (size_t i = 0; i < b->spec->sql_count; i++) {
        scripts[i].file = arena_str(b->a, b->spec->sql[i]).p;
        if (!file_read(&scripts[i].text, b->a, scripts[i].file, JOB_SQL_MAX, e)) {
            e->kind = ERR_CONFIG;
            return job_fail(b, b->spec->pos, e);
        }
    }
    return sql_plan(&b->job->plan, b->a, scripts, b->spec->sql_count, e);
}

static const struct plan_node *job_object(const struct plan *plan, struct str name)
{
    for (uint32_t i = 0; i < plan->object_count; i++)
        if (str_eq(plan->objects[i]->name, name))
            return plan->objects[i];
    for (uint32_t i = 0; i < plan->object_count; i++)
        if (str_eq_nocase(plan->objects[i]->name, name))
            return plan->objects[i];
    return NULL;
}

static bool job_unknown_object(const struct job_build *b, const struct spec_output *o,
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
    return job_fail(b, o->pos, e);
}

static bool job_program(struct job_build *b, struct err *e)
{
    const struct job_spec *spec = b->spec;
    struct program_output_spec *outputs =
        ARENA_ZARRAY(b->a, struct program_output_spec, spec->output_count + 1);
    if (spec->output_count == 0) {
        err_fail(e, ERR_CONFIG, "job %s has no outputs", spec->name);
        return job_fail(b, spec->pos, e);
    }
    for (size_t i = 0; i < spec->output_count; i++) {
        const struct plan_node *n = job_object(b->job->plan, spec->outputs[i].name);
        if (!n)
            return job_unknown_object(b, &spec->outputs[i], e);
        for (size_t k = 0; k < i; k++) {
            if (str_eq(outputs[k].name, n->name)) {
                err_fail(e, ERR_CONFIG, "output %.*s stands here twice", STR_ARG(n->name));
                return job_fail(b, spec->outputs[i].pos, e);
            }
        }
        outputs[i].name = n->name;
        outputs[i].collapse = n->table ? OUTPUT_LAST_CHANGE : OUTPUT_EVERY_CHANGE;
    }
    struct program_spec p = {.plan = b->job->plan,
                             .outputs = outputs,
                             .output_count = spec->output_count,
                             .collapse = PROGRAM_COLLAPSE};
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

static void job_url(struct job_build *b, struct warehouse_url *out, const struct spec_url *u)
{
    struct str *params = ARENA_ZARRAY(b->a, struct str, 2 * u->param_count + 1);
    for (size_t i = 0; i < u->param_count; i++) {
        params[2 * i] = u->params[i].name;
        params[2 * i + 1] = u->params[i].value;
    }
    *out = (struct warehouse_url){
        .scheme = u->scheme,
        .user = u->user,
        .password = u->password,
        .host = u->host,
        .database = u->database,
        .path = u->path,
        .port = u->port,
        .params = params,
        .param_count = u->param_count,
        .display = u->display,
    };
}

static const struct sink_type *job_sink_type(const struct sink_type *const *sinks,
                                             struct str scheme)
{
    for (; *sinks; sinks++)
        if (str_eq(str_from((*sinks)->name), scheme))
            return *sinks;
    return NULL;
}

static bool job_warehouses(struct job_build *b, const struct sink_type *const *sinks, struct err *e)
{
    size_t n = b->app->warehouse_count;
    struct warehouse_url *urls = ARENA_ZARRAY(b->a, struct warehouse_url, n + 1);
    struct str *names = ARENA_ZARRAY(b->a, struct str, n + 1);
    const struct sink_type **types = ARENA_ZARRAY(b->a, const struct sink_type *, n + 1);
    for (size_t i = 0; i < n; i++) {
        const struct spec_warehouse *w = &b->app->warehouses[i];
        job_url(b, &urls[i], &w->url);
        names[i] = w->name;
        struct str scheme = str_eq(w->url.scheme, STR("mariadb")) ? STR("mysql") : w->url.scheme;
        types[i] = job_sink_type(sinks, scheme);
        if (!types[i]) {
            err_fail(e, ERR_CONFIG, "warehouse %.*s: this program has no driver for %.*s://",
                     STR_ARG(w->name), STR_ARG(w->url.scheme));
            err_hint(e, str_eq(scheme, STR("mysql")) ? "built without mysql (libmariadb)"
                                                     : "known: mysql, sqlite");
            return job_fail(b, w->pos, e);
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
    struct str *p = ARENA_ZARRAY(b->a, struct str, 2 * b->app->kafka_count + 1);
    for (size_t i = 0; i < b->app->kafka_count; i++) {
        p[2 * i] = b->app->kafka[i].name;
        p[2 * i + 1] = b->app->kafka[i].value;
    }
    b->job->properties = p;
    b->job->property_count = b->app->kafka_count;
}

static void job_settings(struct job_build *b)
{
    static const enum job_start starts[] = {[SPEC_EARLIEST] = JOB_EARLIEST,
                                            [SPEC_LATEST] = JOB_LATEST,
                                            [SPEC_GROUP] = JOB_GROUP,
                                            [SPEC_TIME] = JOB_TIME};
    static const enum job_dead_payload payloads[] = {[SPEC_PAYLOAD_FULL] = JOB_DEAD_FULL,
                                                     [SPEC_PAYLOAD_HASH] = JOB_DEAD_HASH,
                                                     [SPEC_PAYLOAD_NONE] = JOB_DEAD_NONE};
    const struct job_spec *s = b->spec;
    struct job *j = b->job;
    j->name = s->name;
    j->state_dir = arena_printf(b->a, "%s/%s/0", b->app->state, s->name).p;
    j->lake_root = b->app->lake;
    j->group = arena_str(b->a, s->group).p;
    j->start = starts[s->start];
    j->start_ms = s->start_ms;
    j->input_order = s->input_order == SPEC_TABLES_FIRST ? JOB_TABLES_FIRST : JOB_EVENT_TIME;
    j->loss = s->accept_loss ? JOB_ACCEPT_LOSS : JOB_REFUSE_LOSS;
    j->dead_payload = payloads[s->dead_payload];
    j->threads = s->threads;
    j->limits = (struct job_limits){
        .batch_records_max = s->limits.batch_records,
        .batch_bytes_max = s->limits.batch_bytes,
        .batch_ms_max = s->limits.batch_ms,
        .dirty_state_max = s->limits.dirty_state_max,
        .fetch_bytes_max = s->limits.fetch_bytes_max,
        .open_partitions_max = s->limits.open_partitions_max,
        .dead_max = s->dead_max,
        .patience_ms = s->limits.patience_ms,
    };
}

bool job_compile(const struct job **out, struct arena *a, const struct app_spec *app,
                 const struct job_spec *spec, const struct sink_type *const *sinks, struct err *e)
{
    assert(out && app && spec && sinks);
    struct job_build b = {.a = a, .app = app, .spec = spec, .job = ARENA_NEW(a, struct job)};
    job_settings(&b);
    job_properties(&b);
    if (!job_warehouses(&b, sinks, e) || !job_plan(&b, e) || !job_program(&b, e) ||
        !job_outputs(&b, e))
        return err_wrap(e, "job %s", spec->name);
    job_topics(&b);
    *out = b.job;
    return true;
}
