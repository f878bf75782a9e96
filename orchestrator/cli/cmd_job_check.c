#include "jobs/run/code.h"
#include "jobs/run/control.h"
#include "jobs/run/run.h"
#include "orchestrator/cli/app.h"
#include "orchestrator/cli/commands.h"

enum { CHECK_TEXT_MAX = 16 << 20 };

static const char *check_guarantee(const struct job_target *t)
{
    return t->type->features & SINK_EXACT        ? "exact"
           : t->type->features & SINK_CONVERGING ? "converging"
                                                 : "windowed";
}

static const char *check_policy(enum sink_schema policy)
{
    switch (policy) {
    case SINK_SCHEMA_FAIL:
        return "fail";
    case SINK_SCHEMA_EVOLVE:
        return "evolve";
    case SINK_SCHEMA_IGNORE:
        return "ignore";
    case SINK_SCHEMA_QUARANTINE:
        return "quarantine";
    }
    return "?";
}

static bool check_targets(struct buf *out, const struct job *job, struct err *e)
{
    for (size_t i = 0; i < job->target_count; i++) {
        const struct job_target *t = &job->targets[i];
        buf_printf(out, "\n%.*s (%s, %s, schema: %s)\n", STR_ARG(t->name), t->type->name,
                   check_guarantee(t), check_policy(t->spec.schema));
        if (!t->type->describe(out, &t->spec, e))
            return err_wrap(e, "output %.*s", STR_ARG(t->name));
    }
    return true;
}

static void check_sources(struct buf *out, const struct job *job)
{
    for (size_t i = 0; i < program_source_count(job->program); i++) {
        const struct program_source *s = program_source(job->program, i);
        buf_printf(out, "reads topic %.*s as %.*s: ", STR_ARG(s->topic), STR_ARG(s->object));
        schema_print(out, s->schema);
        buf_char(out, '\n');
    }
}

static void check_lake(struct buf *out, const struct job *job)
{
    for (size_t i = 0; i < job->lake_output_count; i++) {
        const struct lake_output *l = &job->lake_outputs[i];
        buf_printf(out, "lake %s/%s/%.*s: ", job->lake_root,
                   l->kind == LAKE_STREAM ? "streams" : "tables", STR_ARG(l->name));
        schema_print(out, l->schema);
        buf_char(out, '\n');
    }
}

static void check_topics(struct buf *out, const struct job *job)
{
    for (size_t i = 0; i < job->topic_output_count; i++) {
        const struct job_topic *t = &job->topic_outputs[i];
        const struct job_output *o = &job->outputs[t->output];
        buf_printf(
            out, "writes topic %.*s from %.*s (exact, key %s, value %s%s): ", STR_ARG(t->want.name),
            STR_ARG(o->name), t->key ? serde_format_name(t->key_format) : "none",
            serde_format_name(t->value_format), t->window == WINDOW_NONE ? "" : ", windowed key");
        schema_print(out, o->shape.schema);
        buf_char(out, '\n');
    }
}

struct check_next {
    bool fits;
    struct err why; // not
};

static void check_added(struct buf *out, const struct control *c, const struct job *job)
{
    for (size_t i = 0; i < job->target_count; i++) {
        enum code_lack lack = code_lacks(c, job, i);
        if (lack != CODE_WHOLE)
            buf_printf(out, "%.*s %s: the next run fills it first, with rows of all batches\n",
                       STR_ARG(job->targets[i].name),
                       lack == CODE_ADDED ? "was added" : "came back into the job");
    }
}

// What the next run would do with the state that is there.
static bool check_state(struct buf *out, struct app *app, const struct job_spec *spec,
                        const struct job *job, struct check_next *next, struct err *e)
{
    struct kv *kv;
    struct kv_txn *t;
    struct control c;
    next->fits = true;
    if (!app_state(&kv, app, spec, e))
        return false;
    if (!kv) {
        buf_text(out, "\nnever ran: the next run starts by `start:` with empty state\n");
        return true;
    }
    bool ok = kv_begin_read(&t, kv, e);
    if (ok) {
        ok = control_load(&c, app->a, t, e);
        kv_abort(t);
    }
    kv_close(kv);
    if (!ok)
        return false;
    buf_printf(out, "\nlast batch %llu%s\n", (unsigned long long)c.last_batch,
               c.delivered < c.last_batch ? ": decided, will be delivered first, as it was decided"
                                          : "");
    next->fits = run_fits(job, &c, &next->why);
    if (next->fits)
        check_added(out, &c, job);
    return true;
}

static bool job_check(struct cli *c, struct err *e)
{
    struct app app;
    const struct job_spec *spec;
    const struct job *job;
    struct buf out;
    struct check_next next = {.fits = true};
    if (!app_open(&app, c, e))
        return false;
    buf_init(&out, CHECK_TEXT_MAX);
    bool ok = app_job_spec(&spec, &app, c->args[0], e) && app_job(&job, &app, c->args[0], e);
    if (ok) {
        check_sources(&out, job);
        check_lake(&out, job);
        check_topics(&out, job);
        ok = check_targets(&out, job, e) && check_state(&out, &app, spec, job, &next, e);
        if (next.fits)
            buf_printf(&out, "job %s is fine\n", job->name);
    }
    ok = ok && cli_print(&out, e);
    if (ok && !next.fits) {
        *e = next.why;
        ok = err_wrap(e, "the next run of job %s would refuse", c->args[0]);
    }
    buf_fini(&out);
    app_close(&app);
    return ok;
}

static bool job_explain(struct cli *c, struct err *e)
{
    struct app app;
    const struct job *job;
    struct buf out;
    if (!app_open(&app, c, e))
        return false;
    buf_init(&out, CHECK_TEXT_MAX);
    bool ok = app_job(&job, &app, c->args[0], e);
    if (ok) {
        program_explain(&out, job->program);
        check_topics(&out, job);
        ok = cli_print(&out, e);
    }
    buf_fini(&out);
    app_close(&app);
    return ok;
}

static const struct cli_opt no_opts[] = {{NULL, NULL, NULL}};

const struct cmd cmd_job_check = {
    .name = "job check",
    .args = "NAME",
    .args_min = 1,
    .args_max = 1,
    .summary = "Check a job's configuration and SQL, and print what the next run would do; "
               "connects to nothing.",
    .opts = no_opts,
    .run = job_check,
    .examples = "  sluice job check transactions\n  sluice -c new.yaml job check transactions\n",
};

const struct cmd cmd_job_explain = {
    .name = "job explain",
    .args = "NAME",
    .args_min = 1,
    .args_max = 1,
    .summary = "Print the plan: operators, exchanges, collapsed edges, pushed-down columns and "
               "filters, order.",
    .opts = no_opts,
    .run = job_explain,
    .examples = "  sluice job explain transactions\n  sluice job explain transactions | less\n",
};
