#include "jobs/run/expire_archive.h"

#include "base/hash.h"
#include "lake/archive.h"
#include "lake/layout/layout.h"

const char *expire_archive_path(struct arena *a, const char *job, const struct lake_output *o,
                                const struct lake_ls_partition *p)
{
    struct hasher h;
    struct buf path;
    char hex[17];
    hasher_init(&h);
    for (size_t i = 0; i < p->file_count; i++) {
        const struct lake_file *f = &p->files[i].file;
        hasher_add(&h, f->path.p, f->path.n);
        hasher_add(&h, &f->checksum, sizeof f->checksum);
    }
    hash_hex(hex, hasher_sum(&h));
    buf_init(&path, (size_t)LAYOUT_PATH_MAX * 2);
    buf_text(&path, o->archive);
    buf_char(&path, '/');
    layout_name(&path, str_from(job));
    buf_char(&path, '/');
    layout_output(&path, o->kind, o->name);
    if (p->path.n > 0) {
        buf_char(&path, '/');
        buf_str(&path, p->path);
    }
    // What the files' own codec has compressed is not compressed again.
    buf_printf(&path, "/%s.tar%s", hex, o->codec == LAKE_PLAIN ? ".zst" : "");
    const char *z = arena_str(a, buf_view(&path)).p;
    buf_fini(&path);
    return z;
}

bool expire_archive_write(struct session *s, const struct expire_archive *v, size_t n,
                          const struct lake_file *files, int64_t now_ms, struct err *e)
{
    struct lake_export *x = NULL;
    if (n == 0)
        return true;
    bool ok = lake_export_open(&x, s->lake, str_from(s->job->name), e);
    for (size_t i = 0; ok && i < n; i++) {
        const struct lake_export_spec spec = {
            .path = v[i].path,
            .top = v[i].dir,
            .files = files + v[i].first,
            .count = v[i].count,
            .now_ms = now_ms,
            .existing = LAKE_EXPORT_KEEP,
        };
        if (s->env->cancel && atomic_load(s->env->cancel))
            ok = err_fail(e, ERR_CANCELLED, "stopped: nothing was deleted");
        ok = ok && lake_export_write(x, &spec, e);
    }
    lake_export_close(x);
    return ok;
}
