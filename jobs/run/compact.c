#include "jobs/run/compact.h"

#include "base/vec.h"
#include "jobs/run/execute.h"
#include "jobs/run/upkeep.h"
#include "lake/compact.h"

#include <stdio.h>

// Limits of one batch: what is staged beside the files that it replaces. One merge is always taken. Those of an endless run wait meanwhile.
enum {
    COMPACT_BYTES_MAX = 1 << 30,
    COMPACT_FILES_MAX = 10000,
    COMPACT_ENDLESS_BYTES_MAX = 64 << 20,
};

struct compact {
    struct session *s;
    struct arena *a;
    const struct compact_spec *spec; // NULL = by policy
    VEC(struct lake_merge) merges;
    VEC(struct compact_merge) done;
    uint64_t batches;
    size_t left; // merges that wait for somebody to repair a file
};

static void compact_fini(struct compact *x)
{
    vec_fini(&x->merges);
    vec_fini(&x->done);
}

// --- what is left alone ----------------------------------------------------------------------------------------------

// By policy nothing depends on it: a run goes on, and says what is left as it is. Not when nothing else of a run could be trusted either.
static bool compact_may_leave(const struct compact *x, const struct err *e)
{
    return !x->spec && (e->kind == ERR_DATA || e->kind == ERR_IO || e->kind == ERR_LIMIT);
}

static void compact_left(void *arg, const struct lake_file *first, const struct err *why)
{
    struct session *s = ((struct compact *)arg)->s;
    char *notice = s->report->notice;
    size_t n = strlen(notice), most = sizeof s->report->notice;
    (void)snprintf(notice + n, most - n, "%s%.*s and its neighbours were not compacted: %s",
                   n ? "; " : "", STR_ARG(first->path), why->text);
    if (s->mode == SESSION_ENDLESS && s->env->trouble)
        s->env->trouble(s->env->trouble_arg, why, 0);
}

// --- which -----------------------------------------------------------------------------------------------------------

static bool compact_output(struct compact *x, const struct lake_ls_output *held,
                           const struct lake_output *o, struct err *e)
{
    struct lake_merges found;
    struct lake_compact_policy policy = {
        .min_files = o->compact_files, .max_bytes = o->compact_bytes, .how = LAKE_COMPACT_TIERED};
    if (!x->spec) {
        policy.unreadable = LAKE_COMPACT_LEAVE;
        policy.left = compact_left;
        policy.left_arg = x;
    } else {
        policy.min_files = x->spec->min_files;
        policy.max_bytes = x->spec->max_bytes ? x->spec->max_bytes : o->compact_bytes;
        policy.how = LAKE_COMPACT_ALL;
    }
    if (!lake_compact_choose(&found, x->a, x->s->lake, held, &policy, e))
        return false;
    for (size_t i = 0; i < found.n; i++)
        vec_push(&x->merges, found.v[i]);
    return true;
}

static bool compact_choose(struct compact *x, struct err *e)
{
    const struct job *job = x->s->job;
    struct str wanted = x->spec ? x->spec->output : STR("");
    struct lake_ls ls;
    if (!upkeep_check(job, wanted, e) || !lake_list(&ls, x->a, x->s->lake, STR_NONE, e))
        return false;
    for (size_t i = 0; i < job->output_count; i++) {
        const struct job_output *o = &job->outputs[i];
        if (!upkeep_takes(o, wanted))
            continue;
        if (o->table && wanted.n > 0)
            return err_fail(e, ERR_CONFIG, "output %.*s is a table: a version is one file already",
                            STR_ARG(o->name));
        const struct lake_output *lake = &job->lake_outputs[o->lake];
        const struct lake_ls_output *held = upkeep_held(&ls, job, lake);
        bool meant = !o->table && held && (x->spec || lake->compact_files > 0);
        if (meant && !compact_output(x, held, lake, e))
            return false;
    }
    return true;
}

// --- batches ---------------------------------------------------------------------------------------------------------

static size_t compact_portion(const struct compact *x, size_t from)
{
    bool endless = x->s->mode == SESSION_ENDLESS;
    uint64_t most = endless ? COMPACT_ENDLESS_BYTES_MAX : COMPACT_BYTES_MAX, bytes = 0;
    size_t files = 0, i = from;
    for (; i < x->merges.n; i++) {
        bytes += x->merges.v[i].bytes;
        files += x->merges.v[i].count;
        if (i > from && (bytes > most || files > COMPACT_FILES_MAX))
            break;
    }
    return i - from;
}

static void compact_note(struct compact *x, const struct lake_merge *v, size_t n,
                         const struct lake_manifest *m)
{
    for (size_t i = 0; i < n; i++) {
        const struct compact_merge one = {
            .output = v[i].output->name,
            .partition = v[i].files[0].file.partition,
            .path = m ? arena_str(x->a, m->files[i].path) : STR(""), // it outlives the batch
            .batch = m ? m->batch : 0,
            .files = v[i].count,
            .rows = v[i].rows,
            .bytes_before = v[i].bytes,
            .bytes = m ? m->files[i].bytes : v[i].bytes,
        };
        vec_push(&x->done, one);
    }
}

