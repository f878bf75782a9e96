#include "jobs/run/upkeep.h"

#include "base/hash.h"

#include <assert.h>

enum { UPKEEP_TEXT_MAX = 256 << 20 };

int64_t upkeep_now(const struct session *s)
{
    const struct clock *c = &s->env->clock;
    int64_t wall = c->now_ms(c->arg);
    return wall > s->control.now_ms ? wall : s->control.now_ms;
}

uint64_t upkeep_next(const struct session *s)
{
    return s->control.last_batch + 1;
}

// --- outputs ---------------------------------------------------------------------------------------------------------

bool upkeep_takes(const struct job_output *o, struct str output)
{
    return o->lake >= 0 && (output.n == 0 || str_eq_nocase(o->name, output));
}

bool upkeep_check(const struct job *job, struct str output, struct err *e)
{
    if (!job->lake_root)
        return err_fail(e, ERR_CONFIG, "job %s writes nothing to a lake", job->name);
    for (size_t i = 0; i < job->output_count; i++)
        if (output.n == 0 || upkeep_takes(&job->outputs[i], output))
            return true;
    err_fail(e, ERR_CONFIG, "job %s writes no output %.*s to the lake", job->name, STR_ARG(output));
    return err_hint(e, "sluice job show %s lists them", job->name);
}

const struct lake_ls_output *upkeep_held(const struct lake_ls *ls, const struct job *job,
                                         const struct lake_output *o)
{
    for (size_t i = 0; i < ls->output_count; i++) {
        const struct lake_ls_output *held = &ls->outputs[i];
        if (held->kind == o->kind && str_eq(held->name, o->name) &&
            str_eq(held->job, str_from(job->name)))
            return held;
    }
    return NULL;
}

// --- the batch -------------------------------------------------------------------------------------------------------

// Where the job stands: the batch is the lake's head now, and recovery reads positions there.
static void upkeep_positions(const struct session *s, struct arena *a, struct batch_record *r,
                             struct buf *ranges)
{
    const struct control *c = &s->control;
    struct batch_range *v = ARENA_ZARRAY(a, struct batch_range, c->position_count + 1);
    r->positions = ARENA_ZARRAY(a, struct batch_position, c->position_count + 1);
    for (size_t i = 0; i < c->position_count; i++) {
        const struct control_position *p = &c->positions[i];
        r->positions[r->position_count++] =
            (struct batch_position){arena_str(a, p->topic), p->partition, p->next};
        v[i] = (struct batch_range){
            .topic = p->topic,
            .partition = p->partition,
            .start = p->next,
            .end = p->next,
            .anchored = p->anchored,
            .anchor_offset = p->anchor_offset,
            .anchor_timestamp = p->anchor_timestamp,
            .anchor_hash = p->anchor_hash,
        };
    }
    record_ranges_json(ranges, v, c->position_count);
}

static void upkeep_hash(struct hasher *h, const struct lake_file *files, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        hasher_add(h, files[i].path.p, files[i].path.n);
        hasher_add(h, &files[i].checksum, sizeof files[i].checksum);
    }
}

static uint64_t upkeep_digest(const struct upkeep *u, const struct batch_record *r, uint64_t prev)
{
    uint64_t parts[3] = {r->batch, r->code, prev};
    struct hasher h;
    hasher_init(&h);
    hasher_add(&h, parts, sizeof parts);
    upkeep_hash(&h, u->replaced, u->replaced_count);
    upkeep_hash(&h, u->files, u->file_count);
    return hasher_sum(&h);
}

static bool upkeep_record(struct batch_record *r, struct session *s, struct arena *a,
                          const struct upkeep *u, struct err *e)
{
    struct control_output *o = control_output(&s->control, STR("lake"));
    struct buf ranges, text;
    *r = (struct batch_record){
        .batch = upkeep_next(s),
        .run = s->run,
        .kind = u->kind,
        .now_ms = u->now_ms,
        .code = s->control.code,
        .cluster = s->cluster,
        .group = str_from(s->job->group),
        .ranges = ARENA_ZARRAY(a, struct batch_range, 1),
        .marker_topic = STR(""),
        .marker_prev_topic = STR(""),
        .dead_file = STR(""),
        .lake_prev_batch = o->batch,
        .lake_prev_digest = o->digest,
    };
    r->lake_digest = upkeep_digest(u, r, o->digest);
    buf_init(&ranges, UPKEEP_TEXT_MAX);
    buf_init(&text, UPKEEP_TEXT_MAX);
    upkeep_positions(s, a, r, &ranges);
    const struct lake_manifest m = {
        .job = str_from(s->job->name),
        .batch = r->batch,
        .slot = r->batch,
        .digest = r->lake_digest,
        .prev_batch = o->batch,
        .prev_digest = o->digest,
        .now_ms = r->now_ms,
        .kind = str_from(batch_kind_name(u->kind)),
        .ranges_json = buf_view(&ranges),
        .files = u->files,
        .count = u->file_count,
        .replaced = u->replaced,
        .replaced_count = u->replaced_count,
        .outputs = u->outputs,
        .output_count = u->output_count,
    };
    lake_manifest_write(&text, &m);
    bool ok = buf_ok(&ranges, "the job's positions", e) && buf_ok(&text, "the lake manifest", e);
    r->manifest = arena_str(a, buf_view(&text));
    buf_fini(&ranges);
    buf_fini(&text);
    o->batch = r->batch;
    o->digest = r->lake_digest;
    return ok;
}

static bool upkeep_decide(struct batch_record *r, struct session *s, struct arena *a,
                          const struct upkeep *u, struct err *e)
{
    struct control *c = &s->control;
    struct kv_txn *t;
    if (!upkeep_record(r, s, a, u, e))
        return false;
    c->delivered = c->last_batch; // lockstep: everything before is out
    c->last_batch = r->batch;
    c->last_run = s->run;
    c->now_ms = r->now_ms;
    if (!kv_begin_write(&t, s->kv, e))
        return false;
    if (control_put_record(t, r, e) && control_store(c, t, e) &&
        history_put(t, s, "running", NULL, e))
        return kv_commit(t, e);
    kv_abort(t);
    return false;
}

bool upkeep_batch(uint64_t *batch, struct session *s, const struct upkeep *u, struct err *e)
{
    struct run_report *report = s->report;
    struct arena *a = arena_new(s->a);
    struct batch_record r;
    assert(batch_kind_stands(u->kind) && s->lake);
    bool ok = upkeep_decide(&r, s, a, u, e) && run_deliver(s, &r, e);
    if (ok) {
        *batch = r.batch;
        report->batches++;
        report->batch_last = r.batch;
        if (report->batch_first == 0)
            report->batch_first = r.batch;
    }
    arena_free(a);
    return ok;
}
