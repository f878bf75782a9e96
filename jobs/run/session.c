#include "jobs/run/session.h"

#include "base/durable.h"
#include "base/pool.h"
#include "jobs/run/behind.h"
#include "jobs/run/code.h"
#include "jobs/run/topics.h"

#include <assert.h>
#include <stdio.h>

bool session_reload_control(struct session *s, struct err *e)
{
    arena_reset(s->control_arena);
    struct kv_txn *t;
    if (!kv_begin_read(&t, s->kv, e))
        return false;
    bool ok = control_load(&s->control, s->control_arena, t, e);
    kv_abort(t);
    return ok;
}

void session_progress(const struct session *s, enum run_phase phase, uint64_t batch,
                      uint64_t records, uint64_t bytes)
{
    if (!s->env->progress)
        return;
    struct run_progress p = {.phase = phase,
                             .batch = batch,
                             .records = s->report->records + records,
                             .bytes = s->report->bytes + bytes};
    p.records_total = p.records + plan_remaining(s);
    behind_worst(&p.behind, &s->control);
    s->env->progress(s->env->progress_arg, &p);
}

static bool session_has_state(const struct program *p, struct str fingerprint,
                              const struct control *c)
{
    (void)p;
    for (size_t i = 0; i < c->fingerprint_count; i++)
        if (str_eq(c->fingerprints[i], fingerprint))
            return true;
    return false;
}

// DESIGN section 2, "Change of code": state made by other operators must not be continued.
static bool session_check_code(const struct session *s, struct err *e)
{
    const struct program *p = s->job->program;
    if (s->control.last_batch == 0)
        return true;
    struct buf list;
    buf_init(&list, 400);
    for (size_t i = 0; i < program_fingerprint_count(p); i++)
        if (!session_has_state(p, program_fingerprint(p, i), &s->control))
            buf_printf(&list, "%s%.*s", list.n ? "; " : "", STR_ARG(program_fingerprint(p, i)));
    bool ok = list.n == 0 && !list.failed;
    if (!ok) {
        err_fail(e, ERR_CONFIG,
                 "the SQL changed in ways that the stored state of batch %llu does not fit: %.*s",
                 (unsigned long long)s->control.last_batch, STR_ARG(buf_view(&list)));
        err_hint(
            e,
            "job reset %s --rebuild reads everything again, --from-now starts empty, --keep lets "
            "only these operators start empty; or restore the old SQL",
            s->job->name);
    }
    buf_fini(&list);
    return ok;
}

static bool session_has_version(const struct session *s, struct str output)
{
    for (size_t v = 0; v < s->control.version_count; v++)
        if (str_eq(s->control.versions[v].output, output))
            return true;
    return false;
}

// Where it does not come from a warehouse, nothing fills it beside the batches.
static bool session_table_known(struct session *s, const struct job_output *o)
{
    bool lacks = (o->lake >= 0 && !session_has_version(s, o->name)) ||
                 (o->topic >= 0 &&
                  control_output(&s->control, s->job->topic_outputs[o->topic].name)->batch == 0);
    return !o->table || !lacks;
}

// A table output added to a job with history would only ever get the changes from now on; in warehouses it is filled (resync_missing).
// After a reset nothing is history yet.
static bool session_check_tables(struct session *s, struct err *e)
{
    for (size_t i = 0; i < s->job->output_count; i++)
        if (!code_table_fits(&s->control, s->job, i, e))
            return false;
    if (!code_none_left(&s->control, s->job, e))
        return false;
    if (s->control.last_batch == 0 || s->control.code == 0)
        return true;
    for (size_t i = 0; i < s->job->output_count; i++) {
        const struct job_output *o = &s->job->outputs[i];
        if (session_table_known(s, o))
            continue;
        err_fail(
            e, ERR_CONFIG,
            "table output %.*s was added after batch %llu: it would miss every row from before",
            STR_ARG(o->name), (unsigned long long)s->control.last_batch);
        return err_hint(e, "job reset %s --rebuild fills it from the start", s->job->name);
    }
    return true;
}

static bool session_open_state(struct session *s, struct err *e)
{
    const struct job *job = s->job;
    struct kv_spec spec = {.dir = job->state_dir, .mode = KV_OWNER, .durable = s->env->durable};
    s->spool_dir = arena_printf(s->a, "%s/spool", job->state_dir).p;
    s->log_dir = arena_printf(s->a, "%s/rowlog", job->state_dir).p;
    return kv_open(&s->kv, &spec, e) &&
           durable_mkdirs(s->env->durable, "spool.mkdir", s->spool_dir, 0700, e) &&
           // Made by a run that was cut off before it synced the parent? Then that is owed.
           durable_fsync_dir(s->env->durable, "spool.dir", job->state_dir, e) &&
           session_reload_control(s, e);
}

