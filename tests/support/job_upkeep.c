#include "tests/support/job_upkeep.h"

#include "jobs/run/audit.h"
#include "jobs/run/control.h"
#include "tests/support/test.h"

enum { TRIES = 20 };

void job_upkeep_list(struct lake_ls *out, struct arena *a, struct job_world *w)
{
    struct lake *lake;
    struct lake_verify v;
    struct err e;
    assert_ok(lake_open(&lake, w->lake, LAKE_OPEN_EXISTING, w->durable, &e), &e);
    assert_ok(lake_verify(&v, a, lake, STR_NONE, &e), &e);
    if (v.count > 0)
        fail_msg("%.*s: %.*s", STR_ARG(v.findings[0].path), STR_ARG(v.findings[0].text));
    assert_ok(lake_list(out, a, lake, STR_NONE, &e), &e);
    lake_close(lake);
}

void job_upkeep_verify(struct job_world *w)
{
    struct arena *a = arena_new(NULL);
    struct lake_ls ls;
    job_upkeep_list(&ls, a, w);
    arena_free(a);
}

static void upkeep_counts(struct job_world *w, const char *output, size_t *files,
                          size_t *partitions)
{
    struct arena *a = arena_new(NULL);
    struct lake_ls ls;
    *files = *partitions = 0;
    job_upkeep_list(&ls, a, w);
    for (size_t i = 0; i < ls.output_count; i++) {
        const struct lake_ls_output *o = &ls.outputs[i];
        if (o->kind != LAKE_STREAM || !str_eq(o->name, str_from(output)))
            continue;
        *files = o->files;
        *partitions = o->partition_count;
    }
    arena_free(a);
}

size_t job_upkeep_files(struct job_world *w, const char *output)
{
    size_t files, partitions;
    upkeep_counts(w, output, &files, &partitions);
    return files;
}

size_t job_upkeep_partitions(struct job_world *w, const char *output)
{
    size_t files, partitions;
    upkeep_counts(w, output, &files, &partitions);
    return partitions;
}

static bool audit_finding(void *arg, const struct audit_finding *f, struct err *e)
{
    (void)arg;
    return err_fail(e, ERR_DATA, "%s %.*s: %.*s (%.*s)", audit_kind_name(f->kind),
                    STR_ARG(f->place), STR_ARG(f->text), STR_ARG(f->repair));
}

bool job_upkeep_audited(const struct job_world *w, struct err *e)
{
    struct audit_report r;
    const struct audit_spec spec = {.found = audit_finding};
    return run_audit(&r, w->a, w->job, &w->env, &spec, e);
}

void job_upkeep_audit(const struct job_world *w)
{
    struct err e;
    assert_ok(job_upkeep_audited(w, &e), &e);
}

uint64_t job_upkeep_last(const struct job_world *w)
{
    struct control c;
    struct arena *a = arena_new(NULL);
    job_world_control(&c, w, a);
    arena_free(a);
    return c.last_batch;
}

bool job_upkeep_expire(struct job_world *w, const struct expire_spec *spec,
                       struct expire_report *out, struct arena *a)
{
    err_clear(&w->e);
    bool ok = run_expire(out, a, w->job, &w->env, spec, &w->e);
    if (!ok)
        err_format(&w->e, w->text, sizeof w->text);
    return ok;
}

void job_upkeep_expires(struct job_world *w)
{
    static const struct expire_spec policy = {.output = {"", 0}};
    struct arena *a = arena_new(NULL);
    struct expire_report r;
    for (int tries = 0; !job_upkeep_expire(w, &policy, &r, a); tries++) {
        if (tries == TRIES)
            fail_msg("does not get well: %s", w->text);
        if (durable_dead(w->durable))
            job_world_restart(w, NULL);
    }
    arena_free(a);
}
