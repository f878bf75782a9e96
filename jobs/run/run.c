#include "jobs/run/run.h"

#include "base/durable.h"
#include "jobs/run/behind.h"
#include "jobs/run/code.h"
#include "jobs/run/compact.h"
#include "jobs/run/deliver.h"
#include "jobs/run/execute.h"
#include "jobs/run/expire.h"
#include "jobs/run/gaps.h"
#include "jobs/run/resync.h"
#include "jobs/run/stream_rows.h"
#include "jobs/run/topics.h"

#include <assert.h>

// --- opening ---------------------------------------------------------------------------------------------------------

// After a batch is delivered: snapshot versions beyond those to keep.
static bool run_trim(struct session *s, const struct batch_record *r, struct err *e)
{
    struct lake_manifest m;
    return r->manifest.n == 0 || (lake_manifest_read(&m, s->scratch, r->manifest, e) &&
                                  lake_trim_versions(s->lake, &m, e));
}

// Spools up to this batch but the last `least`, and those that the job keeps for a store that loses its tail.
static bool run_clean(struct session *s, uint64_t batch, uint64_t least, struct err *e)
{
    uint64_t keep = s->job->redo_spools > least ? s->job->redo_spools : least;
    if (batch <= keep)
        return true;
    // While a table is behind there may be very many: one batch's at a time.
    if (least > 0 && behind_first(&s->control))
        return behind_clean_batch(s, batch - keep, e);
    return deliver_clean_spools(s, batch - keep, e);
}

// Step 1: a decided batch is delivered before anything else; then every head must be the one we left.
static bool run_settle_as(struct session *s, enum behind_how how, struct err *e)
{
    struct control *c = &s->control;
    struct batch_record r = {.manifest = STR("")};
    if (c->delivered < c->last_batch) {
        struct kv_txn *t;
        if (!kv_begin_read(&t, s->kv, e))
            return false;
        enum kv_found found = control_get_record(&r, s->a, t, c->last_batch, e);
        kv_abort(t);
        if (found == KV_FAILED)
            return false;
        // Resets take an id and deliver nothing.
        if (found == KV_FOUND) {
            if (!deliver_batch(s, &r, e))
                return false;
            s->report->redelivered++;
        }
    }
    if (!heads_check(s, e) || !behind_catch_up(s, how, e) || !topics_check(s, e) ||
        !run_trim(s, &r, e))
        return false;
    if (c->offsets_owed && !behind_first(c))
        deliver_offsets(s);
    if (s->lake && !lake_stage_clean(s->lake, s->job->name, 0, 0, e))
        return false;
    if (s->moved_up) // stored now
        c->delivered = c->last_batch;
    // A table that could not be looked at has not proven the newest batch.
    return behind_store(s, e) && run_clean(s, c->last_batch, s->failed_count ? 1 : 0, e);
}

bool run_settle(struct session *s, struct err *e)
{
    return run_settle_as(s, BEHIND_MUST, e);
}

bool run_settle_lagging(struct session *s, struct err *e)
{
    s->lags = s->job->limits.lag_batches > 0;
    return run_settle_as(s, s->lags ? BEHIND_TRY : BEHIND_MUST, e);
}

// --- batches ---------------------------------------------------------------------------------------------------------

static bool run_snapshot_due(struct session *s)
{
    for (size_t i = 0; i < s->job->target_count; i++)
        if (control_output(&s->control, s->job->targets[i].name)->whole)
            return true;
    for (size_t i = 0; i < s->control.version_count; i++)
        if (s->control.versions[i].changed)
            return true;
    return false;
}

bool run_deliver(struct session *s, struct batch_record *r, struct err *e)
{
    if (!deliver_batch(s, r, e))
        return false;
    if (s->moved_up) // stored now
        s->control.delivered = r->batch;
    return behind_store(s, e) && run_clean(s, r->batch, 1, e) && run_trim(s, r, e);
}

bool run_batch(struct session *s, const struct execute_spec *how, enum execute_end *end,
               struct err *e)
{
    struct arena *a = arena_new(s->a);
    struct sequence_range *ranges = NULL;
    struct execute_spec spec = *how;
    struct batch_record r;
    arena_reset(s->scratch);
    bool ok = behind_room(s, e) &&
              (how->kind == BATCH_ROLL || plan_ranges(s, a, &ranges, &spec.count, e));
    spec.ranges = ranges;
    spec.a = a;
    ok = ok && execute_batch(&r, end, s, &spec, e) && run_deliver(s, &r, e);
    arena_free(a);
    return ok;
}

