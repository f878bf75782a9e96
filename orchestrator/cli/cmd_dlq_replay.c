#include "jobs/run/replay.h"

#include "jobs/run/doc.h"
#include "orchestrator/builtin.h"
#include "orchestrator/cli/app.h"
#include "orchestrator/cli/commands.h"
#include "orchestrator/cli/dlq_rejects.h"

struct replay_print {
    struct buf out;
    struct arena *a;
    json_t *slots; // --json
    uint64_t letters, dead;
    bool dry;
};

static bool replay_told(void *arg, const struct replay_slot *s, struct err *e)
{
    struct replay_print *p = arg;
    p->letters += s->letters;
    p->dead += s->dead;
    if (p->slots) {
        json_t *j = json_object();
        json_object_set_new(j, "batch", doc_new_u64(s->slot));
        json_object_set_new(j, "file", json_string(s->path));
        json_object_set_new(j, "records", doc_new_u64(s->letters));
        json_object_set_new(j, "dead", doc_new_u64(s->dead));
        if (s->dead)
            json_object_set_new(j, "reason", json_string(s->reason));
        json_array_append_new(p->slots, j);
        return true;
    }
    buf_printf(&p->out, "batch %llu (%zu of %zu): %s dead letters, %s%s",
               (unsigned long long)s->slot, s->index + 1, s->count, cli_count(p->a, s->letters),
               cli_count(p->a, s->letters - s->dead),
               p->dry ? " would come through" : " came through");
    if (s->dead)
        buf_printf(&p->out, ", %s stay: %s", cli_count(p->a, s->dead), s->reason);
    buf_char(&p->out, '\n');
    bool ok = cli_print(&p->out, e); // as it goes on
    buf_clear(&p->out);
    return ok;
}

static void replay_result(struct replay_print *p, const struct job *job, const struct run_report *r)
{
    if (p->slots) {
        json_t *j = json_object();
        json_object_set_new(j, "job", json_string(job->name));
        json_object_set_new(j, "dry_run", json_boolean(p->dry));
        json_object_set_new(j, "batches", doc_new_u64(r->batches));
        json_object_set_new(j, "records", doc_new_u64(p->letters));
        json_object_set_new(j, "dead", doc_new_u64(p->dead));
        json_object_set_new(j, "replayed", p->slots);
        doc_pretty(&p->out, j);
        buf_char(&p->out, '\n');
        json_decref(j);
        p->slots = NULL;
    } else if (p->letters == 0) {
        buf_printf(&p->out, "job %s: no dead letters\n", job->name);
    } else if (p->dry) {
        buf_text(&p->out, "nothing was changed (--dry-run)\n");
    } else if (r->batches == 0) {
        buf_printf(&p->out, "job %s: nothing came through: the dead letters are as they were\n",
                   job->name);
    } else {
        buf_printf(&p->out,
                   "job %s: run %llu: %s of %s dead letters came through (batches %llu-%llu)\n",
                   job->name, (unsigned long long)r->run, cli_count(p->a, p->letters - p->dead),
                   cli_count(p->a, p->letters), (unsigned long long)r->batch_first,
                   (unsigned long long)r->batch_last);
    }
}

static bool dlq_replay_letters(const struct cli *c, struct app *app, const struct job *job,
                               const struct run_env *env, struct replay_spec spec, struct err *e)
{
    struct run_report report;
    struct replay_print print = {.a = app->a,
                                 .slots = cli_json(c) ? json_array() : NULL,
                                 .dry = spec.mode == REPLAY_DRY_RUN};
    buf_init(&print.out, (size_t)64 << 20);
    spec.slot = replay_told;
    spec.slot_arg = &print;
    bool ok = run_replay(&report, job, env, &spec, e);
    app_progress_end(env->progress_arg);
    if (ok) {
        replay_result(&print, job, &report);
        ok = cli_print(&print.out, e);
    }
    json_decref(print.slots);
    buf_fini(&print.out);
    return ok;
}

static bool dlq_replay_job(const struct cli *c, struct app *app, const struct replay_spec *spec,
                           struct err *e)
{
    const struct job *job;
    struct app_progress progress;
    const struct run_env env = {.durable = app->durable,
                                .clock = clock_system(),
                                .source = builtin_source,
                                .topics = builtin_topics,
                                .cancel = app_signals(),
                                .progress = app_progress,
                                .progress_arg = &progress};
    const struct rejected_spec rows = {.mode = spec->mode == REPLAY_DRY_RUN ? REJECTED_DRY_RUN
                                                                            : REJECTED_EXECUTE,
                                       .from = spec->from,
                                       .to = spec->to,
                                       .outputs = spec->outputs,
                                       .output_count = spec->output_count};
    app_progress_init(&progress, &env.clock);
    return app_job(&job, app, c->args[0], e) &&
           (cli_opt(c, "rejects") ? dlq_rejects_replay(c, app, job, &env, rows, e)
                                  : dlq_replay_letters(c, app, job, &env, *spec, e));
}

static bool dlq_replay(struct cli *c, struct err *e)
{
    struct app app;
    struct replay_spec spec = {.mode = cli_opt(c, "dry-run") ? REPLAY_DRY_RUN : REPLAY_EXECUTE,
                               .to = UINT64_MAX};
    spec.outputs = cli_opt_names(&spec.output_count, c, "output");
    if (!cli_opt_batches(&spec.from, &spec.to, c, e) || !app_open(&app, c, e))
        return false;
    bool ok = dlq_replay_job(c, &app, &spec, e);
    app_close(&app);
    return ok;
}

static const struct cli_opt dlq_replay_opts[] = {
    {"rejects", NULL, "rows that warehouses refused instead, into their tables as they are now"},
    {"batch", "N..M", "only those of these batches"},
    {"output", "A,B", "only these outputs; of dead letters the others never get the records"},
    {"dry-run", NULL, "decode them and say what would come through, change nothing"},
    {"json", NULL, "the result as one JSON object"},
    {NULL, NULL, NULL},
};

const struct cmd cmd_dlq_replay = {
    .name = "dlq replay",
    .args = "JOB",
    .args_min = 1,
    .args_max = 1,
    .by_owner = true,
    .summary =
        "After the SQL, a schema or (--rejects) a table was corrected: run dead letters again, "
        "exactly once. What comes through leaves the dead letters, what does not stays with its "
        "new reason. Rows that came too late for the lake stay: `job backfill` writes them.",
    .opts = dlq_replay_opts,
    .run = dlq_replay,
    .examples = "  sluice dlq replay transactions --dry-run\n"
                "  sluice dlq replay transactions --batch 12..20 --output FAILED\n"
                "  sluice dlq replay transactions --rejects\n",
};
