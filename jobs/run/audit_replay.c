// Rows of tables that nothing but a warehouse holds: known by executing the recorded batches once more, in memory.
#include "jobs/run/audit_internal.h"
#include "jobs/run/collapse.h"
#include "jobs/run/content.h"

struct audit_replay {
    struct redo redo;
    struct collapse **tables;  // by job.outputs; NULL = not asked for, stored, or not to be known
    struct collapse **streams; // by job.targets: those that are put by key
    struct content_stream *is; // by job.targets
    uint64_t slot;             // being read, less control's since
};

const struct collapse *audit_replayed(const struct audit_replay *r, size_t target)
{
    const struct job_target *t = &r->redo.s->job->targets[target];
    return t->key ? r->streams[target] : r->tables[t->output];
}

bool audit_older(const struct audit_replay *r, size_t target)
{
    return r->is[target].older;
}

static bool audit_begin(void *arg, uint64_t slot, struct err *e)
{
    struct audit_replay *r = arg;
    (void)e;
    r->slot = slot - r->redo.s->control.since;
    return true;
}

static bool audit_stream(const struct audit_replay *r, const struct job_output *o,
                         const struct block *b, struct err *e)
{
    for (size_t i = o->target_first; i < o->target_first + o->target_count; i++)
        if (r->streams[i] && r->is[i].rows[r->slot] == CONTENT_SAME &&
            !collapse_add(r->streams[i], b, e))
            return err_wrap(e, "output %.*s", STR_ARG(r->redo.s->job->targets[i].name));
    return true;
}

static bool audit_emit(void *arg, size_t output, const struct block *b, struct err *e)
{
    const struct audit_replay *r = arg;
    const struct job *job = r->redo.s->job;
    for (size_t i = 0; i < job->output_count; i++)
        if (job->outputs[i].index == output)
            return r->tables[i] ? collapse_add(r->tables[i], b, e)
                                : audit_stream(r, &job->outputs[i], b, e);
    return true;
}

// --- what can be known -----------------------------------------------------------------------------------------------

static bool audit_unstored(const struct audit *x, size_t target)
{
    const struct job_target *t = &x->s->job->targets[target];
    return x->s->job->outputs[t->output].table ? !content_stored(x->s, t->output) : t->key != NULL;
}

static bool audit_stream_known(struct audit_replay *r, struct audit *x, size_t target,
                               struct err *e)
{
    struct session *s = x->s;
    const struct job_target *t = &s->job->targets[target];
    struct str why;
    if (!content_put_repeatable(&why, &r->redo, x->a, target, e) ||
        !content_stream(&r->is[target], s, x->a, target, e))
        return false;
    if (why.n == 0)
        r->streams[target] =
            collapse_new_by(x->a, &s->job->outputs[t->output].shape, t->key, t->key_count);
    else
        x->report->why = why;
    return true;
}

static bool audit_table_known(struct audit_replay *r, struct audit *x, size_t target, struct err *e)
{
    const size_t output = x->s->job->targets[target].output;
    struct str why;
    if (r->tables[output])
        return true;
    if (!content_repeatable(&why, x->s, x->a, e))
        return false;
    if (why.n == 0)
        r->tables[output] = collapse_new(x->a, &x->s->job->outputs[output].shape);
    else
        x->report->why = why;
    return true;
}

static bool audit_known(struct audit_replay *r, struct audit *x, struct err *e)
{
    const struct job *job = x->s->job;
    if (!redo_open(&r->redo, x->s, e))
        return false;
    for (size_t i = 0; i < job->target_count; i++) {
        if (!audit_unstored(x, i))
            continue;
        if (!(job->targets[i].key ? audit_stream_known : audit_table_known)(r, x, i, e))
            return false;
        x->report->uncompared -= audit_replayed(r, i) != NULL;
    }
    return true;
}

static void audit_seal(struct audit_replay *r)
{
    const struct job *job = r->redo.s->job;
    for (size_t i = 0; i < job->output_count; i++)
        if (r->tables[i])
            collapse_seal(r->tables[i]);
    for (size_t i = 0; i < job->target_count; i++)
        if (r->streams[i])
            collapse_seal(r->streams[i]);
}

bool audit_replay(struct audit_replay **out, struct audit *x, struct err *e)
{
    struct session *s = x->s;
    struct audit_replay *r = ARENA_NEW(x->a, struct audit_replay);
    *out = r;
    r->redo.s = s;
    r->tables = ARENA_ZARRAY(x->a, struct collapse *, s->job->output_count + 1);
    r->streams = ARENA_ZARRAY(x->a, struct collapse *, s->job->target_count + 1);
    r->is = ARENA_ZARRAY(x->a, struct content_stream, s->job->target_count + 1);
    for (size_t i = 0; i < s->job->target_count; i++)
        x->report->uncompared += audit_unstored(x, i);
    const uint64_t wanted = x->report->uncompared;
    if (wanted == 0 || x->spec->tables == AUDIT_STORED)
        return true;
    if (!audit_known(r, x, e))
        return false;
    if (x->report->uncompared == wanted)
        return true;
    s->engine = SESSION_MEMORY;
    if (!session_start(s, audit_emit, r, e) || !content_replay(&r->redo, audit_begin, r, e))
        return err_wrap(e, "executing the recorded batches again");
    audit_seal(r);
    return true;
}
