#include "jobs/run/expire.h"

#include "base/hash.h"
#include "base/vec.h"
#include "config/units.h"
#include "jobs/run/execute.h"
#include "lake/inspect.h"
#include "schema/text.h"

enum { EXPIRE_DAY_MS = 86400000, EXPIRE_TEXT_MAX = 256 << 20 };

struct expire {
    struct session *s;
    struct arena *a;
    const struct expire_spec *spec;
    int64_t now_ms;
    uint64_t batch; // decided; 0 = none
    struct lake_ls ls;
    VEC(struct lake_file) files;
    VEC(struct lake_manifest_output) outputs; // those that lose files
};

static int64_t expire_now(const struct session *s)
{
    const struct clock *c = &s->env->clock;
    int64_t wall = c->now_ms(c->arg);
    return wall > s->control.now_ms ? wall : s->control.now_ms;
}

// The first instant of the day, in the output's zone, that is kept.
static int64_t expire_cutoff(const struct lake_output *o, int64_t now_ms, int64_t keep_ms)
{
    int64_t then = now_ms - keep_ms;
    int64_t local = then + (o->zone ? (int64_t)zone_offset_s(o->zone, then) * 1000 : 0);
    int64_t day = local - (local % EXPIRE_DAY_MS + EXPIRE_DAY_MS) % EXPIRE_DAY_MS;
    return o->zone ? zone_to_utc_ms(o->zone, day) : day;
}

// --- what goes -------------------------------------------------------------------------------------------------------

static void expire_partition(struct expire *x, const struct lake_ls_partition *p, struct str reason)
{
    for (size_t i = 0; i < p->file_count; i++) {
        struct lake_file f = p->files[i].file;
        f.reason = reason;
        vec_push(&x->files, f);
    }
}

// Rows without a time have no age: their partition stays.
static bool expire_old(const struct lake_ls_partition *p, int64_t cutoff)
{
    for (size_t i = 0; i < p->file_count; i++) {
        const struct lake_file *f = &p->files[i].file;
        if (f->rows > 0 && (f->time_min > f->time_max || f->time_max >= cutoff))
            return false;
    }
    return p->file_count > 0;
}

static void expire_stream(struct expire *x, const struct lake_ls_output *held,
                          const struct lake_output *o)
{
    int64_t keep = x->spec->older_than_ms ? x->spec->older_than_ms : o->retain_ms;
    struct buf reason;
    if (keep <= 0)
        return;
    buf_init(&reason, 256);
    buf_text(&reason, "older than ");
    units_print_duration(&reason, keep);
    struct str text = arena_str(x->a, buf_view(&reason));
    buf_fini(&reason);
    int64_t cutoff = expire_cutoff(o, x->now_ms, keep);
    for (size_t i = 0; i < held->partition_count; i++)
        if (expire_old(&held->partitions[i], cutoff))
            expire_partition(x, &held->partitions[i], text);
}

static void expire_table(struct expire *x, const struct lake_ls_output *held,
                         const struct lake_output *o)
{
    struct str text = arena_printf(x->a, "beyond the newest %u versions", o->keep_versions);
    for (size_t i = 0; o->keep_versions > 0 && i + o->keep_versions < held->partition_count; i++)
        expire_partition(x, &held->partitions[i], text);
}

static const struct lake_ls_output *expire_held(const struct expire *x, const struct lake_output *o)
{
    for (size_t i = 0; i < x->ls.output_count; i++) {
        const struct lake_ls_output *held = &x->ls.outputs[i];
        if (held->kind == o->kind && str_eq(held->name, o->name) &&
            str_eq(held->job, str_from(x->s->job->name)))
            return held;
    }
    return NULL;
}

static void expire_output(struct expire *x, const struct lake_output *o)
{
    const struct lake_ls_output *held = expire_held(x, o);
    size_t before = x->files.n;
    if (!held)
        return;
    if (o->kind == LAKE_STREAM)
        expire_stream(x, held, o);
    else
        expire_table(x, held, o);
    if (x->files.n == before)
        return;
    const struct lake_manifest_output m = {
        .name = held->name,
        .schema = held->schema,
        .kind = held->kind,
        .format = held->format,
        .partitioning = held->partitioning,
        .keep_versions = o->keep_versions,
    };
    vec_push(&x->outputs, m);
}

