#include "lake/archive/archive_internal.h"

#include "base/durable.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/vec.h"
#include "lake/store/store.h"

#include <assert.h>

struct export_place {
    size_t manifest, file;
};

struct lake_export {
    struct lake *lake;
    struct arena *a;
    struct str job;
    struct lake_history history;
    struct map *places; // path -> position in known: the last manifest that brought it
    VEC(struct export_place) known;
};

static void export_know(struct lake_export *x, size_t manifest)
{
    const struct lake_manifest *m = &x->history.v[manifest];
    for (size_t k = 0; k < m->count; k++) {
        const struct export_place place = {manifest, k};
        bool added;
        *map_put(x->places, m->files[k].path, &added) = x->known.n;
        vec_push(&x->known, place);
    }
}

bool lake_export_open(struct lake_export **out, struct lake *s, struct str job, struct err *e)
{
    struct lake_export *x = mem_zalloc(sizeof *x);
    x->lake = s;
    x->a = arena_new(NULL);
    x->job = arena_str(x->a, job);
    x->places = map_new(x->a);
    if (!lake_history_read(&x->history, x->a, s, e)) {
        lake_export_close(x);
        return false;
    }
    for (size_t i = 0; i < x->history.n; i++)
        if (str_eq(x->history.v[i].job, job))
            export_know(x, i);
    *out = x;
    return true;
}

void lake_export_close(struct lake_export *x)
{
    if (!x)
        return;
    vec_fini(&x->known);
    arena_free(x->a);
    mem_free(x);
}

// --- what MANIFEST.json says -----------------------------------------------------------------------------------------

static void export_outputs(struct lake_manifest *m, struct arena *a)
{
    const struct lake_manifest_output *all = m->outputs;
    size_t n = m->output_count;
    m->outputs = ARENA_ZARRAY(a, struct lake_manifest_output, n + 1);
    m->output_count = 0;
    for (size_t i = 0; i < n; i++) {
        bool used = false;
        for (size_t k = 0; !used && k < m->count; k++)
            used = str_eq(m->files[k].output, all[i].name);
        if (used)
            m->outputs[m->output_count++] = all[i];
    }
}

// The manifests that brought the wanted files, cut down to them.
static void export_manifests(struct archive_contents *c, const struct lake_export *x,
                             struct arena *a, const bool *wanted)
{
    struct lake_manifest *v = ARENA_ZARRAY(a, struct lake_manifest, x->history.n + 1);
    struct lake_file *files = NULL;
    size_t last = SIZE_MAX;
    for (size_t i = 0; i < x->known.n; i++) {
        const struct export_place *p = &x->known.v[i];
        const struct lake_manifest *from = &x->history.v[p->manifest];
        if (!wanted[i])
            continue;
        if (p->manifest != last) {
            v[c->count] = *from;
            v[c->count].files = files = ARENA_ZARRAY(a, struct lake_file, from->count + 1);
            v[c->count].count = v[c->count].replaced_count = 0;
            c->count++;
            last = p->manifest;
        }
        assert(files);
        files[v[c->count - 1].count++] = from->files[p->file];
        c->files++;
        c->rows += from->files[p->file].rows;
        c->bytes += from->files[p->file].bytes;
    }
    for (size_t i = 0; i < c->count; i++)
        export_outputs(&v[i], a);
    c->manifests = v;
}

static bool export_contents(struct archive_contents *out, const struct lake_export *x,
                            struct arena *a, const struct lake_export_spec *spec, struct err *e)
{
    *out = (struct archive_contents){.job = x->job};
    bool *wanted = ARENA_ZARRAY(a, bool, x->known.n + 1);
    for (size_t i = 0; i < spec->count; i++) {
        const uint64_t *at = map_get(x->places, spec->files[i].path);
        if (!at)
            return err_fail(e, ERR_DATA, "no manifest of job %.*s names %.*s", STR_ARG(x->job),
                            STR_ARG(spec->files[i].path));
        wanted[*at] = true;
    }
    export_manifests(out, x, a, wanted);
    return true;
}

// --- writing ---------------------------------------------------------------------------------------------------------

static enum arc_store export_store(struct str path)
{
    return str_ends(path, STR(".gz")) || str_ends(path, STR(".zst")) ? ARC_AS_IS : ARC_COMPRESS;
}

static bool export_changed(const struct lake_file *f, struct err *e)
{
    err_fail(e, ERR_DATA, "%.*s is not what was published", STR_ARG(f->path));
    return err_hint(e, "an expiry or a backfill came between? then the same command again; "
                       "otherwise: sluice lake verify");
}

