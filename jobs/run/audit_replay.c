// Rows of tables that nothing but a warehouse holds: known by executing the recorded batches once more, in memory. What a batch appended is
// compared while it is executed: a table's comparison is the frame within which the next one's runs, the innermost reads the batch.
#include "jobs/run/audit_internal.h"
#include "jobs/run/collapse.h"
#include "jobs/run/content.h"

enum { AUDIT_NEST_MAX = 16 }; // appended tables of one audit: each has a connection open

struct audit_replay {
    struct audit *x;
    struct redo redo;
    struct collapse **tables;  // by job.outputs; NULL = not asked for, stored, or not to be known
    struct collapse **streams; // by job.targets: those that are put by key
    struct content_stream *is; // by job.targets
    struct audit_append {
        bool compared, left; // left: not all of its batches
        sink_put_fn *put;    // of the store, while a batch is read that it should have
        void *put_arg;
    } * appends;   // by job.targets
    bool every;    // some of them come from all batches
    uint64_t slot; // being read, less control's since
    struct arena *scratch;
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

// --- while a batch is executed ---------------------------------------------------------------------------------------

static bool audit_append(const struct audit_replay *r, size_t target, const struct block *b,
                         struct err *e)
{
    const struct job_target *t = &r->redo.s->job->targets[target];
    const struct audit_append *to = &r->appends[target];
    if (!to->put || b->rows == 0)
        return true;
    arena_reset(r->scratch);
    const struct column *columns =
        shape_columns(&r->redo.s->job->outputs[t->output].shape, r->scratch, b);
    struct column *c = ARENA_ARRAY(r->scratch, struct column, t->spec.count);
    for (size_t i = 0; i < t->spec.count; i++)
        c[i] = columns[t->from[i]];
    const struct block row = {
        .schema = &t->schema, .rows = b->rows, .columns = c, .arena = r->scratch};
    return to->put(to->put_arg, &row, e);
}

static bool audit_stream(const struct audit_replay *r, const struct job_output *o,
                         const struct block *b, struct err *e)
{
    for (size_t i = o->target_first; i < o->target_first + o->target_count; i++) {
        bool put = r->streams[i] && r->is[i].rows[r->slot] == CONTENT_SAME;
        if (!(put ? collapse_add(r->streams[i], b, e) : audit_append(r, i, b, e)))
            return err_wrap(e, "output %.*s", STR_ARG(r->redo.s->job->targets[i].name));
    }
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

// --- appended rows ---------------------------------------------------------------------------------------------------

static struct str audit_batch_key(const struct audit_replay *r, size_t target, uint64_t slot)
{
    return arena_printf(r->x->a, "%.*s#%llu", STR_ARG(r->redo.s->job->targets[target].name),
                        (unsigned long long)slot);
}

static bool audit_batch_differs(struct audit_replay *r, size_t target, uint64_t slot,
                                const struct sink_differences *d, struct err *e)
{
    static const char *const how[SINK_DIFFERENCES] = {
        [SINK_MISSING] = "missing", [SINK_EXTRA] = "too many", [SINK_CHANGED] = "changed"};
    struct audit *x = r->x;
    const struct job_target *t = &r->redo.s->job->targets[target];
    struct str key = audit_batch_key(r, target, slot);
    const uint64_t *refused = map_get(x->refused, key);
    bool added;
    *map_put(x->compared, key, &added) = 1;
    for (int i = 0; i < SINK_DIFFERENCES; i++) {
        bool expected = d->rows[i] <= (i == SINK_MISSING && refused ? *refused : 0);
        if (!expected && !audit_say(x, AUDIT_ROWS, t->name, audit_refill(x, t, slot), e,
                                    "%llu rows of batch %llu are %s, the first is %s",
                                    (unsigned long long)d->rows[i], (unsigned long long)slot,
                                    how[i], d->first[i]))
            return false;
    }
    return true;
}

static bool audit_wants(const struct audit_replay *r, size_t target)
{
    return r->appends[target].compared && r->is[target].rows[r->slot] == CONTENT_SAME;
}

struct audit_batch {
    struct audit_replay *r;
    const struct redo_slot *slot;
    size_t target;
};

static bool audit_batch_feed(void *arg, sink_put_fn *put, void *put_arg, struct err *e);

// The tables from this one on.
static bool audit_batch(struct audit_replay *r, const struct redo_slot *slot, size_t target,
                        struct err *e)
{
    struct sink *sink = NULL;
    while (target < r->redo.s->job->target_count && !audit_wants(r, target))
        target++;
    if (target == r->redo.s->job->target_count)
        return redo_read(&r->redo, slot, e);
    if (!audit_sink(&sink, r->x, target, e))
        return false;
    if (!sink || !sink->type->compare) // it is gone: said by its head
        return audit_batch(r, slot, target + 1, e);
    struct audit_batch x = {r, slot, target};
    const struct sink_rows want = {audit_batch_feed, &x, slot->slot};
    struct sink_differences d;
    return sink->type->compare(sink, &want, &d, e) &&
           audit_batch_differs(r, target, slot->slot, &d, e);
}

static bool audit_batch_feed(void *arg, sink_put_fn *put, void *put_arg, struct err *e)
{
    const struct audit_batch *x = arg;
    struct audit_append *to = &x->r->appends[x->target];
    to->put = put;
    to->put_arg = put_arg;
    bool ok = audit_batch(x->r, x->slot, x->target + 1, e);
    to->put = NULL;
    return ok;
}

// What is left out of a table: it counts once as not compared.
static void audit_left(struct audit_replay *r, size_t target, struct str why)
{
    struct audit_report *report = r->x->report;
    report->uncompared += !r->appends[target].left;
    r->appends[target].left = true;
    report->why = why;
}

static bool audit_read(void *arg, const struct redo_slot *slot, struct err *e)
{
    struct audit_replay *r = arg;
    const struct job *job = r->redo.s->job;
    bool wanted = r->every;
    r->slot = slot->slot - r->redo.s->control.since;
    for (size_t i = 0; i < job->target_count; i++)
        wanted = wanted || audit_wants(r, i);
    if (!wanted)
        return true;
    if (r->every || redo_there(&r->redo, slot, e))
        return audit_batch(r, slot, 0, e);
    for (size_t i = 0; i < job->target_count; i++)
        if (audit_wants(r, i))
            audit_left(r, i, arena_str(r->x->a, str_from(e->text)));
    err_clear(e);
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

// Of streams that remember nothing each batch can be known alone.
static bool audit_append_known(struct audit_replay *r, struct audit *x, size_t target,
                               struct err *e)
{
    struct session *s = x->s;
    const struct program *alone;
    struct str why;
    size_t others = 0;
    for (size_t i = 0; i < target; i++)
        others += r->appends[i].compared;
    if (!redo_alone(&alone, &r->redo, s->job->targets[target].output, e) ||
        !content_put_repeatable(&why, &r->redo, x->a, target, e) ||
        !content_stream(&r->is[target], s, x->a, target, e))
        return false;
    bool remembers = program_fingerprint_count(alone) > 0;
    if (others == AUDIT_NEST_MAX)
        why = STR("an audit compares the appended rows of 16 tables");
    if (why.n > 0)
        audit_left(r, target, why);
    r->appends[target].compared =
        others < AUDIT_NEST_MAX && (!remembers || why.n == 0) &&
        !control_output(&s->control, s->job->targets[target].name)->behind;
    r->every = r->every || (remembers && r->appends[target].compared);
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
        if (job->targets[i].spec.mode == SINK_APPEND && !audit_append_known(r, x, i, e))
            return false;
        if (!audit_unstored(x, i))
            continue;
        if (!(job->targets[i].key ? audit_stream_known : audit_table_known)(r, x, i, e))
            return false;
        x->report->uncompared -= audit_replayed(r, i) != NULL;
        r->every = r->every || audit_replayed(r, i);
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

static bool audit_execute(struct audit_replay *r, struct audit *x, struct err *e)
{
    const struct job *job = x->s->job;
    bool any = r->every;
    for (size_t i = 0; i < job->target_count; i++)
        any = any || r->appends[i].compared;
    if (!any)
        return true;
    x->s->engine = SESSION_MEMORY;
    if (!session_start(x->s, audit_emit, r, e) || !content_replay(&r->redo, audit_read, r, e))
        return err_wrap(e, "executing the recorded batches again");
    for (size_t i = 0; i < job->target_count; i++)
        x->report->compared += r->appends[i].compared && !r->appends[i].left;
    audit_seal(r);
    return true;
}

bool audit_replay(struct audit_replay **out, struct audit *x, struct err *e)
{
    const struct job *job = x->s->job;
    struct audit_replay *r = ARENA_NEW(x->a, struct audit_replay);
    *out = r;
    r->x = x;
    r->redo.s = x->s;
    r->scratch = arena_new(x->a);
    r->tables = ARENA_ZARRAY(x->a, struct collapse *, job->output_count + 1);
    r->streams = ARENA_ZARRAY(x->a, struct collapse *, job->target_count + 1);
    r->is = ARENA_ZARRAY(x->a, struct content_stream, job->target_count + 1);
    r->appends = ARENA_ZARRAY(x->a, struct audit_append, job->target_count + 1);
    for (size_t i = 0; i < job->target_count; i++)
        x->report->uncompared += audit_unstored(x, i);
    return x->spec->tables == AUDIT_STORED || (audit_known(r, x, e) && audit_execute(r, x, e));
}
