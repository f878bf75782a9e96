#include "jobs/run/resync.h"

#include "jobs/run/backfill.h"
#include "jobs/run/behind.h"
#include "jobs/run/code.h"
#include "jobs/run/collect.h"
#include "jobs/run/content.h"
#include "jobs/run/redo.h"
#include "jobs/run/skip.h"

#include <assert.h>

static const struct str resync_kind = {"resync", 6};

// WHOLE: what else stands in the table goes.
enum resync_rows { RESYNC_WHOLE, RESYNC_PUT };

struct resync {
    struct session *s;
    struct redo redo; // its outputs: the streams
    struct str name;  // "" = what is behind
    enum resync_sql sql;
    bool *targets; // by job.targets: all that are meant …
    bool *written; // … and those that are written whole, by job.targets and by job.outputs
    bool *tables;
    size_t table_count, stream_count; // targets
};

// --- which tables ----------------------------------------------------------------------------------------------------

// A resync that was cut short had chosen it: what we believe of it is no news any more.
static bool resync_owed(const struct control *c, struct str target)
{
    for (size_t i = 1; str_eq(c->redo.kind, resync_kind) && i < c->redo.output_count; i++)
        if (str_eq(c->redo.outputs[i], target))
            return true;
    return false;
}

// From here on what the store holds is what we believe it holds.
static bool resync_head(struct resync *r, size_t target, struct err *e)
{
    struct session *s = r->s;
    const struct job_target *t = &s->job->targets[target];
    struct control_output *ours = control_output(&s->control, t->name);
    struct sink *sink = NULL;
    struct head h;
    if (r->name.n && !skip_means(r->name, s->job->outputs[t->output].name, t->name))
        return true;
    s->creates_again = true; // its head says batch 0 then: behind
    bool connected = heads_sink(&sink, s, target, e);
    s->creates_again = false;
    if (!connected)
        return false;
    assert(sink);
    if (!sink->type->head(sink, &h, e))
        return err_wrap(e, "output %.*s", STR_ARG(t->name));
    if (h.batch > s->control.last_batch)
        return heads_fenced(t->name, h.batch, h.digest, ours->batch, ours->digest, e);
    if (!r->name.n && !resync_owed(&s->control, t->name) && h.batch >= ours->batch &&
        code_lacks(&s->control, s->job, target) == CODE_WHOLE)
        return true;
    r->targets[target] = true;
    ours->batch = h.batch;
    ours->digest = h.digest;
    return true;
}

static bool resync_choose(struct resync *r, struct err *e)
{
    const struct job *job = r->s->job;
    for (size_t i = 0; i < job->target_count; i++) {
        if (!resync_head(r, i, e))
            return false;
        size_t output = job->targets[i].output;
        if (r->targets[i] && (job->outputs[output].table || job->targets[i].key)) {
            r->tables[output] = r->written[i] = true;
            r->table_count++;
        } else if (r->targets[i]) {
            r->redo.outputs[output] = true;
            r->stream_count++;
        }
    }
    if (r->table_count + r->stream_count > 0 || !r->name.n)
        return true;
    err_fail(e, ERR_CONFIG, "job %s writes no output %.*s to a warehouse", job->name,
             STR_ARG(r->name));
    return err_hint(e, "sluice job show %s lists outputs and tables", job->name);
}

static bool resync_means(const void *arg, struct str output, struct str target)
{
    const struct resync *r = arg;
    (void)output;
    for (size_t i = 0; i < r->s->job->target_count; i++)
        if (r->targets[i] && str_eq(r->s->job->targets[i].name, target))
            return true;
    return false;
}

// --- tables, and streams that are put by key -------------------------------------------------------------------------

struct resync_feed {
    size_t output; // in the program
    struct collect *collect;
};

static bool resync_block(void *arg, const struct block *b, struct err *e)
{
    const struct resync_feed *f = arg;
    return collect_emit(f->collect, f->output, b, e);
}

static bool resync_stored(struct resync *r, struct collect *c, struct err *e)
{
    const struct job *job = r->s->job;
    for (size_t i = 0; i < job->output_count; i++) {
        struct resync_feed f = {job->outputs[i].index, c};
        if (r->tables[i] && !content_scan(r->s, i, resync_block, &f, e))
            return false;
    }
    return true;
}

static bool resync_is_stored(const struct resync *r)
{
    bool stored = true;
    for (size_t i = 0; i < r->s->job->output_count; i++)
        stored = stored && (!r->tables[i] || content_stored(r->s, i));
    return stored;
}

