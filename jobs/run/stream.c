// The endless run: the same batches as a bounded one, only that plans are made for ever, rows of streams for the lake collect in row logs,
// and failures that pass are lived through (DESIGN sections 1 and 5).
#include "jobs/run/behind.h"
#include "jobs/run/run.h"

#include "base/durable.h"
#include "jobs/run/execute.h"
#include "jobs/run/compact.h"
#include "jobs/run/expire.h"
#include "jobs/run/resync.h"
#include "jobs/run/stream_rows.h"

#include <assert.h>

enum {
    STREAM_WAIT_MS = 250,   // cancellation is looked at this often
    STREAM_PLAN_MS = 10000, // an idle run asks for new partitions this often
    STREAM_ASK_MS = 100,    // of a source that cannot wait
    STREAM_BACKOFF_MS = 500,
    STREAM_BACKOFF_MAX_MS = 30000,
    // A topic that was deleted, made anew and grown past our position between two plans looks as it did. Within this time it is not thought
    // to; after a longer one the next batch begins with the anchors.
    STREAM_TRUST_MS = 2000,
    STREAM_DEAD_MS = 3600000, // limits of dead letters count over this long
};

struct stream {
    struct session s;
    const struct job *job;
    const struct run_env *env;
    int64_t
        fresh_since;    // monotonic: the first plan with something new that was not read; -1 = none
    int64_t dead_since; // batch clock
    int64_t planned_ms; // monotonic: the last plan
    bool compare;       // nobody looked for a while since the last batch, or a log begins earlier
    int64_t *starts;    // log starts of the last plan
    size_t start_count;
};

static bool stream_cancelled(const struct run_env *env)
{
    return env->cancel && atomic_load(env->cancel);
}

static int64_t stream_mono(const struct run_env *env)
{
    return env->clock.mono_ms(env->clock.arg);
}

static void stream_sleep(const struct run_env *env, int64_t ms)
{
    int64_t until = stream_mono(env) + ms;
    while (!stream_cancelled(env) && stream_mono(env) < until) {
        int64_t left = until - stream_mono(env);
        env->clock.sleep_ms(env->clock.arg, left < STREAM_WAIT_MS ? left : STREAM_WAIT_MS);
    }
}

// What the next batch will call now.
static int64_t stream_now(const struct stream *x)
{
    int64_t wall = x->env->clock.now_ms(x->env->clock.arg);
    return wall > x->s.control.now_ms ? wall : x->s.control.now_ms;
}

// --- what is due -----------------------------------------------------------------------------------------------------

// Numbers of rows that wait in the logs say the partition's place among all: another partition begins new logs.
static bool stream_partitions_changed(const struct stream *x)
{
    return control_log_rows(&x->s.control) > 0 && x->s.control.roll_places != x->s.partition_count;
}

static bool stream_roll_due(const struct stream *x)
{
    return stream_rows_due(x->job, &x->s.control, stream_now(x)) || stream_partitions_changed(x);
}

static bool stream_snapshot_due(const struct stream *x)
{
    const struct control *c = &x->s.control;
    bool changed = false;
    for (size_t i = 0; i < c->version_count; i++)
        changed = changed || c->versions[i].changed;
    return changed && stream_now(x) - c->snapshot_ms >= x->job->stream.snapshot_ms;
}

// Until a roll or a snapshot may be due by age.
static int64_t stream_until_due(const struct stream *x)
{
    const struct control *c = &x->s.control;
    int64_t now = stream_now(x), least = STREAM_PLAN_MS;
    for (size_t i = 0; i < c->log_count; i++) {
        int64_t left = c->logs[i].since_ms + x->job->stream.roll_ms - now;
        if (c->logs[i].rows > 0 && left < least)
            least = left;
    }
    for (size_t i = 0; i < c->version_count; i++) {
        int64_t left = c->snapshot_ms + x->job->stream.snapshot_ms - now;
        if (c->versions[i].changed && left < least)
            least = left;
    }
    return least > 0 ? least : 0;
}

// `align`: every partition has something new, or one of them for long enough.
static bool stream_aligned(struct stream *x)
{
    const struct session *s = &x->s;
    int64_t now = stream_mono(x->env);
    bool all = true;
    for (size_t i = 0; i < s->partition_count; i++) {
        const struct source_partition *p = &s->partitions[i];
        const struct control_position *at =
            control_position(&s->control, s->job->topics[p->topic], p->partition);
        all = all && at && at->next < p->end;
    }
    if (x->fresh_since < 0)
        x->fresh_since = now;
    return all || now - x->fresh_since >= x->job->stream.align_ms;
}

// --- one batch -------------------------------------------------------------------------------------------------------

static bool stream_roll(struct stream *x, struct err *e)
{
    return run_flush_logs(&x->s, e) && expire_due(&x->s, e) && compact_due(&x->s, e);
}

