#include "jobs/run/deliver.h"
#include "jobs/run/execute_internal.h"

#include "base/hash.h"
#include "jobs/run/code.h"
#include "jobs/run/collect.h"
#include "jobs/run/gaps.h"
#include "jobs/run/letters.h"
#include "jobs/run/redo.h"
#include "jobs/run/stream_rows.h"

#include <assert.h>

enum { DECIDE_MANIFEST_MAX = 256 << 20 };

static void decide_counters(struct execution *x, struct batch_record *r)
{
    size_t n = exec_counter_count(x->s->exec);
    struct batch_counter *c = ARENA_ZARRAY(x->a, struct batch_counter, n + 1);
    for (size_t i = 0; i < n; i++) {
        const struct exec_counters *k = exec_counter(x->s->exec, i);
        c[i] = (struct batch_counter){k->name,           k->rows_in,          k->rows_out,
                                      k->dropped_filter, k->dropped_late,     k->dropped_null_key,
                                      k->dropped_error,  k->dropped_unmatched};
    }
    r->counters = c;
    r->counter_count = n;
}

static enum execute_end decide_positions(struct execution *x, const struct sequence_range *planned,
                                         struct batch_range *ranges, size_t count)
{
    struct control *control = &x->s->control;
    enum execute_end end = EXECUTE_LAST;
    for (size_t i = 0; i < count; i++) {
        const struct batch_range *r = &ranges[i];
        struct control_position *p = control_position(control, r->topic, r->partition);
        assert(p && r->start == p->next);
        p->next = r->end;
        if (x->spec->lake == EXECUTE_DIRECT)
            p->rolled = p->next;
        p->anchored = r->anchored;
        p->anchor_offset = r->anchor_offset;
        p->anchor_timestamp = r->anchor_timestamp;
        p->anchor_hash = r->anchor_hash;
        if (r->end < planned[i].end)
            end = EXECUTE_MORE;
    }
    return end;
}

// digest = hash(plan, code, contents of this output, previous digest): DESIGN section 12.
static uint64_t decide_digest(const struct batch_record *r, struct str plan, uint64_t contents,
                              uint64_t prev)
{
    uint64_t parts[4] = {r->batch, r->code, contents, prev};
    struct hasher h;
    hasher_init(&h);
    hasher_add(&h, plan.p, plan.n);
    hasher_add(&h, parts, sizeof parts);
    return hasher_sum(&h);
}

static uint64_t decide_lake_contents(const struct lake_manifest *m)
{
    struct hasher h;
    hasher_init(&h);
    for (size_t i = 0; i < m->count; i++) {
        hasher_add(&h, m->files[i].path.p, m->files[i].path.n);
        hasher_add(&h, &m->files[i].checksum, sizeof m->files[i].checksum);
    }
    return hasher_sum(&h);
}

static bool decide_lake_record(struct execution *x, struct batch_record *r, struct lake_manifest *m,
                               struct str plan, struct err *e)
{
    struct control_output *o = control_output(&x->s->control, STR("lake"));
    struct buf ranges, text;
    buf_init(&ranges, DECIDE_MANIFEST_MAX);
    buf_init(&text, DECIDE_MANIFEST_MAX);
    if (x->rolled)
        record_ranges_json(&ranges, x->rolled, x->rolled_count);
    else
        record_ranges_json(&ranges, r->ranges, r->range_count);
    m->kind = str_from(batch_kind_name(r->kind));
    m->ranges_json = buf_view(&ranges);
    m->prev_batch = o->batch;
    m->prev_digest = o->digest;
    m->digest = decide_digest(r, plan, decide_lake_contents(m), o->digest);
    lake_manifest_write(&text, m);
    bool ok = buf_ok(&ranges, "the batch's ranges", e) && buf_ok(&text, "the lake manifest", e);
    r->manifest = arena_str(x->a, buf_view(&text));
    r->lake_digest = m->digest;
    r->lake_prev_batch = o->batch;
    r->lake_prev_digest = o->digest;
    o->batch = r->batch;
    o->digest = m->digest;
    x->s->control.lake_batches += lake_manifest_brings_rows(m);
    buf_fini(&ranges);
    buf_fini(&text);
    return ok;
}

