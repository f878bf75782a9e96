#include "jobs/run/lag.h"

#include "base/durable.h"
#include "base/kv.h"
#include "jobs/run/control.h"

#include <assert.h>

static bool lag_control(struct control *out, struct arena *a, const struct job *job,
                        const struct run_env *env, struct err *e)
{
    struct kv *kv;
    struct kv_txn *t;
    const struct kv_spec spec = {.dir = job->state_dir, .mode = KV_READER, .durable = env->durable};
    *out = (struct control){.a = a, .fresh = true};
    if (!file_exists(arena_printf(a, "%s/data.mdb", job->state_dir).p))
        return true;
    if (!kv_open(&kv, &spec, e))
        return err_wrap(e, "state %s", job->state_dir);
    bool ok = kv_begin_read(&t, kv, e);
    if (ok) {
        ok = control_load(out, a, t, e);
        kv_abort(t);
    }
    kv_close(kv);
    return ok;
}

static void lag_add(struct lag *out, const struct job *job, const struct control *c,
                    const struct source_partition *p)
{
    const struct control_position *at = control_position(c, job->topics[p->topic], p->partition);
    int64_t from = at ? at->next : job->start == JOB_LATEST ? p->end : p->log_start;
    if (from < p->log_start)
        from = p->log_start;
    out->partitions++;
    if (from >= p->end)
        return;
    out->partitions_behind++;
    out->records += (uint64_t)(p->end - from);
    out->by_topic[p->topic] += (uint64_t)(p->end - from);
}

static bool lag_partitions(struct lag *out, struct arena *a, const struct job *job,
                           const struct run_env *env, struct err *e)
{
    struct control c;
    struct source *source;
    struct source_partition *partitions;
    size_t count;
    const struct source_spec spec = {
        .topics = job->topics,
        .topic_count = job->topic_count,
        .properties = job->properties,
        .property_count = job->property_count,
        .group = job->group,
        .client_id = arena_printf(a, "sluice-%s-lag", job->name).p,
        .durable = env->durable,
    };
    if (!env->source->open(&source, &spec, e))
        return false;
    const bool ok =
        source->type->plan(source, a, &partitions, &count, e) && lag_control(&c, a, job, env, e);
    for (size_t i = 0; ok && i < count; i++)
        lag_add(out, job, &c, &partitions[i]);
    source->type->close(source);
    return ok;
}

bool lag_measure(struct lag *out, struct arena *a, const struct job *job, const struct run_env *env,
                 struct err *e)
{
    assert(a && job && env && env->source);
    struct arena *scratch = arena_new(NULL);
    *out = (struct lag){.by_topic = ARENA_ZARRAY(a, uint64_t, job->topic_count + 1)};
    const bool ok = lag_partitions(out, scratch, job, env, e);
    arena_free(scratch);
    return ok || err_wrap(e, "lag of job %s", job->name);
}