static bool stream_snapshot(struct stream *x, struct err *e)
{
    static const struct execute_spec snapshot = {.kind = BATCH_ROLL,
                                                 .snapshot = EXECUTE_SNAPSHOT_NOW};
    enum execute_end end;
    return run_batch(&x->s, &snapshot, &end, e);
}

static bool stream_forward(struct stream *x, struct err *e)
{
    const struct execute_spec forward = {.kind = BATCH_FORWARD,
                                         .lake = EXECUTE_LOG,
                                         .snapshot = EXECUTE_SNAPSHOT_NONE,
                                         .anchors = x->compare ? EXECUTE_COMPARE : EXECUTE_GO_ON};
    struct session *s = &x->s;
    enum execute_end end;
    int64_t began = stream_mono(x->env);
    uint64_t before = plan_remaining(s);
    if (stream_now(x) - x->dead_since >= STREAM_DEAD_MS) {
        x->dead_since = stream_now(x);
        s->dead = s->report->dead;
        s->records = s->report->records;
    }
    x->fresh_since = -1;
    // Nothing waits: the numbers of what comes are counted from here.
    for (size_t i = 0; control_log_rows(&s->control) == 0 && i < s->control.position_count; i++)
        s->control.positions[i].rolled = s->control.positions[i].next;
    if (!run_batch(s, &forward, &end, e))
        return false;
    x->compare = false;
    if (plan_remaining(s) >= before && !stream_cancelled(x->env))
        return err_fail(e, ERR_LIMIT,
                        "a batch made no progress: its limits are too small for one record");
    if (end == EXECUTE_LAST)
        stream_sleep(x->env, began + x->job->stream.commit_ms - stream_mono(x->env));
    return true;
}

// --- waiting ---------------------------------------------------------------------------------------------------------

static bool stream_wait(struct stream *x, int64_t ms, struct err *e)
{
    struct session *s = &x->s;
    const struct source_type *type = s->source->type;
    int64_t until = stream_mono(x->env) + ms;
    if (!type->wait) {
        stream_sleep(x->env, ms < STREAM_ASK_MS ? ms : STREAM_ASK_MS);
        return true;
    }
    struct source_range *r = ARENA_ZARRAY(s->planned, struct source_range, s->partition_count + 1);
    for (size_t i = 0; i < s->partition_count; i++) {
        const struct source_partition *p = &s->partitions[i];
        const struct control_position *at =
            control_position(&s->control, s->job->topics[p->topic], p->partition);
        r[i] = (struct source_range){p->topic, p->partition, at->next, at->next, at->next};
    }
    while (!stream_cancelled(x->env) && stream_mono(x->env) < until) {
        int64_t left = until - stream_mono(x->env);
        switch (type->wait(s->source, r, s->partition_count,
                           left < STREAM_WAIT_MS ? left : STREAM_WAIT_MS, e)) {
        case SOURCE_READY:
            return true;
        case SOURCE_QUIET:
            if (!run_idle(s, e))
                return false;
            break;
        case SOURCE_WAIT_FAILED:
            return false;
        }
    }
    return true;
}

// Something new is there, but partitions are behind: a short pause, not the source's wait, which would return at once.
static bool stream_wait_aligned(struct stream *x)
{
    if (plan_remaining(&x->s) == 0 || stream_aligned(x))
        return false;
    stream_sleep(x->env, STREAM_ASK_MS);
    return true;
}

// A log that retention had cut and that begins earlier now is another one.
static void stream_starts(struct stream *x)
{
    const struct session *s = &x->s;
    bool same = x->start_count == s->partition_count;
    if (!same)
        x->starts = ARENA_ZARRAY(s->a, int64_t, s->partition_count + 1);
    for (size_t i = 0; i < s->partition_count; i++) {
        x->compare = x->compare || (same && s->partitions[i].log_start < x->starts[i]);
        x->starts[i] = s->partitions[i].log_start;
    }
    x->start_count = s->partition_count;
}

static bool stream_plan(struct stream *x, struct err *e)
{
    const int64_t now = stream_mono(x->env);
    x->compare = x->compare || now - x->planned_ms > STREAM_TRUST_MS;
    x->planned_ms = now;
    if (!plan_freeze(&x->s, e))
        return false;
    stream_starts(x);
    return true;
}

static bool stream_step(struct stream *x, struct err *e)
{
    if (!stream_plan(x, e))
        return false;
    if (stream_roll_due(x))
        return stream_roll(x, e);
    if (stream_snapshot_due(x))
        return stream_snapshot(x, e);
    if (stream_wait_aligned(x))
        return true;
    if (plan_remaining(&x->s) > 0)
        return stream_forward(x, e);
    session_progress(&x->s, RUN_WAITING, x->s.control.last_batch, 0, 0);
    return stream_wait(x, stream_until_due(x), e);
}

