#include "lake/lake_internal.h"

#include "base/durable.h"
#include "lake/store/store.h"

#include <assert.h>
#include <stdlib.h>

static bool version_number(uint64_t *out, const struct store_entry *entry)
{
    return entry->kind == STORE_DIRECTORY && str_starts(entry->name, STR("version=")) &&
           str_to_u64(out, str_slice(entry->name, 8, entry->name.n));
}

static int by_number(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x;
    uint64_t b = *(const uint64_t *)y;
    return (a > b) - (a < b);
}

// Out of the readers' sight by one rename first: nobody sees half a version.
static bool remove_version(struct lake *s, struct arena *a, struct str dir, uint64_t version,
                           struct err *e)
{
    const char *from =
        arena_printf(a, "%s/%.*s/version=%llu", s->root, STR_ARG(dir), (unsigned long long)version)
            .p;
    const char *to =
        arena_printf(a, "%s/%.*s/.expired-%llu", s->root, STR_ARG(dir), (unsigned long long)version)
            .p;
    return durable_remove_tree(s->durable, "lake.trim.remove", to, e) &&
           durable_rename(s->durable, "lake.trim.rename", from, to, e) &&
           durable_remove_tree(s->durable, "lake.trim.remove", to, e);
}

// What an earlier trim hid but did not remove.
static bool remove_hidden(struct lake *s, struct arena *a, struct str dir,
                          const struct store_entry *v, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (!str_starts(v[i].name, STR(".expired-")))
            continue;
        const char *path =
            arena_printf(a, "%s/%.*s/%.*s", s->root, STR_ARG(dir), STR_ARG(v[i].name)).p;
        if (!durable_remove_tree(s->durable, "lake.trim.remove", path, e))
            return false;
    }
    return true;
}

// Not counted and not taken: versions that came back out of an archive and are still wanted.
static bool drop_restored(uint64_t *versions, size_t *count, struct arena *a, struct lake *s,
                          struct str output, struct err *e)
{
    struct lake_version *known;
    size_t n, kept = 0;
    if (!lake_metadata_versions(&known, &n, a, s, output, e))
        return false;
    for (size_t i = 0; i < *count; i++) {
        bool restored = false;
        for (size_t k = 0; k < n && !restored; k++)
            restored = known[k].version == versions[i] && known[k].restored > 0;
        if (!restored)
            versions[kept++] = versions[i];
    }
    *count = kept;
    return true;
}

// What an expiry names goes, however few there are.
static bool remove_expired(struct lake *s, struct arena *a, struct str dir,
                           const struct lake_manifest *m, const struct lake_manifest_output *o,
                           struct err *e)
{
    for (size_t i = 0; i < m->replaced_count && str_eq(m->kind, STR("expire")); i++) {
        const struct lake_file *f = &m->replaced[i];
        if (f->version == 0 || !str_eq(f->output, o->name))
            continue;
        const char *path = arena_printf(a, "%s/%.*s/version=%llu", s->root, STR_ARG(dir),
                                        (unsigned long long)f->version)
                               .p;
        if (file_exists(path) && !remove_version(s, a, dir, f->version, e))
            return false;
    }
    return true;
}

size_t lake_versions_kept(const struct lake_manifest_output *o)
{
    return o->keep_versions > LAKE_VERSIONS_LEAST ? o->keep_versions : LAKE_VERSIONS_LEAST;
}

static bool trim_output(struct lake *s, struct arena *a, const struct lake_manifest *m,
                        const struct lake_manifest_output *o, struct err *e)
{
    struct buf b;
    buf_init(&b, LAYOUT_PATH_MAX);
    layout_output(&b, LAKE_SNAPSHOT, o->name);
    struct str dir = arena_str(a, buf_view(&b));
    buf_fini(&b);
    struct store_entry *v;
    size_t n;
    if (!remove_expired(s, a, dir, m, o, e) || !store_list(&v, &n, a, lake_path(a, s, dir), e) ||
        !remove_hidden(s, a, dir, v, n, e))
        return false;
    uint64_t *versions = ARENA_ARRAY(a, uint64_t, n + 1);
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += version_number(&versions[count], &v[i]);
    size_t keep = lake_versions_kept(o);
    if (count <= keep)
        return true;
    if (!drop_restored(versions, &count, a, s, o->name, e))
        return false;
    if (count <= keep)
        return true;
    qsort(versions, count, sizeof *versions, by_number);
    if (!lake_metadata_trim(s, o->name, versions[count - keep], e))
        return false;
    for (size_t i = 0; i < count - keep; i++)
        if (!remove_version(s, a, dir, versions[i], e))
            return false;
    return true;
}

bool lake_trim_versions(struct lake *s, const struct lake_manifest *m, struct err *e)
{
    struct arena *a = arena_new(NULL);
    bool ok = true;
    for (size_t i = 0; ok && i < m->output_count; i++) {
        const struct lake_manifest_output *o = &m->outputs[i];
        if (o->kind != LAKE_SNAPSHOT || o->keep_versions == 0) // 0 = keep all
            continue;
        ok = trim_output(s, a, m, o, e) ||
             err_wrap(e, "cannot delete old versions of %.*s", STR_ARG(o->name));
    }
    arena_free(a);
    return ok;
}