static bool export_bytes(struct arc_writer *w, struct store_file *in, const struct lake_file *f,
                         struct err *e)
{
    struct hasher h;
    struct str piece;
    uint64_t seen = 0;
    enum store_read got;
    hasher_init(&h);
    while ((got = store_read(&piece, in, e)) == STORE_DATA) {
        hasher_add(&h, piece.p, piece.n);
        seen += piece.n;
        if (seen > f->bytes)
            return export_changed(f, e);
        if (!arc_data(w, piece, e))
            return false;
    }
    if (got == STORE_FAILED)
        return false;
    return (seen == f->bytes && hasher_sum(&h) == f->checksum) || export_changed(f, e);
}

static bool export_file(struct lake_export *x, struct arc_writer *w, const struct lake_file *f,
                        int64_t now_ms, struct err *e)
{
    struct store_file *in = NULL;
    struct arena *a = arena_new(NULL);
    enum store_read got = store_open(&in, lake_path(a, x->lake, f->path), e);
    bool ok = got == STORE_DATA;
    if (got == STORE_MISSING)
        export_changed(f, e);
    ok = ok && arc_entry(w, f->path, f->bytes, now_ms, export_store(f->path), e) &&
         export_bytes(w, in, f, e);
    store_close(in);
    arena_free(a);
    return ok;
}

static bool export_pack(struct lake_export *x, const char *path, enum arc_kind kind,
                        struct str text, const struct lake_export_spec *spec, struct err *e)
{
    struct arc_writer *w;
    if (!arc_create(&w, x->lake->durable, path, kind, e))
        return false;
    bool ok = arc_entry(w, STR(ARCHIVE_MANIFEST), text.n, spec->now_ms, ARC_COMPRESS, e) &&
              arc_data(w, text, e);
    for (size_t i = 0; ok && i < spec->count; i++)
        ok = export_file(x, w, &spec->files[i], spec->now_ms, e);
    if (ok && arc_finish(w, e))
        return true;
    arc_abandon(w);
    return false;
}

// Reads an archive whole. ERR_DATA: it does not hold just these files, each as it was published.
static bool export_check(const char *path, const struct archive_contents *c, struct err *e)
{
    struct lake_archive *s;
    struct lake_verify v;
    if (!lake_archive_open(&s, path, e))
        return false;
    bool ok = s->contents.files == c->files;
    for (size_t i = 0; ok && i < c->count; i++)
        for (size_t k = 0; ok && k < c->manifests[i].count; k++) {
            const struct lake_file *f = &c->manifests[i].files[k];
            const uint64_t *at = map_get(s->files, f->path);
            ok = at && s->list[*at]->checksum == f->checksum && s->list[*at]->bytes == f->bytes;
        }
    if (!ok)
        err_fail(e, ERR_DATA, "%s holds other files", path);
    ok = ok && lake_archive_verify(&v, s->a, s, STR_NONE, e);
    if (ok && v.count > 0)
        ok = err_fail(e, ERR_DATA, "%s: %.*s: %.*s", path, STR_ARG(v.findings[0].path),
                      STR_ARG(v.findings[0].text));
    lake_archive_close(s);
    return ok;
}

// The directory of the archive, and those above that may be new: also when a process made and renamed everything and then died.
static bool export_sync(struct lake_export *x, struct arena *a, const struct lake_export_spec *spec,
                        struct err *e)
{
    struct durable *d = x->lake->durable;
    struct str dir = path_dir(str_from(spec->path));
    size_t least = spec->top ? strlen(spec->top) : dir.n;
    if (dir.n == 0)
        return durable_fsync_dir(d, "lake.archive.fsync_dir", spec->path[0] == '/' ? "/" : ".", e);
    for (; dir.n >= least && dir.n > 0; dir = path_dir(dir))
        if (!durable_fsync_dir(d, "lake.archive.fsync_dir", arena_str(a, dir).p, e))
            return false;
    return !spec->top || dir.n == 0 ||
           durable_fsync_dir(d, "lake.archive.fsync_dir", arena_str(a, dir).p, e);
}