// --- sessions --------------------------------------------------------------------------------------------------------

static bool stream_open(struct stream *x, struct err *e)
{
    struct session *s = &x->s;
    struct durable *d = x->env->durable;
    s->mode = SESSION_ENDLESS;
    return stream_rows_check(x->job, &s->control, e) &&
           durable_mkdirs(d, "rowlog.mkdir", s->log_dir, 0700, e) &&
           durable_fsync_dir(d, "rowlog.dir", x->job->state_dir, e) &&
           rowlog_clean(s->log_dir, &s->control, d, e);
}

// Before it ends: all that waits for the lake is written, so that nothing depends on whether and how the job goes on.
static bool stream_finish(struct stream *x, struct err *e)
{
    static const struct execute_spec last = {
        .kind = BATCH_ROLL, .lake = EXECUTE_ROLL, .snapshot = EXECUTE_SNAPSHOT_NOW};
    struct control *c = &x->s.control;
    bool changed = control_log_rows(c) > 0;
    enum execute_end end;
    for (size_t i = 0; i < c->version_count; i++)
        changed = changed || c->versions[i].changed;
    return (!changed || run_batch(&x->s, &last, &end, e)) &&
           rowlog_clean(x->s.log_dir, c, x->env->durable, e) && expire_due(&x->s, e) &&
           compact_due(&x->s, e) && behind_catch_up(&x->s, BEHIND_TRY, e) && run_done(&x->s, e);
}

static bool stream_steps(struct stream *x, struct err *e)
{
    while (!stream_cancelled(x->env))
        if (!stream_step(x, e))
            return false;
    return true;
}

// Asked to stop while a batch was being read: it was not decided, and nothing of it is kept.
static bool stream_stopped(struct stream *x, struct err *e)
{
    if (e->kind != ERR_CANCELLED || !stream_cancelled(x->env) || durable_dead(x->env->durable))
        return false;
    err_clear(e);
    return session_reload_control(&x->s, e);
}

static void stream_add(struct run_report *out, const struct run_report *r)
{
    out->run = r->run;
    out->batch_first = out->batch_first ? out->batch_first : r->batch_first;
    out->batch_last = r->batch_last ? r->batch_last : out->batch_last;
    out->batches += r->batches;
    out->redelivered += r->redelivered;
    out->records += r->records;
    out->bytes += r->bytes;
    out->dead += r->dead;
    out->lost += r->lost;
    out->late += r->late;
    out->late_partition += r->late_partition;
    out->lake_files += r->lake_files;
    out->lake_rows += r->lake_rows;
    out->warehouse_rows += r->warehouse_rows;
    out->rejected += r->rejected;
    out->topic_rows += r->topic_rows;
    if (r->notice[0])
        memcpy(out->notice, r->notice, sizeof out->notice);
    out->behind = r->behind;
    memcpy(out->offsets_error, r->offsets_error, sizeof out->offsets_error);
}

// One connection to everything, until it fails or is cancelled.
static bool stream_session(struct run_report *out, const struct job *job, const struct run_env *env,
                           struct err *e)
{
    struct stream x = {.job = job, .env = env, .fresh_since = -1};
    struct run_report report = {0};
    bool ok = session_open(&x.s, job, env, &report, e) && run_settle_lagging(&x.s, e) &&
              run_recovered(&x.s, e) && resync_missing(&x.s, e) && stream_open(&x, e) &&
              (stream_steps(&x, e) || stream_stopped(&x, e)) && stream_finish(&x, e);
    if (!ok)
        run_failed(&x.s, e);
    stream_add(out, &report);
    session_close(&x.s);
    return ok;
}

static bool stream_passes(const struct run_env *env, const struct err *e)
{
    return e->kind == ERR_REMOTE && e->remedy != REMEDY_FATAL && !durable_dead(env->durable) &&
           !stream_cancelled(env);
}

bool run_stream(struct run_report *out, const struct job *job, const struct run_env *env,
                struct err *e)
{
    assert(job && env && env->durable && env->source);
    *out = (struct run_report){0};
    int64_t wait = STREAM_BACKOFF_MS;
    for (;;) {
        uint64_t batches = out->batches;
        if (stream_session(out, job, env, e))
            return true;
        if (!stream_passes(env, e))
            return err_wrap(e, "job %s", job->name);
        // It has worked in between: the next trouble is a new one.
        if (out->batches > batches)
            wait = STREAM_BACKOFF_MS;
        if (env->trouble)
            env->trouble(env->trouble_arg, e, wait);
        stream_sleep(env, wait);
        if (stream_cancelled(env))
            return err_wrap(e, "job %s", job->name);
        wait = wait * 2 < STREAM_BACKOFF_MAX_MS ? wait * 2 : STREAM_BACKOFF_MAX_MS;
    }
}
