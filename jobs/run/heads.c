#include "jobs/run/deliver.h"
#include "jobs/run/session.h"

#include "base/durable.h"
#include "base/hash.h"
#include "jobs/run/behind.h"

#include <assert.h>
#include <stdio.h>

bool heads_sink(struct sink **out, struct session *s, size_t target, struct err *e)
{
    assert(target < s->job->target_count);
    if (!s->sinks[target]) {
        const struct job_target *t = &s->job->targets[target];
        struct sink_spec spec = t->spec;
        spec.durable = s->env->durable;
        if (s->creates_again && spec.create == SINK_CREATE_IF_ABSENT)
            spec.create = SINK_CREATE_AGAIN;
        if (!t->type->open(&s->sinks[target], &spec, e)) {
            s->sinks[target] = NULL;
            return err_wrap(e, "output %.*s", STR_ARG(t->name));
        }
    }
    *out = s->sinks[target];
    return true;
}

bool heads_fenced(struct str name, uint64_t held, uint64_t held_digest, uint64_t ours,
                  uint64_t our_digest, struct err *e)
{
    char x[17], y[17];
    hash_hex(x, held_digest);
    hash_hex(y, our_digest);
    err_fail(e, ERR_FENCED,
             "%.*s holds batch %llu (digest %s), our state says batch %llu (digest %s)",
             STR_ARG(name), (unsigned long long)held, x, (unsigned long long)ours, y);
    return err_hint(
        e, "another owner published; or this state directory is lost or older: then job recover; "
           "see the recovery handbook, \"fenced\"");
}

bool heads_behind(struct str name, uint64_t held, uint64_t ours, struct err *e)
{
    err_fail(e, ERR_BEHIND, "%.*s holds batch %llu, but batches %llu to %llu were delivered to it",
             STR_ARG(name), (unsigned long long)held, (unsigned long long)held + 1,
             (unsigned long long)ours);
    return err_hint(e, "the store was restored or truncated and its spools are gone: job resync "
                       "brings it back; see "
                       "the recovery handbook, \"behind\"");
}

// The store lost its tail (fail-over): deliver the batches after its head again, from their spools, in order.
bool heads_redo(struct session *s, struct str name, const struct head *head, uint64_t upto,
                uint64_t upto_digest, struct err *e)
{
    struct kv_txn *txn;
    if (!kv_begin_read(&txn, s->kv, e))
        return false;
    struct arena *a = arena_new(NULL);
    uint64_t expected = head->digest;
    bool ok = true;
    for (uint64_t b = head->batch + 1; ok && b <= upto; b++) {
        struct batch_record r;
        enum kv_found found = control_get_record(&r, a, txn, b, e);
        struct batch_target *x = found == KV_FOUND ? deliver_find(a, &r, name) : NULL;
        if (!x) {
            ok = found != KV_FAILED; // a reset's id, or a batch that did not touch this output
            continue;
        }
        bool spooled = x->prev_digest == expected &&
                       file_exists(arena_printf(a, "%s/%.*s", s->spool_dir, STR_ARG(x->spool)).p);
        if (!spooled) {
            ok = heads_behind(name, head->batch, upto, e);
            break;
        }
        ok = deliver_target(s, &r, x, DELIVER_PATIENTLY, e);
        expected = x->digest;
        s->report->redelivered += ok;
    }
    // Every link of the chain was there: the store now holds our last batch.
    if (ok && expected != upto_digest)
        ok = heads_behind(name, head->batch, upto, e);
    kv_abort(txn);
    arena_free(a);
    return ok;
}

static bool heads_check_target(struct session *s, size_t i, struct err *e)
{
    const struct job_target *t = &s->job->targets[i];
    const struct control_output *ours = control_output(&s->control, t->name);
    struct sink *sink = NULL;
    struct head head;
    if (!heads_sink(&sink, s, i, e))
        return false;
    assert(sink);
    if (!sink->type->head(sink, &head, e))
        return err_wrap(e, "output %.*s", STR_ARG(t->name));
    if (head.batch == ours->batch && (head.batch == 0 || head.digest == ours->digest))
        return true;
    if (head.batch < ours->batch)
        return heads_redo(s, t->name, &head, ours->batch, ours->digest, e);
    return heads_fenced(t->name, head.batch, head.digest, ours->batch, ours->digest, e);
}

static bool heads_check_lake(struct session *s, struct err *e)
{
    struct lake_head head;
    const struct control_output *ours = control_output(&s->control, STR("lake"));
    if (!lake_head_near(s->lake, s->job->name, 0, ours->batch, &head, e))
        return false;
    if (head.pending != 0 && (head.pending > ours->batch || head.pending_digest != ours->digest))
        return heads_fenced(STR("the lake (claimed)"), head.pending, head.pending_digest,
                            ours->batch, ours->digest, e);
    if (head.batch < ours->batch)
        return heads_behind(STR("the lake"), head.batch, ours->batch, e);
    if (head.batch != ours->batch || (head.batch != 0 && head.digest != ours->digest))
        return heads_fenced(STR("the lake"), head.batch, head.digest, ours->batch, ours->digest, e);
    return true;
}

void heads_rewrite_tables(struct session *s)
{
    for (size_t i = 0; i < s->job->target_count; i++) {
        const struct job_target *t = &s->job->targets[i];
        if (t->spec.mode == SINK_UPSERT && t->type->replace)
            control_output(&s->control, t->name)->whole = true;
    }
}

static void heads_hang_up(struct session *s, size_t target)
{
    if (s->sinks[target])
        s->sinks[target]->type->close(s->sinks[target]);
    s->sinks[target] = NULL;
}

bool heads_check(struct session *s, struct err *e)
{
    if (s->lake && !heads_check_lake(s, e))
        return false;
    for (size_t i = 0; i < s->job->target_count; i++) {
        struct str name = s->job->targets[i].name;
        // One that is behind is compared when it catches up.
        if (behind_skips(s, name) || heads_check_target(s, i, e))
            continue;
        if (!behind_allows(s, name, e))
            return false;
        heads_hang_up(s, i);
    }
    return true;
}