bool run_flush_logs(struct session *s, struct err *e)
{
    const struct execute_spec roll = {
        .kind = BATCH_ROLL, .lake = EXECUTE_ROLL, .snapshot = EXECUTE_SNAPSHOT_NONE};
    enum execute_end end;
    if (control_log_rows(&s->control) == 0)
        return true;
    return stream_rows_check(s->job, &s->control, e) && run_batch(s, &roll, &end, e) &&
           rowlog_clean(s->log_dir, &s->control, s->env->durable, e);
}

static bool run_batches(struct session *s, struct err *e)
{
    static const struct execute_spec forward = {.kind = BATCH_FORWARD},
                                     snapshot = {.kind = BATCH_ROLL};
    enum execute_end end = EXECUTE_MORE;
    while (plan_remaining(s) > 0) {
        uint64_t before = plan_remaining(s);
        if (!run_batch(s, &forward, &end, e))
            return false;
        if (plan_remaining(s) >= before)
            return err_fail(e, ERR_LIMIT,
                            "a batch made no progress: its limits are too small for one record");
    }
    // A run that was cut after its last snapshot-less batch: the changed tables are still owed a version. And a reset whose topics
    // are empty still owes warehouses the empty tables.
    return !run_snapshot_due(s) || run_batch(s, &snapshot, &end, e);
}

// --- finishing -------------------------------------------------------------------------------------------------------

static bool run_record(struct session *s, const char *outcome, const struct err *failure,
                       struct err *e)
{
    struct kv_txn *t;
    struct control *c = &s->control;
    if (!kv_begin_write(&t, s->kv, e))
        return false;
    // Offsets may still be owed: control says so, and the next run commits them.
    if (!failure)
        c->delivered = c->last_batch;
    c->last_run = s->run;
    behind_report(s);
    if (!c->cluster.n)
        c->cluster = s->cluster;
    if (!history_forget_batches(t, s, e) || !history_forget_runs(t, s, e) ||
        !control_store(c, t, e) || !history_put(t, s, outcome, failure, e)) {
        kv_abort(t);
        return false;
    }
    s->moved_up = false;
    return kv_commit(t, e);
}

bool run_done(struct session *s, struct err *e)
{
    if (!run_record(s, "done", NULL, e))
        return false;
    session_progress(s, RUN_DONE, s->report->batch_last, 0, 0);
    return true;
}

bool run_idle(struct session *s, struct err *e)
{
    arena_reset(s->scratch);
    if (!behind_catch_up(s, BEHIND_TRY, e))
        return false;
    return (s->control.delivered == s->control.last_batch && !s->moved_up) ||
           run_record(s, "running", NULL, e);
}

// Words about what was asked for, not about what went wrong.
static bool run_refuses(const struct err *why)
{
    switch (why->kind) {
    case ERR_USAGE:
    case ERR_CONFIG:
    case ERR_SQL:
    case ERR_DATA:
    case ERR_BEHIND:
        return true;
    case ERR_NONE:
    case ERR_LIMIT:
    case ERR_IO:
    case ERR_REMOTE:
    case ERR_FENCED:
    case ERR_CANCELLED:
    case ERR_BUG:
        break;
    }
    return false;
}

void run_failed(struct session *s, const struct err *failure)
{
    struct err ignored;
    if (s->asks && run_refuses(failure))
        return;
    if (s->kv && !durable_dead(s->env->durable) && session_reload_control(s, &ignored))
        (void)!run_record(s, "failed", failure, &ignored);
}

// A recovery that was cut short has yet to execute what its positions stand before; a resync to write what its table lacks.
bool run_recovered(const struct session *s, struct err *e)
{
    const struct control_redo *r = &s->control.redo;
    if (r->kind.n == 0 || str_eq(r->kind, str_from(batch_kind_name(BATCH_BACKFILL))))
        return true;
    err_fail(e, ERR_BEHIND, "a %.*s is not finished", STR_ARG(r->kind));
    return err_hint(e, "sluice job %.*s %s%s%.*s goes on with it", STR_ARG(r->kind), s->job->name,
                    r->output_count ? " " : "", STR_ARG(r->output_count ? r->outputs[0] : STR("")));
}

bool run_fits(const struct job *job, const struct control *c, struct err *e)
{
    struct session s = {.job = job, .control = *c};
    return run_recovered(&s, e) &&
           (control_log_rows(c) == 0 || stream_rows_check(job, &s.control, e)) &&
           session_check(&s, e);
}