static void decide_target_records(struct execution *x, struct batch_record *r, struct str plan)
{
    for (size_t i = 0; i < r->target_count; i++) {
        struct batch_target *t = &r->targets[i];
        struct control_output *o = control_output(&x->s->control, deliver_target_name(x->a, t));
        t->prev_batch = o->batch;
        t->prev_digest = o->digest;
        t->digest = decide_digest(r, plan, t->checksum, o->digest);
        o->batch = r->batch;
        o->digest = t->digest;
        o->whole = o->whole && !t->whole;
        o->stale = o->stale && !t->whole;
        o->left = o->left && !t->whole;
        if (r->kind == BATCH_RESYNC && t->whole)
            gaps_whole(&x->s->control, o);
    }
}

static void decide_topic_records(struct execution *x, struct batch_record *r, struct str plan)
{
    struct control *c = &x->s->control;
    struct hasher h;
    if (r->topic_count == 0)
        return;
    hasher_init(&h);
    for (size_t i = 0; i < r->topic_count; i++) {
        const struct batch_topic *t = &r->topics[i];
        hasher_add(&h, t->topic.p, t->topic.n);
        hasher_add(&h, &t->checksum, sizeof t->checksum);
        control_output(c, x->s->job->topic_outputs[i].name)->batch = r->batch;
    }
    struct control_output *o = control_output(c, STR("topics"));
    r->marker_topic = r->topics[0].topic;
    r->marker_prev_topic = arena_str(x->a, c->marker_topic);
    r->topics_prev_batch = o->batch;
    r->topics_prev_digest = o->digest;
    r->topics_digest = decide_digest(r, plan, hasher_sum(&h), o->digest);
    o->batch = r->batch;
    o->digest = r->topics_digest;
    if (!str_eq(c->marker_topic, r->marker_topic))
        c->marker_topic = arena_str(c->a, r->marker_topic);
}

// The slot's dead letters are all outputs': where some are left out, none of them may go.
static bool decide_letters(const struct execution *x, struct err *e)
{
    const struct execute_replace *how = x->replace;
    bool all = true;
    for (size_t i = 0; how && i < x->s->job->output_count; i++)
        all = all && how->outputs[i];
    if (all || how->slot == 0 || how->rows == EXECUTE_BESIDE || how->source)
        return true;
    return letters_stay(x->a, x->s, how->slot, buf_view(&x->dead.text), e);
}

static bool decide_outputs(struct execution *x, struct batch_record *r, struct err *e)
{
    struct lake_manifest manifest;
    if (!decide_letters(x, e) ||
        !collect_dead_letters(x->collect, x->dead.count, buf_view(&x->dead.text), e) ||
        !collect_late(x->collect, e) || !collect_seal(x->collect, r, &manifest, e) ||
        (x->replace && !redo_splice(&manifest, x->s, x->a, x->replace, e)))
        return false;
    struct buf plan;
    buf_init(&plan, DECIDE_MANIFEST_MAX);
    record_plan_text(&plan, r);
    decide_target_records(x, r, buf_view(&plan));
    decide_topic_records(x, r, buf_view(&plan));
    bool ok = buf_ok(&plan, "the batch's plan", e) &&
              (collect_staged(x->collect) == COLLECT_NOTHING_STAGED ||
               decide_lake_record(x, r, &manifest, buf_view(&plan), e));
    buf_fini(&plan);
    return ok;
}

// What row logs hold now, and from where on.
static void decide_logs(struct execution *x)
{
    struct control *c = &x->s->control;
    uint64_t next =
        x->replace && x->replace->positions == EXECUTE_KEEP ? 0 : sequence_next_number(x->sequence);
    c->next_seq = next > c->next_seq ? next : c->next_seq;
    bool empty = x->spec->lake == EXECUTE_LOG && control_log_rows(c) == 0;
    if (empty || x->spec->lake == EXECUTE_ROLL)
        stream_rows_rolled(c);
}

