#include "orchestrator/cli/app.h"

#include "base/durable.h"
#include "lake/lake.h"
#include "orchestrator/builtin.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { APP_ERRORS_MAX = 1 << 20, APP_PROGRESS_MS = 100 };

// For the process-kill harness: which durable calls a run made, "site calls" a line.
static void app_write_sites(const struct durable *d, const char *path)
{
    FILE *f = fopen(path, "we");
    for (size_t i = 0; f && i < durable_site_count(d); i++) {
        uint64_t calls;
        const char *site = durable_site(d, i, &calls);
        fprintf(f, "%s %llu\n", site, (unsigned long long)calls);
    }
    if (f)
        fclose(f);
}

void app_close(struct app *s)
{
    const char *sites = getenv("SLUICE_FAULT_SITES");
    if (sites)
        app_write_sites(s->durable, sites);
    durable_free(s->durable);
    arena_free(s->a);
}

// All errors of the file but the last go to stderr; the last one is returned like any error.
static bool app_load(struct app *out, const char *path, struct err *e)
{
    struct conf_errors errors;
    conf_errors_init(&errors, out->a);
    if (spec_load(&out->spec, out->a, path, NULL, &errors))
        return true;
    assert(errors.n > 0);
    for (size_t i = 0; i + 1 < errors.n; i++) {
        char text[2048];
        err_format(errors.v[i], text, sizeof text);
        fprintf(stderr, "sluice: %s\n", text);
    }
    *e = *errors.v[errors.n - 1];
    return false;
}

bool app_open(struct app *out, struct cli *c, struct err *e)
{
    *out = (struct app){.a = arena_new(NULL), .durable = durable_new(DURABLE_KILL)};
    const char *faults = getenv("SLUICE_FAULT"); // crash tests; see base/durable.h
    out->spec = c->spec;
    bool ok = (!faults || durable_parse_faults(out->durable, faults, e)) &&
              (c->spec || app_load(out, c->config, e));
    if (!ok)
        app_close(out);
    return ok;
}

bool app_job_spec(const struct job_spec **out, const struct app *s, const char *name, struct err *e)
{
    *out = spec_job(s->spec, str_from(name), e);
    return *out != NULL;
}

const struct job_spec *app_jobs(const struct app *s, size_t *count)
{
    *count = s->spec->jobs.n;
    return s->spec->jobs.v;
}

bool app_job(const struct job **out, struct app *s, const char *name, struct err *e)
{
    const struct job_spec *spec;
    return app_job_spec(&spec, s, name, e) &&
           job_compile(out, s->a, s->spec, spec, builtin_sinks, e);
}

bool app_state(struct kv **out, struct app *s, const struct job_spec *job, struct err *e)
{
    *out = NULL;
    struct str dir = arena_printf(s->a, "%s/%s/0", s->spec->state.p, job->name.p);
    if (!file_exists(arena_printf(s->a, "%s/data.mdb", dir.p).p))
        return true;
    struct kv_spec spec = {.dir = dir.p, .mode = KV_READER, .durable = s->durable};
    return kv_open(out, &spec, e) || err_wrap(e, "state of job %s", job->name.p);
}

bool app_lake(struct lake **out, struct app *s, struct err *e)
{
    if (s->spec->lake.path.n == 0)
        return err_fail(e, ERR_CONFIG, "%s has no lake: {path: …}", s->spec->file.p);
    return lake_open(out, s->spec->lake.path.p, LAKE_OPEN_EXISTING, s->durable, e);
}

// --- whose upkeep ----------------------------------------------------------------------------------------------------

static bool app_writes(const struct job_spec *job, struct str output)
{
    const struct output_spec *v = job->outputs.v;
    for (size_t i = 0; i < job->outputs.n; i++)
        if (v[i].lake.at.line && (output.n == 0 || str_eq_nocase(v[i].name, output)))
            return true;
    return false;
}

bool app_lake_jobs(const struct app_lake_job **out, size_t *count, struct app *s,
                   const struct cli *c, struct err *e)
{
    size_t n;
    const struct job_spec *jobs = app_jobs(s, &n);
    struct app_lake_job *v = ARENA_ZARRAY(s->a, struct app_lake_job, n + 1);
    struct str first = c->arg_count ? str_from(c->args[0]) : STR("");
    *out = v;
    *count = 0;
    for (size_t i = 0; first.n && i < n; i++)
        if (str_eq(jobs[i].name, first))
            v[(*count)++] = (struct app_lake_job){
                c->args[0], c->arg_count > 1 ? str_from(c->args[1]) : STR("")};
    bool named = *count > 0 || c->arg_count > 1;
    for (size_t i = 0; !named && i < n; i++)
        if (app_writes(&jobs[i], first))
            v[(*count)++] = (struct app_lake_job){arena_str(s->a, jobs[i].name).p, first};
    if (*count > 0)
        return true;
    if (first.n == 0)
        return err_fail(e, ERR_CONFIG, "no job of %s writes to a lake", s->spec->file.p);
    err_fail(e, ERR_CONFIG, "%.*s is neither a job nor an output that one writes to the lake",
             STR_ARG(first));
    return err_hint(e, "sluice job list, sluice lake ls show them");
}

// --- progress --------------------------------------------------------------------------------------------------------

void app_progress_init(struct app_progress *out, const struct clock *clock)
{
    *out = (struct app_progress){.started_ms = clock->mono_ms(clock->arg)};
    out->mode = isatty(STDERR_FILENO) ? APP_PROGRESS_TERMINAL : APP_PROGRESS_OFF;
}

void app_progress(void *arg, const struct run_progress *p)
{
    static const char *const phases[] = {
        [RUN_OPENING] = "opening",       [RUN_READING] = "reading", [RUN_DECIDING] = "deciding",
        [RUN_DELIVERING] = "delivering", [RUN_WAITING] = "waiting", [RUN_DONE] = "done",
    };
    struct app_progress *s = arg;
    struct clock clock = clock_system();
    int64_t now = clock.mono_ms(clock.arg);
    if (s->mode == APP_PROGRESS_OFF ||
        (p->phase == RUN_READING && now - s->last_ms < APP_PROGRESS_MS))
        return;
    s->last_ms = now;
    int64_t ms = now - s->started_ms > 0 ? now - s->started_ms : 1;
    unsigned long long percent = p->records_total ? p->records * 100 / p->records_total : 100;
    fprintf(stderr, "\r\033[K%s batch %llu: %llu of %llu records (%llu%%), %llu records/s",
            phases[p->phase], (unsigned long long)p->batch, (unsigned long long)p->records,
            (unsigned long long)p->records_total, percent,
            (unsigned long long)(p->records * 1000 / (uint64_t)ms));
}

void app_progress_end(struct app_progress *s)
{
    if (s->mode == APP_PROGRESS_TERMINAL)
        fprintf(stderr, "\r\033[K");
}