enum compact_step { COMPACT_DONE, COMPACT_LEFT, COMPACT_FAILED };

// LEFT: nothing is staged of it any more, *e says why.
static enum compact_step compact_batch(struct compact *x, const struct lake_merge *v, size_t n,
                                       struct err *e)
{
    struct session *s = x->s;
    struct arena *a = arena_new(x->a);
    struct lake_manifest m;
    uint64_t batch;
    const struct lake_compact_spec spec = {
        .job = s->job->name,
        .batch = upkeep_next(s),
        .merges = v,
        .count = n,
        .cancel = s->env->cancel,
    };
    session_progress(s, RUN_READING, spec.batch, 0, 0);
    bool ok = lake_compact_stage(&m, a, s->lake, &spec, e);
    const struct upkeep u = {
        .kind = BATCH_COMPACT,
        .now_ms = upkeep_now(s),
        .files = m.files,
        .file_count = m.count,
        .replaced = m.replaced,
        .replaced_count = m.replaced_count,
        .outputs = m.outputs,
        .output_count = m.output_count,
    };
    bool leave = !ok && compact_may_leave(x, e);
    struct err cleaning;
    if (leave && !lake_stage_clean(s->lake, s->job->name, 0, 0, &cleaning)) {
        *e = cleaning;
        leave = false;
    }
    ok = ok && upkeep_batch(&batch, s, &u, e);
    if (ok) {
        x->batches++;
        compact_note(x, v, n, &m);
    }
    arena_free(a);
    if (ok || leave)
        return ok ? COMPACT_DONE : COMPACT_LEFT;
    (void)!err_wrap(e, "compaction");
    return COMPACT_FAILED;
}

static bool compact_go(struct compact *x, size_t batches_max, struct err *e)
{
    x->s->asks = false;
    size_t alone = 0; // merges before this one are tried one by one: one of them cannot be read
    for (size_t from = 0; from < x->merges.n && x->batches < batches_max;) {
        size_t n = from < alone ? 1 : compact_portion(x, from);
        const struct lake_merge *v = x->merges.v + from;
        switch (compact_batch(x, v, n, e)) {
        case COMPACT_FAILED:
            return false;
        case COMPACT_DONE:
            from += n;
            break;
        case COMPACT_LEFT:
            if (n == 1) {
                compact_left(x, &v->files[0].file, e);
                x->left++;
                from++;
            } else {
                alone = from + n;
            }
            err_clear(e);
        }
    }
    return true;
}

// --- by policy -------------------------------------------------------------------------------------------------------

static bool compact_is_due(const struct session *s)
{
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < s->job->output_count; i++) {
        const struct job_output *o = &s->job->outputs[i];
        size_t files = o->lake < 0 || o->table ? 0 : s->job->lake_outputs[o->lake].compact_files;
        if (files > 0 && files < least)
            least = files;
    }
    return s->lake && s->control.lake_batches >= least;
}

bool compact_due(struct session *s, struct err *e)
{
    struct compact x = {.s = s};
    if (!compact_is_due(s))
        return true;
    uint64_t since = s->control.lake_batches;
    s->control.lake_batches = 0; // stored with whatever is stored next
    x.a = arena_new(s->a);
    bool ok = compact_choose(&x, e) && compact_go(&x, s->mode == SESSION_ENDLESS ? 1 : SIZE_MAX, e);
    if (ok && x.done.n + x.left < x.merges.n)
        s->control.lake_batches = since;   // more is due
    if (!ok && e->kind == ERR_CANCELLED) { // it can wait
        err_clear(e);
        s->control.lake_batches = since;
        ok = true;
    }
    compact_fini(&x);
    arena_free(x.a);
    return ok;
}

// --- by hand ---------------------------------------------------------------------------------------------------------

static void compact_tell(struct compact_report *out, const struct compact *x)
{
    struct compact_merge *v = ARENA_ZARRAY(x->a, struct compact_merge, x->done.n + 1);
    if (x->done.n > 0)
        memcpy(v, x->done.v, x->done.n * sizeof *v);
    *out = (struct compact_report){.merges = v, .count = x->done.n, .batches = x->batches};
}

bool run_compact(struct compact_report *out, struct arena *a, const struct job *job,
                 const struct run_env *env, const struct compact_spec *spec, struct err *e)
{
    struct session s;
    struct run_report report = {0};
    struct compact x = {.s = &s, .a = a, .spec = spec};
    bool dry = spec->mode == COMPACT_DRY_RUN;
    // As for an expiry: what waits in row logs is written first.
    bool ok = session_open(&s, job, env, &report, e) && (dry || run_settle(&s, e));
    s.asks = ok;
    ok = ok && (dry || (run_recovered(&s, e) && run_flush_logs(&s, e))) && compact_choose(&x, e);
    if (ok && dry)
        compact_note(&x, x.merges.v, x.merges.n, NULL);
    ok = ok && (dry || (compact_go(&x, SIZE_MAX, e) && run_done(&s, e)));
    if (!ok && !dry)
        run_failed(&s, e);
    compact_tell(out, &x);
    compact_fini(&x);
    session_close(&s);
    return ok || err_wrap(e, "compaction of job %s", job->name);
}