static bool resync_feed(void *arg, struct collect *c, struct err *e)
{
    struct resync *r = arg;
    return resync_is_stored(r) ? resync_stored(r, c, e) : content_replay(&r->redo, NULL, NULL, e);
}

static bool resync_table(struct resync *r, enum resync_rows rows, struct err *e)
{
    struct session *s = r->s;
    struct arena *a = arena_new(s->a);
    struct batch_record record;
    enum execute_end end;
    const struct execute_replace how = {
        .outputs = r->tables,
        .targets = r->written,
        .tables = rows == RESYNC_WHOLE ? EXECUTE_WHOLE : EXECUTE_ROWS,
        .feed = resync_feed,
        .feed_arg = r,
        .positions = EXECUTE_KEEP,
    };
    s->engine = SESSION_MEMORY;
    bool ok =
        execute_batch(&record, &end, s,
                      &(struct execute_spec){.kind = BATCH_RESYNC, .a = a, .replace = &how}, e) &&
        run_deliver(s, &record, e);
    arena_free(a);
    return ok;
}

// --- streams ---------------------------------------------------------------------------------------------------------

static bool resync_slots(struct resync *r, struct control_redo *redo, struct err *e)
{
    struct control *c = &r->s->control;
    struct arena *a = arena_new(r->redo.a);
    struct kv_txn *t = NULL;
    bool ok = content_complete(r->s, e) && kv_begin_read(&t, r->s->kv, e);
    redo->slots = ARENA_ZARRAY(c->a, uint64_t, c->last_batch + 1);
    for (uint64_t id = c->since + 1; ok && id <= c->last_batch; id++) {
        struct redo_slot slot;
        arena_reset(a);
        enum kv_found found = redo_find(&slot, &r->redo, a, t, id, e);
        ok = found == KV_ABSENT || (found == KV_FOUND && redo_readable(&r->redo, &slot, e));
        if (found == KV_FOUND)
            redo->slots[redo->count++] = id;
    }
    kv_abort(t);
    arena_free(a);
    return ok;
}

// The batches of streams are executed again afterwards: from now on they are a backfill of these outputs, which may be continued.
static bool resync_streams(struct control_redo *out, struct resync *r, struct err *e)
{
    struct control *c = &r->s->control;
    const struct job *job = r->s->job;
    struct control_redo redo = {.kind = str_from(batch_kind_name(BATCH_BACKFILL))};
    redo.outputs = ARENA_ZARRAY(c->a, struct str, job->output_count + 1);
    for (size_t i = 0; i < job->output_count; i++) {
        if (!r->redo.outputs[i])
            continue;
        redo.outputs[redo.output_count++] = job->outputs[i].name;
        if (!redo_replaceable(&r->redo, i, e))
            return err_wrap(e, "its rows cannot be made again");
    }
    if (!resync_slots(r, &redo, e))
        return err_wrap(e, "appended rows cannot be made again");
    *out = redo.count > 0 ? redo : (struct control_redo){.kind = STR("")};
    return true;
}

static bool resync_begin(struct resync *r, struct err *e)
{
    struct kv_txn *t;
    if (!kv_begin_write(&t, r->s->kv, e))
        return false;
    if (control_store(&r->s->control, t, e))
        return kv_commit(t, e);
    kv_abort(t);
    return false;
}

// --- by which SQL ----------------------------------------------------------------------------------------------------

// Executed again, these tables would not be what they were, nor what their stores hold of them elsewhere.
static bool resync_as_written(const struct resync *r, struct err *e)
{
    struct session *s = r->s;
    const struct job *job = s->job;
    struct str why = STR("");
    size_t target = 0;
    if (r->table_count == 0 || resync_is_stored(r))
        return true;
    if (!content_complete(s, e))
        return false;
    for (size_t i = 0; r->sql == RESYNC_AS_WRITTEN && why.n == 0 && i < job->target_count; i++) {
        target = i;
        if (r->written[i] &&
            !(job->targets[i].key ? content_put_repeatable(&why, &r->redo, s->a, i, e)
                                  : content_repeatable(&why, s, s->a, e)))
            return false;
    }
    if (why.n == 0)
        return true;
    err_fail(e, ERR_CONFIG, "table output %.*s would not get the rows that it had: %.*s",
             STR_ARG(job->outputs[job->targets[target].output].name), STR_ARG(why));
    return err_hint(e,
                    "restore the SQL of then and call it again; or --todays-sql writes the table "
                    "by the SQL of now; or job reset %s --rebuild makes all outputs of what the "
                    "topics hold",
                    job->name);
}

