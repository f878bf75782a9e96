#include "base/clock.h"
#include "jobs/run/doc.h"
#include "orchestrator/cli/app.h"
#include "orchestrator/cli/commands.h"
#include "orchestrator/cli/job_status.h"

static const char *job_lag(struct arena *a, const struct job_status *s, int64_t now_ms)
{
    enum { FRESH_MS = 300000 };
    switch (s->lag_is) {
    case JOB_LAG_UNKNOWN:
        return "?";
    case JOB_LAG_FAILED:
        return "no answer";
    case JOB_LAG_KNOWN:
        break;
    }
    if (s->lag_ms == 0 || now_ms - s->lag_ms < FRESH_MS)
        return cli_count(a, s->lag);
    return arena_printf(a, "%s %s", cli_count(a, s->lag), cli_ago(a, now_ms - s->lag_ms)).p;
}

// A run that goes on has no counts yet.
static const char *job_last_run(struct arena *a, const struct job_status *s)
{
    if (!s->ran)
        return "";
    if (s->owner && str_eq(s->last.outcome, STR("running")))
        return "running";
    return arena_printf(a, "%.*s, %s records", STR_ARG(s->last.outcome),
                        cli_count(a, s->last.records))
        .p;
}

static void job_list_row(struct cli_table *t, struct arena *a, const struct job_status *s,
                         int64_t now_ms)
{
    const int64_t next = job_status_next(s);
    const char *cells[] = {
        s->spec->name.p,
        job_status_state(a, s),
        job_lag(a, s, now_ms),
        s->success_ms ? cli_ago(a, now_ms - s->success_ms) : "never",
        next ? cli_ago(a, now_ms - next) : "",
        spec_schedule_text(a, &s->spec->schedule).p,
        job_last_run(a, s),
        s->control.last_batch ? cli_count(a, s->control.last_batch) : "",
        job_status_note(a, s),
    };
    cli_table_row(t, cells);
}

static bool job_list_rows(struct buf *out, struct app *app, const struct cli *c, struct err *e)
{
    static const char *const heads[] = {"JOB",      "STATE",    "LAG",   "LAST SUCCESS", "NEXT RUN",
                                        "SCHEDULE", "LAST RUN", "BATCH", "NOTE"};
    const struct clock clock = clock_system();
    struct cli_table table;
    struct job_statuses all;
    json_t *list = json_array();
    size_t count;
    const struct job_spec *jobs = app_jobs(app, &count);
    bool ok = job_statuses_open(&all, app, e);
    cli_table_init(&table, app->a, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; ok && i < count; i++) {
        struct job_status s;
        ok = job_status_read(&s, &all, &jobs[i], e);
        if (ok && cli_opt(c, "live"))
            job_status_live(&s, &all);
        if (ok) {
            json_array_append_new(list, job_status_json(app->a, &s));
            job_list_row(&table, app->a, &s, clock.now_ms(clock.arg));
        }
    }
    if (cli_json(c)) {
        doc_pretty(out, list);
        buf_char(out, '\n');
    } else {
        cli_table_print(out, &table);
    }
    json_decref(list);
    job_statuses_close(&all);
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
    buf_printf(out, "job %s\nschedule: %s\ngroup: %.*s\nsql:", j->name.p,
               spec_schedule_text(app->a, &j->schedule).p, STR_ARG(j->group));
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
    const char *note = job_status_note(app->a, s);
    buf_printf(out, "state: %s\nlast batch: %llu%s%s\n", job_status_state(app->a, s),
               (unsigned long long)s->control.last_batch, note[0] ? ": " : "", note);
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
    struct job_statuses all;
    if (!app_open(&app, c, e))
        return false;
    buf_init(&out, (size_t)16 << 20);
    bool ok = job_statuses_open(&all, &app, e);
    ok = ok && app_job_spec(&j, &app, c->args[0], e) && job_status_read(&s, &all, j, e);
    if (ok && cli_json(c)) {
        json_t *o = job_status_json(app.a, &s);
        doc_pretty(&out, o);
        buf_char(&out, '\n');
        json_decref(o);
    } else if (ok) {
        job_show_text(&out, &app, j, &s);
    }
    ok = ok && cli_print(&out, e);
    job_statuses_close(&all);
    buf_fini(&out);
    app_close(&app);
    return ok;
}

static const struct cli_opt list_opts[] = {
    {"live", NULL, "ask the brokers for the lag now; otherwise what was known last"},
    {"json", NULL, "as JSON"},
    {NULL, NULL, NULL},
};
static const struct cli_opt json_opts[] = {
    {"json", NULL, "as JSON"},
    {NULL, NULL, NULL},
};

const struct cmd cmd_job_list = {
    .name = "job list",
    .args = "",
    .summary = "All jobs at a glance: state, lag, last success, next run, what is undelivered.",
    .opts = list_opts,
    .run = job_list,
    .examples = "  sluice job list\n  sluice job list --live --json\n",
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