static bool expire_choose(struct expire *x, struct err *e)
{
    const struct job *job = x->s->job;
    bool known = x->spec->output.n == 0;
    if (!x->s->lake)
        return err_fail(e, ERR_CONFIG, "job %s writes nothing to a lake", job->name);
    if (!lake_list(&x->ls, x->a, x->s->lake, STR_NONE, e))
        return false;
    for (size_t i = 0; i < job->output_count; i++) {
        const struct job_output *o = &job->outputs[i];
        bool meant = x->spec->output.n == 0 || str_eq_nocase(o->name, x->spec->output);
        if (o->lake < 0 || !meant)
            continue;
        known = true;
        if (o->table && x->spec->older_than_ms)
            return err_fail(e, ERR_CONFIG, "output %.*s is a table: its versions have no age",
                            STR_ARG(o->name));
        expire_output(x, &job->lake_outputs[o->lake]);
    }
    if (known)
        return true;
    err_fail(e, ERR_CONFIG, "job %s writes no output %.*s to the lake", job->name,
             STR_ARG(x->spec->output));
    return err_hint(e, "sluice job show %s lists them", job->name);
}

// --- the batch -------------------------------------------------------------------------------------------------------

// Where the job stands: the batch is the lake's head now, and recovery reads positions there.
static void expire_positions(const struct expire *x, struct batch_record *r, struct buf *ranges)
{
    const struct control *c = &x->s->control;
    struct batch_range *v = ARENA_ZARRAY(x->a, struct batch_range, c->position_count + 1);
    r->positions = ARENA_ZARRAY(x->a, struct batch_position, c->position_count + 1);
    for (size_t i = 0; i < c->position_count; i++) {
        const struct control_position *p = &c->positions[i];
        r->positions[r->position_count++] =
            (struct batch_position){arena_str(x->a, p->topic), p->partition, p->next};
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

static uint64_t expire_digest(const struct expire *x, const struct batch_record *r, uint64_t prev)
{
    uint64_t parts[3] = {r->batch, r->code, prev};
    struct hasher h;
    hasher_init(&h);
    hasher_add(&h, parts, sizeof parts);
    for (size_t i = 0; i < x->files.n; i++) {
        hasher_add(&h, x->files.v[i].path.p, x->files.v[i].path.n);
        hasher_add(&h, &x->files.v[i].checksum, sizeof x->files.v[i].checksum);
    }
    return hasher_sum(&h);
}

static bool expire_record(struct expire *x, struct batch_record *r, struct err *e)
{
    struct session *s = x->s;
    struct control_output *o = control_output(&s->control, STR("lake"));
    struct buf ranges, text;
    *r = (struct batch_record){
        .batch = s->control.last_batch + 1,
        .run = s->run,
        .kind = BATCH_EXPIRE,
        .now_ms = x->now_ms,
        .code = s->control.code,
        .cluster = s->cluster,
        .group = str_from(s->job->group),
        .ranges = ARENA_ZARRAY(x->a, struct batch_range, 1),
        .marker_topic = STR(""),
        .marker_prev_topic = STR(""),
        .dead_file = STR(""),
        .lake_prev_batch = o->batch,
        .lake_prev_digest = o->digest,
    };
    r->lake_digest = expire_digest(x, r, o->digest);
    buf_init(&ranges, EXPIRE_TEXT_MAX);
    buf_init(&text, EXPIRE_TEXT_MAX);
    expire_positions(x, r, &ranges);
    const struct lake_manifest m = {
        .job = str_from(s->job->name),
        .batch = r->batch,
        .slot = r->batch,
        .digest = r->lake_digest,
        .prev_batch = o->batch,
        .prev_digest = o->digest,
        .now_ms = r->now_ms,
        .kind = str_from(batch_kind_name(BATCH_EXPIRE)),
        .ranges_json = buf_view(&ranges),
        .replaced = x->files.v,
        .replaced_count = x->files.n,
        .outputs = x->outputs.v,
        .output_count = x->outputs.n,
    };
    lake_manifest_write(&text, &m);
    bool ok = buf_ok(&ranges, "the job's positions", e) && buf_ok(&text, "the lake manifest", e);
    r->manifest = arena_str(x->a, buf_view(&text));
    buf_fini(&ranges);
    buf_fini(&text);
    o->batch = r->batch;
    o->digest = r->lake_digest;
    return ok;
}

static bool expire_decide(struct expire *x, struct batch_record *r, struct err *e)
{
    struct session *s = x->s;
    struct control *c = &s->control;
    struct kv_txn *t;
    if (!expire_record(x, r, e))
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

static bool expire_go(struct expire *x, struct err *e)
{
    struct run_report *report = x->s->report;
    struct batch_record r;
    if (x->files.n == 0)
        return true;
    if (!expire_decide(x, &r, e) || !run_deliver(x->s, &r, e))
        return err_wrap(e, "expiry");
    x->batch = r.batch;
    report->batches++;
    report->batch_last = r.batch;
    if (report->batch_first == 0)
        report->batch_first = r.batch;
    return true;
}

static void expire_fini(struct expire *x)
{
    vec_fini(&x->files);
    vec_fini(&x->outputs);
}

// --- by policy -------------------------------------------------------------------------------------------------------

// The lake is listed once a day: what is due then is due at the earliest cutoff that moved.
static bool expire_is_due(struct session *s, int64_t now_ms)
{
    int64_t newest = 0;
    for (size_t i = 0; i < s->job->output_count; i++) {
        const struct job_output *o = &s->job->outputs[i];
        if (o->lake < 0 || s->job->lake_outputs[o->lake].retain_ms == 0)
            continue;
        const struct lake_output *l = &s->job->lake_outputs[o->lake];
        int64_t cutoff = expire_cutoff(l, now_ms, l->retain_ms);
        newest = cutoff > newest ? cutoff : newest;
    }
    if (!s->lake || newest <= s->control.expired_ms)
        return false;
    s->control.expired_ms = newest; // stored with whatever is stored next
    return true;
}

bool expire_due(struct session *s, struct err *e)
{
    static const struct expire_spec policy = {.output = {"", 0}};
    struct expire x = {.s = s, .spec = &policy, .now_ms = expire_now(s)};
    if (!expire_is_due(s, x.now_ms))
        return true;
    x.a = arena_new(s->a);
    bool ok = expire_choose(&x, e) && expire_go(&x, e);
    expire_fini(&x);
    arena_free(x.a);
    return ok;
}

// --- by hand ---------------------------------------------------------------------------------------------------------

static void expire_tell(struct expire_report *out, const struct expire *x)
{
    struct lake_file *files = ARENA_ZARRAY(x->a, struct lake_file, x->files.n + 1);
    if (x->files.n > 0)
        memcpy(files, x->files.v, x->files.n * sizeof *files);
    out->files = files;
    out->count = x->files.n;
}

bool run_expire(struct expire_report *out, struct arena *a, const struct job *job,
                const struct run_env *env, const struct expire_spec *spec, struct err *e)
{
    struct session s;
    struct run_report report = {0};
    struct expire x = {.s = &s, .a = a, .spec = spec};
    *out = (struct expire_report){0};
    bool dry = spec->mode == EXPIRE_DRY_RUN;
    // What waits in row logs is written first: the lake's head will say that the job stands behind it.
    bool ok = session_open(&s, job, env, &report, e) &&
              (dry || (run_settle(&s, e) && run_recovered(&s, e) && run_flush_logs(&s, e)));
    x.now_ms = ok ? expire_now(&s) : 0;
    ok = ok && expire_choose(&x, e) && (dry || (expire_go(&x, e) && run_done(&s, e)));
    if (!ok && !dry)
        run_failed(&s, e);
    expire_tell(out, &x);
    out->batch = x.batch;
    expire_fini(&x);
    session_close(&s);
    return ok || err_wrap(e, "expiry of job %s", job->name);
}