// --- the whole -------------------------------------------------------------------------------------------------------

// Stored with whatever is stored next: until the rows are decided no run may go on as if they were there.
// Whose they are: the name that was given, then the tables.
static void resync_owe(const struct resync *r)
{
    const struct job *job = r->s->job;
    struct control *c = &r->s->control;
    struct control_redo owed = {.kind = resync_kind, .output_count = 1};
    owed.outputs = ARENA_ZARRAY(c->a, struct str, job->target_count + 1);
    owed.outputs[0] = arena_str(c->a, r->name);
    for (size_t i = 0; i < job->target_count; i++)
        if (r->targets[i])
            owed.outputs[owed.output_count++] = arena_str(c->a, job->targets[i].name);
    c->redo = owed;
}

static bool resync_ready(const struct resync *r, struct err *e)
{
    const struct session *s = r->s;
    const struct control_redo *pending = &s->control.redo;
    bool ours = str_eq(pending->kind, resync_kind) && str_eq(pending->outputs[0], r->name);
    if (s->control.last_batch == 0)
        return err_fail(e, ERR_CONFIG, "job %s has not run yet: there is nothing to bring back",
                        s->job->name);
    if (pending->kind.n == 0 || ours)
        return true;
    err_fail(e, ERR_CONFIG, "a %.*s of job %s is not finished", STR_ARG(pending->kind),
             s->job->name);
    return err_hint(e, "sluice job %.*s %s goes on with it", STR_ARG(pending->kind), s->job->name);
}

// One that was begun and finds everything there: another one, or what waited, brought it.
static bool resync_nothing(struct resync *r, struct err *e)
{
    struct control *c = &r->s->control;
    if (!str_eq(c->redo.kind, resync_kind))
        return true;
    c->redo = (struct control_redo){.kind = STR("")};
    return resync_begin(r, e);
}

// Tables that are not meant must have everything, or a job that goes on without them would stop.
static bool resync_others(const struct resync *r, struct err *e)
{
    const struct control *c = &r->s->control;
    for (size_t i = 0; r->table_count + r->stream_count > 0 && i < c->output_count; i++) {
        const struct control_output *o = &c->outputs[i];
        if (!o->behind || str_eq(o->name, STR("topics")) || resync_means(r, STR(""), o->name))
            continue;
        err_fail(e, ERR_BEHIND, "%.*s, which is not meant, is behind the other outputs: %s",
                 STR_ARG(o->name), o->behind_why);
        return err_hint(e,
                        "sluice job deliver %s says what is in its way; --skip gives its rows up",
                        r->s->job->name);
    }
    return true;
}

static bool resync_run(struct resync *r, struct err *e)
{
    struct session *s = r->s;
    struct skipped waiting;
    struct control_redo streams = {.kind = STR("")};
    r->targets = ARENA_ZARRAY(s->a, bool, s->job->target_count + 1);
    r->written = ARENA_ZARRAY(s->a, bool, s->job->target_count + 1);
    r->tables = ARENA_ZARRAY(s->a, bool, s->job->output_count + 1);
    s->asks = true;
    // What only has to be delivered is not made again; but nothing comes before the lake has a decided batch.
    bool settled = s->control.delivered == s->control.last_batch;
    if (!resync_ready(r, e) || (settled && !behind_catch_up(s, BEHIND_WILLING, e)) ||
        !redo_open(&r->redo, s, e) || !resync_choose(r, e) || !resync_others(r, e) ||
        !resync_as_written(r, e) || (r->stream_count > 0 && !resync_streams(&streams, r, e)))
        return false;
    s->asks = false;
    if (r->table_count + r->stream_count == 0)
        return run_settle(s, e) && resync_nothing(r, e);
    resync_owe(r);
    // What waits for these tables is in the rows that come: it is left out.
    if (skip_decided(&waiting, s, resync_means, r, SKIP_SILENTLY, e) == KV_FAILED ||
        !run_settle(s, e))
        return false;
    if (r->stream_count > 0)
        s->control.redo = streams;
    return r->table_count > 0 ? resync_table(r, RESYNC_WHOLE, e) && run_done(s, e)
                              : resync_begin(r, e);
}

