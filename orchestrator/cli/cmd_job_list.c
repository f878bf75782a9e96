#include "base/durable.h"
#include "jobs/run/doc.h"
#include "jobs/run/history.h"
#include "orchestrator/cli/app.h"
#include "orchestrator/cli/commands.h"

struct job_status {
    bool ran;
    struct history_run last;
    struct control control;
};

static bool job_status_run(void *arg, const struct history_run *r, struct err *e)
{
    (void)e;
    struct job_status *s = arg;
    s->ran = true;
    s->last = *r;
    s->last.outcome = arena_str(s->control.a, r->outcome);
    s->last.error = arena_str(s->control.a, r->error);
    return true;
}

static bool job_status(struct job_status *out, struct app *app, const struct job_spec *job,
                       struct err *e)
{
    *out = (struct job_status){.control = {.a = app->a, .fresh = true}};
    struct kv *kv;
    if (!app_state(&kv, app, job, e))
        return false;
    if (!kv)
        return true;
    struct kv_txn *t;
    bool ok = kv_begin_read(&t, kv, e);
    if (ok) {
        ok = control_load(&out->control, app->a, t, e);
        kv_abort(t);
    }
    ok = ok && history_runs(kv, 1, job_status_run, out, e);
    kv_close(kv);
    return ok;
}

static const char *job_schedule(struct arena *a, const struct job_spec *j)
{
    const struct schedule_spec *s = &j->schedule;
    switch (s->trigger) {
    case SPEC_TRIGGER_NONE:
        return "by hand";
    case SPEC_TRIGGER_EVERY:
        if (s->every_ms % 60000 == 0)
            return arena_printf(a, "every %lldm", (long long)(s->every_ms / 60000)).p;
        return arena_printf(a, "every %llds", (long long)(s->every_ms / 1000)).p;
    case SPEC_TRIGGER_CRON:
        return arena_printf(a, "cron %.*s", STR_ARG(s->cron_text)).p;
    case SPEC_TRIGGER_STREAM:
        return "stream";
    }
    return "?";
}

static const char *job_undelivered(struct arena *a, const struct control *c)
{
    if (c->delivered >= c->last_batch)
        return "";
    return arena_printf(a, "batch %llu decided, not delivered", (unsigned long long)c->last_batch)
        .p;
}

static json_t *job_list_json(struct arena *a, const struct job_spec *j, const struct job_status *s)
{
    json_t *o = json_object();
    json_object_set_new(o, "job", doc_new_str(j->name));
    json_object_set_new(o, "schedule", json_string(job_schedule(a, j)));
    json_object_set_new(o, "last_batch", doc_new_u64(s->control.last_batch));
    json_object_set_new(o, "delivered",
                        json_boolean(s->control.delivered >= s->control.last_batch));
    if (s->ran) {
        json_object_set_new(o, "last_run", doc_new_u64(s->last.run));
        json_object_set_new(o, "outcome", doc_new_str(s->last.outcome));
        json_object_set_new(o, "started", json_integer(s->last.started_ms));
        json_object_set_new(o, "records", doc_new_u64(s->last.records));
        json_object_set_new(o, "error", doc_new_str(s->last.error));
    }
    return o;
}

static bool job_list_rows(struct buf *out, struct app *app, const struct cli *c, struct err *e)
{
    static const char *const heads[] = {"JOB",     "SCHEDULE", "LAST RUN", "OUTCOME",
                                        "RECORDS", "BATCH",    "STATE"};
    struct cli_table table;
    json_t *list = json_array();
    bool ok = true;
    cli_table_init(&table, app->a, heads, sizeof heads / sizeof heads[0]);
    size_t count;
    const struct job_spec *jobs = app_jobs(app, &count);
    for (size_t i = 0; ok && i < count; i++) {
        const struct job_spec *j = &jobs[i];
        struct job_status s;
        ok = job_status(&s, app, j, e);
        if (!ok)
            break;
        json_array_append_new(list, job_list_json(app->a, j, &s));
        const char *cells[] = {
            j->name.p,
            job_schedule(app->a, j),
            s.ran ? cli_time(app->a, s.last.started_ms) : "never",
            s.ran ? s.last.outcome.p : "",
            s.ran ? cli_count(app->a, s.last.records) : "",
            s.control.last_batch ? cli_count(app->a, s.control.last_batch) : "",
            job_undelivered(app->a, &s.control),
        };
        cli_table_row(&table, cells);
    }
    if (cli_json(c)) {
        doc_pretty(out, list);
        buf_char(out, '\n');
    } else {
        cli_table_print(out, &table);
    }
    json_decref(list);
    return ok;
}

