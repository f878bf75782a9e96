#include "jobs/run/expire.h"

#include "base/vec.h"
#include "config/units.h"
#include "jobs/run/expire_archive.h"
#include "jobs/run/upkeep.h"
#include "lake/layout/age.h"

struct expire {
    struct session *s;
    struct arena *a;
    const struct expire_spec *spec;
    int64_t now_ms;
    enum { EXPIRE_BY_POLICY, EXPIRE_BY_HAND } how;
    uint64_t batch; // decided; 0 = none
    struct lake_ls ls;
    VEC(struct lake_file) files;
    VEC(struct lake_manifest_output) outputs; // those that lose files
    VEC(struct expire_archive) archives;
};

// --- what goes -------------------------------------------------------------------------------------------------------

static void expire_partition(struct expire *x, const struct lake_output *o,
                             const struct lake_ls_partition *p, struct str reason)
{
    if (o->archive) {
        const struct expire_archive archive = {expire_archive_path(x->a, x->s->job->name, o, p),
                                               o->archive, x->files.n, p->file_count};
        vec_push(&x->archives, archive);
        reason = arena_printf(x->a, "%.*s; exported to %s", STR_ARG(reason), archive.path);
    }
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
    int64_t cutoff = age_cutoff(o, x->now_ms, keep);
    for (size_t i = 0; i < held->partition_count; i++)
        if (expire_old(&held->partitions[i], cutoff))
            expire_partition(x, o, &held->partitions[i], text);
}

// A version that came back out of an archive is not counted, and goes by hand only.
static void expire_table(struct expire *x, const struct lake_ls_output *held,
                         const struct lake_output *o)
{
    struct str text = arena_printf(x->a, "beyond the newest %u versions", o->keep_versions);
    size_t newer = 0; // than the one at hand, of the job's own
    for (size_t i = 0; i < held->partition_count; i++)
        newer += held->partitions[i].restored == 0;
    for (size_t i = 0; o->keep_versions > 0 && i < held->partition_count; i++) {
        const struct lake_ls_partition *p = &held->partitions[i];
        newer -= p->restored == 0;
        if (newer >= o->keep_versions && (p->restored == 0 || x->how == EXPIRE_BY_HAND))
            expire_partition(x, o, p, text);
    }
}

static void expire_output(struct expire *x, const struct lake_output *o)
{
    const struct lake_ls_output *held = upkeep_held(&x->ls, x->s->job, o);
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
    if (!upkeep_check(job, x->spec->output, e) || !lake_list(&x->ls, x->a, x->s->lake, STR_NONE, e))
        return false;
    for (size_t i = 0; i < job->output_count; i++) {
        const struct job_output *o = &job->outputs[i];
        if (!upkeep_takes(o, x->spec->output))
            continue;
        if (o->table && x->spec->older_than_ms)
            return err_fail(e, ERR_CONFIG, "output %.*s is a table: its versions have no age",
                            STR_ARG(o->name));
        expire_output(x, &job->lake_outputs[o->lake]);
    }
    return true;
}

// --- the batch -------------------------------------------------------------------------------------------------------

static bool expire_go(struct expire *x, struct err *e)
{
    x->s->asks = false;
    const struct upkeep u = {
        .kind = BATCH_EXPIRE,
        .now_ms = x->now_ms,
        .replaced = x->files.v,
        .replaced_count = x->files.n,
        .outputs = x->outputs.v,
        .output_count = x->outputs.n,
    };
    if (x->files.n == 0)
        return true;
    // Exported is durable before deleted is decided.
    return (expire_archive_write(x->s, x->archives.v, x->archives.n, x->files.v, x->now_ms, e) &&
            upkeep_batch(&x->batch, x->s, &u, e)) ||
           err_wrap(e, "expiry");
}

static void expire_fini(struct expire *x)
{
    vec_fini(&x->files);
    vec_fini(&x->outputs);
    vec_fini(&x->archives);
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
        int64_t cutoff = age_cutoff(l, now_ms, l->retain_ms);
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
    struct expire x = {.s = s, .spec = &policy, .now_ms = upkeep_now(s)};
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
    struct expire x = {.s = &s, .a = a, .spec = spec, .how = EXPIRE_BY_HAND};
    *out = (struct expire_report){0};
    bool dry = spec->mode == EXPIRE_DRY_RUN;
    // What waits in row logs is written first: the lake's head will say that the job stands behind it.
    bool ok = session_open(&s, job, env, &report, e) && (dry || run_settle(&s, e));
    s.asks = ok;
    ok = ok && (dry || (run_recovered(&s, e) && run_flush_logs(&s, e)));
    x.now_ms = ok ? upkeep_now(&s) : 0;
    ok = ok && expire_choose(&x, e) && (dry || (expire_go(&x, e) && run_done(&s, e)));
    if (!ok && !dry)
        run_failed(&s, e);
    expire_tell(out, &x);
    out->batch = x.batch;
    expire_fini(&x);
    session_close(&s);
    return ok || err_wrap(e, "expiry of job %s", job->name);
}