// Of the partitions that the batch does not move: heads keep them for recovery.
static void decide_idle(struct execution *x, struct batch_record *r)
{
    const struct control *c = &x->s->control;
    bool moves = !x->replace || x->replace->positions == EXECUTE_FOLLOW;
    r->positions = ARENA_ZARRAY(x->a, struct batch_position, c->position_count + 1);
    for (size_t i = 0; i < c->position_count; i++) {
        const struct control_position *p = &c->positions[i];
        bool ranged = false;
        for (size_t k = 0; moves && !ranged && k < r->range_count; k++)
            ranged = r->ranges[k].partition == p->partition && str_eq(r->ranges[k].topic, p->topic);
        if (!ranged)
            r->positions[r->position_count++] =
                (struct batch_position){arena_str(x->a, p->topic), p->partition, p->next};
    }
}

// Positions, operator state, tables: what a backfill leaves alone.
static bool decide_state(struct execution *x, struct kv_txn *t,
                         const struct sequence_range *planned, const struct batch_record *r,
                         enum execute_end *end, struct err *e)
{
    struct session *s = x->s;
    *end = EXECUTE_LAST;
    if (x->replace ? x->replace->positions == EXECUTE_KEEP : s->engine == SESSION_MEMORY)
        return true;
    if (!x->replace || x->replace->positions == EXECUTE_FOLLOW)
        *end = decide_positions(x, planned, r->ranges, r->range_count);
    if (x->replace)
        *end = x->replace->end;
    bool now = x->spec->snapshot == EXECUTE_SNAPSHOT_NOW ||
               (x->spec->snapshot == EXECUTE_SNAPSHOT_LAST && *end == EXECUTE_LAST);
    enum collect_snapshot how = now ? COLLECT_SNAPSHOT : COLLECT_NO_SNAPSHOT;
    if (now)
        s->control.snapshot_ms = r->now_ms;
    s->control.code = r->code;
    s->control.cluster = s->cluster;
    gaps_moved(&s->control, s->job, r->batch, s->report);
    // Forgotten first: what the operators of today save stays.
    return code_store(&s->control, s->job->program, t, e) &&
           code_leave(&s->control, s->job, t, e) && exec_save(s->exec, t, e) &&
           collect_tables(x->collect, t, &s->control, how, e);
}

// The barrier over staged files and spools (collect_seal) is inside the transaction, before its commit.
bool execute_decide(struct execution *x, const struct sequence_range *planned,
                    struct batch_record *r, enum execute_end *end, struct err *e)
{
    struct session *s = x->s;
    struct kv_txn *t;
    session_progress(s, RUN_DECIDING, x->batch, x->sequence ? sequence_records(x->sequence) : 0, 0);
    if (!kv_begin_write(&t, s->kv, e))
        return false;
    decide_counters(x, r);
    bool ok = decide_state(x, t, planned, r, end, e);
    decide_idle(x, r);
    ok = ok && decide_outputs(x, r, e);
    if (ok) {
        struct control *c = &s->control;
        decide_logs(x);
        c->delivered = c->last_batch; // lockstep: the batch before this one is out
        c->last_batch = r->batch;
        c->last_run = s->run;
        c->now_ms = r->now_ms;
        if (r->slot && r->kind != BATCH_REPLAY)
            control_redo_step(c);
        else if (r->kind == BATCH_RESYNC && str_eq(c->redo.kind, STR("resync")))
            c->redo = (struct control_redo){.kind = STR("")};
        if (r->kind == BATCH_REPLAY)
            gaps_late(c, s->job, r->slot);
        ok = (r->kind != BATCH_BACKFILL ||
              gaps_filled(c, s->job, x->replace->outputs, r->slot, t, e)) &&
             control_put_record(t, r, e) && history_forget_batches(t, s, e) &&
             control_store(c, t, e) && history_put(t, s, "running", NULL, e);
    }
    if (!ok) {
        kv_abort(t);
        return false;
    }
    return kv_commit(t, e);
}