static bool export_make(struct lake_export *x, struct arena *a, const struct lake_export_spec *spec,
                        const struct archive_contents *c, struct err *e)
{
    struct durable *d = x->lake->durable;
    enum arc_kind kind;
    struct str path = str_from(spec->path), dir = path_dir(path), base = path_base(path);
    const char *part =
        arena_printf(a, "%.*s.%.*s.part", (int)(path.n - base.n), path.p, STR_ARG(base)).p;
    struct buf text;
    struct err ignored = {0};
    if (!arc_kind_of(&kind, path, e) ||
        (spec->top && !durable_mkdirs(d, "lake.archive.mkdir", arena_str(a, dir).p, 0777, e)))
        return false;
    buf_init(&text, ARCHIVE_MANIFEST_MAX);
    contents_write(&text, c);
    bool ok = buf_ok(&text, ARCHIVE_MANIFEST, e) &&
              export_pack(x, part, kind, buf_view(&text), spec, e) && export_check(part, c, e) &&
              durable_rename(d, "lake.archive.rename", part, spec->path, e) &&
              export_sync(x, a, spec, e);
    buf_fini(&text);
    if (!ok && !durable_unlink(d, "lake.archive.unlink", part, &ignored))
        err_hint(e, "%s is left behind: remove it", part);
    return ok;
}

bool lake_export_write(struct lake_export *x, const struct lake_export_spec *spec, struct err *e)
{
    assert(spec->path && spec->count > 0);
    struct arena *a = arena_new(x->a);
    struct archive_contents c;
    bool ok = export_contents(&c, x, a, spec, e);
    bool there = file_exists(spec->path);
    if (ok && there && spec->existing == LAKE_EXPORT_NEW) {
        ok = err_fail(e, ERR_CONFIG, "%s exists", spec->path);
        err_hint(e, "an archive is never overwritten: remove it, or choose another name");
    } else if (ok && there) {
        ok = export_check(spec->path, &c, e) && export_sync(x, a, spec, e);
    } else {
        ok = ok && export_make(x, a, spec, &c, e);
    }
    arena_free(a);
    return ok || err_wrap(e, "cannot export to %s", spec->path);
}

// --- what is exported ------------------------------------------------------------------------------------------------

static bool choose_partition(const struct lake_ls_partition *p, const struct lake_choice *c)
{
    bool any = c->since == INT64_MIN && c->before == INT64_MAX;
    bool times = p->time_min <= p->time_max && p->time_max >= c->since && p->time_min < c->before;
    return (any || times) && (!c->partition.p || lake_below(p->path, c->partition));
}

static bool choose_nothing(size_t outputs, struct str name, struct err *e)
{
    if (outputs == 0) {
        err_fail(e, ERR_CONFIG, "the lake has no output or job %.*s", STR_ARG(name));
        return err_hint(e, "`sluice lake stat` shows both");
    }
    return err_fail(e, ERR_CONFIG, "%.*s has no files in these partitions", STR_ARG(name));
}

static size_t choose_files(struct lake_file *out, const struct lake_ls_output *o,
                           const struct lake_choice *c)
{
    size_t n = 0;
    for (size_t i = 0; i < o->partition_count; i++) {
        const struct lake_ls_partition *p = &o->partitions[i];
        for (size_t k = 0; choose_partition(p, c) && k < p->file_count; k++)
            out[n++] = p->files[k].file;
    }
    return n;
}

// Names of outputs come first: a job of that name is meant where there is none.
static bool choose_output(const struct lake_ls *ls, size_t i, struct str name)
{
    for (size_t k = 0; k < ls->output_count; k++)
        if (str_eq_nocase(ls->outputs[k].name, name))
            return str_eq_nocase(ls->outputs[i].name, name);
    return str_eq(ls->outputs[i].job, name);
}

bool lake_choose(struct lake_chosen *out, struct arena *a, const struct lake_ls *ls,
                 struct str name, const struct lake_choice *c, struct err *e)
{
    size_t outputs = 0, most = 0;
    *out = (struct lake_chosen){.job = STR_NONE};
    for (size_t i = 0; i < ls->output_count; i++)
        most += ls->outputs[i].files;
    struct lake_file *files = ARENA_ARRAY(a, struct lake_file, most + 1);
    for (size_t i = 0; i < ls->output_count; i++) {
        const struct lake_ls_output *o = &ls->outputs[i];
        if (!choose_output(ls, i, name))
            continue;
        if (outputs++ > 0 && !str_eq(out->job, o->job))
            return err_fail(e, ERR_CONFIG, "%.*s is written by two jobs: export each job",
                            STR_ARG(name));
        out->job = o->job;
        out->count += choose_files(files + out->count, o, c);
    }
    out->files = files;
    return out->count > 0 || choose_nothing(outputs, name, e);
}
