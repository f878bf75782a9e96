#include "jobs/run/stream_rows.h"

#include "base/durable.h"

#include <assert.h>

struct stream_rows {
    struct stream_rows_spec spec;
    struct arena *scratch;
    struct rowlog **logs; // by job.outputs; NULL = no row yet
};

static void stream_rows_release(void *arg)
{
    stream_rows_free(arg);
}

struct stream_rows *stream_rows_new(const struct stream_rows_spec *spec)
{
    struct stream_rows *s = ARENA_NEW(spec->a, struct stream_rows);
    s->spec = *spec;
    s->scratch = arena_new(spec->a);
    s->logs = ARENA_ZARRAY(spec->a, struct rowlog *, spec->job->output_count + 1);
    arena_on_free(spec->a, stream_rows_release, s);
    return s;
}

void stream_rows_free(struct stream_rows *s)
{
    for (size_t i = 0; s && i < s->spec.job->output_count; i++) {
        rowlog_abandon(s->logs[i]);
        s->logs[i] = NULL;
    }
}

static bool stream_rows_open(struct stream_rows *s, size_t output, struct err *e)
{
    const struct job_output *o = &s->spec.job->outputs[output];
    struct control_log *log = control_log(s->spec.control, o->name);
    const struct rowlog_spec spec = {
        .durable = s->spec.durable,
        .dir = s->spec.dir,
        .committed = log,
        .fresh = arena_printf(s->spec.a, "%llu-%zu.log", (unsigned long long)s->spec.batch, output),
    };
    if (log->rows == 0) {
        log->since_ms = s->spec.now_ms;
        log->schema = shape_text(&o->shape, s->spec.control->a);
    }
    return rowlog_open(&s->logs[output], &spec, e);
}

bool stream_rows_add(struct stream_rows *s, size_t output, const struct block *b, struct err *e)
{
    const struct job_output *o = &s->spec.job->outputs[output];
    if (b->rows == 0)
        return true;
    if (!s->logs[output] && !stream_rows_open(s, output, e))
        return false;
    arena_reset(s->scratch);
    const struct column *columns = shape_columns(&o->shape, s->scratch, b);
    for (uint32_t row = 0; row < b->rows; row++)
        if (!rowlog_add(s->logs[output], b->seq[row], columns, o->shape.all.count, row, e))
            return false;
    return true;
}

bool stream_rows_full(const struct stream_rows *s)
{
    for (size_t i = 0; i < s->spec.job->output_count; i++)
        if (s->logs[i] && rowlog_bytes(s->logs[i]) >= s->spec.job->stream.roll_bytes)
            return true;
    return false;
}

bool stream_rows_seal(struct stream_rows *s, struct err *e)
{
    struct control *c = s->spec.control;
    for (size_t i = 0; i < s->spec.job->output_count; i++) {
        const struct job_output *o = &s->spec.job->outputs[i];
        struct rowlog *log = s->logs[i];
        s->logs[i] = NULL;
        if (log && !rowlog_seal(log, c->a, control_log(c, o->name), e))
            return err_wrap(e, "output %.*s", STR_ARG(o->name));
    }
    return true;
}

// --- rolling ---------------------------------------------------------------------------------------------------------

static const struct job_output *stream_rows_output(const struct job *job, struct str name)
{
    for (size_t i = 0; i < job->output_count; i++)
        if (str_eq(job->outputs[i].name, name))
            return &job->outputs[i];
    return NULL;
}

static bool stream_rows_check_log(const struct job *job, const struct control_log *log,
                                  struct err *e)
{
    const struct job_output *o = stream_rows_output(job, log->output);
    if (!o || o->table || o->lake < 0) {
        err_fail(e, ERR_CONFIG,
                 "%llu rows of output %.*s wait in the state directory for the lake, but the "
                 "configuration has no such output any more",
                 (unsigned long long)log->rows, STR_ARG(log->output));
        return err_hint(e, "put its lake: back, run the job once, then take it out");
    }
    struct arena *a = arena_new(NULL);
    bool same = str_eq(shape_text(&o->shape, a), log->schema);
    arena_free(a);
    if (same)
        return true;
    err_fail(
        e, ERR_CONFIG,
        "%llu rows of output %.*s wait in the state directory for the lake with other columns: "
        "%.*s",
        (unsigned long long)log->rows, STR_ARG(log->output), STR_ARG(log->schema));
    return err_hint(e,
                    "restore the old SQL, run the job once (it ends by writing them), then change "
                    "it");
}

bool stream_rows_check(const struct job *job, const struct control *control, struct err *e)
{
    for (size_t i = 0; i < control->log_count; i++)
        if (control->logs[i].rows > 0 && !stream_rows_check_log(job, &control->logs[i], e))
            return false;
    return true;
}

bool stream_rows_due(const struct job *job, const struct control *control, int64_t now_ms)
{
    for (size_t i = 0; i < control->log_count; i++) {
        const struct control_log *l = &control->logs[i];
        if (l->rows > 0 &&
            (l->bytes >= job->stream.roll_bytes || now_ms - l->since_ms >= job->stream.roll_ms))
            return true;
    }
    return false;
}

struct stream_rows_stage {
    struct lake_stage *stage;
    size_t lake;
};

static bool stream_rows_block(void *arg, const struct block *b, struct err *e)
{
    const struct stream_rows_stage *x = arg;
    return lake_stage_write(x->stage, x->lake, b, e);
}

bool stream_rows_roll(const struct job *job, const struct control *control, const char *dir,
                      struct lake_stage *stage, struct err *e)
{
    for (size_t i = 0; i < control->log_count; i++) {
        const struct control_log *l = &control->logs[i];
        if (l->rows == 0)
            continue;
        const struct job_output *o = stream_rows_output(job, l->output);
        assert(o && o->lake >= 0 && stage); // stream_rows_check
        struct stream_rows_stage x = {stage, (size_t)o->lake};
        if (!rowlog_replay(dir, l, &o->shape, stream_rows_block, &x, e))
            return err_wrap(e, "output %.*s", STR_ARG(l->output));
    }
    return true;
}

void stream_rows_rolled(struct control *control)
{
    for (size_t i = 0; i < control->log_count; i++) {
        struct control_log *l = &control->logs[i];
        *l = (struct control_log){.output = l->output, .file = STR(""), .schema = STR("")};
    }
    for (size_t i = 0; i < control->position_count; i++)
        control->positions[i].rolled = control->positions[i].next;
    control->roll_seq = control->next_seq;
}