static bool job_list(struct cli *c, struct err *e)
{
    struct app app;
    struct buf out;
    if (!app_open(&app, c, e))
        return false;
    buf_init(&out, (size_t)16 << 20);
    bool ok = job_list_rows(&out, &app, c, e) && cli_print(&out, e);
    buf_fini(&out);
    app_close(&app);
    return ok;
}

static void job_show_outputs(struct buf *out, const struct job_spec *j)
{
    const struct output_spec *outputs = j->outputs.v;
    buf_text(out, "outputs:\n");
    for (size_t i = 0; i < j->outputs.n; i++) {
        const struct output_spec *o = &outputs[i];
        const struct target_spec *targets = o->warehouse.v;
        buf_printf(out, "  %.*s:", STR_ARG(o->name));
        if (o->lake.at.line)
            buf_text(out, " lake");
        for (size_t t = 0; t < o->warehouse.n; t++)
            buf_printf(out, "%s %.*s.%.*s", o->lake.at.line || t ? "," : "", STR_ARG(targets[t].to),
                       STR_ARG(targets[t].table));
        buf_char(out, '\n');
    }
}

static void job_show_text(struct buf *out, struct app *app, const struct job_spec *j,
                          const struct job_status *s)
{
    buf_printf(out, "job %s\nschedule: %s\ngroup: %.*s\nsql:", j->name.p, job_schedule(app->a, j),
               STR_ARG(j->group));
    for (size_t i = 0; i < j->sql.n; i++)
        buf_printf(out, " %.*s", STR_ARG(j->sql.v[i]));
    buf_char(out, '\n');
    job_show_outputs(out, j);
    if (!s->ran) {
        buf_text(out, "never ran\n");
        return;
    }
    buf_printf(out, "last run: %llu, %.*s, started %s UTC, %s records\n",
               (unsigned long long)s->last.run, STR_ARG(s->last.outcome),
               cli_time(app->a, s->last.started_ms), cli_count(app->a, s->last.records));
    if (s->last.error.n)
        buf_printf(out, "error: %.*s\n", STR_ARG(s->last.error));
    const char *undelivered = job_undelivered(app->a, &s->control);
    buf_printf(out, "last batch: %llu%s%s\n", (unsigned long long)s->control.last_batch,
               undelivered[0] ? ": " : "", undelivered);
    buf_text(out, "positions:\n");
    for (size_t i = 0; i < s->control.position_count; i++) {
        const struct control_position *p = &s->control.positions[i];
        buf_printf(out, "  %.*s/%d at offset %lld\n", STR_ARG(p->topic), (int)p->partition,
                   (long long)p->next);
    }
    for (size_t i = 0; i < s->control.version_count; i++)
        buf_printf(out, "snapshot: %.*s version %llu\n", STR_ARG(s->control.versions[i].output),
                   (unsigned long long)s->control.versions[i].version);
}

static bool job_show(struct cli *c, struct err *e)
{
    struct app app;
    struct buf out;
    const struct job_spec *j;
    struct job_status s;
    if (!app_open(&app, c, e))
        return false;
    buf_init(&out, (size_t)16 << 20);
    bool ok = app_job_spec(&j, &app, c->args[0], e) && job_status(&s, &app, j, e);
    if (ok && cli_json(c)) {
        json_t *o = job_list_json(app.a, j, &s);
        doc_pretty(&out, o);
        buf_char(&out, '\n');
        json_decref(o);
    } else if (ok) {
        job_show_text(&out, &app, j, &s);
    }
    ok = ok && cli_print(&out, e);
    buf_fini(&out);
    app_close(&app);
    return ok;
}

static const struct cli_opt json_opts[] = {
    {"json", NULL, "as JSON"},
    {NULL, NULL, NULL},
};

const struct cmd cmd_job_list = {
    .name = "job list",
    .args = "",
    .summary = "All jobs at a glance: schedule, last run, outcome, batch, what is undelivered.",
    .opts = json_opts,
    .run = job_list,
    .examples = "  sluice job list\n  sluice job list --json\n",
};

const struct cmd cmd_job_show = {
    .name = "job show",
    .args = "NAME",
    .args_min = 1,
    .args_max = 1,
    .summary = "One job: outputs, last run and its error, positions, snapshot versions.",
    .opts = json_opts,
    .run = job_show,
    .examples = "  sluice job show transactions\n  sluice job show transactions --json\n",
};
