#include "lake/lake_internal.h"

#include "base/durable.h"
#include "lake/store/store.h"

#include <assert.h>
#include <stdlib.h>

#define HIDDEN ".expired-"

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

static const char *version_path(struct lake *s, struct arena *a, struct str dir, const char *prefix,
                                uint64_t version)
{
    return arena_printf(a, "%s/%.*s/%s%llu", s->root, STR_ARG(dir), prefix,
                        (unsigned long long)version)
        .p;
}

// Out of the readers' sight by one rename: nobody sees half a version.
static bool hide_version(struct lake *s, struct arena *a, struct str dir, uint64_t version,
                         struct err *e)
{
    return durable_rename(s->durable, "lake.trim.rename",
                          version_path(s, a, dir, "version=", version),
                          version_path(s, a, dir, HIDDEN, version), e);
}

// Deletes what is hidden, also by an earlier trim, once no power cut can bring it to light again.
static bool remove_hidden(struct lake *s, struct arena *a, struct str dir, struct err *e)
{
    const char *full = lake_path(a, s, dir);
    struct store_entry *v;
    size_t n;
    bool synced = false;
    if (!store_list(&v, &n, a, full, e))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!str_starts(v[i].name, STR(HIDDEN)))
            continue;
        if (!synced && !durable_fsync_dir(s->durable, "lake.trim.fsync_dir", full, e))
            return false;
        synced = true;
        const char *path = arena_printf(a, "%s/%.*s", full, STR_ARG(v[i].name)).p;
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
static bool hide_expired(struct lake *s, struct arena *a, struct str dir,
                         const struct lake_manifest *m, const struct lake_manifest_output *o,
                         struct err *e)
{
    for (size_t i = 0; i < m->replaced_count && str_eq(m->kind, STR("expire")); i++) {
        const struct lake_file *f = &m->replaced[i];
        if (f->version == 0 || !str_eq(f->output, o->name))
            continue;
        if (file_exists(version_path(s, a, dir, "version=", f->version)) &&
            !hide_version(s, a, dir, f->version, e))
            return false;
    }
    return true;
}

size_t lake_versions_kept(const struct lake_manifest_output *o)
{
    return o->keep_versions > LAKE_VERSIONS_LEAST ? o->keep_versions : LAKE_VERSIONS_LEAST;
}

static bool hide_surplus(struct lake *s, struct arena *a, struct str dir,
                         const struct lake_manifest_output *o, struct err *e)
{
    struct store_entry *v;
    size_t n;
    if (!store_list(&v, &n, a, lake_path(a, s, dir), e))
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
        if (!hide_version(s, a, dir, versions[i], e))
            return false;
    return true;
}

static bool trim_output(struct lake *s, struct arena *a, const struct lake_manifest *m,
                        const struct lake_manifest_output *o, struct err *e)
{
    struct buf b;
    buf_init(&b, LAYOUT_PATH_MAX);
    layout_output(&b, LAKE_SNAPSHOT, o->name);
    struct str dir = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return remove_hidden(s, a, dir, e) && hide_expired(s, a, dir, m, o, e) &&
           hide_surplus(s, a, dir, o, e) && remove_hidden(s, a, dir, e);
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