bool run_job(struct run_report *out, const struct job *job, const struct run_env *env,
             struct err *e)
{
    assert(job && env && env->durable && env->source);
    struct session s;
    *out = (struct run_report){0};
    bool ok = session_open(&s, job, env, out, e) && run_settle_lagging(&s, e) &&
              run_recovered(&s, e) && resync_missing(&s, e) && run_flush_logs(&s, e) &&
              plan_freeze(&s, e) && run_batches(&s, e) && expire_due(&s, e) && compact_due(&s, e) &&
              behind_catch_up(&s, BEHIND_TRY, e) && run_done(&s, e);
    if (!ok)
        run_failed(&s, e);
    session_close(&s);
    return ok || err_wrap(e, "job %s", job->name);
}

// --- reset -----------------------------------------------------------------------------------------------------------

static bool reset_positions(struct session *s, enum run_reset how, struct err *e)
{
    if (how == RUN_RESET_KEEP) {
        s->control.code = 0; // what is new has no history yet
        return true;
    }
    if (s->elsewhere.n > 0) { // what the topics of this cluster hold is not ours
        topics_forget(s);
        s->cluster = s->elsewhere;
    }
    s->control.position_count = 0;
    s->control.code = 0;
    s->control.fingerprint_count = 0;
    s->control.cluster = STR("");
    s->control.redo = (struct control_redo){.kind = STR("")};
    if (how == RUN_RESET_REBUILD) {
        s->control.since = s->control.last_batch;
        heads_rewrite_tables(s);
        return true;
    }
    if (!s->source->type->plan(s->source, s->a, &s->partitions, &s->partition_count, e))
        return false;
    s->control.cluster = s->cluster;
    for (size_t i = 0; i < s->partition_count; i++)
        control_position_add(&s->control, s->job->topics[s->partitions[i].topic],
                             s->partitions[i].partition)
            ->next = s->partitions[i].end;
    for (size_t i = 0; i < s->control.position_count; i++)
        s->control.positions[i].rolled = s->control.positions[i].next;
    return true;
}

// Rows of keys that do not come again stay where they are.
static void reset_tables(struct session *s)
{
    for (size_t i = 0; i < s->job->target_count; i++)
        if (s->job->outputs[s->job->targets[i].output].table)
            control_output(&s->control, s->job->targets[i].name)->stale = true;
}

static bool reset_store(struct session *s, enum run_reset how, struct err *e)
{
    struct kv_txn *t;
    struct control *c = &s->control;
    if (!kv_begin_write(&t, s->kv, e))
        return false;
    c->last_batch++; // the reset takes an id: ids are never reused
    c->delivered = c->last_batch;
    for (size_t i = 0; i < s->job->output_count; i++)
        if (s->job->outputs[i].table && s->job->outputs[i].lake >= 0)
            control_version(c, s->job->outputs[i].name)->changed = true;
    for (size_t i = 0; how != RUN_RESET_KEEP && i < c->version_count; i++)
        c->versions[i] = (struct control_version){c->versions[i].output, c->versions[i].version,
                                                  c->versions[i].changed, .layout = STR("")};
    for (size_t i = 0; i < c->output_count; i++)
        c->outputs[i].left = false; // taken as they are
    gaps_forget(c);
    if (how == RUN_RESET_FROM_NOW)
        reset_tables(s);
    bool wiped = how == RUN_RESET_KEEP ? code_keep_tables(c, s->job, t, e)
                                       : exec_wipe(t, e) && kv_del_prefix(t, KV_TABLE, STR(""), e);
    if (!wiped || !code_store(c, s->job->program, t, e) || !control_store(c, t, e)) {
        kv_abort(t);
        return false;
    }
    return kv_commit(t, e);
}

bool run_reset(const struct job *job, const struct run_env *env, enum run_reset how, struct err *e)
{
    struct session s;
    struct run_report report = {0};
    // Kept positions must be this cluster's.
    bool ok = how == RUN_RESET_KEEP ? session_open(&s, job, env, &report, e)
                                    : session_open_anywhere(&s, job, env, &report, e);
    // What waits in row logs is written whether or not the state fits the SQL.
    s.engine = SESSION_MEMORY;
    ok = ok && run_settle(&s, e) && run_flush_logs(&s, e) && reset_positions(&s, how, e) &&
         reset_store(&s, how, e);
    session_close(&s);
    return ok || err_wrap(e, "resetting job %s", job->name);
}
