// The log of deletions, read from the manifests; declared in lake/inspect.h. Versions that lake_trim_versions takes are not named by
// any manifest: they follow from what each batch wrote and how many it keeps, as there.
#include "lake/inspect.h"
#include "lake/lake_internal.h"

#include "base/vec.h"

struct deletions {
    struct arena *a;
    VEC(struct lake_deletion) found;
    VEC(struct lake_file) versions; // published and not deleted yet, by batch
};

static void deletions_add(struct deletions *x, const struct lake_manifest *m, struct lake_file f,
                          struct str reason)
{
    f.reason = reason;
    const struct lake_deletion d = {m->batch, m->now_ms, f};
    vec_push(&x->found, d);
}

static void deletions_forget(struct deletions *x, size_t i)
{
    x->versions.n--;
    memmove(&x->versions.v[i], &x->versions.v[i + 1], (x->versions.n - i) * sizeof *x->versions.v);
}

static void deletions_expired(struct deletions *x, const struct lake_manifest *m)
{
    for (size_t i = 0; i < m->replaced_count; i++) {
        const struct lake_file *f = &m->replaced[i];
        if (!str_eq(m->kind, STR("expire")))
            continue;
        deletions_add(x, m, *f, f->reason);
        for (size_t k = x->versions.n; f->version > 0 && k > 0; k--)
            if (x->versions.v[k - 1].version == f->version &&
                str_eq(x->versions.v[k - 1].output, f->output))
                deletions_forget(x, k - 1);
    }
}

// The oldest version of the output that stays; 0 = all.
static uint64_t deletions_first(const struct deletions *x, const struct lake_manifest_output *o)
{
    uint64_t last = 0;
    size_t kept = 0, keep = lake_versions_kept(o);
    for (size_t i = x->versions.n; i > 0; i--) {
        const struct lake_file *f = &x->versions.v[i - 1];
        if (!str_eq(f->output, o->name) || f->version == last)
            continue;
        if (kept++ == keep)
            return last;
        last = f->version;
    }
    return 0;
}

static void deletions_trimmed(struct deletions *x, const struct lake_manifest *m,
                              const struct lake_manifest_output *o)
{
    uint64_t first = deletions_first(x, o);
    struct str reason = arena_printf(x->a, "beyond the newest %zu versions", lake_versions_kept(o));
    for (size_t i = 0; i < x->versions.n;) {
        const struct lake_file *f = &x->versions.v[i];
        if (!str_eq(f->output, o->name) || f->version >= first) {
            i++;
            continue;
        }
        deletions_add(x, m, *f, reason);
        deletions_forget(x, i);
    }
}

static void deletions_of(struct deletions *x, const struct lake_manifest *m)
{
    deletions_expired(x, m);
    // What came back out of an archive stays until it is expired by hand.
    for (size_t i = 0; i < m->count; i++)
        if (m->files[i].version > 0 && !str_eq(m->kind, STR("restore")))
            vec_push(&x->versions, m->files[i]);
    for (size_t i = 0; i < m->output_count; i++)
        if (m->outputs[i].kind == LAKE_SNAPSHOT && m->outputs[i].keep_versions > 0)
            deletions_trimmed(x, m, &m->outputs[i]);
}

bool lake_deletions(const struct lake_deletion **out, size_t *count, struct arena *a,
                    struct lake *s, const char *job, struct err *e)
{
    const struct lake_manifest *m;
    size_t n;
    struct deletions x = {.a = a};
    if (!lake_job_manifests(&m, &n, a, s, job, e))
        return false;
    for (size_t i = 0; i < n; i++)
        deletions_of(&x, &m[i]);
    struct lake_deletion *found = ARENA_ZARRAY(a, struct lake_deletion, x.found.n + 1);
    if (x.found.n > 0)
        memcpy(found, x.found.v, x.found.n * sizeof *found);
    *out = found;
    *count = x.found.n;
    vec_fini(&x.found);
    vec_fini(&x.versions);
    return true;
}