static bool session_open_lake(struct session *s, struct err *e)
{
    const struct job *job = s->job;
    if (!job->lake_root)
        return true;
    // A lake we published to must still be there (DESIGN section 2, "Lake").
    bool published = control_output(&s->control, STR("lake"))->batch > 0;
    return lake_open(&s->lake, job->lake_root, published ? LAKE_OPEN_EXISTING : LAKE_OPEN_CREATE,
                     s->env->durable, e);
}

static bool session_open_source(struct session *s, struct err *e)
{
    const struct job *job = s->job;
    struct source_spec spec = {
        .topics = job->topics,
        .topic_count = job->topic_count,
        .properties = job->properties,
        .property_count = job->property_count,
        .group = job->group,
        .client_id = arena_printf(s->a, "sluice-%s", job->name).p,
        .fetch_bytes_max = job->limits.fetch_bytes_max,
        .durable = s->env->durable,
    };
    for (size_t i = 0; i < program_source_count(job->program); i++)
        if (program_source(job->program, i)->decl->header_count > 0)
            spec.headers = SOURCE_HEADERS;
    return s->env->source->open(&s->source, &spec, e) &&
           s->source->type->identity(s->source, &s->cluster, e);
}

static bool session_same_cluster(const struct session *s)
{
    return s->control.cluster.n == 0 || str_eq(s->control.cluster, s->cluster);
}

static bool session_check_cluster(const struct session *s, struct err *e)
{
    if (session_same_cluster(s))
        return true;
    err_fail(e, ERR_BEHIND, "the broker belongs to cluster %.*s, our positions to cluster %.*s",
             STR_ARG(s->cluster), STR_ARG(s->control.cluster));
    return err_hint(e,
                    "correct kafka: bootstrap.servers; or job reset %s --from-now (or --rebuild) "
                    "for a new cluster",
                    s->job->name);
}

static bool session_begin(struct session *s, const struct job *job, const struct run_env *env,
                          struct run_report *report, struct err *e)
{
    *s = (struct session){.job = job, .env = env, .report = report};
    s->a = arena_new(NULL);
    s->control_arena = arena_new(s->a);
    s->planned = arena_new(s->a);
    s->scratch = arena_new(s->a);
    s->sinks = ARENA_ZARRAY(s->a, struct sink *, job->target_count + 1);
    s->started_ms = env->clock.now_ms(env->clock.arg);
    if (!session_open_state(s, e))
        return err_wrap(e, "state %s", job->state_dir);
    s->run = s->control.last_run + 1;
    report->run = s->run;
    session_progress(s, RUN_OPENING, 0, 0, 0);
    return session_open_lake(s, e) && session_open_source(s, e);
}

bool session_open(struct session *s, const struct job *job, const struct run_env *env,
                  struct run_report *report, struct err *e)
{
    return session_begin(s, job, env, report, e) && session_check_cluster(s, e) &&
           topics_open(s, e);
}

bool session_open_anywhere(struct session *s, const struct job *job, const struct run_env *env,
                           struct run_report *report, struct err *e)
{
    if (!session_begin(s, job, env, report, e))
        return false;
    if (!session_same_cluster(s)) {
        s->elsewhere = s->cluster;
        s->cluster = arena_str(s->a, s->control.cluster);
    }
    return topics_open(s, e);
}

bool session_check(struct session *s, struct err *e)
{
    return session_check_code(s, e) && session_check_tables(s, e);
}

bool session_start(struct session *s, exec_emit_fn *emit, void *emit_arg, struct err *e)
{
    const struct job *job = s->job;
    bool state = s->engine == SESSION_STATE;
    if (state && !session_check(s, e))
        return false;
    s->pool = job->threads > 1 ? pool_new(job->threads - 1) : NULL;
    struct exec_spec spec = {
        .program = job->program,
        .kv = state ? s->kv : NULL,
        .job = job->name,
        .pool = s->pool,
        .dirty_state_max = job->limits.dirty_state_max,
        .cache_max = job->limits.dirty_state_max,
        .emit = emit,
        .emit_arg = emit_arg,
    };
    return exec_open(&s->exec, &spec, e);
}

void session_stop(struct session *s)
{
    if (s->exec)
        exec_close(s->exec);
    if (s->pool)
        pool_free(s->pool);
    s->exec = NULL;
    s->pool = NULL;
    s->engine = SESSION_STATE;
}

void session_close(struct session *s)
{
    session_stop(s);
    for (size_t i = 0; s->sinks && i < s->job->target_count; i++)
        if (s->sinks[i])
            s->sinks[i]->type->close(s->sinks[i]);
    topics_close(s);
    if (s->source)
        s->source->type->close(s->source);
    if (s->lake)
        lake_close(s->lake);
    kv_close(s->kv);
    arena_free(s->a);
}
