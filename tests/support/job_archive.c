#include "tests/support/job_archive.h"

#include "lake/archive.h"
#include "tests/support/test.h"

#include <stdio.h>

bool job_archive_export(struct job_world *w, char path[JOB_ARCHIVE_PATH],
                        const struct job_archive_choice *x, struct err *e)
{
    const struct lake_choice choice = {
        .partition = x->partition, .since = INT64_MIN, .before = INT64_MAX};
    struct lake *lake;
    struct lake_ls ls;
    struct lake_export *out = NULL;
    struct lake_chosen chosen;
    struct arena *a = arena_new(NULL);
    (void)snprintf(path, JOB_ARCHIVE_PATH, "%s/%s", w->dir.path, x->name);
    struct lake_export_spec spec = {.path = path, .existing = x->existing};
    assert_ok(lake_open(&lake, w->lake, LAKE_OPEN_EXISTING, w->durable, e), e);
    assert_ok(lake_list(&ls, a, lake, STR_NONE, e), e);
    assert_ok(lake_choose(&chosen, a, &ls, str_from(x->what), &choice, e), e);
    spec.files = chosen.files;
    spec.count = chosen.count;
    bool ok = lake_export_open(&out, lake, chosen.job, e) && lake_export_write(out, &spec, e);
    lake_export_close(out);
    lake_close(lake);
    arena_free(a);
    return ok;
}

void job_archive_exports_part(struct job_world *w, char path[JOB_ARCHIVE_PATH], const char *what,
                              struct str partition, const char *name)
{
    const struct job_archive_choice x = {.what = what, .partition = partition, .name = name};
    struct err e = {0};
    assert_ok(job_archive_export(w, path, &x, &e), &e);
}

void job_archive_exports(struct job_world *w, char path[JOB_ARCHIVE_PATH], const char *what,
                         const char *name)
{
    job_archive_exports_part(w, path, what, STR_NONE, name);
}

bool job_archive_restore(struct job_world *w, const char *path, struct restore_report *out,
                         struct arena *a)
{
    const struct restore_spec spec = {path, RESTORE_WRITE};
    err_clear(&w->e);
    bool ok = run_restore(out, a, w->job, &w->env, &spec, &w->e);
    if (!ok)
        err_format(&w->e, w->text, sizeof w->text);
    return ok;
}

void job_archive_restores(struct job_world *w, const char *path)
{
    struct restore_report r;
    struct arena *a = arena_new(NULL);
    for (int tries = 0; !job_archive_restore(w, path, &r, a); tries++)
        job_upkeep_again(w, tries);
    arena_free(a);
}

void job_archive_refuses(struct job_world *w, const char *path, const char *why)
{
    struct restore_report r;
    struct arena *a = arena_new(NULL);
    uint64_t last = job_upkeep_last(w);
    if (job_archive_restore(w, path, &r, a))
        fail_msg("was not refused: %s", why);
    if (!strstr(w->text, why))
        fail_msg("%s", w->text);
    assert_int_equal(job_upkeep_last(w), last);
    arena_free(a);
}