bool resync_whole(const struct redo *r, bool *outputs, bool *targets, struct err *e)
{
    struct resync x = {
        .s = r->s, .redo = *r, .name = STR(""), .tables = outputs, .written = targets};
    session_stop(r->s);
    bool ok = resync_table(&x, RESYNC_WHOLE, e);
    session_stop(r->s);
    return ok;
}

bool run_resync(struct run_report *out, const struct job *job, const struct run_env *env,
                struct str output, enum resync_sql sql, struct err *e)
{
    struct session s;
    struct resync r = {.s = &s, .name = output, .sql = sql};
    *out = (struct run_report){0};
    bool ok = session_open(&s, job, env, out, e) && resync_run(&r, e);
    if (!ok)
        run_failed(&s, e);
    session_close(&s);
    struct run_report streams = {0};
    const struct backfill_spec pending = {.by = BACKFILL_PENDING};
    if (ok && r.stream_count > 0)
        ok = run_backfill(&streams, job, env, &pending, e);
    out->batches += streams.batches;
    out->warehouse_rows += streams.warehouse_rows;
    out->batch_last = streams.batch_last ? streams.batch_last : out->batch_last;
    return ok || err_wrap(e, "resync of job %s", job->name);
}

// --- before a run goes on --------------------------------------------------------------------------------------------

// A store or the lake holds the output's rows already, of batches as they were executed.
static bool resync_held(const struct session *s, size_t output, enum code_lack lack)
{
    bool held = content_stored(s, output);
    for (size_t i = 0; i < s->job->target_count; i++)
        held = held ||
               (s->job->targets[i].output == output && code_lacks(&s->control, s->job, i) != lack);
    return held;
}

// Batches that are executed again by other SQL than theirs would give a second warehouse other rows than the first has.
static bool resync_same_rows(struct resync *r, enum code_lack lack, struct err *e)
{
    struct session *s = r->s;
    const struct job *job = s->job;
    struct str why = STR("");
    size_t held = job->output_count;
    for (size_t i = 0; i < job->output_count; i++)
        if (r->tables[i] && resync_held(s, i, lack))
            held = i;
    if (resync_is_stored(r) || held == job->output_count)
        return true;
    if (!content_repeatable(&why, s, s->a, e))
        return false;
    if (why.n == 0)
        return true;
    err_fail(e, ERR_CONFIG, "its rows would differ from those that %.*s has elsewhere: %.*s",
             STR_ARG(job->outputs[held].name), STR_ARG(why));
    return err_hint(e,
                    "job reset %s --rebuild makes all outputs of what the topics hold; or take it "
                    "out again",
                    job->name);
}

static bool resync_lacking(struct resync *r, enum code_lack lack, struct err *e)
{
    struct session *s = r->s;
    struct str first = STR_NONE;
    memset(r->written, 0, s->job->target_count * sizeof *r->written);
    memset(r->tables, 0, s->job->output_count * sizeof *r->tables);
    for (size_t i = 0; i < s->job->target_count; i++) {
        if (code_lacks(&s->control, s->job, i) != lack)
            continue;
        r->tables[s->job->targets[i].output] = r->written[i] = true;
        first = first.p ? first : s->job->targets[i].name;
    }
    // Rows that were there before the job's first batch are not its own.
    if (!first.p || (session_check(s, e) && resync_same_rows(r, lack, e) &&
                     (r->redo.s || redo_open(&r->redo, s, e)) &&
                     resync_table(r, lack == CODE_ADDED ? RESYNC_PUT : RESYNC_WHOLE, e)))
        return true;
    err_wrap(e, "filling table output %.*s, which %s", STR_ARG(first),
             lack == CODE_ADDED ? "was added to the job" : "came back into the job");
    return e->kind != ERR_DATA ? false
                               : err_hint(e,
                                          "take it out again; or job reset %s --rebuild makes "
                                          "all outputs of what the topics hold",
                                          s->job->name);
}

bool resync_missing(struct session *s, struct err *e)
{
    struct resync r = {.s = s, .name = STR("")};
    r.written = ARENA_ZARRAY(s->a, bool, s->job->target_count + 1);
    r.tables = ARENA_ZARRAY(s->a, bool, s->job->output_count + 1);
    if (!resync_lacking(&r, CODE_ADDED, e))
        return false;
    session_stop(s); // it replays with an engine that is empty
    if (!resync_lacking(&r, CODE_LEFT, e))
        return false;
    session_stop(s);
    return true;
}
